/* Coarser bars of a panel: a walk over its calendar, one coarser bar after the other.
 *
 * What a bar is made of is what pandas' resample makes it of: open first, high max, low min, close last, volume sum, each of the
 * cells that are there; volumes are added with compensation, in order of time, as it does.
 */
#include "market/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/number.h"
#include "market/panel_extras.h"
#include "market/universe.h"

static assay_status no_memory(const assay_panel *p, assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for coarser bars of %zu bars x %zu symbols",
                           p->n_bars, p->n_symbols);
}

/* --- the calendar --- */

void assay_coarse_reset(assay_coarse *c) {
    free(c->of_bar);
    free(c->label_us);
    free(c->end_us);
    free(c->day);
    *c = (assay_coarse){0};
}

static assay_status check_length(const assay_bars *bars, int64_t length_us, assay_error *err) {
    if (bars->unit == ASSAY_BARS_INTRADAY && bars->daily)
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "bars of %s cannot be made of daily ones; choose the --frequency of finer ones, or a "
            "coarser one than 1d",
            bars->name);
    if (bars->unit == ASSAY_BARS_INTRADAY && bars->span_us % length_us != 0)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "bars of %s cannot be made of bars of %g minutes: it must be a multiple",
                               bars->name, (double)length_us / 6e7);
    return ASSAY_OK;
}

/* A day on which the source could have a bar after `day`: weekends count where it has had one. */
static int32_t next_trading_day(const assay_panel *p, int32_t day) {
    bool weekends = false;
    for (size_t t = 0; t < p->n_bars && !weekends; t++)
        weekends = (p->day[t] + 3) % 7 >= 5;
    do {
        day++;
    } while (!weekends && (day + 3) % 7 >= 5);
    return day;
}

/* Whether a row could still come that belongs to the last bar. */
static bool is_partial(const assay_coarse *c, const assay_panel *p, assay_bars *bars, int64_t length_us) {
    size_t t = p->n_bars - 1;
    while (t > 0 && c->of_bar[t] == ASSAY_NO_COARSE)
        t--;
    assay_bars_walk walk = {.bars = bars};
    assay_bar_place last = assay_bars_place(&walk, p->timestamp_us[t], length_us, p->day[t]);
    if (!bars->daily) {
        assay_bar_place next = assay_bars_place(&walk, p->timestamp_us[t] + length_us, length_us, p->day[t]);
        if (next.inside && next.day == last.day)
            return next.label_us == last.label_us;
    }
    int32_t day = next_trading_day(p, last.day);
    bool intraday = bars->unit == ASSAY_BARS_INTRADAY || bars->unit == ASSAY_BARS_AS_THEY_ARE;
    return !intraday && (int64_t)day * ASSAY_US_PER_DAY <= last.label_us;
}

assay_status assay_coarse_make(assay_coarse *c, const assay_panel *p, assay_bars *bars, assay_error *err) {
    int64_t length_us = assay_panel_bar_length(p);
    size_t n = p->n_bars;
    bars->daily = length_us >= ASSAY_US_PER_DAY;
    *c = (assay_coarse){.of_bar = malloc((n + 1) * sizeof *c->of_bar),
                        .label_us = malloc((n + 1) * sizeof *c->label_us),
                        .end_us = malloc((n + 1) * sizeof *c->end_us),
                        .day = malloc((n + 1) * sizeof *c->day)};
    if (c->of_bar == NULL || c->label_us == NULL || c->end_us == NULL || c->day == NULL)
        return no_memory(p, err);
    assay_status status = check_length(bars, length_us, err);
    if (status != ASSAY_OK)
        return status;
    bool longer = bars->unit > ASSAY_BARS_INTRADAY;
    assay_bars_walk walk = {.bars = bars};
    for (size_t t = 0; t < n; t++) {
        assay_bar_place place = assay_bars_place(&walk, p->timestamp_us[t], length_us, p->day[t]);
        c->of_bar[t] = ASSAY_NO_COARSE;
        if (!place.inside && (longer || !bars->keep_outside))
            continue;
        if (c->n == 0 || place.label_us > c->label_us[c->n - 1]) {
            c->label_us[c->n] = place.label_us;
            c->end_us[c->n++] = place.end_us;
        }
        int64_t own_end = assay_panel_end_of(p, t, bars->end_labelled && !bars->daily ? 0 : length_us);
        size_t k = c->n - 1;
        c->of_bar[t] = (uint32_t)k;
        c->day[k] = place.day;
        c->end_us[k] = own_end > c->end_us[k] ? own_end : c->end_us[k]; /* never known before its last row */
    }
    if (c->n > 0 && bars->drop_partial && is_partial(c, p, bars, length_us)) {
        c->n--;
        for (size_t t = n; t-- > 0;)
            c->of_bar[t] = c->of_bar[t] == c->n ? ASSAY_NO_COARSE : c->of_bar[t];
    }
    return c->n > 0
               ? ASSAY_OK
               : assay_error_set(
                     err, ASSAY_E_DATA,
                     "no bar is left: no row lies in the session, or the only bar is a partial one; check "
                     "session and its time zone (timestamps are UTC)");
}

