/* A plugin that is wrong in the way that the environment variable ASSAY_TEST_EVIL names; without it, it is right.
 *
 * It is built against the public headers alone, like any other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_panel.h"
#include "assay/assay_plugin.h"

static bool is(const char *evil) {
    const char *chosen = getenv("ASSAY_TEST_EVIL");
    return chosen != NULL && strcmp(chosen, evil) == 0;
}

/* --- tables, which are spoiled before they are given out --- */

static assay_param params[ASSAY_MAX_PARAMS + 1];
static assay_signal_kind kinds[ASSAY_MAX_KINDS + 1];
static assay_threshold_form form;
static assay_strategy strategy;

static uint32_t features(const void *context, const double *values, assay_feature *out) {
    (void)context;
    out[0] = (assay_feature){.kind = ASSAY_FEATURE_WINDOW_RETURN, .window = (uint32_t)values[0]};
    out[1] = (assay_feature){.kind = ASSAY_FEATURE_EXPRESSION, .expression = "sma(close, window) / close"};
    if (is("too many features"))
        return ASSAY_MAX_FEATURES + 1;
    if (is("expression"))
        out[1].expression = "sma(close, windw) / close";
    if (is("expression NULL"))
        out[1].expression = NULL;
    if (is("expression of positions"))
        out[1].expression = "bars_held + 1";
    if (is("feature kind"))
        out[0].kind = (assay_feature_kind)17;
    if (is("feature window"))
        out[0].window = 1;
    return is("no feature") ? 0 : 2;
}

/* --- a run --- */

static assay_status create(const void *context, const double *values, size_t n_symbols, void **out_state,
                           assay_error *err) {
    (void)context;
    (void)values;
    (void)n_symbols;
    *out_state = NULL;
    if (is("create fails"))
        return assay_error_set(err, ASSAY_E_STRATEGY, "the moon is full");
    if (is("create says nothing"))
        return ASSAY_E_STRATEGY;
    return ASSAY_OK;
}

static assay_status emit(assay_signal_sink *sink, size_t symbol, uint32_t kind, double strength,
                         double target) {
    return assay_signal_emit(sink, symbol, kind, 1, 1, strength, target, NULL);
}

static assay_status emit_wrongly(const assay_view *view, assay_signal_sink *sink) {
    if (is("NaN strength"))
        return emit(sink, 0, 0, (double)NAN, (double)NAN);
    if (is("large strength"))
        return emit(sink, 0, 0, 1.5, (double)NAN);
    if (is("unknown symbol"))
        return emit(sink, assay_view_n_symbols(view), 0, 1, (double)NAN);
    if (is("huge symbol"))
        return emit(sink, SIZE_MAX, 0, 1, (double)NAN);
    if (is("unknown kind"))
        return emit(sink, 0, strategy.n_kinds, 1, (double)NAN);
    if (is("large target"))
        return emit(sink, 0, 0, 1, -1.5);
    if (is("infinite target"))
        return emit(sink, 0, 0, 1, (double)INFINITY);
    if (is("no target"))
        return emit(sink, 0, 2, 1, (double)NAN);
    (void)!emit(sink, 1, 0, 1, (double)NAN);
    if (is("late symbol"))
        return emit(sink, 0, 0, 1, (double)NAN);
    if (is("same symbol"))
        return emit(sink, 1, 1, 1, (double)NAN);
    if (is("late symbol ignored")) {
        (void)!emit(sink, 0, 0, 1, (double)NAN);
        (void)!emit(sink, 2, 0, 1, (double)NAN);
    }
    return ASSAY_OK;
}

/* Whatever the view is asked, it answers. */
static bool view_answers(const assay_view *view) {
    size_t beyond = assay_view_n_symbols(view);
    return assay_view_feature(view, 2) == NULL && assay_view_column(view, -1) == NULL &&
           assay_view_column(view, 1000) == NULL && assay_view_symbol(view, beyond) == NULL &&
           isnan(assay_view_adjusted_close(view, beyond, 0)) &&
           isnan(assay_view_adjusted_close(view, 0, SIZE_MAX)) &&
           isnan(assay_view_adjusted(view, ASSAY_COLUMN_HIGH, beyond, 0)) &&
           isnan(assay_view_adjusted(view, -1, 0, 0)) && isnan(assay_view_adjusted(view, 99, 0, 0)) &&
           isnan(assay_view_bars_held(view, beyond)) && isnan(assay_view_unrealised_return(view, beyond)) &&
           assay_view_quantity(view, beyond) == 0 && assay_view_own_bars(view, beyond) == 0 &&
           assay_view_sector_name(view, ASSAY_VIEW_NO_SECTOR) == NULL && assay_view_sectors(view) == NULL;
}

