/* Blocks of rows: see market/doubling.c for the scheme. */
#include "indicator/blocks.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/simd.h"

/* --- sums --- */

static void single_value(size_t n, const double *const *x, double *out) {
    memcpy(out, x[0], n * sizeof *out);
    memset(out + ASSAY_TILE, 0, n * sizeof *out);
}

/* The rounding of each addition is kept exactly (Knuth 1969), so that a window's sum is rounded once. */
ASSAY_SIMD static void merge_sums_row(size_t n, const double *restrict a, const double *restrict b,
                                      double *restrict out) {
    enum { TOTAL = ASSAY_SUMS_TOTAL, LOST = ASSAY_SUMS_LOST };
    for (size_t s = 0; s < n; s++) {
        double x = a[TOTAL + s], y = b[TOTAL + s], total = x + y;
        double of_y = total - x, of_x = total - of_y;
        out[TOTAL + s] = total;
        out[LOST + s] = a[LOST + s] + b[LOST + s] + ((x - of_x) + (y - of_y));
    }
}

static void merge_sums(const assay_merge *m, double *out) {
    merge_sums_row(m->n, m->a, m->b, out);
}

const assay_block_kind assay_sums = {
    .n_series = 1, .n_parts = 2, .single = single_value, .merge = merge_sums};

/* --- pairs --- */

/* Covariance merges as variance does (Chan, Golub, LeVeque 1979), with a product of deltas for the square of one. */
ASSAY_SIMD static void merge_pairs_row(size_t n, double weight_b, double product, const double *restrict x_a,
                                       const double *restrict x_b, const double *restrict y_a,
                                       const double *restrict y_b, const double *restrict a,
                                       const double *restrict b, double *restrict out) {
    enum {
        OFFSET_X = ASSAY_PAIRS_OFFSET_X,
        OFFSET_Y = ASSAY_PAIRS_OFFSET_Y,
        XX = ASSAY_PAIRS_XX,
        XY = ASSAY_PAIRS_XY,
        YY = ASSAY_PAIRS_YY
    };
    for (size_t s = 0; s < n; s++) {
        double older_x = a[OFFSET_X + s] + (x_a[s] - x_b[s]), older_y = a[OFFSET_Y + s] + (y_a[s] - y_b[s]);
        double delta_x = b[OFFSET_X + s] - older_x, delta_y = b[OFFSET_Y + s] - older_y;
        out[OFFSET_X + s] = older_x + delta_x * weight_b;
        out[OFFSET_Y + s] = older_y + delta_y * weight_b;
        out[XX + s] = a[XX + s] + b[XX + s] + delta_x * delta_x * product;
        out[XY + s] = a[XY + s] + b[XY + s] + delta_x * delta_y * product;
        out[YY + s] = a[YY + s] + b[YY + s] + delta_y * delta_y * product;
    }
}

static void merge_pairs(const assay_merge *m, double *out) {
    double rows = m->n_a + m->n_b;
    merge_pairs_row(m->n, m->n_b / rows, m->n_a * m->n_b / rows, m->x_a[0], m->x_b[0], m->x_a[1], m->x_b[1],
                    m->a, m->b, out);
}

const assay_block_kind assay_pairs = {.n_series = 2, .n_parts = 5, .merge = merge_pairs};

/* --- lines --- */

/* The same with the row number for y: the centres of two neighbouring blocks lie (n_a + n_b) / 2 rows apart. */
ASSAY_SIMD static void merge_lines_row(size_t n, double weight_b, double product, const double *restrict x_a,
                                       const double *restrict x_b, const double *restrict a,
                                       const double *restrict b, double *restrict out) {
    enum { OFFSET = ASSAY_LINES_OFFSET, XT = ASSAY_LINES_XT };
    for (size_t s = 0; s < n; s++) {
        double older = a[OFFSET + s] + (x_a[s] - x_b[s]);
        double delta = b[OFFSET + s] - older;
        out[OFFSET + s] = older + delta * weight_b;
        out[XT + s] = a[XT + s] + b[XT + s] + delta * product;
    }
}

static void merge_lines(const assay_merge *m, double *out) {
    double rows = m->n_a + m->n_b;
    merge_lines_row(m->n, m->n_b / rows, m->n_a * m->n_b / 2, m->x_a[0], m->x_b[0], m->a, m->b, out);
}

const assay_block_kind assay_lines = {.n_series = 1, .n_parts = 2, .merge = merge_lines};

/* --- extremes --- */

/* A NaN in either block is the result. */
ASSAY_SIMD static void merge_lowest_row(size_t n, double n_b, const double *restrict a,
                                        const double *restrict b, double *restrict out) {
    enum { VALUE = ASSAY_EXTREME_VALUE, AGE = ASSAY_EXTREME_AGE };
    for (size_t s = 0; s < n; s++) {
        bool is_older = a[VALUE + s] < b[VALUE + s] || isnan(a[VALUE + s]);
        double age_a = a[AGE + s] + n_b, age_b = b[AGE + s];
        out[VALUE + s] = is_older ? a[VALUE + s] : b[VALUE + s];
        out[AGE + s] = is_older ? age_a : age_b;
    }
}

ASSAY_SIMD static void merge_highest_row(size_t n, double n_b, const double *restrict a,
                                         const double *restrict b, double *restrict out) {
    enum { VALUE = ASSAY_EXTREME_VALUE, AGE = ASSAY_EXTREME_AGE };
    for (size_t s = 0; s < n; s++) {
        bool is_older = a[VALUE + s] > b[VALUE + s] || isnan(a[VALUE + s]);
        double age_a = a[AGE + s] + n_b, age_b = b[AGE + s];
        out[VALUE + s] = is_older ? a[VALUE + s] : b[VALUE + s];
        out[AGE + s] = is_older ? age_a : age_b;
    }
}

static void merge_lowest(const assay_merge *m, double *out) {
    merge_lowest_row(m->n, m->n_b, m->a, m->b, out);
}

static void merge_highest(const assay_merge *m, double *out) {
    merge_highest_row(m->n, m->n_b, m->a, m->b, out);
}

const assay_block_kind assay_lowest = {
    .n_series = 1, .n_parts = 2, .single = single_value, .merge = merge_lowest};
const assay_block_kind assay_highest = {
    .n_series = 1, .n_parts = 2, .single = single_value, .merge = merge_highest};
