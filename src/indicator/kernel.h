/* What the kernels share: windows by doubling, and tiles of symbols for what takes several steps. */
#ifndef ASSAY_INDICATOR_KERNEL_H
#define ASSAY_INDICATOR_KERNEL_H

#include "indicator/function.h"
#include "market/doubling.h"

#define ASSAY_FUNCTION(name, ...) assay_kernel assay_kernel_##name;
#include "indicator/functions.def"
#undef ASSAY_FUNCTION

void assay_fill_nan(double *out, size_t n);

/* --- one window --- */

/* Makes a row of results from a row of full windows. x: the first series at the windows' newest row. */
typedef void assay_finish_row(size_t n, const double *restrict number, const double *restrict x,
                              const double *restrict window, double *restrict out);

typedef struct assay_window {
    const assay_block_kind *kind;
    assay_rows x[2];
    size_t length;
    assay_finish_row *finish;
    const double *number; /* what `finish` needs */
} assay_window;

/* Writes n_rows x n_columns results to rows of `out`, which is none of the inputs; NaN before the first full window.
 * ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_window_rows(const assay_window *w, size_t n_rows, size_t n_columns,
                                               double *out, size_t out_stride, assay_error *err);

/* The same over whole matrices: the kernel's series as they are given. */
ASSAY_NODISCARD assay_status assay_window_kernel(const assay_kernel_input *in, const assay_block_kind *kind,
                                                 assay_finish_row *finish, const double *number, double *out,
                                                 assay_error *err);

/* --- several steps, tile by tile --- */

enum { ASSAY_MAX_SCRATCH = 6 };

/* Some columns of the matrices. A kernel may work on them in any order of rows and steps. */
typedef struct assay_tile {
    size_t n_rows, n; /* n <= ASSAY_TILE columns */
    assay_rows x[ASSAY_MAX_SERIES];
    double *out;
    size_t out_stride;
    double *scratch[ASSAY_MAX_SCRATCH]; /* n_rows x ASSAY_TILE values each, as many as asked for */
    const double
        *begin; /* recursive: each column's first row with input; from there its rows are without holes */
    const double *number;
} assay_tile;

typedef assay_status assay_tile_kernel(const assay_tile *tile, assay_error *err);

typedef struct assay_tile_plan {
    assay_tile_kernel *compute;
    size_t n_series, n_scratch;
    bool is_recursive;
} assay_tile_plan;

/* Computes tile by tile. For a recursive kernel, rows in which an input is not finite are closed up first and come out as
 * NaN, so that they leave its state as it was. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_by_tile(const assay_kernel_input *in, const assay_tile_plan *plan,
                                           double *out, assay_error *err);

static inline const double *assay_tile_row(const assay_tile *t, size_t series, size_t row) {
    return t->x[series].at + row * t->x[series].stride;
}

static inline double *assay_out_row(const assay_tile *t, size_t row) {
    return t->out + row * t->out_stride;
}

static inline double *assay_scratch_row(const assay_tile *t, size_t i, size_t row) {
    return t->scratch[i] + row * ASSAY_TILE;
}

static inline assay_rows assay_scratch_rows(const assay_tile *t, size_t i) {
    return (assay_rows){t->scratch[i], ASSAY_TILE};
}

/* --- windows that several kernels use, each into rows of `out` --- */

ASSAY_NODISCARD assay_status assay_rolling_mean(assay_rows x, size_t n_rows, size_t n, size_t length,
                                                double *out, size_t out_stride, assay_error *err);
ASSAY_NODISCARD assay_status assay_rolling_sum(assay_rows x, size_t n_rows, size_t n, size_t length,
                                               double *out, size_t out_stride, assay_error *err);
ASSAY_NODISCARD assay_status assay_rolling_lowest(assay_rows x, size_t n_rows, size_t n, size_t length,
                                                  double *out, size_t out_stride, assay_error *err);
ASSAY_NODISCARD assay_status assay_rolling_highest(assay_rows x, size_t n_rows, size_t n, size_t length,
                                                   double *out, size_t out_stride, assay_error *err);

/* (high + low + close) / 3 */
void assay_typical_price_row(size_t n, const double *restrict high, const double *restrict low,
                             const double *restrict close, double *restrict out);

#endif
