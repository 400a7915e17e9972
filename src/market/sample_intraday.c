/* A day of the sample market in bars: a random bridge from its open to its close between its low and its high.
 *
 * New York's hours, whose clock changes on the second Sunday of March and the first of November (the rule since 2007, kept for
 * all years, so that the market needs no time zone's file); the day after Thanksgiving ends at 13:00.
 */
#include "market/sample_intraday.h"

#include "base/dates.h"

static int weekday_of(int32_t day) {
    return ((day + 3) % 7 + 7) % 7; /* 0: Monday */
}

/* The nth Sunday of a month. */
static int32_t sunday_of(int32_t year, int32_t month, int32_t n) {
    int32_t first = assay_day_from_civil(year, month, 1);
    return first + 6 - weekday_of(first) + 7 * (n - 1);
}

static int64_t open_of(int64_t day_us) {
    int32_t year, month, of_month, day = assay_day_of_us(day_us);
    assay_civil_from_day(day, &year, &month, &of_month);
    bool summer = day >= sunday_of(year, 3, 2) && day < sunday_of(year, 11, 1);
    return day_us + (summer ? 13 : 14) * INT64_C(3600000000) + 30 * INT64_C(60000000);
}

static bool is_short(int64_t day_us) {
    int32_t year, month, of_month, day = assay_day_of_us(day_us);
    assay_civil_from_day(day, &year, &month, &of_month);
    return month == 11 && weekday_of(day) == 4 && of_month >= 23 && of_month <= 29;
}

static double whole_cents(double price) {
    return (double)(int64_t)(price * 100 + 0.5) / 100;
}

static double within(double price, double low, double high) {
    return price < low ? low : price > high ? high : price;
}

static void add_bar(sample_rows *rows, uint32_t symbol, int64_t time,
                    const double value[ASSAY_N_PRICE_COLUMNS]) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        rows->column[c][rows->n] = value[c];
    rows->symbol[rows->n] = symbol;
    rows->timestamp_us[rows->n++] = time;
}

void sample_intraday_day(assay_rng *random, int64_t day_us, uint32_t bar_minutes, bool is_clean,
                         const sample_bar *day, uint32_t symbol, sample_rows *rows) {
    uint32_t minutes = is_short(day_us) ? SAMPLE_SHORT_MINUTES : SAMPLE_SESSION_MINUTES;
    uint32_t n = (minutes + bar_minutes - 1) / bar_minutes;
    uint32_t highest = (uint32_t)assay_rng_below(random, n), lowest = (uint32_t)assay_rng_below(random, n);
    double px = day->open, left = day->volume, step = (day->high - day->low) / 8;
    int64_t open_us = open_of(day_us);
    for (uint32_t i = 0; i < n; i++) {
        bool is_last = i + 1 == n;
        double pull = (day->close - px) / (double)(n - i);
        double next = px + pull + step * (assay_rng_uniform(random) - 0.5);
        double close = is_last ? day->close : whole_cents(within(next, day->low, day->high));
        close = within(close, day->low, day->high);
        double high = px > close ? px : close, low = px < close ? px : close;
        high = i == highest ? day->high
                            : whole_cents(high + (day->high - high) * 0.1 * assay_rng_uniform(random));
        low = i == lowest ? day->low : whole_cents(low - (low - day->low) * 0.1 * assay_rng_uniform(random));
        double busy = i < n / 8 || i >= n - n / 8 ? 2 : 1; /* the first and last hour */
        double share = left * busy / (double)(n - i) * assay_rng_uniform(random);
        double volume = is_last ? left : (double)(int64_t)(share < left ? share : left);
        bool quiet = !is_clean && assay_rng_uniform(random) < 0.03;
        /* nobody trades: but for what the day is known by */
        if (quiet && i != 0 && !is_last && i != highest && i != lowest)
            continue;
        const double value[ASSAY_N_PRICE_COLUMNS] = {px, within(high, low, day->high),
                                                     within(low, day->low, high), close, volume};
        add_bar(rows, symbol, open_us + (int64_t)i * bar_minutes * INT64_C(60000000), value);
        left -= volume;
        px = close;
    }
}
