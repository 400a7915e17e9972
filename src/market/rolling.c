/* Rolling mean and variance by doubling.
 *
 * A block of n = 2^k rows ending at row t is described relative to its newest price x[t]:
 *
 *     offset = mean(x[i] - x[t]),   m2 = sum((x[i] - mean)^2)
 *
 * Block k at t is block k−1 at t − 2^(k−1) (older, A) merged with block k−1 at t (newer, B). With d = x[t_A] − x[t_B] the
 * older offset becomes offset_A + d, and (Chan, Golub, LeVeque 1979)
 *
 *     delta = offset_B - offset_A,  offset = offset_A + delta n_B / n,  m2 = m2_A + m2_B + delta^2 n_A n_B / n.
 *
 * A window of W rows is the merge of the blocks of W's binary digits, from the newest back. Every value is therefore a
 * fixed sequence of operations on the last W rows alone (pure), and as only differences of prices enter, a large price
 * level costs no digits: the error grows with log W and the spread of the window, not with its level.
 *
 * The rows of a level are kept in a ring that is just long enough. Symbols are done in tiles so that the rings stay in
 * the cache.
 */
#include "market/rolling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "base/simd.h"

enum { MAX_LEVELS = 32, TILE = 128 };

/* Of each price at the as-of raw scale: keeps a constant price from dividing by zero (the brief's z-score). */
static const double std_floor = 1e-6;

typedef struct moments {
    double offset[TILE];
    double m2[TILE];
} moments;

/* *b = a merged into b, the newer block: n_a older rows whose newest price is `price_a`. */
ASSAY_SIMD static void merge_row(size_t n, double n_a, double n_b, const double *restrict price_a,
                                 const double *restrict price_b, const moments *restrict a,
                                 const moments *restrict b, moments *restrict out) {
    double weight_b = n_b / (n_a + n_b), product = n_a * n_b / (n_a + n_b);
    for (size_t s = 0; s < n; s++) {
        double older = a->offset[s] + (price_a[s] - price_b[s]);
        double delta = b->offset[s] - older;
        out->offset[s] = older + delta * weight_b;
        out->m2[s] = a->m2[s] + b->m2[s] + delta * delta * product;
    }
}

ASSAY_SIMD static void zscore_row(size_t n, double n_minus_1, const moments *restrict m,
                                  const double *restrict floors, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = -m->offset[s] / (sqrt(m->m2[s] / n_minus_1) + floors[s]);
}

typedef struct doubling {
    size_t n_levels;              /* block sizes 1, 2, 4 … 2^(n_levels − 1) */
    size_t ring_rows[MAX_LEVELS]; /* how far back each level is needed, in rows */
    moments *ring[MAX_LEVELS];
    moments *rows; /* all rings */
} doubling;

/* How far back each level is read: half its size by the next level, and its place in the window. */
static assay_status plan(doubling *d, size_t window, assay_error *err) {
    while (window >> d->n_levels != 0)
        d->n_levels++;
    size_t n_rows = 0, behind = 0;
    for (size_t k = 0; k < d->n_levels; k++) {
        size_t back = k + 1 < d->n_levels ? (size_t)1 << k : 0;
        if ((window >> k & 1) != 0) {
            back = behind > back ? behind : back;
            behind += (size_t)1 << k;
        }
        d->ring_rows[k] = back + 1;
        n_rows += back + 1;
    }
    d->rows = assay_aligned_alloc(n_rows, sizeof *d->rows);
    if (d->rows == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a window of %zu bars", window);
    moments *next = d->rows;
    for (size_t k = 0; k < d->n_levels; k++) {
        d->ring[k] = next;
        next += d->ring_rows[k];
    }
    return ASSAY_OK;
}

static moments *level_row(const doubling *d, size_t level, size_t row) {
    return d->ring[level] + row % d->ring_rows[level];
}

/* Blocks of every level at `row`, where they are full; price points at the tile's column of row 0. */
static void push_row(const doubling *d, const double *price, size_t stride, size_t n, size_t row) {
    moments *single = level_row(d, 0, row);
    memset(single->offset, 0, n * sizeof *single->offset);
    memset(single->m2, 0, n * sizeof *single->m2);
    for (size_t k = 1; k < d->n_levels; k++) {
        size_t half = (size_t)1 << (k - 1);
        if (row + 1 < 2 * half)
            return;
        merge_row(n, (double)half, (double)half, price + (row - half) * stride, price + row * stride,
                  level_row(d, k - 1, row - half), level_row(d, k - 1, row), level_row(d, k, row));
    }
}

/* Moments of the window ending at `row`: the blocks of its binary digits, smallest and newest first. */
static void combine(const doubling *d, const double *price, size_t stride, size_t n, size_t row,
                    size_t window, moments *out, moments *scratch) {
    size_t behind = 0;
    for (size_t k = 0; k < d->n_levels; k++) {
        if ((window >> k & 1) == 0)
            continue;
        const moments *block = level_row(d, k, row - behind);
        if (behind == 0) {
            memcpy(out->offset, block->offset, n * sizeof *out->offset);
            memcpy(out->m2, block->m2, n * sizeof *out->m2);
        } else {
            memcpy(scratch->offset, out->offset, n * sizeof *out->offset);
            memcpy(scratch->m2, out->m2, n * sizeof *out->m2);
            merge_row(n, (double)((size_t)1 << k), (double)behind, price + (row - behind) * stride,
                      price + row * stride, block, scratch, out);
        }
        behind += (size_t)1 << k;
    }
}

/* The floor of the std in units of q: 1e-6 at the as-of raw scale is 1e-6 x factor. */
static size_t step_floors(const assay_panel *panel, size_t next_step, size_t row, double *floors) {
    for (; next_step < panel->n_factor_steps && panel->factor_step[next_step].row == row; next_step++)
        floors[panel->factor_step[next_step].symbol] = std_floor * panel->factor_step[next_step].factor;
    return next_step;
}

static void zscore_tile(const assay_panel *panel, const doubling *d, size_t first, size_t n, size_t window,
                        double *floors, moments *work, double *out) {
    size_t next_step = 0;
    const double *price = panel->own_price + first;
    for (size_t s = 0; s < panel->stride; s++)
        floors[s] = std_floor;
    for (size_t row = 0; row < panel->n_bars; row++) {
        double *out_row = out + row * panel->stride + first;
        next_step = step_floors(panel, next_step, row, floors);
        push_row(d, price, panel->stride, n, row);
        if (row + 1 < window) {
            for (size_t s = 0; s < n; s++)
                out_row[s] = ASSAY_NAN;
            continue;
        }
        combine(d, price, panel->stride, n, row, window, &work[0], &work[1]);
        zscore_row(n, (double)(window - 1), &work[0], floors + first, out_row);
    }
}

assay_status assay_rolling_zscore(const assay_panel *panel, size_t window, double *out, assay_error *err) {
    doubling d = {0};
    assay_status status = plan(&d, window, err);
    moments *work = assay_aligned_alloc(2, sizeof *work);
    double *floors = assay_aligned_alloc(panel->stride, sizeof *floors);
    if (status == ASSAY_OK && (work == NULL || floors == NULL))
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a window of %zu bars", window);
    for (size_t first = 0; status == ASSAY_OK && first < panel->stride; first += TILE) {
        size_t n = panel->stride - first < TILE ? panel->stride - first : TILE;
        zscore_tile(panel, &d, first, n, window, floors, work, out);
    }
    free(d.rows);
    free(work);
    free(floors);
    return status;
}
