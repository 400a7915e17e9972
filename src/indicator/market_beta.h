/* The market's return, and each symbol's beta to it. See market_beta.c. */
#ifndef ASSAY_INDICATOR_MARKET_BETA_H
#define ASSAY_INDICATOR_MARKET_BETA_H

#include "market/panel.h"

/* Writes n_bars x stride values in own time: cov / var over the symbol's last `lookback` >= 2 simple returns between own
 * bars (signal prices) for which the market has a return, up to and including the row's bar; NaN where there are fewer, and
 * where the market did not vary. market_return has a value for each calendar bar, NaN = none. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_market_beta(const assay_panel *panel, const double *market_return,
                                               size_t lookback, double *out, assay_error *err);

/* Writes n_bars values: the mean of the returns between own bars (signal prices) of all symbols that have one at the bar;
 * NaN where none has. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_equal_weight_market(const assay_panel *panel, double *out_return,
                                                       assay_error *err);

#endif
