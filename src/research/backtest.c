/* One backtest: the engine's records with the metrics that follow from them. */
#include "research/backtest.h"

#include <stdlib.h>

#include "engine/result.h"
#include "metrics/metrics.h"

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
