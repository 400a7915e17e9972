/* What a run's document has by bar, by window and by period. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/elementary.h"
#include "base/number.h"
#include "metrics/drawdowns.h"
#include "metrics/normal.h"
#include "metrics/rolling.h"
#include "metrics/statistics.h"
#include "report/document.h"

enum { DIGITS = 6, N_WORST = 5, MOST_BINS = 60 };

static void put_date(assay_document *d, const char *key, size_t bar) {
    char text[32] = "";
    if (bar < d->n)
        assay_time_format(d->time_us[bar], text, sizeof text);
    assay_stream_text(&d->json, key, bar < d->n ? text : NULL);
}

static void put_dates(assay_document *d) {
    assay_stream_open(&d->json, "date", '[');
    for (size_t i = 0; i < d->n; i++)
        put_date(d, NULL, i);
    assay_stream_close(&d->json, '[');
}

typedef double snapshot_field(const assay_snapshot *s);
static double gross_of(const assay_snapshot *s) {
    return s->total_value > 0 ? s->gross_value / s->total_value : ASSAY_NAN;
}
static double net_of(const assay_snapshot *s) {
    return s->total_value > 0 ? s->net_exposure / s->total_value : ASSAY_NAN;
}
static double leverage_of(const assay_snapshot *s) {
    return s->leverage;
}
static double positions_of(const assay_snapshot *s) {
    return s->num_positions;
}
static double concentration_of(const assay_snapshot *s) {
    return s->concentration;
}
static double turnover_of(const assay_snapshot *s) {
    return s->turnover;
}
static double cash_of(const assay_snapshot *s) {
    return s->cash;
}
static double drawdown_of(const assay_snapshot *s) {
    return s->drawdown > -1e-12 ? 0 : s->drawdown;
}

static const struct {
    const char *key;
    snapshot_field *value;
    int digits;
} BAR_FIELDS[] = {
    {"drawdown_frac", drawdown_of, 5},
    {"gross_frac", gross_of, 4},
    {"net_frac", net_of, 4},
    {"leverage", leverage_of, 4},
    {"num_positions", positions_of, 6},
    {"concentration", concentration_of, 4},
    {"turnover", turnover_of, 4},
    {"cash", cash_of, 7},
};

static void put_bars(assay_document *d) {
    double growth = d->initial_capital;
    assay_stream_open(&d->json, "bars", '{');
    put_dates(d);
    assay_stream_row(&d->json, "equity", d->equity, d->n, 9);
    assay_stream_open(&d->json, "benchmark", '[');
    for (size_t i = 0; i < d->n; i++) {
        growth *= 1 + (isnan(d->benchmark[i]) ? 0 : d->benchmark[i]);
        assay_stream_rounded(&d->json, NULL, growth, DIGITS);
    }
    assay_stream_close(&d->json, '[');
    for (size_t f = 0; f < sizeof BAR_FIELDS / sizeof *BAR_FIELDS; f++) {
        assay_stream_open(&d->json, BAR_FIELDS[f].key, '[');
        for (size_t i = 0; i < d->n; i++)
            assay_stream_rounded(&d->json, NULL, BAR_FIELDS[f].value(&d->snapshot[i]), BAR_FIELDS[f].digits);
        assay_stream_close(&d->json, '[');
    }
    assay_stream_close(&d->json, '{');
}

/* --- rolling --- */

static assay_status put_rolling(assay_document *d, assay_error *err) {
    double *memory = malloc(4 * (d->n + 1) * sizeof *memory);
    if (memory == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for rolling metrics of %zu bars", d->n);
    /* A quarter, half a year and a year of bars. */
    const double parts[] = {0.25, 0.5, 1};
    assay_stream_open(&d->json, "rolling", '[');
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        size_t window = (size_t)(d->periods * parts[k] + 0.5);
        if (window < 3 || window > d->n || window > 100000)
            continue;
        assay_rolling r = {memory, memory + d->n, memory + 2 * d->n, memory + 3 * d->n};
        assay_rolling_compute(d->returns, d->benchmark, d->n, window, d->periods, d->risk_free_rate, &r);
        assay_stream_open(&d->json, NULL, '{');
        assay_stream_whole(&d->json, "window", (int64_t)window);
        assay_stream_row(&d->json, "sharpe", r.sharpe, d->n, 4);
        assay_stream_row(&d->json, "volatility_frac", r.volatility, d->n, 4);
        assay_stream_row(&d->json, "beta", r.beta, d->n, 4);
        assay_stream_row(&d->json, "max_drawdown_frac", r.max_drawdown, d->n, 4);
        assay_stream_close(&d->json, '{');
    }
    assay_stream_close(&d->json, '[');
    free(memory);
    return ASSAY_OK;
}

