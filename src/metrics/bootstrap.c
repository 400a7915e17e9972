/* A resample is made of some n^(2/3) blocks, and what it needs of one (the sums of log(1 + r), r and r^2) is a difference of
 * running sums, made once over two rounds of the returns: so it costs the blocks, not the bars. */
#include "metrics/bootstrap.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/elementary.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/sum.h"
#include "metrics/statistics.h"

typedef struct running_sums {
    size_t n;
    double *log_growth, *value, *square; /* 2 n + 1 each: of the first i */
} running_sums;

static void add_up(running_sums *s, const double *returns) {
    assay_sum log_growth = {0}, value = {0}, square = {0};
    for (size_t i = 0; i < 2 * s->n; i++) {
        double r = returns[i % s->n];
        assay_sum_add(&log_growth, assay_log(1 + r));
        assay_sum_add(&value, r);
        assay_sum_add(&square, r * r);
        s->log_growth[i + 1] = assay_sum_value(&log_growth);
        s->value[i + 1] = assay_sum_value(&value);
        s->square[i + 1] = assay_sum_value(&square);
    }
}

/* A geometric length with this mean, at least 1. */
static size_t draw_length(assay_rng *rng, double log_stay) {
    double u = 1 - assay_rng_uniform(rng);
    double length = 1 + floor(assay_log(u) / log_stay);
    return length < 1e9 ? (size_t)length : (size_t)1e9;
}

typedef struct resample {
    double sharpe_ratio, total_return;
} resample;

static resample draw(const running_sums *s, double periods_per_year, double risk_free_rate, double log_stay,
                     assay_rng *rng) {
    double log_growth = 0, value = 0, square = 0, n = (double)s->n;
    for (size_t left = s->n; left > 0;) {
        size_t from = (size_t)assay_rng_below(rng, s->n), length = draw_length(rng, log_stay);
        length = length < left ? length : left;
        log_growth += s->log_growth[from + length] - s->log_growth[from];
        value += s->value[from + length] - s->value[from];
        square += s->square[from + length] - s->square[from];
        left -= length;
    }
    double variance = square / n - (value / n) * (value / n);
    double annual_return = assay_exp(log_growth * periods_per_year / n) - 1;
    resample r = {.sharpe_ratio = ASSAY_NAN, .total_return = assay_exp(log_growth) - 1};
    if (variance > 1e-15 * square / n)
        r.sharpe_ratio = (annual_return - risk_free_rate) / sqrt(variance * periods_per_year);
    return r;
}

static bool can_be_drawn(const double *returns, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!(returns[i] > -1) || !isfinite(returns[i]))
            return false;
    }
    return n >= 2;
}

static assay_interval interval_of(double *values, size_t n) {
    assay_sort(values, n);
    return (assay_interval){assay_quantile(values, n, 0.025), assay_quantile(values, n, 0.975)};
}

assay_status assay_bootstrap_returns(const double *returns, size_t n, double periods_per_year,
                                     double risk_free_rate, size_t n_resamples, uint64_t seed,
                                     assay_bootstrap *out, assay_error *err) {
    const assay_interval none = {ASSAY_NAN, ASSAY_NAN};
    *out = (assay_bootstrap){none, none};
    if (!can_be_drawn(returns, n) || n_resamples == 0)
        return ASSAY_OK;
    double *sums = malloc(3 * (2 * n + 1) * sizeof *sums), *drawn = malloc(2 * n_resamples * sizeof *drawn);
    if (sums == NULL || drawn == NULL) {
        free(sums);
        free(drawn);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory to resample %zu returns", n);
    }
    running_sums s = {n, sums, sums + (2 * n + 1), sums + 2 * (2 * n + 1)};
    s.log_growth[0] = s.value[0] = s.square[0] = 0;
    add_up(&s, returns);
    double mean_length = fmax(1.0000001, assay_pow((double)n, 1.0 / 3)),
           log_stay = assay_log(1 - 1 / mean_length);
    assay_rng rng;
    assay_rng_init(&rng, seed);
    size_t n_defined = 0;
    for (size_t i = 0; i < n_resamples; i++) {
        resample r = draw(&s, periods_per_year, risk_free_rate, log_stay, &rng);
        drawn[n_resamples + i] = r.total_return;
        if (!isnan(r.sharpe_ratio))
            drawn[n_defined++] = r.sharpe_ratio;
    }
    out->sharpe_ratio = n_defined == n_resamples ? interval_of(drawn, n_resamples) : none;
    out->total_return = interval_of(drawn + n_resamples, n_resamples);
    free(sums);
    free(drawn);
    return ASSAY_OK;
}
