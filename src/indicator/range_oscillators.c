/* Oscillators of the bar's range: where the close lies between highs and lows. */
#include <math.h>

#include "base/number.h"
#include "base/simd.h"
#include "indicator/blocks.h"
#include "indicator/kernel.h"

enum { HIGH, LOW, CLOSE, OPEN }; /* the order of the implied columns */

/* --- one bar --- */

ASSAY_SIMD void assay_typical_price_row(size_t n, const double *restrict high, const double *restrict low,
                                        const double *restrict close, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = (high[s] + low[s] + close[s]) / 3;
}

assay_status assay_kernel_typical_price(const assay_kernel_input *in, double *out, assay_error *err) {
    (void)err;
    for (size_t i = 0; i < in->n_rows * in->stride; i += in->stride)
        assay_typical_price_row(in->stride, in->series[HIGH] + i, in->series[LOW] + i, in->series[CLOSE] + i,
                                out + i);
    return ASSAY_OK;
}

ASSAY_SIMD static void bop_row(size_t n, const double *restrict open, const double *restrict high,
                               const double *restrict low, const double *restrict close,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = (close[s] - open[s]) / (high[s] - low[s]);
}

assay_status assay_kernel_bop(const assay_kernel_input *in, double *out, assay_error *err) {
    (void)err;
    for (size_t i = 0; i < in->n_rows * in->stride; i += in->stride)
        bop_row(in->stride, in->series[OPEN] + i, in->series[HIGH] + i, in->series[LOW] + i,
                in->series[CLOSE] + i, out + i);
    return ASSAY_OK;
}

/* --- the close within the range of a window --- */

/* Highest highs and lowest lows of the window into scratch 0 and 1. */
static assay_status window_range(const assay_tile *t, assay_error *err) {
    size_t length = (size_t)t->number[0];
    assay_status status =
        assay_rolling_highest(t->x[HIGH], t->n_rows, t->n, length, t->scratch[0], ASSAY_TILE, err);
    if (status != ASSAY_OK)
        return status;
    return assay_rolling_lowest(t->x[LOW], t->n_rows, t->n, length, t->scratch[1], ASSAY_TILE, err);
}

ASSAY_SIMD static void above_low_row(size_t n, const double *restrict highest, const double *restrict lowest,
                                     const double *restrict close, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 100 * ((close[s] - lowest[s]) / (highest[s] - lowest[s]));
}

/* The smoothed stochastic into rows of `out`; number: window, smoothing. Scratch 0, 1, 2. */
static assay_status slow_stochastic(const assay_tile *t, double *out, size_t out_stride, assay_error *err) {
    assay_status status = window_range(t, err);
    if (status != ASSAY_OK)
        return status;
    for (size_t row = 0; row < t->n_rows; row++)
        above_low_row(t->n, assay_scratch_row(t, 0, row), assay_scratch_row(t, 1, row),
                      assay_tile_row(t, CLOSE, row), assay_scratch_row(t, 2, row));
    return assay_rolling_mean(assay_scratch_rows(t, 2), t->n_rows, t->n, (size_t)t->number[1], out,
                              out_stride, err);
}

static assay_status stoch_k_tile(const assay_tile *t, assay_error *err) {
    return slow_stochastic(t, t->out, t->out_stride, err);
}

assay_status assay_kernel_stoch_k(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {stoch_k_tile, .n_series = 3, .n_scratch = 3};
    return assay_by_tile(in, &plan, out, err);
}

static assay_status stoch_d_tile(const assay_tile *t, assay_error *err) {
    assay_status status = slow_stochastic(t, t->scratch[0], ASSAY_TILE, err);
    if (status != ASSAY_OK)
        return status;
    return assay_rolling_mean(assay_scratch_rows(t, 0), t->n_rows, t->n, (size_t)t->number[2], t->out,
                              t->out_stride, err);
}

assay_status assay_kernel_stoch_d(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {stoch_d_tile, .n_series = 3, .n_scratch = 3};
    return assay_by_tile(in, &plan, out, err);
}

ASSAY_SIMD static void below_high_row(size_t n, const double *restrict highest, const double *restrict lowest,
                                      const double *restrict close, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = -100 * ((highest[s] - close[s]) / (highest[s] - lowest[s]));
}

static assay_status willr_tile(const assay_tile *t, assay_error *err) {
    assay_status status = window_range(t, err);
    for (size_t row = 0; status == ASSAY_OK && row < t->n_rows; row++)
        below_high_row(t->n, assay_scratch_row(t, 0, row), assay_scratch_row(t, 1, row),
                       assay_tile_row(t, CLOSE, row), assay_out_row(t, row));
    return status;
}

