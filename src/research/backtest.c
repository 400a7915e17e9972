/* One backtest: the engine's records with the metrics that follow from them. */
#include <stdlib.h>

#include "engine/result.h"
#include "metrics/metrics.h"

static assay_status add_metrics(assay_result *r, assay_error *err) {
    size_t n = r->recorder.n_snapshots;
    double *equity = malloc(2 * n * sizeof *equity);
    r->metrics = malloc(assay_metric_count() * sizeof *r->metrics);
    if (equity == NULL || r->metrics == NULL) {
        free(equity);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the metrics of %zu bars", n);
    }
    for (size_t i = 0; i < n; i++)
        equity[i] = r->recorder.snapshot[i].total_value;
    assay_metric_input in = {.initial_capital = r->config->settings.initial_capital,
                             .equity = equity,
                             .returns = equity + n,
                             .n = n,
                             .periods_per_year = r->periods_per_year,
                             .risk_free_rate = r->config->settings.risk_free_rate,
                             .trade = r->recorder.trade,
                             .n_trades = r->recorder.n_trades};
    assay_returns_of(in.initial_capital, equity, n, equity + n);
    assay_metrics_compute(&in, r->metrics);
    free(equity);
    return ASSAY_OK;
}

assay_status assay_run(const assay_panel *panel, const assay_config *config, assay_keep keep,
                       assay_result **out_result, assay_error *err) {
    *out_result = NULL;
    assay_result *result = NULL;
    assay_status status = assay_engine_run(panel, config, keep, &result, err);
    if (status == ASSAY_OK)
        status = add_metrics(result, err);
    if (status != ASSAY_OK) {
        assay_result_destroy(result);
        return status;
    }
    *out_result = result;
    return ASSAY_OK;
}