static void put_drawdowns(assay_document *d) {
    assay_drawdown worst[N_WORST];
    size_t n = assay_worst_drawdowns(d->initial_capital, d->equity, d->n, worst, N_WORST);
    assay_stream_open(&d->json, "drawdowns", '[');
    for (size_t i = 0; i < n; i++) {
        const assay_drawdown *w = &worst[i];
        size_t peak = w->peak == ASSAY_BEFORE_FIRST ? 0 : w->peak;
        assay_stream_open(&d->json, NULL, '{');
        assay_stream_number(&d->json, "depth_pct", w->depth * 100);
        put_date(d, "peak_date", peak);
        put_date(d, "trough_date", w->trough);
        put_date(d, "recovery_date", w->recovery);
        assay_stream_whole(&d->json, "bars_to_trough",
                           (int64_t)(w->trough + (w->peak == ASSAY_BEFORE_FIRST)) - (int64_t)peak);
        if (w->recovery == ASSAY_NOT_RECOVERED)
            assay_stream_json(&d->json, "bars_to_recovery", NULL);
        else
            assay_stream_whole(&d->json, "bars_to_recovery", (int64_t)(w->recovery - w->trough));
        assay_stream_close(&d->json, '{');
    }
    assay_stream_close(&d->json, '[');
}

/* --- periods --- */

static void name_period(assay_period_kind kind, int32_t number, char out_name[40]) {
    static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};
    switch (kind) {
    case ASSAY_PERIOD_YEAR:
        snprintf(out_name, 40, "%d", number);
        break;
    case ASSAY_PERIOD_QUARTER:
        snprintf(out_name, 40, "%d Q%d", number / 4, number % 4 + 1);
        break;
    case ASSAY_PERIOD_MONTH:
        snprintf(out_name, 40, "%d-%02d", number / 12, number % 12 + 1);
        break;
    case ASSAY_PERIOD_WEEKDAY:
        snprintf(out_name, 40, "%s", days[number]);
        break;
    default:
        snprintf(out_name, 40, "%s, %s volatility", (number & 1) != 0 ? "bull" : "bear",
                 (number & 2) != 0 ? "high" : "low");
        break;
    }
}

static void put_period(assay_document *d, assay_period_kind kind, const assay_period_row *row) {
    assay_json_stream *s = &d->json;
    char name[40];
    name_period(kind, row->number, name);
    assay_stream_open(s, NULL, '{');
    assay_stream_text(s, "name", name);
    assay_stream_whole(s, "n_bars", (int64_t)row->n_bars);
    assay_stream_rounded(s, "return_pct", row->total_return * 100, DIGITS);
    assay_stream_rounded(s, "benchmark_pct", row->benchmark_return * 100, DIGITS);
    assay_stream_rounded(s, "volatility_pct", row->volatility * 100, DIGITS);
    assay_stream_rounded(s, "sharpe", row->sharpe, DIGITS);
    assay_stream_rounded(s, "max_drawdown_pct", row->max_drawdown * 100, DIGITS);
    assay_stream_rounded(s, "best_pct", row->best * 100, DIGITS);
    assay_stream_rounded(s, "worst_pct", row->worst * 100, DIGITS);
    assay_stream_rounded(s, "win_rate_pct", row->win_rate * 100, DIGITS);
    assay_stream_close(s, '{');
}

