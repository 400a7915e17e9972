/* Rolling z-scores and deviations over own bars. See doubling.c for how. */
#ifndef ASSAY_MARKET_ROLLING_H
#define ASSAY_MARKET_ROLLING_H

#include "market/panel.h"

/* out[row] = (c - mean) / (std + 1e-6) over the `window` rows ending at each own-time row, ddof 1, at the as-of raw scale;
 * NaN where the window is not full. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_rolling_zscore(const assay_panel *panel, size_t window, double *out,
                                                  assay_error *err);

typedef struct assay_zscore_spec {
    size_t window; /* rows, at least 2 */
    double floor;  /* added to the deviation, at the as-of raw scale */
    int power;     /* of the forward factor in the values: 1 for prices, 0 for numbers */
} assay_zscore_spec;

/* The same of any values in own time (n_bars x stride, not `out`). ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_rolling_zscore_of(const assay_panel *panel, const assay_zscore_spec *spec,
                                                     const double *values, double *out, assay_error *err);

/* Makes n_bars x stride doubles in calendar layout: the standard deviation (ddof 1) of the last n_returns simple returns
 * between own bars, on split-adjusted closes; NaN where there are fewer. free() frees it. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_own_return_std(const assay_panel *panel, size_t n_returns,
                                                  double **out_std, assay_error *err);

#endif
