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

/* Called with the moments of every full window: rows `row`, columns first … first + n − 1. */
typedef void row_sink(void *state, size_t row, size_t first, size_t n, const moments *window);

/* Rolling moments of values[row x stride + column], tile by tile. */
static assay_status roll(const double *values, size_t n_rows, size_t stride, size_t window, row_sink *sink,
                         void *state, assay_error *err) {
    doubling d = {0};
    assay_status status = plan(&d, window, err);
    moments *work = assay_aligned_alloc(2, sizeof *work);
    if (status == ASSAY_OK && work == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a window of %zu bars", window);
    for (size_t first = 0; status == ASSAY_OK && first < stride; first += TILE) {
        size_t n = stride - first < TILE ? stride - first : TILE;
        for (size_t row = 0; row < n_rows; row++) {
            push_row(&d, values + first, stride, n, row);
            if (row + 1 < window)
                continue;
            combine(&d, values + first, stride, n, row, window, &work[0], &work[1]);
            sink(state, row, first, n, &work[0]);
        }
    }
    free(d.rows);
    free(work);
    return status;
}

static void fill_nan(double *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = ASSAY_NAN;
}

typedef struct zscore_state {
    const assay_panel *panel;
    double window;
    size_t next_step; /* of the panel's factor steps */
    double *floors;   /* 1e-6 at the as-of raw scale is 1e-6 x factor in units of q */
    double *out;
} zscore_state;

static void zscore_sink(void *state, size_t row, size_t first, size_t n, const moments *window) {
    zscore_state *z = state;
    const assay_panel *p = z->panel;
    if ((double)row + 1 == z->window) { /* a tile begins */
        z->next_step = 0;
        for (size_t s = 0; s < p->stride; s++)
            z->floors[s] = std_floor;
    }
    for (; z->next_step < p->n_factor_steps && p->factor_step[z->next_step].row <= row; z->next_step++)
        z->floors[p->factor_step[z->next_step].symbol] = std_floor * p->factor_step[z->next_step].factor;
    zscore_row(n, z->window - 1, window, z->floors + first, z->out + row * p->stride + first);
}

assay_status assay_rolling_zscore(const assay_panel *panel, size_t window, double *out, assay_error *err) {
    zscore_state state = {.panel = panel, .window = (double)window, .out = out};
    state.floors = assay_aligned_alloc(panel->stride, sizeof *state.floors);
    if (state.floors == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", panel->n_symbols);
    fill_nan(out, (window - 1 < panel->n_bars ? window - 1 : panel->n_bars) * panel->stride);
    assay_status status =
        roll(panel->own_price, panel->n_bars, panel->stride, window, zscore_sink, &state, err);
    free(state.floors);
    return status;
}

/* Simple returns between own bars, on split-adjusted closes whatever the signal prices are: where a step of the factor is
 * not all split, the difference is taken out again. */
static void own_returns(const assay_panel *p, double *out) {
    fill_nan(out, p->stride);
    for (size_t row = 1; row < p->n_bars; row++) {
        const double *now = p->own_price + row * p->stride, *then = now - p->stride;
        for (size_t s = 0; s < p->stride; s++)
            out[row * p->stride + s] = now[s] / then[s] - 1;
    }
    for (size_t i = 0; i < p->n_factor_steps; i++) {
        const assay_factor_step *step = &p->factor_step[i];
        if (step->row == 0 || step->row >= p->n_bars || step->not_split == 1)
            continue;
        double *value = &out[step->row * p->stride + step->symbol];
        *value = (*value + 1) / step->not_split - 1;
    }
}

typedef struct std_state {
    size_t stride;
    double n_minus_1;
    double *out;
} std_state;

static void std_sink(void *state, size_t row, size_t first, size_t n, const moments *window) {
    const std_state *st = state;
    double *out = st->out + row * st->stride + first;
    for (size_t s = 0; s < n; s++)
        out[s] = sqrt(window->m2[s] / st->n_minus_1);
}

assay_status assay_own_return_std(const assay_panel *panel, size_t n_returns, double **out_std,
                                  assay_error *err) {
    size_t n_cells = panel->n_bars * panel->stride;
    double *returns = assay_aligned_alloc(n_cells, sizeof *returns);
    double *out = assay_aligned_alloc(n_cells, sizeof *out);
    assay_status status = ASSAY_OK;
    if (returns == NULL || out == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu cells", n_cells);
    } else {
        std_state state = {panel->stride, (double)(n_returns - 1), out};
        own_returns(panel, returns);
        fill_nan(out, n_cells);
        status = roll(returns, panel->n_bars, panel->stride, n_returns, std_sink, &state, err);
    }
    if (status == ASSAY_OK)
        status = assay_own_to_calendar(panel, out, err);
    free(returns);
    if (status != ASSAY_OK)
        free(out);
    else
        *out_std = out;
    return status;
}
