/* Portfolio beta: lower positions whose beta against the market is too high, raise those whose beta is low.
 * Definition: docs/semantics.md, section 8. */
#include <math.h>

#include "assay/assay_strategy.h"
#include "base/number.h"

enum { TARGET_BETA, LOOKBACK, BAND };
enum { HIGH, LOW };

static const assay_param params[] = {
    {"target_beta", ASSAY_PARAM_DOUBLE, 1.0, -100, 100, "", "beta that is wanted"},
    {"lookback", ASSAY_PARAM_INTEGER, 60, 2, 100000, "bars", "returns in the window"},
    {"band", ASSAY_PARAM_DOUBLE, 0.2, 0, 100, "", "distance from the target beyond which a signal is made"},
};

static const assay_signal_kind kinds[] = {
    {"beta_high", ASSAY_ACTION_REDUCE, 0.5, "Beta ", 1, 2, " above target"},
    {"beta_low", ASSAY_ACTION_INCREASE, 1.0, "Beta ", 1, 2, " below target"},
};

static uint32_t features(const void *context, const double *values, assay_feature *out_features) {
    (void)context;
    out_features[0] =
        (assay_feature){.kind = ASSAY_FEATURE_MARKET_BETA, .window = (uint32_t)values[LOOKBACK]};
    return 1;
}

static assay_status on_bar(void *state, const double *values, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    (void)state;
    const double *beta = assay_view_feature(view, 0);
    double target = values[TARGET_BETA], scale = fabs(target);
    size_t n = assay_view_n_symbols(view);
    for (size_t s = 0; s < n; s++) {
        bool high = beta[s] > target + values[BAND];
        if (!high && !(beta[s] < target - values[BAND]))
            continue;
        double score = fabs(beta[s] - target);
        double strength = scale == 0 ? 1 : assay_min(score / scale, 1);
        assay_status status =
            assay_signal_emit(sink, s, high ? HIGH : LOW, beta[s], score, strength, ASSAY_NAN, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

const assay_strategy assay_strategy_portfolio_beta = {
    .abi_version = ASSAY_STRATEGY_ABI_VERSION,
    .name = "portfolio_beta",
    .summary = "lower positions whose beta is above the target, raise those whose beta is below",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .kinds = kinds,
    .n_kinds = sizeof kinds / sizeof *kinds,
    .features = features,
    .on_bar = on_bar,
};
