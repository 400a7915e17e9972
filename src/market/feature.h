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

#endif
