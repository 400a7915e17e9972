/* A value against an earlier one. These read the two ends of their window only. */
#include <math.h>

#include "base/number.h"
#include "base/simd.h"
#include "indicator/kernel.h"

typedef void compare_row(size_t n, const double *restrict now, const double *restrict then,
                         double *restrict out);

static void compare(const assay_kernel_input *in, size_t back, compare_row *row_of, double *out) {
    size_t stride = in->stride;
    assay_fill_nan(out, (back < in->n_rows ? back : in->n_rows) * stride);
    for (size_t row = back; row < in->n_rows; row++)
        row_of(stride, in->series[0] + row * stride, in->series[0] + (row - back) * stride,
               out + row * stride);
}

/* Of the symbol's own bars alone: after the last of them there is no value, though there is one n rows before. */
ASSAY_SIMD static void lag_row(size_t n, const double *restrict own_price, const double *restrict then,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = isnan(own_price[s]) ? ASSAY_NAN : then[s];
}

assay_status assay_kernel_lag(const assay_kernel_input *in, double *out, assay_error *err) {
    (void)err;
    size_t back = (size_t)in->number[0], stride = in->stride;
    assay_fill_nan(out, (back < in->n_rows ? back : in->n_rows) * stride);
    for (size_t row = back; row < in->n_rows; row++)
        lag_row(stride, in->panel->own_price + row * stride, in->series[0] + (row - back) * stride,
                out + row * stride);
    return ASSAY_OK;
}

ASSAY_SIMD static void mom_row(size_t n, const double *restrict now, const double *restrict then,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = now[s] - then[s];
}

assay_status assay_kernel_mom(const assay_kernel_input *in, double *out, assay_error *err) {
    (void)err;
    compare(in, (size_t)in->number[0], mom_row, out);
    return ASSAY_OK;
}

ASSAY_SIMD static void roc_row(size_t n, const double *restrict now, const double *restrict then,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = (now[s] / then[s] - 1) * 100;
}

assay_status assay_kernel_roc(const assay_kernel_input *in, double *out, assay_error *err) {
    (void)err;
    compare(in, (size_t)in->number[0], roc_row, out);
    return ASSAY_OK;
}

/* The operations of ASSAY_FEATURE_WINDOW_RETURN (market/feature.c), and so its bits. */
ASSAY_SIMD static void return_row(size_t n, const double *restrict now, const double *restrict then,
                                  double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = now[s] / then[s] - 1;
}

assay_status assay_kernel_return(const assay_kernel_input *in, double *out, assay_error *err) {
    (void)err;
    compare(in, (size_t)in->number[0] - 1, return_row, out);
    return ASSAY_OK;
}
