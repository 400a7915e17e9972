/* The sample market: names, sectors, calendar, and the walk over its symbols. The paths are in sample_path.c. */
#include "assay/assay_sample.h"

#include <stdlib.h>

#include "base/dates.h"
#include "market/sample_intraday.h"
#include "market/sample_path.h"

static const int32_t DAY_MIN = -719162; /* 0001-01-01 */
static const int32_t DAY_MAX = 2932896; /* 9999-12-31 */

static const char *const SECTORS[SAMPLE_N_SECTORS] = {"Communication Services",
                                                      "Consumer Discretionary",
                                                      "Consumer Staples",
                                                      "Energy",
                                                      "Financials",
                                                      "Health Care",
                                                      "Industrials",
                                                      "Information Technology",
                                                      "Materials",
                                                      "Real Estate",
                                                      "Utilities"};

void assay_sample_spec_init(assay_sample_spec *out_spec) {
    *out_spec = (assay_sample_spec){
        .seed = 1, .n_symbols = 500, .n_bars = 2520, .start_us = 16436 * ASSAY_US_PER_DAY /* 2015-01-01 */};
}

/* Three letters for the first 5,832 symbols, then four, then five; spread, so that sectors mix in byte order. No vowels:
 * no words. */
const char *assay_sample_symbol(size_t index, char out_name[ASSAY_SAMPLE_SYMBOL_SIZE]) {
    static const char LETTERS[] = "BDFGHJLMNPQRSTVWXZ";
    const size_t n_letters = sizeof LETTERS - 1;
    size_t n_names = n_letters * n_letters * n_letters;
    size_t length = 3;
    size_t rest = index;
    while (rest >= n_names) {
        rest -= n_names;
        n_names *= n_letters;
        length++;
    }
    size_t code = (rest * 2311 + 1777) % n_names; /* 2311 shares no factor with 18 */
    for (size_t i = length; i-- > 0;) {
        out_name[i] = LETTERS[code % n_letters];
        code /= n_letters;
    }
    out_name[length] = '\0';
    return SECTORS[index % SAMPLE_N_SECTORS];
}

/* --- calendar --- */

typedef struct civil_date {
    int32_t year, month, day;
} civil_date;

/* 0 = Monday. 1970-01-01 was a Thursday. */
static int weekday_of(int32_t day) {
    return ((day + 3) % 7 + 7) % 7;
}

/* Easter Sunday as a number of days after 1 March of its year (the anonymous Gregorian computus, Nature 1876). */
static int32_t easter_after_march(int32_t year) {
    int32_t a = year % 19, b = year / 100, c = year % 100;
    int32_t h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    int32_t l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    int32_t m = (a + 11 * h + 22 * l) / 451;
    int32_t month = (h + l - 7 * m + 114) / 31;
    int32_t day = (h + l - 7 * m + 114) % 31 + 1;
    return (month - 3) * 31 + day - 1;
}

/* A fixed date on a Saturday is kept on the Friday before, on a Sunday on the Monday after. */
static bool is_kept(const civil_date *date, int weekday, int month, int day) {
    return date->month == month && (date->day == day || (weekday == 4 && date->day == day - 1) ||
                                    (weekday == 0 && date->day == day + 1));
}

static bool is_holiday(int32_t number, int weekday) {
    civil_date date;
    assay_civil_from_day(number, &date.year, &date.month, &date.day);
    bool is_monday = weekday == 0;
    switch (date.month) {
    case 1: /* New Year (not kept when on a Saturday), third Monday */
        return date.day == 1 || (is_monday && date.day == 2) ||
               (is_monday && date.day >= 15 && date.day <= 21);
    case 2:
        return is_monday && date.day >= 15 && date.day <= 21;
    case 3:
    case 4: /* Good Friday */
        return weekday == 4 && easter_after_march(date.year) - 2 == (date.month - 3) * 31 + date.day - 1;
    case 5:
        return is_monday && date.day >= 25;
    case 7:
        return is_kept(&date, weekday, 7, 4);
    case 9:
        return is_monday && date.day <= 7;
    case 11:
        return weekday == 3 && date.day >= 22 && date.day <= 28;
    case 12:
        return is_kept(&date, weekday, 12, 25);
    default:
        return false;
    }
}

static void fill_calendar(int64_t start_us, size_t n_bars, int64_t *out_timestamps) {
    int32_t day = assay_day_of_us(start_us + (ASSAY_US_PER_DAY - 1));
    for (size_t t = 0; t < n_bars; day++) {
        int weekday = weekday_of(day);
        if (weekday < 5 && !is_holiday(day, weekday)) {
            out_timestamps[t++] = day * ASSAY_US_PER_DAY;
        }
    }
}

/* --- the market --- */

/* The arrays that one symbol's rows are made in, and the common factors; one allocation. */
typedef struct workspace {
    double *market, *sector[SAMPLE_N_SECTORS];
    int64_t *calendar;
    sample_rows rows;
} workspace;

/* Most rows that a symbol can have. */
static size_t most_rows(const assay_sample_spec *spec) {
    size_t a_day =
        spec->bar_minutes == 0 ? 1 : (SAMPLE_SESSION_MINUTES + spec->bar_minutes - 1) / spec->bar_minutes;
    return spec->n_bars * a_day;
}

