/* Features in own time, then spread to the calendar. Rolling statistics: rolling.c. */
#include "market/feature.h"

#include <math.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "base/simd.h"
#include "market/rolling.h"

ASSAY_SIMD static void window_return_row(size_t n, const double *restrict now, const double *restrict then,
                                         double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = now[s] / then[s] - 1;
}

static void fill_nan(double *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = ASSAY_NAN;
}

static void window_return(const assay_panel *panel, size_t window, double *out) {
    size_t back = window - 1, stride = panel->stride;
    fill_nan(out, (back < panel->n_bars ? back : panel->n_bars) * stride);
    for (size_t row = back; row < panel->n_bars; row++)
        window_return_row(stride, panel->own_price + row * stride, panel->own_price + (row - back) * stride,
                          out + row * stride);
}

assay_status assay_feature_compute(const assay_panel *panel, const assay_feature *feature, double *out,
                                   assay_error *err) {
    assay_status status = ASSAY_OK;
    if (feature->window < 2)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a window of %u bars is too short: at least 2",
                               feature->window);
    switch (feature->kind) {
    case ASSAY_FEATURE_WINDOW_RETURN:
        window_return(panel, feature->window, out);
        break;
    case ASSAY_FEATURE_ZSCORE:
        status = assay_rolling_zscore(panel, feature->window, out, err);
        break;
    default:
        return assay_error_set(err, ASSAY_E_ARGUMENT, "unknown feature kind %d", (int)feature->kind);
    }
    return status == ASSAY_OK ? assay_own_to_calendar(panel, out, err) : status;
}

/* --- row by row --- */

/* One row straight from own time: each symbol's own row is its calendar bar less its gaps so far. */
ASSAY_SIMD static void window_return_at(size_t n, int64_t t, int64_t stride, int64_t back,
                                        const double *restrict close, const double *restrict own,
                                        const int64_t *restrict first, const int64_t *restrict last,
                                        int64_t *restrict gaps, double *restrict out) {
    for (size_t s = 0; s < n; s++) {
        bool missing = isnan(close[s]);
        int64_t now = t * stride - gaps[s], then = now - back * stride;
        int64_t then_or_0 = then < 0 ? 0 : then;
        double value = own[now + (int64_t)s] / own[then_or_0 + (int64_t)s] - 1;
        out[s] = missing || then < 0 ? ASSAY_NAN : value;
        gaps[s] += missing && t > first[s] && t < last[s] ? stride : 0;
    }
}

assay_status assay_feature_stream_init(assay_feature_stream *f, const assay_panel *panel,
                                       const assay_feature *feature, assay_error *err) {
    size_t n = panel->n_symbols;
    *f = (assay_feature_stream){.panel = panel, .feature = *feature};
    if (feature->kind != ASSAY_FEATURE_WINDOW_RETURN || feature->window < 2) {
        f->matrix = assay_block_alloc(panel->n_bars * panel->stride, sizeof *f->matrix);
        if (f->matrix == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM,
                                   "out of memory for a feature of %zu bars x %zu symbols", panel->n_bars, n);
        return assay_feature_compute(panel, feature, f->matrix, err);
    }
    f->row = assay_block_alloc(panel->stride, sizeof *f->row);
    f->gaps = calloc(n, sizeof *f->gaps);
    f->first = malloc(n * sizeof *f->first);
    f->last = malloc(n * sizeof *f->last);
    if (f->row == NULL || f->gaps == NULL || f->first == NULL || f->last == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", n);
    for (size_t s = 0; s < panel->stride; s++)
        f->row[s] = ASSAY_NAN;
    for (size_t s = 0; s < n; s++) {
        f->first[s] = panel->first_bar[s];
        f->last[s] = panel->last_bar[s];
    }
    return ASSAY_OK;
}

void assay_feature_stream_reset(assay_feature_stream *f) {
    assay_block_free(f->matrix);
    assay_block_free(f->row);
    free(f->gaps);
    free(f->first);
    free(f->last);
    *f = (assay_feature_stream){0};
}

/* Gaps of the bars that the caller skipped. */
static void skip_to(assay_feature_stream *f, size_t t) {
    const assay_panel *p = f->panel;
    for (size_t i = 0; t > f->next_bar && i < p->n_irregular && t > 0; i++) {
        size_t s = p->irregular[i];
        f->gaps[s] = (int64_t)(assay_panel_gaps_until(p, s, t - 1) * p->stride);
    }
}

const double *assay_feature_stream_row(assay_feature_stream *f, size_t t) {
    const assay_panel *p = f->panel;
    size_t back = f->feature.window - 1;
    if (f->matrix != NULL)
        return f->matrix + t * p->stride;
    if (p->n_irregular == 0 && t >= back) {
        const double *now = p->own_price + t * p->stride;
        window_return_row(p->stride, now, now - back * p->stride, f->row);
        return f->row;
    }
    skip_to(f, t);
    window_return_at(p->n_symbols, (int64_t)t, (int64_t)p->stride, (int64_t)back,
                     p->column[ASSAY_COLUMN_CLOSE] + t * p->stride, p->own_price, f->first, f->last, f->gaps,
                     f->row);
    f->next_bar = t + 1;
    return f->row;
}
