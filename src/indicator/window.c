/* One window over rows of any matrix: blocks by doubling, a row of results from each row of windows. */
#include "base/number.h"
#include "base/simd.h"
#include "indicator/blocks.h"
#include "indicator/kernel.h"

void assay_fill_nan(double *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = ASSAY_NAN;
}

typedef struct window_output {
    const assay_window *window;
    double *out;
    size_t stride;
} window_output;

static void finish(void *state, size_t row, size_t first, size_t n, const double *window) {
    const window_output *o = state;
    const assay_window *w = o->window;
    w->finish(n, w->number, w->x[0].at + row * w->x[0].stride + first, window,
              o->out + row * o->stride + first);
}

assay_status assay_window_rows(const assay_window *w, size_t n_rows, size_t n_columns, double *out,
                               size_t out_stride, assay_error *err) {
    window_output state = {w, out, out_stride};
    for (size_t row = 0; row < n_rows && row + 1 < w->length; row++)
        assay_fill_nan(out + row * out_stride, n_columns);
    return assay_roll(w->kind, w->x, n_rows, n_columns, w->length, finish, &state, err);
}

assay_status assay_window_kernel(const assay_kernel_input *in, const assay_block_kind *kind,
                                 assay_finish_row *finish_row, const double *number, double *out,
                                 assay_error *err) {
    assay_window w = {.kind = kind, .length = (size_t)in->number[0], .finish = finish_row, .number = number};
    for (size_t i = 0; i < kind->n_series; i++)
        w.x[i] = (assay_rows){in->series[i], in->stride};
    return assay_window_rows(&w, in->n_rows, in->stride, out, in->stride, err);
}

/* --- windows that several kernels use --- */

ASSAY_SIMD static void mean_row(size_t n, const double *restrict number, const double *restrict x,
                                const double *restrict window, double *restrict out) {
    (void)number;
    for (size_t s = 0; s < n; s++)
        out[s] = x[s] + window[ASSAY_MOMENTS_OFFSET + s];
}

ASSAY_SIMD static void sum_row(size_t n, const double *restrict number, const double *restrict x,
                               const double *restrict window, double *restrict out) {
    (void)number, (void)x;
    for (size_t s = 0; s < n; s++)
        out[s] = window[ASSAY_SUMS_TOTAL + s] + window[ASSAY_SUMS_LOST + s];
}

ASSAY_SIMD static void extreme_row(size_t n, const double *restrict number, const double *restrict x,
                                   const double *restrict window, double *restrict out) {
    (void)number, (void)x;
    for (size_t s = 0; s < n; s++)
        out[s] = window[ASSAY_EXTREME_VALUE + s];
}

assay_status assay_rolling_mean(assay_rows x, size_t n_rows, size_t n, size_t length, double *out,
                                size_t out_stride, assay_error *err) {
    const assay_window w = {.kind = &assay_moments, .x = {x}, .length = length, .finish = mean_row};
    return assay_window_rows(&w, n_rows, n, out, out_stride, err);
}

assay_status assay_rolling_sum(assay_rows x, size_t n_rows, size_t n, size_t length, double *out,
                               size_t out_stride, assay_error *err) {
    const assay_window w = {.kind = &assay_sums, .x = {x}, .length = length, .finish = sum_row};
    return assay_window_rows(&w, n_rows, n, out, out_stride, err);
}

assay_status assay_rolling_lowest(assay_rows x, size_t n_rows, size_t n, size_t length, double *out,
                                  size_t out_stride, assay_error *err) {
    const assay_window w = {.kind = &assay_lowest, .x = {x}, .length = length, .finish = extreme_row};
    return assay_window_rows(&w, n_rows, n, out, out_stride, err);
}

assay_status assay_rolling_highest(assay_rows x, size_t n_rows, size_t n, size_t length, double *out,
                                   size_t out_stride, assay_error *err) {
    const assay_window w = {.kind = &assay_highest, .x = {x}, .length = length, .finish = extreme_row};
    return assay_window_rows(&w, n_rows, n, out, out_stride, err);
}