/* --- the cells of one bar --- */

typedef struct cells {
    double *column[ASSAY_N_PRICE_COLUMNS]; /* n_symbols each */
    double *lost;                          /* of the volume's sum */
    uint32_t *symbol;
    int64_t *time;
    double *row[ASSAY_N_PRICE_COLUMNS]; /* of those that have any */
} cells;

static void free_cells(cells *x) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        free(x->column[c]);
        free(x->row[c]);
    }
    free(x->lost);
    free(x->symbol);
    free(x->time);
}

static bool allocate_cells(cells *x, size_t n) {
    *x = (cells){.lost = malloc((n + 1) * sizeof(double)),
                 .symbol = malloc((n + 1) * sizeof(uint32_t)),
                 .time = malloc((n + 1) * sizeof(int64_t))};
    bool whole = x->lost != NULL && x->symbol != NULL && x->time != NULL;
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        x->column[c] = malloc((n + 1) * sizeof(double));
        x->row[c] = malloc((n + 1) * sizeof(double));
        whole = whole && x->column[c] != NULL && x->row[c] != NULL;
    }
    return whole;
}

static void begin_cells(cells *x, size_t n) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        for (size_t s = 0; s < n; s++)
            x->column[c][s] = ASSAY_NAN;
    }
    for (size_t s = 0; s < n; s++)
        x->lost[s] = 0;
}

/* What stands so far is put on the scale of the shares after a split. */
static void split_cells(cells *x, size_t s, double ratio) {
    for (int c = 0; c < ASSAY_COLUMN_VOLUME; c++)
        x->column[c][s] /= ratio;
    x->column[ASSAY_COLUMN_VOLUME][s] *= ratio;
    x->lost[s] *= ratio;
}

static void add_volume(cells *x, size_t s, double volume) {
    double *sum = &x->column[ASSAY_COLUMN_VOLUME][s];
    if (isnan(*sum)) {
        *sum = volume;
        return;
    }
    double y = volume - x->lost[s], total = *sum + y;
    x->lost[s] = total - *sum - y;
    *sum = total;
}

static void take_row(cells *x, const assay_panel *p, size_t t) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        const double *value = p->column[c] == NULL ? NULL : p->column[c] + t * p->stride;
        double *to = x->column[c];
        for (size_t s = 0; value != NULL && s < p->n_symbols; s++) {
            double v = value[s];
            if (isnan(v))
                continue;
            if (c == ASSAY_COLUMN_VOLUME)
                add_volume(x, s, v);
            else if (isnan(to[s]) || c == ASSAY_COLUMN_CLOSE || (c == ASSAY_COLUMN_HIGH && v > to[s]) ||
                     (c == ASSAY_COLUMN_LOW && v < to[s]))
                to[s] = v;
        }
    }
}

static assay_status flush(cells *x, const assay_panel *p, int64_t label_us, assay_panel_builder *builder,
                          assay_error *err) {
    size_t n = 0;
    for (size_t s = 0; s < p->n_symbols; s++) {
        bool any = false;
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
            x->row[c][n] = x->column[c][s];
            any = any || !isnan(x->column[c][s]);
        }
        x->symbol[n] = (uint32_t)s;
        x->time[n] = label_us;
        n += any ? 1 : 0;
    }
    assay_panel_rows rows = {.n_rows = n, .symbol = x->symbol, .timestamp_us = x->time};
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        rows.column[c] = p->column[c] == NULL ? NULL : x->row[c];
    return assay_panel_builder_add_rows(builder, &rows, err);
}

