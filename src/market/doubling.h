/* Functions of a sliding window by doubling: windows are merged from blocks of 2^k rows. See doubling.c. */
#ifndef ASSAY_MARKET_DOUBLING_H
#define ASSAY_MARKET_DOUBLING_H

#include <stddef.h>

#include "assay/assay_error.h"

/* Symbols are done this many at a time, so that what is kept of them stays in the cache. */
enum { ASSAY_TILE = 128 };

/* Some columns of a matrix: row r begins at `at + r * stride`. */
typedef struct assay_rows {
    const double *at;
    size_t stride;
} assay_rows;

/* Two neighbouring blocks of rows, the older (a) and the newer (b), of n symbols side by side. A block is described by its
 * parts, arrays of ASSAY_TILE values one after the other, and may refer to the series at its newest row. */
typedef struct assay_merge {
    size_t n;
    double n_a, n_b; /* rows */
    const double *x_a[2], *x_b[2];
    const double *a, *b;
} assay_merge;

/* What is kept of a block of rows. Merging must be a fixed sequence of operations for each symbol. */
typedef struct assay_block_kind {
    size_t n_series, n_parts;
    void (*single)(size_t n, const double *const *x, double *out); /* of one row; NULL: every part is 0 */
    void (*merge)(const assay_merge *m, double *out);              /* out is neither a nor b */
} assay_block_kind;

/* Mean and sum of squared deviations, relative to the newest value. */
extern const assay_block_kind assay_moments;
enum { ASSAY_MOMENTS_OFFSET = 0, ASSAY_MOMENTS_M2 = ASSAY_TILE }; /* where its parts begin */

/* Called with every full window: the one that ends at `row`, of columns first … first + n − 1. */
typedef void assay_window_sink(void *state, size_t row, size_t first, size_t n, const double *window);

/* Rolls a window of `length` >= 1 rows over x[0 … kind->n_series − 1], tile by tile, each from its first row to its last.
 * ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_roll(const assay_block_kind *kind, const assay_rows *x, size_t n_rows,
                                        size_t n_columns, size_t length, assay_window_sink *sink, void *state,
                                        assay_error *err);

#endif