static assay_status put_periods(assay_document *d, assay_error *err) {
    static const char *const keys[ASSAY_N_PERIOD_KINDS] = {"year", "quarter", "month", "weekday", "regime"};
    int32_t *numbers = malloc((d->n + 1) * sizeof *numbers);
    assay_status status = ASSAY_OK;
    if (numbers == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the periods of %zu bars", d->n);
    size_t window = d->periods >= 4 ? (size_t)(d->periods * 0.8 + 0.5) : 3; /* 200 days of a year of 252 */
    window = window < 3 ? 3 : window;
    assay_stream_open(&d->json, "periods", '{');
    for (int k = 0; k < ASSAY_N_PERIOD_KINDS && status == ASSAY_OK; k++) {
        assay_period_row *rows = NULL;
        size_t n_rows = 0;
        if (k == ASSAY_PERIOD_REGIME)
            status = assay_regimes_of(d->benchmark, d->n, window < 2000 ? window : 2000, numbers, err);
        else
            assay_period_numbers(d->time_us, d->n, (assay_period_kind)k, numbers);
        if (status == ASSAY_OK)
            status = assay_periods_compute(d->returns, d->benchmark, numbers, d->n, d->periods,
                                           d->risk_free_rate, &rows, &n_rows, err);
        assay_stream_open(&d->json, keys[k], '[');
        for (size_t i = 0; i < n_rows; i++)
            put_period(d, (assay_period_kind)k, &rows[i]);
        assay_stream_close(&d->json, '[');
        free(rows);
    }
    assay_stream_close(&d->json, '{');
    free(numbers);
    return status;
}

/* --- distribution --- */

/* Bins between the half and the 99.5th percentile, as wide as Freedman and Diaconis (1981) have them; the ends hold the rest. */
static assay_status put_distribution(assay_document *d, assay_error *err) {
    double *sorted = malloc((d->n + 1) * sizeof *sorted);
    if (sorted == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the distribution of %zu returns", d->n);
    memcpy(sorted, d->returns, d->n * sizeof *sorted);
    assay_sort(sorted, d->n);
    double low = assay_quantile(sorted, d->n, 0.005), high = assay_quantile(sorted, d->n, 0.995);
    double spread = assay_quantile(sorted, d->n, 0.75) - assay_quantile(sorted, d->n, 0.25);
    double width = 2 * spread / assay_pow((double)d->n, 1.0 / 3);
    if (d->n < 10 || !(high > low)) {
        assay_stream_json(&d->json, "distribution", NULL);
        free(sorted);
        return ASSAY_OK;
    }
    size_t n_bins = width > 0 ? (size_t)fmin(ceil((high - low) / width), MOST_BINS) : MOST_BINS;
    n_bins = n_bins < 5 ? 5 : n_bins;
    width = (high - low) / (double)n_bins;
    double mean = assay_mean(d->returns, d->n), std = assay_std(d->returns, d->n, 1);
    size_t counts[MOST_BINS] = {0};
    for (size_t i = 0; i < d->n; i++) {
        double place = floor((sorted[i] - low) / width);
        place = place < 0 ? 0 : place >= (double)n_bins ? (double)n_bins - 1 : place;
        counts[(size_t)place]++;
    }
    assay_json_stream *s = &d->json;
    assay_stream_open(s, "distribution", '{');
    assay_stream_text(s, "unit", "%");
    assay_stream_open(s, "edges", '[');
    for (size_t i = 0; i <= n_bins; i++)
        assay_stream_rounded(s, NULL, (low + width * (double)i) * 100, DIGITS);
    assay_stream_close(s, '[');
    assay_stream_open(s, "counts", '[');
    for (size_t i = 0; i < n_bins; i++)
        assay_stream_whole(s, NULL, (int64_t)counts[i]);
    assay_stream_close(s, '[');
    assay_stream_open(s, "normal", '[');
    for (size_t i = 0; i < n_bins; i++) {
        double from = i == 0 ? -ASSAY_INFINITY : (low + width * (double)i - mean) / std;
        double to = i + 1 == n_bins ? ASSAY_INFINITY : (low + width * (double)(i + 1) - mean) / std;
        assay_stream_rounded(s, NULL, (assay_normal_cdf(to) - assay_normal_cdf(from)) * (double)d->n, DIGITS);
    }
    assay_stream_close(s, '[');
    assay_stream_number(s, "var_95_pct", assay_quantile(sorted, d->n, 0.05) * 100);
    assay_stream_number(s, "var_99_pct", assay_quantile(sorted, d->n, 0.01) * 100);
    assay_stream_number(s, "cvar_95_pct", assay_mean(sorted, (size_t)((double)(d->n - 1) * 0.05) + 1) * 100);
    assay_stream_number(s, "mean_pct", mean * 100);
    assay_stream_number(s, "std_pct", std * 100);
    assay_stream_close(s, '{');
    free(sorted);
    return ASSAY_OK;
}

assay_status assay_document_series(assay_document *d, assay_error *err) {
    put_bars(d);
    assay_status status = put_rolling(d, err);
    if (status == ASSAY_OK)
        put_drawdowns(d);
    if (status == ASSAY_OK)
        status = put_periods(d, err);
    if (status == ASSAY_OK)
        status = put_distribution(d, err);
    return status;
}