static assay_status add_bars(const assay_coarse *c, const assay_panel *p, assay_panel_builder *builder,
                             assay_error *err) {
    cells x;
    assay_status status = allocate_cells(&x, p->n_symbols) ? ASSAY_OK : no_memory(p, err);
    uint32_t at = ASSAY_NO_COARSE;
    size_t event = 0;
    for (size_t t = 0; t < p->n_bars && status == ASSAY_OK; t++) {
        uint32_t k = c->of_bar[t];
        if (k != ASSAY_NO_COARSE && k != at) {
            if (at != ASSAY_NO_COARSE)
                status = flush(&x, p, c->label_us[at], builder, err);
            begin_cells(&x, p->n_symbols);
            at = k;
        }
        /* events of rows that are left out belong to the next that is not */
        for (; k != ASSAY_NO_COARSE && event < p->n_events && p->event[event].bar <= t; event++) {
            if (p->event[event].split_ratio != 1)
                split_cells(&x, p->event[event].symbol, p->event[event].split_ratio);
        }
        if (k != ASSAY_NO_COARSE)
            take_row(&x, p, t);
    }
    if (status == ASSAY_OK && at != ASSAY_NO_COARSE)
        status = flush(&x, p, c->label_us[at], builder, err);
    free_cells(&x);
    return status;
}

/* --- what comes beside prices --- */

/* Compounded over the rows of the bar; NaN where none of them has one. */
static assay_status copy_benchmark(const assay_coarse *c, const assay_panel *p, assay_panel *to,
                                   assay_error *err) {
    if (p->benchmark_return == NULL)
        return ASSAY_OK;
    to->benchmark_return = malloc((to->n_bars + 1) * sizeof *to->benchmark_return);
    if (to->benchmark_return == NULL)
        return no_memory(p, err);
    for (size_t k = 0; k < to->n_bars; k++)
        to->benchmark_return[k] = ASSAY_NAN;
    double carried = 1; /* of rows outside the session: their returns are part of the next bar's */
    for (size_t t = 0; t < p->n_bars; t++) {
        double r = p->benchmark_return[t];
        if (isnan(r))
            continue;
        carried *= 1 + r;
        if (c->of_bar[t] == ASSAY_NO_COARSE)
            continue;
        double *sum = &to->benchmark_return[c->of_bar[t]];
        *sum = (isnan(*sum) ? 1 : *sum) * carried;
        carried = 1;
    }
    for (size_t k = 0; k < to->n_bars; k++)
        to->benchmark_return[k] -= 1;
    return ASSAY_OK;
}

static assay_status copy_columns(const assay_coarse *c, const assay_panel *p, assay_panel *to,
                                 assay_error *err) {
    double *values = malloc((to->n_bars * to->n_symbols + 1) * sizeof *values);
    assay_status status = values == NULL ? no_memory(p, err) : ASSAY_OK;
    for (size_t i = 0; i < p->n_extra && status == ASSAY_OK; i++) {
        for (size_t j = 0; j < to->n_bars * to->n_symbols; j++)
            values[j] = ASSAY_NAN;
        for (size_t t = 0; t < p->n_bars; t++) {
            const double *from = p->extra[i].values + t * p->stride;
            for (size_t s = 0; c->of_bar[t] != ASSAY_NO_COARSE && s < p->n_symbols; s++) {
                double *value = &values[c->of_bar[t] * to->n_symbols + s];
                *value = isnan(from[s]) ? *value : from[s];
            }
        }
        status = assay_panel_add_column(to, p->extra[i].name, values, err);
    }
    free(values);
    return status;
}

static assay_status copy_sectors(const assay_panel *p, assay_panel *to, assay_error *err) {
    if (p->sector == NULL)
        return ASSAY_OK;
    const char **sector = malloc((p->n_symbols + 1) * sizeof *sector);
    if (sector == NULL)
        return no_memory(p, err);
    for (size_t s = 0; s < p->n_symbols; s++)
        sector[s] = assay_panel_sector(p, s);
    assay_status status = assay_panel_set_sectors(to, sector, err);
    free(sector);
    return status;
}

assay_status assay_panel_copy_bars(const assay_panel *from, assay_panel *to, assay_error *err) {
    to->bar_length_us = assay_panel_bar_length(from);
    memcpy(to->bars_name, from->bars_name, sizeof to->bars_name);
    if (from->bar_end_us != NULL) {
        to->bar_end_us = malloc((to->n_bars + 1) * sizeof *to->bar_end_us);
        if (to->bar_end_us == NULL)
            return no_memory(to, err);
    }
    for (size_t t = 0, old = 0; t < to->n_bars; t++) {
        while (from->timestamp_us[old] < to->timestamp_us[t])
            old++;
        to->day[t] = from->day[old];
        if (from->bar_end_us != NULL)
            to->bar_end_us[t] = from->bar_end_us[old];
    }
    return ASSAY_OK;
}

/* --- the panel --- */

