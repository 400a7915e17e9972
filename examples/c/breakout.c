/* A strategy of one's own: buy a new high of the last N closes, sell a new low. Run on the sample market, in memory.
 *
 *     cc -std=c17 breakout.c -o breakout $(pkg-config --cflags --libs assay) -lm
 *
 * docs/c.md explains the descriptor.
 */
#include <assay/assay.h>
#include <assay/assay_sample.h>
#include <math.h>
#include <stdio.h>

/* --- the descriptor --- */

enum { WINDOW };            /* indices into params */
enum { NEW_HIGH, NEW_LOW }; /* indices into kinds */

static const assay_param params[] = {
    {"window", ASSAY_PARAM_INTEGER, 50, 2, 1000, "bars", "own bars in the window, the current one included"},
};

/* The reason of a signal reads "New high of the window: +1.25%": text, value x 100 with two decimals, text. */
static const assay_signal_kind kinds[] = {
    {"breakout_high", ASSAY_ACTION_BUY, 1.0, "New high of the window: +", 100, 2, "%"},
    {"breakout_low", ASSAY_ACTION_SELL, 1.0, "New low of the window: -", 100, 2, "%"},
};

/* Called at every rebalance bar. The view knows the bar; no function of it takes a later one. */
static assay_status on_bar(void *state, const double *values, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    (void)state;
    const size_t window = (size_t)values[WINDOW];
    const double *close = assay_view_close(view);
    for (size_t symbol = 0; symbol < assay_view_n_symbols(view); symbol++) {
        if (isnan(close[symbol])) /* no bar of its own: a signal here would be an error */
            continue;
        double high = 0, low = INFINITY;
        size_t lag = 1;
        for (; lag < window; lag++) {
            double past = assay_view_adjusted_close(view, symbol, lag);
            if (isnan(past))
                break; /* fewer own bars than the window */
            high = fmax(high, past);
            low = fmin(low, past);
        }
        if (lag < window)
            continue;
        double now = assay_view_adjusted_close(view, symbol, 0);
        double beyond = now > high ? now / high - 1 : now < low ? 1 - now / low : 0;
        if (beyond == 0)
            continue;
        assay_status status = assay_signal_emit(sink, symbol, now > high ? NEW_HIGH : NEW_LOW, beyond, beyond,
                                                fmin(beyond / 0.05, 1), NAN, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

static const assay_strategy breakout = {
    .abi_version = ASSAY_STRATEGY_ABI_VERSION,
    .name = "breakout",
    .summary = "buy a new high of the window, sell a new low",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .kinds = kinds,
    .n_kinds = sizeof kinds / sizeof *kinds,
    .on_bar = on_bar,
};

/* --- a run of it --- */

static assay_status make_panel(assay_panel **out_panel, assay_error *err) {
    assay_panel_builder *builder = NULL;
    assay_sample_spec spec;
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    assay_sample_spec_init(&spec);
    spec.n_symbols = 40;
    spec.n_bars = 756;
    assay_status status = assay_panel_builder_create(&builder, err);
    if (status == ASSAY_OK)
        status = assay_sample_build(&spec, builder, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(builder, &options, out_panel, NULL, err);
    assay_panel_builder_destroy(builder);
    return status;
}

int main(void) {
    assay_error err = {0};
    assay_panel *panel = NULL;
    assay_config *config = NULL;
    assay_result *result = NULL;
    assay_status status = make_panel(&panel, &err);
    if (status == ASSAY_OK)
        status = assay_config_create(&breakout, &config, &err);
    if (status == ASSAY_OK)
        status = assay_config_set(config, "window", "60", &err);
    if (status == ASSAY_OK)
        status = assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err);
    if (status == ASSAY_OK) {
        size_t n_signals = 0, n_fills = 0;
        (void)assay_result_signals(result, &n_signals);
        (void)assay_result_fills(result, &n_fills);
        printf("%zu signals, %zu fills\n", n_signals, n_fills);
        for (size_t i = 0; i < assay_metric_count(); i++)
            printf("%-22s %12.4f %s\n", assay_metric_at(i)->name, assay_result_metrics(result)[i],
                   assay_metric_at(i)->unit);
    } else {
        fprintf(stderr, "breakout: %s: %s\n", assay_status_name(status), err.message);
    }
    assay_result_destroy(result);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
    return status == ASSAY_OK ? 0 : 1;
}
