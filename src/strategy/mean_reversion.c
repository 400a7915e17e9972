/* Mean reversion: buy what lies far below its mean of the look-back window, in standard deviations; sell what lies far
 * above. Definition: docs/semantics.md, section 8. */
#include <math.h>

#include "assay/assay_strategy.h"

enum { LOOKBACK, Z_THRESHOLD };

static const assay_param params[] = {
    {"lookback", ASSAY_PARAM_INTEGER, 20, 2, 100000, "bars",
     "own bars in the window, the current one included"},
    {"z_threshold", ASSAY_PARAM_DOUBLE, 2.0, 0, 1000, "standard deviations",
     "distance from the mean beyond which a signal is made"},
};

static const assay_signal_kind kinds[] = {
    {"reversion_overbought", ASSAY_ACTION_SELL, 0.5, "Overbought: ", 1, 2, "\xcf\x83 above mean"},
    {"reversion_oversold", ASSAY_ACTION_BUY, 1.0, "Oversold: ", 1, 2, "\xcf\x83 below mean"},
};

static uint32_t features(const void *context, const double *values, assay_feature *out_features) {
    (void)context;
    out_features[0] = (assay_feature){.kind = ASSAY_FEATURE_ZSCORE, .window = (uint32_t)values[LOOKBACK]};
    return 1;
}

/* The largest |z| that n values can have is (n - 1) / sqrt(n) (Shiffler 1988). */
static assay_status check(const void *context, const double *values, const char **out_warning,
                          assay_error *err) {
    (void)context;
    (void)err;
    double n = values[LOOKBACK];
    *out_warning = values[Z_THRESHOLD] >= (n - 1) / sqrt(n)
                       ? "z_threshold can never be reached: |z| of n values is at most (n-1)/sqrt(n)"
                       : NULL;
    return ASSAY_OK;
}

static const assay_threshold_form form = {
    .feature = 0, .threshold_param = Z_THRESHOLD, .kind_above = 0, .kind_below = 1};

const assay_strategy assay_strategy_mean_reversion = {
    .abi_version = ASSAY_STRATEGY_ABI_VERSION,
    .name = "mean_reversion",
    .summary = "buy what lies far below its rolling mean, sell what lies far above",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .kinds = kinds,
    .n_kinds = sizeof kinds / sizeof *kinds,
    .features = features,
    .check = check,
    .threshold_form = &form,
};