static assay_status build(const assay_coarse *c, const assay_panel *p, assay_panel **out, assay_error *err) {
    assay_panel_builder *builder = NULL;
    assay_status status = assay_panel_builder_create(&builder, err);
    for (size_t s = 0; s < p->n_symbols && status == ASSAY_OK; s++) {
        uint32_t id; /* they come in the panel's order, so that ids are its numbers */
        status = assay_panel_builder_symbol(builder, p->name[s], strlen(p->name[s]), &id, err);
    }
    if (status == ASSAY_OK)
        status = assay_panel_builder_expect(builder, c->label_us, c->n, err);
    if (status == ASSAY_OK)
        status = add_bars(c, p, builder, err);
    if (status == ASSAY_OK)
        status = assay_coarse_add_events(c, p, builder, err);
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_KEEP,
                                         .signal_prices = p->signal_prices};
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(builder, &options, out, NULL, err);
    assay_panel_builder_destroy(builder);
    return status;
}

/* The bars' own: before the universe, which goes by their days and ends. */
static void take_bars(assay_coarse *c, const assay_panel *p, const assay_bars *bars, assay_panel *to) {
    to->bar_length_us = bars->unit == ASSAY_BARS_INTRADAY      ? bars->span_us
                        : bars->unit == ASSAY_BARS_AS_THEY_ARE ? assay_panel_bar_length(p)
                                                               : ASSAY_US_PER_DAY;
    memcpy(to->bars_name, bars->unit == ASSAY_BARS_AS_THEY_ARE ? p->bars_name : bars->name,
           sizeof to->bars_name);
    memcpy(to->day, c->day, to->n_bars * sizeof *to->day);
    to->bar_end_us = c->end_us;
    c->end_us = NULL;
}

static bool has_close(const assay_coarse *c, const assay_panel *p) {
    for (size_t t = 0; t < p->n_bars; t++) {
        for (size_t s = 0; c->of_bar[t] != ASSAY_NO_COARSE && s < p->n_symbols; s++) {
            if (!isnan(p->column[ASSAY_COLUMN_CLOSE][t * p->stride + s]))
                return true;
        }
    }
    return false;
}

static assay_status make(assay_coarse *c, const assay_panel *p, const assay_bars *bars,
                         assay_panel **out_panel, assay_error *err) {
    assay_panel *to = NULL;
    assay_status status = build(c, p, &to, err);
    if (status == ASSAY_OK) {
        take_bars(c, p, bars, to);
        status = copy_sectors(p, to, err);
    }
    if (status == ASSAY_OK)
        status = assay_panel_copy_universe(p, to, p->n_bars - 1, err);
    if (status == ASSAY_OK)
        status = copy_benchmark(c, p, to, err);
    if (status == ASSAY_OK)
        status = copy_columns(c, p, to, err);
    if (status != ASSAY_OK) {
        assay_panel_destroy(to);
        return status;
    }
    *out_panel = to;
    return ASSAY_OK;
}

assay_status assay_panel_resample_with(const assay_panel *p, const assay_bars_spec *spec,
                                       assay_panel **out_panel, uint32_t **out_of_bar, assay_error *err) {
    assay_bars bars;
    assay_coarse c = {0};
    *out_panel = NULL;
    assay_status status = assay_bars_open(&bars, spec, err);
    if (status == ASSAY_OK)
        status = assay_coarse_make(&c, p, &bars, err);
    if (status == ASSAY_OK && !has_close(&c, p))
        status = assay_error_set(err, ASSAY_E_DATA, "no row with a close is left for coarser bars");
    if (status == ASSAY_OK)
        status = make(&c, p, &bars, out_panel, err);
    if (status == ASSAY_OK && out_of_bar != NULL) {
        *out_of_bar = c.of_bar;
        c.of_bar = NULL;
    }
    assay_coarse_reset(&c);
    assay_bars_close(&bars);
    return status;
}

assay_status assay_panel_resample(const assay_panel *panel, const assay_bars_spec *spec,
                                  assay_panel **out_panel, assay_error *err) {
    return assay_panel_resample_with(panel, spec, out_panel, NULL, err);
}

const char *assay_panel_bars_name(const assay_panel *panel) {
    return panel->bars_name;
}

void assay_panel_set_bar_length(assay_panel *panel, int64_t length_us) {
    panel->bar_length_us = length_us;
}

int64_t assay_panel_bar_end_us(const assay_panel *panel, size_t bar) {
    return assay_panel_end_of(panel, bar, assay_panel_bar_length(panel));
}