static assay_status on_bar(void *state, const double *values, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    (void)state;
    (void)values;
    if (is("on_bar fails"))
        return assay_error_set(err, ASSAY_E_STRATEGY, "the moon is new");
    if (is("on_bar gives another status"))
        return assay_error_set(err, (assay_status)77, "77");
    if (is("asks for anything"))
        return view_answers(view) ? ASSAY_OK
                                  : assay_error_set(err, ASSAY_E_STRATEGY, "the view answered wrongly");
    return emit_wrongly(view, sink);
}

/* --- descriptors --- */

static void spoil_params(void) {
    static char long_name[] = "a234567890123456789012345678901234567890123456789012345678901";
    if (is("param NULL"))
        params[1].name = NULL;
    if (is("param twice"))
        params[1].name = "window";
    if (is("param name"))
        params[1].name = "long-window";
    if (is("param digit"))
        params[1].name = "2nd";
    if (is("param long"))
        params[1].name = long_name;
    if (is("param bounds"))
        params[0].min = 30;
    if (is("param NaN"))
        params[0].max = (double)NAN;
    if (is("param default"))
        params[1].default_value = 2;
    if (is("param default NaN"))
        params[1].default_value = (double)NAN;
    if (is("param whole"))
        params[0].default_value = 20.5;
    if (is("param type"))
        params[1].type = (assay_param_type)9;
    if (is("param help"))
        params[1].help = NULL;
    if (is("too many params"))
        strategy.n_params = ASSAY_MAX_PARAMS + 1;
    if (is("params NULL"))
        strategy.params = NULL;
}

static void spoil_kinds(void) {
    if (is("kinds none"))
        strategy.n_kinds = 0;
    if (is("kinds NULL"))
        strategy.kinds = NULL;
    if (is("too many kinds"))
        strategy.n_kinds = ASSAY_MAX_KINDS + 1;
    if (is("kind type NULL"))
        kinds[1].signal_type = NULL;
    if (is("kind type empty"))
        kinds[1].signal_type = "";
    if (is("kind reason"))
        kinds[1].reason_after = NULL;
    if (is("kind action"))
        kinds[1].action = (assay_action)6;
    if (is("kind target"))
        kinds[1].target_position = 1.01;
    if (is("kind target NaN"))
        kinds[1].target_position = (double)NAN;
}

static void spoil_form(const char *evil) {
    form = (assay_threshold_form){.feature = 0, .threshold_param = 1, .kind_above = 0, .kind_below = 1};
    if (strncmp(evil, "form", 4) != 0)
        return;
    strategy.threshold_form = &form;
    strategy.on_bar = NULL;
    if (is("form feature"))
        form.feature = 2;
    if (is("form param"))
        form.threshold_param = 2;
    if (is("form kind"))
        form.kind_below = 3;
    if (is("form without features"))
        strategy.features = NULL;
}

static void spoil_rest(void) {
    static char long_name[] = "a234567890123456789012345678901234567890123456789012345678901";
    if (is("version"))
        strategy.abi_version = 1;
    if (is("version alone")) { /* of an interface that has none of this */
        memset(&strategy, 0xee, sizeof strategy);
        strategy.abi_version = 99;
    }
    if (is("neither"))
        strategy.on_bar = NULL;
    if (is("name NULL"))
        strategy.name = NULL;
    if (is("name"))
        strategy.name = "evil+evil";
    if (is("name empty"))
        strategy.name = "";
    if (is("name long"))
        strategy.name = long_name;
    if (is("summary NULL"))
        strategy.summary = NULL;
    if (is("pretends")) { /* that it was made, and by somebody else */
        strategy.reference = "momentum";
        strategy.ensemble = (const struct assay_ensemble *)&form;
        strategy.release = (void (*)(assay_strategy *))abort;
    }
}

const assay_strategy *assay_plugin(void) {
    if (is("NULL"))
        return NULL;
    params[0] = (assay_param){"window", ASSAY_PARAM_INTEGER, 20, 2, 500, "bars", "a window"};
    params[1] = (assay_param){"threshold", ASSAY_PARAM_DOUBLE, 0.1, 0, 1, "", "a threshold"};
    kinds[0] = (assay_signal_kind){"evil_buy", ASSAY_ACTION_BUY, 1, "", 1, 2, ""};
    kinds[1] = (assay_signal_kind){"evil_sell", ASSAY_ACTION_SELL, 1, "", 1, 2, ""};
    kinds[2] = (assay_signal_kind){"evil_target", ASSAY_ACTION_TARGET, (double)NAN, "", 1, 2, ""};
    strategy = (assay_strategy){.abi_version = ASSAY_STRATEGY_ABI_VERSION,
                                .name = "evil",
                                .summary = "what a plugin should not do",
                                .params = params,
                                .n_params = 2,
                                .kinds = kinds,
                                .n_kinds = 3,
                                .features = features,
                                .create = create,
                                .on_bar = on_bar};
    const char *evil = getenv("ASSAY_TEST_EVIL");
    if (evil != NULL) {
        spoil_params();
        spoil_kinds();
        spoil_form(evil);
        spoil_rest();
    }
    return &strategy;
}