assay_status assay_kernel_willr(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {willr_tile, .n_series = 3, .n_scratch = 2};
    return assay_by_tile(in, &plan, out, err);
}

/* --- commodity channel: the typical price from its mean, in mean deviations --- */

ASSAY_SIMD static void add_deviation(size_t n, const double *restrict x, const double *restrict mean,
                                     double *restrict total) {
    for (size_t s = 0; s < n; s++)
        total[s] += fabs(x[s] - mean[s]);
}

ASSAY_SIMD static void cci_row(size_t n, double length, const double *restrict x, const double *restrict mean,
                               const double *restrict total, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = (x[s] - mean[s]) / (0.015 * (total[s] / length));
}

static assay_status cci_tile(const assay_tile *t, assay_error *err) {
    size_t length = (size_t)t->number[0];
    for (size_t row = 0; row < t->n_rows; row++)
        assay_typical_price_row(t->n, assay_tile_row(t, HIGH, row), assay_tile_row(t, LOW, row),
                                assay_tile_row(t, CLOSE, row), assay_scratch_row(t, 0, row));
    assay_status status =
        assay_rolling_mean(assay_scratch_rows(t, 0), t->n_rows, t->n, length, t->scratch[1], ASSAY_TILE, err);
    for (size_t row = 0; status == ASSAY_OK && row < t->n_rows; row++) {
        const double *mean = assay_scratch_row(t, 1, row);
        double total[ASSAY_TILE] = {0};
        if (row + 1 < length) {
            assay_fill_nan(assay_out_row(t, row), t->n);
            continue;
        }
        for (size_t i = row + 1 - length; i <= row; i++)
            add_deviation(t->n, assay_scratch_row(t, 0, i), mean, total);
        cci_row(t->n, (double)length, assay_scratch_row(t, 0, row), mean, total, assay_out_row(t, row));
    }
    return status;
}

assay_status assay_kernel_cci(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {cci_tile, .n_series = 3, .n_scratch = 2};
    return assay_by_tile(in, &plan, out, err);
}

/* --- ultimate oscillator: buying pressure over true range in three windows --- */

ASSAY_SIMD static void pressure_row(size_t n, const double *restrict high, const double *restrict low,
                                    const double *restrict close, const double *restrict previous,
                                    double *restrict pressure, double *restrict range) {
    for (size_t s = 0; s < n; s++) {
        double lowest = previous[s] < low[s] ? previous[s] : low[s];
        double highest = previous[s] > high[s] ? previous[s] : high[s];
        double is_known = previous[s] - previous[s]; /* 0, or NaN */
        pressure[s] = close[s] - lowest + is_known;
        range[s] = highest - lowest + is_known;
    }
}

ASSAY_SIMD static void add_ratio_row(size_t n, double weight, const double *restrict pressure,
                                     const double *restrict range, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] += weight * (pressure[s] / range[s]);
}

static assay_status ultosc_tile(const assay_tile *t, assay_error *err) {
    static const double percent[] = {400.0 / 7, 200.0 / 7, 100.0 / 7};
    assay_status status = ASSAY_OK;
    for (size_t row = 0; row < t->n_rows; row++) {
        double *out = assay_out_row(t, row);
        for (size_t s = 0; s < t->n; s++)
            out[s] = 0;
    }
    assay_fill_nan(t->scratch[0], t->n);
    assay_fill_nan(t->scratch[1], t->n);
    for (size_t row = 1; row < t->n_rows; row++)
        pressure_row(t->n, assay_tile_row(t, HIGH, row), assay_tile_row(t, LOW, row),
                     assay_tile_row(t, CLOSE, row), assay_tile_row(t, CLOSE, row - 1),
                     assay_scratch_row(t, 0, row), assay_scratch_row(t, 1, row));
    for (size_t i = 0; status == ASSAY_OK && i < 3; i++) {
        for (size_t part = 0; status == ASSAY_OK && part < 2; part++)
            status = assay_rolling_sum(assay_scratch_rows(t, part), t->n_rows, t->n, (size_t)t->number[i],
                                       t->scratch[2 + part], ASSAY_TILE, err);
        for (size_t row = 0; status == ASSAY_OK && row < t->n_rows; row++)
            add_ratio_row(t->n, percent[i], assay_scratch_row(t, 2, row), assay_scratch_row(t, 3, row),
                          assay_out_row(t, row));
    }
    return status;
}

assay_status assay_kernel_ultosc(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {ultosc_tile, .n_series = 3, .n_scratch = 4};
    return assay_by_tile(in, &plan, out, err);
}
