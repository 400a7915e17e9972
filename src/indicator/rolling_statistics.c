/* Statistics of a window: mean, sum, deviation, covariance, slope, extremes. */
#include <math.h>

#include "base/number.h"
#include "base/simd.h"
#include "indicator/blocks.h"
#include "indicator/kernel.h"
#include "market/rolling.h"

static assay_rows first_series(const assay_kernel_input *in) {
    return (assay_rows){in->series[0], in->stride};
}

assay_status assay_kernel_sma(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_rolling_mean(first_series(in), in->n_rows, in->stride, (size_t)in->number[0], out,
                              in->stride, err);
}

assay_status assay_kernel_mean(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_kernel_sma(in, out, err);
}

assay_status assay_kernel_sum(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_rolling_sum(first_series(in), in->n_rows, in->stride, (size_t)in->number[0], out, in->stride,
                             err);
}

assay_status assay_kernel_rolling_min(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_rolling_lowest(first_series(in), in->n_rows, in->stride, (size_t)in->number[0], out,
                                in->stride, err);
}

assay_status assay_kernel_rolling_max(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_rolling_highest(first_series(in), in->n_rows, in->stride, (size_t)in->number[0], out,
                                 in->stride, err);
}

ASSAY_SIMD static void var_row(size_t n, const double *restrict number, const double *restrict x,
                               const double *restrict window, double *restrict out) {
    (void)x;
    double n_minus_1 = number[0] - 1;
    for (size_t s = 0; s < n; s++)
        out[s] = window[ASSAY_MOMENTS_M2 + s] / n_minus_1;
}

assay_status assay_kernel_var(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_moments, var_row, in->number, out, err);
}

ASSAY_SIMD static void std_row(size_t n, const double *restrict number, const double *restrict x,
                               const double *restrict window, double *restrict out) {
    (void)x;
    double n_minus_1 = number[0] - 1;
    for (size_t s = 0; s < n; s++)
        out[s] = sqrt(window[ASSAY_MOMENTS_M2 + s] / n_minus_1);
}

assay_status assay_kernel_std(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_moments, std_row, in->number, out, err);
}

assay_status assay_kernel_zscore(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_zscore_spec spec = {
        .window = (size_t)in->number[0], .floor = in->number[1], .power = in->power};
    return assay_rolling_zscore_of(in->panel, &spec, in->series[0], out, err);
}

/* --- two series --- */

ASSAY_SIMD static void cov_row(size_t n, const double *restrict number, const double *restrict x,
                               const double *restrict window, double *restrict out) {
    (void)x;
    double n_minus_1 = number[0] - 1;
    for (size_t s = 0; s < n; s++)
        out[s] = window[ASSAY_PAIRS_XY + s] / n_minus_1;
}

assay_status assay_kernel_cov(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_pairs, cov_row, in->number, out, err);
}

/* Rounding must not carry a correlation beyond 1; one of a constant is 0 / 0. */
ASSAY_SIMD static void corr_row(size_t n, const double *restrict number, const double *restrict x,
                                const double *restrict window, double *restrict out) {
    (void)number, (void)x;
    for (size_t s = 0; s < n; s++) {
        double r = window[ASSAY_PAIRS_XY + s] /
                   (sqrt(window[ASSAY_PAIRS_XX + s]) * sqrt(window[ASSAY_PAIRS_YY + s]));
        double at_most_1 = r > 1 ? 1 : r;
        out[s] = at_most_1 < -1 ? -1 : at_most_1;
    }
}

assay_status assay_kernel_corr(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_pairs, corr_row, in->number, out, err);
}

ASSAY_SIMD static void beta_row(size_t n, const double *restrict number, const double *restrict x,
                                const double *restrict window, double *restrict out) {
    (void)number, (void)x;
    for (size_t s = 0; s < n; s++)
        out[s] = window[ASSAY_PAIRS_XY + s] / window[ASSAY_PAIRS_YY + s];
}

assay_status assay_kernel_beta(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_pairs, beta_row, in->number, out, err);
}

/* --- against time --- */

/* number[0]: the sum of squared deviations of the row numbers. */
ASSAY_SIMD static void slope_row(size_t n, const double *restrict number, const double *restrict x,
                                 const double *restrict window, double *restrict out) {
    (void)x;
    for (size_t s = 0; s < n; s++)
        out[s] = window[ASSAY_LINES_XT + s] / number[0];
}

assay_status assay_kernel_slope(const assay_kernel_input *in, double *out, assay_error *err) {
    double n = in->number[0], squares = n * (n * n - 1) / 12;
    return assay_window_kernel(in, &assay_lines, slope_row, &squares, out, err);
}

/* Weights 1 … n, the newest the largest: mean(x) + sum((x - mean) (i - mean(i))) / sum(i). number[0]: sum(i). */
ASSAY_SIMD static void wma_row(size_t n, const double *restrict number, const double *restrict x,
                               const double *restrict window, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = x[s] + (window[ASSAY_LINES_OFFSET + s] + window[ASSAY_LINES_XT + s] / number[0]);
}

assay_status assay_kernel_wma(const assay_kernel_input *in, double *out, assay_error *err) {
    double n = in->number[0], weights = n * (n + 1) / 2;
    return assay_window_kernel(in, &assay_lines, wma_row, &weights, out, err);
}

/* --- Bollinger's bands: mean and k deviations (ddof 0) around it. number: n, k --- */

ASSAY_SIMD static void band_row(size_t n, double rows, double k, const double *restrict x,
                                const double *restrict window, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = x[s] + window[ASSAY_MOMENTS_OFFSET + s] + k * sqrt(window[ASSAY_MOMENTS_M2 + s] / rows);
}

static void upper_row(size_t n, const double *restrict number, const double *restrict x,
                      const double *restrict window, double *restrict out) {
    band_row(n, number[0], number[1], x, window, out);
}

static void lower_row(size_t n, const double *restrict number, const double *restrict x,
                      const double *restrict window, double *restrict out) {
    band_row(n, number[0], -number[1], x, window, out);
}

assay_status assay_kernel_bb_upper(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_moments, upper_row, in->number, out, err);
}

assay_status assay_kernel_bb_middle(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_kernel_sma(in, out, err);
}

assay_status assay_kernel_bb_lower(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_moments, lower_row, in->number, out, err);
}

ASSAY_SIMD static void width_row(size_t n, const double *restrict number, const double *restrict x,
                                 const double *restrict window, double *restrict out) {
    double rows = number[0], k = number[1];
    for (size_t s = 0; s < n; s++)
        out[s] =
            2 * k * sqrt(window[ASSAY_MOMENTS_M2 + s] / rows) / (x[s] + window[ASSAY_MOMENTS_OFFSET + s]);
}

assay_status assay_kernel_bb_width(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_moments, width_row, in->number, out, err);
}

/* (x - lower) / (upper - lower), without the level in it. */
ASSAY_SIMD static void pct_row(size_t n, const double *restrict number, const double *restrict x,
                               const double *restrict window, double *restrict out) {
    (void)x;
    double rows = number[0], k = number[1];
    for (size_t s = 0; s < n; s++) {
        double half = k * sqrt(window[ASSAY_MOMENTS_M2 + s] / rows);
        out[s] = (half - window[ASSAY_MOMENTS_OFFSET + s]) / (2 * half);
    }
}

assay_status assay_kernel_bb_pct(const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_window_kernel(in, &assay_moments, pct_row, in->number, out, err);
}
