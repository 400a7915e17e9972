/* True range and Wilder's directional movement; Aroon. Source: Wilder, New Concepts in Technical Trading Systems (1978). */
#include <math.h>

#include "base/number.h"
#include "base/simd.h"
#include "indicator/blocks.h"
#include "indicator/kernel.h"
#include "indicator/smooth.h"

enum { HIGH, LOW, CLOSE }; /* the order of the implied columns */

/* --- true range --- */

/* The bar's range, from the previous close if that lies outside. */
ASSAY_SIMD static void range_row(size_t n, const double *restrict high, const double *restrict low,
                                 const double *restrict previous, double *restrict out) {
    for (size_t s = 0; s < n; s++) {
        double range = high[s] - low[s], up = fabs(high[s] - previous[s]), down = fabs(low[s] - previous[s]);
        double most = up > range ? up : range;
        out[s] = (down > most ? down : most) + (previous[s] - previous[s]); /* NaN without a previous close */
    }
}

static void range_at(const assay_tile *t, size_t row, double *out) {
    if (row == 0)
        assay_fill_nan(out, t->n);
    else
        range_row(t->n, assay_tile_row(t, HIGH, row), assay_tile_row(t, LOW, row),
                  assay_tile_row(t, CLOSE, row - 1), out);
}

static assay_status trange_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    for (size_t row = 0; row < t->n_rows; row++)
        range_at(t, row, assay_out_row(t, row));
    return ASSAY_OK;
}

assay_status assay_kernel_trange(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {trange_tile, .n_series = 3};
    return assay_by_tile(in, &plan, out, err);
}

