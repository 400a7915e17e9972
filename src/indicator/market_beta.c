/* Beta to a market: the covariance of a symbol's returns with the market's over the market's variance.
 *
 * Pairs of returns are closed up symbol by symbol, so that a window of `lookback` pairs is as many consecutive rows for
 * every symbol, whatever its gaps and the market's. The window is merged by doubling (market/doubling.c): beta is bit for
 * bit a function of its last pairs, and its error does not grow with time.
 */
#include "indicator/market_beta.h"

#include <math.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "base/simd.h"
#include "base/sum.h"
#include "indicator/blocks.h"
#include "indicator/kernel.h"
#include "market/universe.h"

/* The walk of some symbols over the calendar. */
typedef struct beta_walk {
    const assay_panel *panel;
    const double *market_return;
    size_t first, n;          /* symbols */
    size_t gaps[ASSAY_TILE];  /* so far */
    size_t pairs[ASSAY_TILE]; /* so far */
} beta_walk;

static void start_walk(beta_walk *w) {
    for (size_t i = 0; i < ASSAY_TILE; i++)
        w->gaps[i] = w->pairs[i] = 0;
}

/* The own row of symbol `i` of the walk at bar t; false where it has no bar there. Bars in ascending order. */
static bool own_row(beta_walk *w, size_t i, size_t t, size_t *out_row) {
    const assay_panel *p = w->panel;
    size_t s = w->first + i;
    if (t < p->first_bar[s] || t > p->last_bar[s])
        return false;
    if (isnan(p->column[ASSAY_COLUMN_CLOSE][t * p->stride + s])) {
        w->gaps[i]++;
        return false;
    }
    *out_row = t - w->gaps[i];
    return true;
}

/* The return into own row `row` and the market's at its bar; false where one of them is missing. */
static bool pair_at(const beta_walk *w, size_t i, size_t t, size_t row, double *out_x, double *out_y) {
    const assay_panel *p = w->panel;
    size_t s = w->first + i;
    if (row == p->first_bar[s])
        return false;
    const double *now = p->own_price + row * p->stride + s;
    *out_x = now[0] / *(now - p->stride) - 1;
    *out_y = w->market_return[t];
    return isfinite(*out_x) && isfinite(*out_y);
}

static void close_up_pairs(beta_walk *w, double *x, double *y) {
    size_t row;
    assay_fill_nan(x, w->panel->n_bars * ASSAY_TILE);
    assay_fill_nan(y, w->panel->n_bars * ASSAY_TILE);
    start_walk(w);
    for (size_t t = 0; t < w->panel->n_bars; t++) {
        for (size_t i = 0; i < w->n; i++) {
            size_t cell = w->pairs[i] * ASSAY_TILE + i;
            if (own_row(w, i, t, &row) && pair_at(w, i, t, row, &x[cell], &y[cell]))
                w->pairs[i]++;
        }
    }
}

/* A bar for which the market has no return keeps the beta of the pairs before it. */
static void spread_betas(beta_walk *w, const double *beta, double *out) {
    const assay_panel *p = w->panel;
    double x, y;
    size_t row;
    start_walk(w);
    for (size_t t = 0; t < p->n_bars; t++) {
        for (size_t i = 0; i < w->n; i++) {
            if (!own_row(w, i, t, &row))
                continue;
            w->pairs[i] += pair_at(w, i, t, row, &x, &y) ? 1 : 0;
            if (w->pairs[i] != 0)
                out[row * p->stride + w->first + i] = beta[(w->pairs[i] - 1) * ASSAY_TILE + i];
        }
    }
}

ASSAY_SIMD static void beta_row(size_t n, const double *restrict number, const double *restrict x,
                                const double *restrict window, double *restrict out) {
    (void)number, (void)x;
    for (size_t s = 0; s < n; s++)
        out[s] = window[ASSAY_PAIRS_XY + s] / window[ASSAY_PAIRS_YY + s];
}

assay_status assay_market_beta(const assay_panel *p, const double *market_return, size_t lookback,
                               double *out, assay_error *err) {
    size_t size = p->n_bars * ASSAY_TILE;
    double *x = assay_block_alloc(3 * size, sizeof *x);
    beta_walk *walk = malloc(sizeof *walk);
    assay_status status = ASSAY_OK;
    if (x == NULL || walk == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for betas over %zu bars", p->n_bars);
    } else {
        double *y = x + size, *beta = y + size;
        const assay_window w = {.kind = &assay_pairs,
                                .x = {{x, ASSAY_TILE}, {y, ASSAY_TILE}},
                                .length = lookback,
                                .finish = beta_row};
        assay_fill_nan(out, p->n_bars * p->stride);
        walk->panel = p;
        walk->market_return = market_return;
        for (size_t first = 0; status == ASSAY_OK && first < p->n_symbols; first += ASSAY_TILE) {
            walk->first = first;
            walk->n = p->n_symbols - first < ASSAY_TILE ? p->n_symbols - first : ASSAY_TILE;
            close_up_pairs(walk, x, y);
            status = assay_window_rows(&w, p->n_bars, walk->n, beta, ASSAY_TILE, err);
            if (status == ASSAY_OK)
                spread_betas(walk, beta, out);
        }
    }
    assay_block_free(x);
    free(walk);
    return status;
}

assay_status assay_equal_weight_market(const assay_panel *p, double *out_return, assay_error *err) {
    size_t *gaps = calloc(p->n_symbols, sizeof *gaps);
    if (gaps == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", p->n_symbols);
    for (size_t t = 0; t < p->n_bars; t++) {
        const double *close = p->column[ASSAY_COLUMN_CLOSE] + t * p->stride;
        const uint8_t *outside = assay_panel_outside(p, t);
        assay_sum sum = {0};
        size_t n = 0;
        for (size_t s = 0; s < p->n_symbols; s++) {
            if (t <= p->first_bar[s] || t > p->last_bar[s])
                continue;
            if (isnan(close[s])) {
                gaps[s]++;
                continue;
            }
            if (outside != NULL && outside[s] != 0)
                continue;
            const double *now = p->own_price + (t - gaps[s]) * p->stride + s;
            assay_sum_add(&sum, now[0] / *(now - p->stride) - 1);
            n++;
        }
        out_return[t] = n == 0 ? ASSAY_NAN : assay_sum_value(&sum) / (double)n;
    }
    free(gaps);
    return ASSAY_OK;
}
