/* Momentum: buy what rose by more than a threshold over the look-back window, sell what fell by more.
 * Definition: docs/semantics.md, section 8. */
#include "assay/assay_strategy.h"

enum { LOOKBACK, THRESHOLD };

static const assay_param params[] = {
    {"lookback", ASSAY_PARAM_INTEGER, 20, 2, 100000, "bars",
     "own bars in the window, the current one included"},
    {"threshold", ASSAY_PARAM_DOUBLE, 0.10, 0, 1000, "fraction",
     "return over the window beyond which a signal is made"},
};

static const assay_signal_kind kinds[] = {
    {"momentum_strong", ASSAY_ACTION_BUY, 1.0, "Momentum: ", 100, 2, "%"},
    {"momentum_weak", ASSAY_ACTION_SELL, 0.5, "Negative momentum: ", 100, 2, "%"},
};

static uint32_t features(const void *context, const double *values, assay_feature *out_features) {
    (void)context;
    out_features[0] =
        (assay_feature){.kind = ASSAY_FEATURE_WINDOW_RETURN, .window = (uint32_t)values[LOOKBACK]};
    return 1;
}

static const assay_threshold_form form = {
    .feature = 0, .threshold_param = THRESHOLD, .kind_above = 0, .kind_below = 1};

const assay_strategy assay_strategy_momentum = {
    .abi_version = ASSAY_STRATEGY_ABI_VERSION,
    .name = "momentum",
    .summary = "buy what rose by more than a threshold over a window, sell what fell by more",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .kinds = kinds,
    .n_kinds = sizeof kinds / sizeof *kinds,
    .features = features,
    .threshold_form = &form,
};