static void *workspace_create(workspace *out_space, size_t n_bars, size_t n_rows) {
    size_t n_doubles = (1 + SAMPLE_N_SECTORS) * n_bars + ASSAY_N_PRICE_COLUMNS * n_rows;
    char *memory =
        malloc(n_doubles * sizeof(double) + (n_bars + n_rows) * sizeof(int64_t) + n_rows * sizeof(uint32_t));
    if (memory == NULL) {
        return NULL;
    }
    double *next = (double *)(void *)memory;
    out_space->market = next;
    for (int i = 0; i < SAMPLE_N_SECTORS; i++) {
        out_space->sector[i] = next += n_bars;
    }
    next += n_bars;
    for (int i = 0; i < ASSAY_N_PRICE_COLUMNS; i++, next += n_rows) {
        out_space->rows.column[i] = next;
    }
    out_space->calendar = (int64_t *)(void *)next;
    out_space->rows.timestamp_us = out_space->calendar + n_bars;
    out_space->rows.symbol = (uint32_t *)(void *)(out_space->rows.timestamp_us + n_rows);
    return memory;
}

static void fill_factors(const assay_sample_spec *spec, workspace *space) {
    assay_rng random;
    sample_random_init(&random, spec->seed, 1);
    sample_factor(&random, 0.0095, 0.0003, spec->n_bars, space->market);
    for (unsigned i = 0; i < SAMPLE_N_SECTORS; i++) {
        sample_random_init(&random, spec->seed, 2 + i);
        sample_factor(&random, 0.0085, 0.0, spec->n_bars, space->sector[i]);
    }
}

/* The day's row, or its bars. */
static void add_day(const assay_sample_spec *spec, const sample_bar *bar, int64_t day_us, uint32_t id,
                    assay_rng *random, sample_rows *rows) {
    const double values[ASSAY_N_PRICE_COLUMNS] = {bar->open, bar->high, bar->low, bar->close, bar->volume};
    if (spec->bar_minutes != 0) {
        sample_intraday_day(random, day_us, spec->bar_minutes, spec->clean, bar, id, rows);
        return;
    }
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        rows->column[c][rows->n] = values[c];
    }
    rows->symbol[rows->n] = id;
    rows->timestamp_us[rows->n++] = day_us;
}

static assay_status add_symbol(const assay_sample_spec *spec, size_t index, workspace *space,
                               assay_panel_builder *builder, assay_error *err) {
    char name[ASSAY_SAMPLE_SYMBOL_SIZE];
    assay_sample_symbol(index, name);
    size_t name_size = 0;
    while (name[name_size] != '\0') {
        name_size++;
    }
    uint32_t id = 0;
    assay_status status = assay_panel_builder_symbol(builder, name, name_size, &id, err);

    const double *sector = space->sector[index % SAMPLE_N_SECTORS];
    sample_path path;
    sample_path_init(&path, spec->seed, index, spec->n_bars, spec->clean);
    assay_rng random;
    sample_random_init(&random, spec->seed, (UINT64_C(1) << 40) + index);
    sample_rows *to = &space->rows;
    to->n = 0;
    for (size_t t = path.first_bar; t < spec->n_bars && t <= path.last_bar && status == ASSAY_OK; t++) {
        sample_bar bar;
        sample_path_step(&path, t, space->market[t], sector[t], &bar);
        if (bar.split_ratio > 0.0 || bar.cash_dividend > 0.0) {
            status = assay_panel_builder_add_event(builder, id, space->calendar[t], bar.split_ratio,
                                                   bar.cash_dividend, err);
        }
        if (bar.is_present) {
            add_day(spec, &bar, space->calendar[t], id, &random, to);
        }
    }
    if (status != ASSAY_OK) {
        return status;
    }
    assay_panel_rows rows = {.n_rows = to->n, .symbol = to->symbol, .timestamp_us = to->timestamp_us};
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        rows.column[c] = to->column[c];
    }
    return assay_panel_builder_add_rows(builder, &rows, err);
}

static assay_status check_spec(const assay_sample_spec *spec, assay_error *err) {
    if (spec->n_symbols < 1 || spec->n_symbols > ASSAY_SAMPLE_MAX_SYMBOLS) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a sample market has 1 to %d symbols, not %zu",
                               ASSAY_SAMPLE_MAX_SYMBOLS, spec->n_symbols);
    }
    if (spec->bar_minutes > SAMPLE_SESSION_MINUTES) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "bars of a sample market last 1 to %d minutes, not %u",
                               (int)SAMPLE_SESSION_MINUTES, spec->bar_minutes);
    }
    if (spec->n_bars < 1 || most_rows(spec) > ASSAY_SAMPLE_MAX_BARS) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a sample market has 1 to %d bars, not %zu",
                               ASSAY_SAMPLE_MAX_BARS, most_rows(spec));
    }
    /* 1.5 calendar days a bar is more than weekends and holidays ever take, but for a fortnight's margin. */
    int32_t day = assay_day_of_us(spec->start_us);
    if (day < DAY_MIN || day > DAY_MAX - (int32_t)(spec->n_bars + spec->n_bars / 2) - 14) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "a sample market of %zu bars does not fit between its start and the year 9999",
                               spec->n_bars);
    }
    return ASSAY_OK;
}

assay_status assay_sample_build(const assay_sample_spec *spec, assay_panel_builder *builder,
                                assay_error *err) {
    if (spec == NULL || builder == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "assay_sample_build: spec and builder are needed");
    }
    assay_status status = check_spec(spec, err);
    if (status != ASSAY_OK) {
        return status;
    }
    workspace space;
    void *memory = workspace_create(&space, spec->n_bars, most_rows(spec));
    if (memory == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a sample market of %zu bars",
                               spec->n_bars);
    }
    fill_calendar(spec->start_us, spec->n_bars, space.calendar);
    fill_factors(spec, &space);
    for (size_t i = 0; i < spec->n_symbols && status == ASSAY_OK; i++) {
        status = add_symbol(spec, i, &space, builder, err);
    }
    free(memory);
    return status;
}
