/* Kernels of several steps, tile by tile: what lies between the steps is as wide as a tile, not as the panel.
 *
 * A recursive kernel sees each column from its first row with input on, without holes. Where a column of the tile has a row
 * in the middle in which an input is not finite, the tile is closed up (such rows taken out, the rest moved to the top),
 * computed, and spread again with NaN in those rows. So a missing row is as if it were not there, for every kernel.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "base/simd.h"
#include "indicator/kernel.h"

/* Where the rows with input of each column lie. */
typedef struct extent {
    double begin[ASSAY_TILE]; /* infinity: there is none */
    double last[ASSAY_TILE];
    double n_rows[ASSAY_TILE];
} extent;

/* 0 where every input is finite, NaN where one is not. */
ASSAY_SIMD static void check_finite(size_t n, const double *restrict x, double *restrict check) {
    for (size_t s = 0; s < n; s++)
        check[s] += x[s] - x[s];
}

ASSAY_SIMD static void extend_row(size_t n, double row, const double *restrict check, double *restrict begin,
                                  double *restrict last, double *restrict n_rows) {
    for (size_t s = 0; s < n; s++) {
        bool is_input = check[s] == 0;
        begin[s] = is_input && n_rows[s] == 0 ? row : begin[s];
        last[s] = is_input ? row : last[s];
        n_rows[s] += is_input ? 1 : 0;
    }
}

static void check_row(const assay_tile *t, size_t n_series, size_t row, double *check) {
    memset(check, 0, t->n * sizeof *check);
    for (size_t i = 0; i < n_series; i++)
        check_finite(t->n, assay_tile_row(t, i, row), check);
}

static void find_extent(const assay_tile *t, size_t n_series, extent *e) {
    double check[ASSAY_TILE];
    for (size_t s = 0; s < ASSAY_TILE; s++) {
        e->begin[s] = ASSAY_INFINITY;
        e->last[s] = e->n_rows[s] = 0;
    }
    for (size_t row = 0; row < t->n_rows; row++) {
        check_row(t, n_series, row, check);
        extend_row(t->n, (double)row, check, e->begin, e->last, e->n_rows);
    }
}

static bool has_holes(const assay_tile *t, const extent *e) {
    for (size_t s = 0; s < t->n; s++) {
        if (e->n_rows[s] != 0 && e->last[s] - e->begin[s] + 1 != e->n_rows[s])
            return true;
    }
    return false;
}

/* The tile closed up, in matrices of its own: inputs, then the output. */
static void close_up(const assay_tile *t, size_t n_series, double *const *closed) {
    double check[ASSAY_TILE];
    size_t to[ASSAY_TILE] = {0};
    for (size_t i = 0; i < n_series; i++)
        assay_fill_nan(closed[i], t->n_rows * ASSAY_TILE);
    for (size_t row = 0; row < t->n_rows; row++) {
        check_row(t, n_series, row, check);
        for (size_t s = 0; s < t->n; s++) {
            if (check[s] != 0)
                continue; /* NaN too */
            for (size_t i = 0; i < n_series; i++)
                closed[i][to[s] * ASSAY_TILE + s] = assay_tile_row(t, i, row)[s];
            to[s]++;
        }
    }
}

static void spread(const assay_tile *t, size_t n_series, const double *closed_out) {
    double check[ASSAY_TILE];
    size_t from[ASSAY_TILE] = {0};
    for (size_t row = 0; row < t->n_rows; row++) {
        check_row(t, n_series, row, check);
        double *out = assay_out_row(t, row);
        for (size_t s = 0; s < t->n; s++)
            out[s] = check[s] == 0 ? closed_out[from[s]++ * ASSAY_TILE + s] : ASSAY_NAN;
    }
}

static assay_status compute_closed(const assay_tile *t, const assay_tile_plan *plan, assay_error *err) {
    size_t size = t->n_rows * ASSAY_TILE, n = plan->n_series;
    static const double top[ASSAY_TILE]; /* every column begins at row 0 now */
    double *closed[ASSAY_MAX_SERIES + 1];
    closed[0] = assay_block_alloc((n + 1) * size, sizeof *closed[0]);
    if (closed[0] == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu rows of an indicator", t->n_rows);
    assay_tile closed_tile = *t;
    for (size_t i = 0; i <= n; i++)
        closed[i] = closed[0] + i * size;
    for (size_t i = 0; i < n; i++)
        closed_tile.x[i] = (assay_rows){closed[i], ASSAY_TILE};
    closed_tile.out = closed[n];
    closed_tile.out_stride = ASSAY_TILE;
    closed_tile.begin = top;
    close_up(t, n, closed);
    assay_status status = plan->compute(&closed_tile, err);
    if (status == ASSAY_OK)
        spread(t, n, closed[n]);
    assay_block_free(closed[0]);
    return status;
}

static assay_status compute_tile(assay_tile *t, const assay_tile_plan *plan, extent *e, assay_error *err) {
    if (!plan->is_recursive)
        return plan->compute(t, err);
    find_extent(t, plan->n_series, e);
    t->begin = e->begin;
    return has_holes(t, e) ? compute_closed(t, plan, err) : plan->compute(t, err);
}

assay_status assay_by_tile(const assay_kernel_input *in, const assay_tile_plan *plan, double *out,
                           assay_error *err) {
    size_t size = in->n_rows * ASSAY_TILE;
    double *scratch = assay_block_alloc(plan->n_scratch * size + 1, sizeof *scratch);
    extent *e = malloc(sizeof *e);
    assay_status status = ASSAY_OK;
    if (scratch == NULL || e == NULL)
        status =
            assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu rows of an indicator", in->n_rows);
    for (size_t first = 0; status == ASSAY_OK && first < in->stride; first += ASSAY_TILE) {
        assay_tile t = {.n_rows = in->n_rows,
                        .n = in->stride - first < ASSAY_TILE ? in->stride - first : ASSAY_TILE,
                        .out = out + first,
                        .out_stride = in->stride,
                        .number = in->number};
        for (size_t i = 0; i < plan->n_series; i++)
            t.x[i] = (assay_rows){in->series[i] + first, in->stride};
        for (size_t i = 0; i < plan->n_scratch; i++)
            t.scratch[i] = scratch + i * size;
        status = compute_tile(&t, plan, e, err);
    }
    assay_block_free(scratch);
    free(e);
    return status;
}
