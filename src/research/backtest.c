/* One backtest: the engine's records with the metrics that follow from them. */
#include "research/backtest.h"

#include <stdlib.h>

#include "engine/result.h"
#include "indicator/market_beta.h"
#include "metrics/metrics.h"
#include "metrics/run_metrics.h"

assay_status assay_recorder_metrics(const assay_recorder *recorder, const assay_settings *settings,
                                    double periods_per_year, double *out_values, assay_error *err) {
    size_t n = recorder->n_equity;
    double *returns = malloc((n + 1) * sizeof *returns);
    if (returns == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the metrics of %zu bars", n);
    assay_metric_input in = {.initial_capital = settings->initial_capital,
                             .equity = recorder->equity,
                             .returns = returns,
                             .n = n,
                             .periods_per_year = periods_per_year,
                             .risk_free_rate = settings->risk_free_rate,
                             .trade = recorder->trade,
                             .n_trades = recorder->n_trades};
    assay_returns_of(in.initial_capital, in.equity, n, returns);
    assay_metrics_compute(&in, out_values);
    free(returns);
    return ASSAY_OK;
}

assay_status assay_run(const assay_panel *panel, const assay_config *config, assay_keep keep,
                       assay_result **out_result, assay_error *err) {
    *out_result = NULL;
    assay_result *result = NULL;
    assay_status status = assay_engine_run(panel, config, keep, &result, err);
    if (status != ASSAY_OK)
        return status;
    result->metrics = malloc(assay_metric_count() * sizeof *result->metrics);
    status = result->metrics == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for metrics")
                                     : assay_recorder_metrics(&result->recorder, &result->config->settings,
                                                              result->periods_per_year, result->metrics, err);
    if (status != ASSAY_OK) {
        assay_result_destroy(result);
        return status;
    }
    *out_result = result;
    return ASSAY_OK;
}

/* The market's return at each bar of the run. `market`: as many values as the panel has bars, for the mean of its symbols. */
static assay_status find_benchmark(const assay_result *result, double *market, double *out_return,
                                   assay_error *err) {
    const double *all = assay_panel_benchmark_returns(result->panel);
    assay_status status = ASSAY_OK;
    if (all == NULL) {
        status = assay_equal_weight_market(result->panel, market, err);
        all = market;
    }
    for (size_t i = 0; i < result->recorder.n_equity && status == ASSAY_OK; i++)
        out_return[i] = all[result->recorder.snapshot[i].bar];
    return status;
}

assay_status assay_result_analyse(assay_result *result, uint64_t seed, assay_error *err) {
    const assay_recorder *r = &result->recorder;
    size_t n = r->n_equity, n_all = assay_panel_n_bars(result->panel);
    if (result->n_metrics != 0)
        return ASSAY_OK;
    double *series = malloc((2 * n + n_all + 1) * sizeof *series);
    int64_t *time_us = malloc((n + 1) * sizeof *time_us);
    double *metrics = malloc(assay_run_metric_count() * sizeof *metrics);
    assay_status status = ASSAY_OK;
    if (series == NULL || time_us == NULL || metrics == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the metrics of %zu bars", n);
    if (status == ASSAY_OK)
        status = find_benchmark(result, series + 2 * n, series + n, err);
    if (status == ASSAY_OK) {
        const int64_t *time = assay_panel_timestamps(result->panel);
        for (size_t i = 0; i < n; i++)
            time_us[i] = time[r->snapshot[i].bar];
        double capital = result->config->settings.initial_capital;
        assay_returns_of(capital, r->equity, n, series);
        const assay_run_metric_input in = {.run = {.initial_capital = capital,
                                                   .equity = r->equity,
                                                   .returns = series,
                                                   .n = n,
                                                   .periods_per_year = result->periods_per_year,
                                                   .risk_free_rate = result->config->settings.risk_free_rate,
                                                   .trade = r->trade,
                                                   .n_trades = r->n_trades},
                                           .time_us = time_us,
                                           .benchmark = series + n,
                                           .snapshot = r->snapshot,
                                           .n_trials = 1,
                                           .seed = seed};
        status = assay_run_metrics_compute(&in, metrics, err);
    }
    if (status == ASSAY_OK) {
        free(result->metrics);
        result->metrics = metrics;
        result->n_metrics = assay_run_metric_count();
        metrics = NULL;
    }
    free(series);
    free(time_us);
    free(metrics);
    return status;
}
