/* Sliding windows by doubling.
 *
 * Block k at row t holds the 2^k rows that end there. It is block k−1 at t − 2^(k−1) (older, A) merged with block k−1 at t
 * (newer, B). A window of W rows is the merge of the blocks of W's binary digits, from the newest back. Every value is
 * therefore a fixed sequence of operations on the last W rows alone (pure): a NaN or a huge value leaves nothing behind
 * when it leaves the window, and errors grow with log W.
 *
 * Mean and variance are kept relative to the newest value x[t]:
 *
 *     offset = mean(x[i] - x[t]),   m2 = sum((x[i] - mean)^2)
 *
 * With d = x[t_A] − x[t_B] the older offset becomes offset_A + d, and (Chan, Golub, LeVeque 1979)
 *
 *     delta = offset_B - offset_A,  offset = offset_A + delta n_B / n,  m2 = m2_A + m2_B + delta^2 n_A n_B / n.
 *
 * As only differences enter, a large level costs no digits: the error grows with the spread of the window.
 *
 * The rows of a level are kept in a ring that is just long enough. Symbols are done in tiles so that the rings stay in
 * the cache.
 */
#include "market/doubling.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/simd.h"

enum { MAX_LEVELS = 32 };

typedef struct doubling {
    const assay_block_kind *kind;
    assay_rows x[2]; /* at the tile's first column */
    size_t n;        /* symbols in the tile */
    size_t length;
    size_t block_size;            /* in values */
    size_t n_levels;              /* block sizes 1, 2, 4 … 2^(n_levels − 1) */
    size_t ring_rows[MAX_LEVELS]; /* how far back each level is needed, in rows */
    double *ring[MAX_LEVELS];
    double *blocks; /* all rings, then two blocks to work with */
    double *work[2];
} doubling;

/* How far back each level is read: half its size by the next level, and its place in the window. */
static assay_status plan(doubling *d, assay_error *err) {
    while (d->length >> d->n_levels != 0)
        d->n_levels++;
    size_t n_blocks = 2, behind = 0;
    for (size_t k = 0; k < d->n_levels; k++) {
        size_t back = k + 1 < d->n_levels ? (size_t)1 << k : 0;
        if ((d->length >> k & 1) != 0) {
            back = behind > back ? behind : back;
            behind += (size_t)1 << k;
        }
        d->ring_rows[k] = back + 1;
        n_blocks += back + 1;
    }
    d->blocks = assay_block_alloc(n_blocks, d->block_size * sizeof *d->blocks);
    if (d->blocks == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a window of %zu bars", d->length);
    double *next = d->blocks;
    for (size_t k = 0; k < d->n_levels; k++) {
        d->ring[k] = next;
        next += d->ring_rows[k] * d->block_size;
    }
    d->work[0] = next;
    d->work[1] = next + d->block_size;
    return ASSAY_OK;
}

static double *block_at(const doubling *d, size_t level, size_t row) {
    return d->ring[level] + row % d->ring_rows[level] * d->block_size;
}

/* Merges a (n_a rows, the newest of them `row_a`) and b (n_b rows, newest `row_b`). */
static void merge(const doubling *d, const double *a, size_t n_a, size_t row_a, const double *b, size_t n_b,
                  size_t row_b, double *out) {
    assay_merge m = {.n = d->n, .n_a = (double)n_a, .n_b = (double)n_b, .a = a, .b = b};
    for (size_t i = 0; i < d->kind->n_series; i++) {
        m.x_a[i] = d->x[i].at + row_a * d->x[i].stride;
        m.x_b[i] = d->x[i].at + row_b * d->x[i].stride;
    }
    d->kind->merge(&m, out);
}

/* Blocks of every level at `row`, where they are full. */
static void push_row(const doubling *d, size_t row) {
    double *single = block_at(d, 0, row);
    if (d->kind->single == NULL) {
        memset(single, 0, d->block_size * sizeof *single);
    } else {
        const double *x[2] = {d->x[0].at + row * d->x[0].stride, NULL};
        if (d->kind->n_series > 1)
            x[1] = d->x[1].at + row * d->x[1].stride;
        d->kind->single(d->n, x, single);
    }
    for (size_t k = 1; k < d->n_levels; k++) {
        size_t half = (size_t)1 << (k - 1);
        if (row + 1 < 2 * half)
            return;
        merge(d, block_at(d, k - 1, row - half), half, row - half, block_at(d, k - 1, row), half, row,
              block_at(d, k, row));
    }
}

/* The window that ends at `row`: the blocks of its binary digits, smallest and newest first. */
static const double *window_at(const doubling *d, size_t row) {
    const double *newer = NULL;
    size_t behind = 0, turn = 0;
    for (size_t k = 0; k < d->n_levels; k++) {
        size_t size = (size_t)1 << k;
        if ((d->length & size) == 0)
            continue;
        const double *block = block_at(d, k, row - behind);
        if (newer == NULL) {
            newer = block;
        } else {
            merge(d, block, size, row - behind, newer, behind, row, d->work[turn]);
            newer = d->work[turn];
            turn = 1 - turn;
        }
        behind += size;
    }
    return newer;
}

assay_status assay_roll(const assay_block_kind *kind, const assay_rows *x, size_t n_rows, size_t n_columns,
                        size_t length, assay_window_sink *sink, void *state, assay_error *err) {
    if (length > n_rows)
        return ASSAY_OK; /* no window is ever full */
    doubling d = {.kind = kind, .length = length, .block_size = kind->n_parts * ASSAY_TILE};
    assay_status status = plan(&d, err);
    for (size_t first = 0; status == ASSAY_OK && first < n_columns; first += ASSAY_TILE) {
        d.n = n_columns - first < ASSAY_TILE ? n_columns - first : ASSAY_TILE;
        for (size_t i = 0; i < kind->n_series; i++)
            d.x[i] = (assay_rows){x[i].at + first, x[i].stride};
        for (size_t row = 0; row < n_rows; row++) {
            push_row(&d, row);
            if (row + 1 >= length)
                sink(state, row, first, d.n, window_at(&d, row));
        }
    }
    assay_block_free(d.blocks);
    return status;
}

/* --- mean and variance --- */

ASSAY_SIMD static void merge_moments_row(size_t n, double weight_b, double product,
                                         const double *restrict x_a, const double *restrict x_b,
                                         const double *restrict a, const double *restrict b,
                                         double *restrict out) {
    enum { OFFSET = ASSAY_MOMENTS_OFFSET, M2 = ASSAY_MOMENTS_M2 };
    for (size_t s = 0; s < n; s++) {
        double older = a[OFFSET + s] + (x_a[s] - x_b[s]);
        double delta = b[OFFSET + s] - older;
        out[OFFSET + s] = older + delta * weight_b;
        out[M2 + s] = a[M2 + s] + b[M2 + s] + delta * delta * product;
    }
}

static void merge_moments(const assay_merge *m, double *out) {
    double rows = m->n_a + m->n_b;
    merge_moments_row(m->n, m->n_b / rows, m->n_a * m->n_b / rows, m->x_a[0], m->x_b[0], m->a, m->b, out);
}

const assay_block_kind assay_moments = {.n_series = 1, .n_parts = 2, .merge = merge_moments};
