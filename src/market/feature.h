/* Windowed features of the whole panel.
 *
 * A feature is pure: at bar t, for symbol s, it is bit for bit a function of the last `window` own bars, whatever was
 * loaded before them. Results are in calendar layout: NaN where the symbol has no bar of its own at t or fewer own bars
 * than the window.
 */
#ifndef ASSAY_MARKET_FEATURE_H
#define ASSAY_MARKET_FEATURE_H

#include "assay/assay_strategy.h"
#include "market/panel.h"

/* Writes n_bars x stride doubles to `out` (the caller's, cache-line aligned). ASSAY_E_NOMEM (scratch), ASSAY_E_ARGUMENT
 * (window 0, or 1 where two bars are needed). */
ASSAY_NODISCARD assay_status assay_feature_compute(const assay_panel *panel, const assay_feature *feature,
                                                   double *out, assay_error *err);

/* The same values one bar after the other, for a run that reads each row once. */
typedef struct assay_feature_stream {
    const assay_panel *panel;
    assay_feature feature;
    double *matrix; /* the whole feature, where a row cannot be made by itself */
    double *row;
    int64_t *gaps; /* of each symbol so far, times the stride */
    int64_t *first, *last;
    size_t next_bar;
} assay_feature_stream;

/* ASSAY_E_NOMEM, ASSAY_E_ARGUMENT as above. Reset it in every case. */
ASSAY_NODISCARD assay_status assay_feature_stream_init(assay_feature_stream *stream, const assay_panel *panel,
                                                       const assay_feature *feature, assay_error *err);
void assay_feature_stream_reset(assay_feature_stream *stream); /* frees what it owns */

/* The row of bar t, `stride` values, until the next call. Bars must come in ascending order, from any first one. */
const double *assay_feature_stream_row(assay_feature_stream *stream, size_t t);

#endif