static assay_status atr_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    double value[ASSAY_TILE] = {0}, range[ASSAY_TILE], period = t->number[0];
    for (size_t row = 0; row < t->n_rows; row++) {
        range_at(t, row, range);
        assay_smooth_row(t->n, (double)row - 1, period, 1 / period, t->begin, range, value,
                         assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_atr(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {atr_tile, .n_series = 3, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

ASSAY_SIMD static void percent_row(size_t n, const double *restrict close, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 100 * (out[s] / close[s]);
}

static assay_status natr_tile(const assay_tile *t, assay_error *err) {
    assay_status status = atr_tile(t, err);
    for (size_t row = 0; row < t->n_rows; row++)
        percent_row(t->n, assay_tile_row(t, CLOSE, row), assay_out_row(t, row));
    return status;
}

assay_status assay_kernel_natr(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {natr_tile, .n_series = 3, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* --- directional movement --- */

typedef struct movement {
    double plus_value[ASSAY_TILE], minus_value[ASSAY_TILE], range_value[ASSAY_TILE]; /* Wilder's sums */
    double plus[ASSAY_TILE], minus[ASSAY_TILE], range[ASSAY_TILE];                   /* of the row */
} movement;

/* How far the bar reaches beyond the previous one, on the side where it reaches further. */
ASSAY_SIMD static void movement_row(size_t n, const double *restrict high, const double *restrict low,
                                    const double *restrict high_before, const double *restrict low_before,
                                    double *restrict plus, double *restrict minus) {
    for (size_t s = 0; s < n; s++) {
        double up = high[s] - high_before[s], down = low_before[s] - low[s];
        plus[s] = up > 0 && up > down ? up : 0;
        minus[s] = down > 0 && down > up ? down : 0;
    }
}

/* Wilder's sum: the first period − 1 values added up, then sum − sum / period + value. */
ASSAY_SIMD static void wilder_sum_row(size_t n, double row, double period, const double *restrict begin,
                                      const double *restrict x, double *restrict sum) {
    for (size_t s = 0; s < n; s++) {
        double age = row - begin[s];
        double kept = age + 1 < period ? sum[s] : sum[s] - sum[s] / period;
        sum[s] = age < 0 ? 0 : kept + x[s];
    }
}

/* The sums up to `row`, rows in ascending order from 1. */
static void add_movement(const assay_tile *t, movement *m, size_t row) {
    double own_row = (double)row - 1, period = t->number[0];
    movement_row(t->n, assay_tile_row(t, HIGH, row), assay_tile_row(t, LOW, row),
                 assay_tile_row(t, HIGH, row - 1), assay_tile_row(t, LOW, row - 1), m->plus, m->minus);
    range_at(t, row, m->range);
    wilder_sum_row(t->n, own_row, period, t->begin, m->plus, m->plus_value);
    wilder_sum_row(t->n, own_row, period, t->begin, m->minus, m->minus_value);
    wilder_sum_row(t->n, own_row, period, t->begin, m->range, m->range_value);
}

/* 100 part / whole once `period` movements are in, where the row has a bar (its range is no NaN). */
ASSAY_SIMD static void share_row(size_t n, double row, double period, const double *restrict begin,
                                 const double *restrict part, const double *restrict whole,
                                 double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = row - begin[s] + 1 < period ? ASSAY_NAN : 100 * (part[s] / whole[s]);
}

static void direction_tile(const assay_tile *t, bool is_plus) {
    movement m = {0};
    if (t->n_rows != 0)
        assay_fill_nan(assay_out_row(t, 0), t->n);
    for (size_t row = 1; row < t->n_rows; row++) {
        add_movement(t, &m, row);
        share_row(t->n, (double)row - 1, t->number[0], t->begin, is_plus ? m.plus_value : m.minus_value,
                  m.range_value, assay_out_row(t, row));
    }
}

static assay_status plus_di_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    direction_tile(t, true);
    return ASSAY_OK;
}

assay_status assay_kernel_plus_di(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {plus_di_tile, .n_series = 3, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

static assay_status minus_di_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    direction_tile(t, false);
    return ASSAY_OK;
}

assay_status assay_kernel_minus_di(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {minus_di_tile, .n_series = 3, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* No movement on either side is no direction: 0. `range` carries the NaN of rows without a bar. */
ASSAY_SIMD static void index_row(size_t n, double row, double period, const double *restrict begin,
                                 const double *restrict plus, const double *restrict minus,
                                 const double *restrict range, double *restrict out) {
    for (size_t s = 0; s < n; s++) {
        double both = plus[s] + minus[s], ratio = fabs(plus[s] - minus[s]) / both;
        double index = both == 0 ? 0 : 100 * ratio;
        out[s] = row - begin[s] + 1 < period ? ASSAY_NAN : index + (range[s] - range[s]);
    }
}

static void index_at(const assay_tile *t, movement *m, size_t row, double *out) {
    if (row == 0) {
        assay_fill_nan(out, t->n);
        return;
    }
    add_movement(t, m, row);
    index_row(t->n, (double)row - 1, t->number[0], t->begin, m->plus_value, m->minus_value, m->range, out);
}

static assay_status dx_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    movement m = {0};
    for (size_t row = 0; row < t->n_rows; row++)
        index_at(t, &m, row, assay_out_row(t, row));
    return ASSAY_OK;
}

assay_status assay_kernel_dx(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {dx_tile, .n_series = 3, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

static assay_status adx_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    movement m = {0};
    double value[ASSAY_TILE] = {0}, index[ASSAY_TILE], period = t->number[0];
    for (size_t row = 0; row < t->n_rows; row++) {
        index_at(t, &m, row, index);
        assay_smooth_row(t->n, (double)row - period, period, 1 / period, t->begin, index, value,
                         assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_adx(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {adx_tile, .n_series = 3, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* --- Aroon: how long ago the extreme of the last n + 1 bars was (Chande 1995) --- */

ASSAY_SIMD static void aroon_row(size_t n, const double *restrict number, const double *restrict x,
                                 const double *restrict window, double *restrict out) {
    double length = number[0];
    for (size_t s = 0; s < n; s++) {
        double is_known = window[ASSAY_EXTREME_VALUE + s] - window[ASSAY_EXTREME_VALUE + s]; /* 0, or NaN */
        out[s] = 100 * (length - window[ASSAY_EXTREME_AGE + s]) / length + is_known;
    }
    (void)x;
}

static assay_status aroon(const assay_kernel_input *in, const assay_block_kind *kind, double *out,
                          assay_error *err) {
    const assay_window w = {.kind = kind,
                            .x = {{in->series[0], in->stride}},
                            .length = (size_t)in->number[0] + 1,
                            .finish = aroon_row,
                            .number = in->number};
    return assay_window_rows(&w, in->n_rows, in->stride, out, in->stride, err);
}

assay_status assay_kernel_aroon_up(const assay_kernel_input *in, double *out, assay_error *err) {
    return aroon(in, &assay_highest, out, err);
}

assay_status assay_kernel_aroon_down(const assay_kernel_input *in, double *out, assay_error *err) {
    return aroon(in, &assay_lowest, out, err);
}
