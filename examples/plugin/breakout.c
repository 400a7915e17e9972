/* A plugin: buy a move up that is large for the symbol, in a rising trend; sell one down, or after so many bars.
 *
 *     cc -shared -fPIC -I../../include -o breakout.so breakout.c
 *
 * README.md beside this file goes through it.
 */
#include <assay/assay_plugin.h>
#include <math.h>

enum { ATR_WINDOW, TREND_WINDOW, BREADTH, MAX_BARS }; /* indices into params */
enum { MOVE, TREND };                                 /* indices into the features */
enum { BREAK_UP, BREAK_DOWN, TIME_STOP };             /* indices into kinds */

static const double usual_target = (double)NAN; /* of a signal: its kind's */

static const assay_param params[] = {
    {"atr_window", ASSAY_PARAM_INTEGER, 14, 2, 250, "bars", "window of the average true range"},
    {"trend_window", ASSAY_PARAM_INTEGER, 60, 2, 1000, "bars", "window of the trend"},
    {"breadth", ASSAY_PARAM_DOUBLE, 1.5, 0.1, 20, "true ranges", "a larger move is a breakout"},
    {"max_bars", ASSAY_PARAM_INTEGER, 20, 1, 1000, "bars", "a position is sold after so many"},
};

/* The reason of a signal reads "Up 2.13 true ranges": text, value with two decimals, text. */
static const assay_signal_kind kinds[] = {
    {"breakout_up", ASSAY_ACTION_BUY, 1, "Up ", 1, 2, " true ranges"},
    {"breakout_down", ASSAY_ACTION_SELL, 1, "Down ", -1, 2, " true ranges"},
    {"breakout_time_stop", ASSAY_ACTION_SELL, 1, "Held for ", 1, 0, " bars"},
};

/* Computed by the engine for the whole market at once. An expression may name the parameters. */
static uint32_t features(const void *context, const double *values, assay_feature *out_features) {
    (void)context;
    out_features[MOVE] = (assay_feature){.kind = ASSAY_FEATURE_EXPRESSION,
                                         .expression = "(close - lag(close, 1)) / lag(atr(atr_window), 1)"};
    out_features[TREND] =
        (assay_feature){.kind = ASSAY_FEATURE_WINDOW_RETURN, .window = (uint32_t)values[TREND_WINDOW]};
    return 2;
}

/* Called at every bar that the run decides at. The view knows the bar; no function of it takes a later one. */
static assay_status on_bar(void *state, const double *values, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    const double *close = assay_view_close(view), breadth = values[BREADTH];
    const double *move = assay_view_feature(view, MOVE), *trend = assay_view_feature(view, TREND);
    assay_status status = ASSAY_OK;
    (void)state;
    for (size_t s = 0; s < assay_view_n_symbols(view) && status == ASSAY_OK; s++) {
        double held = assay_view_bars_held(view, s); /* NaN while there is no position */
        if (isnan(close[s]))                         /* no bar of its own: a signal here would be an error */
            continue;
        if (held >= values[MAX_BARS])
            status = assay_signal_emit(sink, s, TIME_STOP, held, held, 1, usual_target, err);
        else if (!isnan(held) && move[s] < -breadth)
            status = assay_signal_emit(sink, s, BREAK_DOWN, move[s], -move[s], 1, usual_target, err);
        else if (isnan(held) && move[s] > breadth && trend[s] > 0)
            status = assay_signal_emit(sink, s, BREAK_UP, move[s], move[s], fmin(move[s] / (2 * breadth), 1),
                                       usual_target, err);
    }
    return status;
}

static const assay_strategy breakout = {
    .abi_version = ASSAY_STRATEGY_ABI_VERSION,
    .name = "volatility_breakout",
    .summary = "buy a large move up in a rising trend, sell a large one down or after some time",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .kinds = kinds,
    .n_kinds = sizeof kinds / sizeof *kinds,
    .features = features,
    .on_bar = on_bar,
};

const assay_strategy *assay_plugin(void) {
    return &breakout;
}
