/* A backtest in memory: three invented symbols, the built-in momentum strategy, metrics and trades on the screen.
 *
 *     cc -std=c17 momentum.c -o momentum $(pkg-config --cflags --libs assay) -lm
 *
 * docs/c.md goes through it.
 */
#include <assay/assay.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { N_SYMBOLS = 3, N_DAYS = 250 };
static const int64_t US_PER_DAY = INT64_C(86400000000);

static const struct {
    const char *name;
    double level, swing, period, drift;
} market[N_SYMBOLS] = {
    {"ALFA", 100, 0.25, 60, 0.0002},
    {"BETA", 40, 0.30, 45, 0.0000},
    {"GAMA", 250, 0.10, 90, 0.0010},
};

/* One symbol's bars, on weekdays from 2024-01-01 (a Monday). */
static assay_status add_symbol(assay_panel_builder *builder, size_t which, assay_error *err) {
    static double open[N_DAYS], high[N_DAYS], low[N_DAYS], close[N_DAYS], volume[N_DAYS];
    static int64_t time[N_DAYS];
    static uint32_t symbol[N_DAYS];
    const int64_t first_day = 19723; /* days since 1970-01-01 */
    uint32_t id = 0;
    const char *name = market[which].name;
    assay_status status = assay_panel_builder_symbol(builder, name, 4, &id, err);
    if (status != ASSAY_OK)
        return status;
    for (int i = 0; i < N_DAYS; i++) {
        double wave = sin(6.283185307179586 * i / market[which].period);
        close[i] = market[which].level * (1 + market[which].swing * wave) * (1 + market[which].drift * i);
        open[i] = i == 0 ? close[i] : close[i - 1];
        high[i] = fmax(open[i], close[i]) * 1.005;
        low[i] = fmin(open[i], close[i]) * 0.995;
        volume[i] = 1e6;
        time[i] = (first_day + i / 5 * 7 + i % 5) * US_PER_DAY;
        symbol[i] = id;
    }
    const assay_panel_rows rows = {
        .n_rows = N_DAYS,
        .symbol = symbol,
        .timestamp_us = time,
        .column = {open, high, low, close, volume},
    };
    return assay_panel_builder_add_rows(builder, &rows, err);
}

static assay_status make_panel(assay_panel **out_panel, assay_error *err) {
    assay_panel_builder *builder = NULL;
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    assay_status status = assay_panel_builder_create(&builder, err);
    for (size_t i = 0; status == ASSAY_OK && i < N_SYMBOLS; i++)
        status = add_symbol(builder, i, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(builder, &options, out_panel, NULL, err);
    assay_panel_builder_destroy(builder);
    return status;
}

static assay_status make_config(assay_config **out_config, assay_error *err) {
    const assay_strategy *strategy = assay_strategy_find("momentum", err);
    if (strategy == NULL)
        return err->status;
    assay_status status = assay_config_create(strategy, out_config, err);
    if (status == ASSAY_OK)
        status = assay_config_set(*out_config, "threshold", "0.08", err); /* a parameter of the strategy */
    if (status == ASSAY_OK)
        status = assay_config_set(*out_config, "max_position_pct", "0.30", err); /* a setting of the engine */
    return status;
}

/* "2024-03-05" of a bar. */
static const char *date_of(const assay_panel *panel, uint32_t bar, char out_text[11]) {
    time_t seconds = (time_t)(assay_panel_timestamps(panel)[bar] / 1000000);
    strftime(out_text, 11, "%Y-%m-%d", gmtime(&seconds));
    return out_text;
}

static void print_metrics(const assay_result *result) {
    const double *value = assay_result_metrics(result);
    for (size_t i = 0; i < assay_metric_count(); i++) {
        const assay_metric *metric = assay_metric_at(i);
        if (isnan(value[i]))
            printf("%-22s %12s %s\n", metric->name, "-", metric->unit);
        else
            printf("%-22s %12.4f %s\n", metric->name, value[i], metric->unit);
    }
}

static void print_trades(const assay_result *result) {
    size_t n = 0, n_signals = 0;
    const assay_panel *panel = assay_result_panel(result);
    const assay_strategy *strategy = assay_config_strategy(assay_result_config(result));
    const assay_trade *trade = assay_result_trades(result, &n);
    const assay_signal *signal = assay_result_signals(result, &n_signals);
    printf("\n%-6s %-10s %-10s %10s %10s %10s %10s  %s\n", "symbol", "entry", "exit", "quantity", "price in",
           "price out", "pnl", "why");
    for (size_t i = 0; i < n; i++) {
        char entry[11], exit[11], reason[128] = "";
        if (trade[i].entry_signal != ASSAY_NO_SIGNAL)
            assay_signal_reason(strategy, &signal[trade[i].entry_signal], reason, sizeof reason);
        printf("%-6s %-10s %-10s %10.3f %10.3f %10.3f %10.2f  %s\n",
               assay_panel_symbol(panel, trade[i].symbol), date_of(panel, trade[i].entry_bar, entry),
               trade[i].is_open ? "open" : date_of(panel, trade[i].exit_bar, exit), trade[i].quantity,
               trade[i].entry_price, trade[i].exit_price, trade[i].pnl, reason);
    }
}

int main(void) {
    assay_error err = {0};
    assay_panel *panel = NULL;
    assay_config *config = NULL;
    assay_result *result = NULL;
    assay_status status = make_panel(&panel, &err);
    if (status == ASSAY_OK)
        status = make_config(&config, &err);
    if (status == ASSAY_OK)
        status = assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err);
    if (status == ASSAY_OK) {
        print_metrics(result);
        print_trades(result);
    } else {
        fprintf(stderr, "momentum: %s: %s\n", assay_status_name(status), err.message);
    }
    assay_result_destroy(result); /* before the panel and the configuration's strategy, to which it refers */
    assay_config_destroy(config);
    assay_panel_destroy(panel);
    return status == ASSAY_OK ? 0 : 1;
}
