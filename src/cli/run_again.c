#include "cli/run_again.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stored_runs.h"

static assay_status run_on_its_bars(assay_store *store, const char *run_id, assay_revised_month *each,
                                    void *context, cli_request *request, cli_run *out_run, cli_run_again *out,
                                    assay_error *err) {
    assay_status status = cli_run_execute(store, request, out_run, err);
    if (status == ASSAY_OK)
        status = assay_store_compare_data(store, run_id, out_run->panel, each, context, &out->data, err);
    if (status == ASSAY_OK && out->data.n_new_bars > 0) {
        bool quiet = cli_is_quiet();
        cli_run_reset(out_run);
        request->read_until_us = out->data.end_us;
        cli_set_quiet(true); /* what it says about the data has been said */
        status = cli_run_execute(store, request, out_run, err);
        cli_set_quiet(quiet);
    }
    return status;
}

/* Points of sweeps and folds are stored without the metrics of single runs, and so are runs of earlier versions. */
static assay_status has_few_metrics(assay_store *store, const char *run_id, bool *out_few, assay_error *err) {
    const char *params[] = {run_id, assay_run_metric_at(assay_metric_count())->name};
    assay_table *t = NULL;
    assay_status status = assay_store_sql(
        store, "SELECT count(*) FROM backtest_results WHERE run_id = $1 AND metric = $2", params, 2, &t, err);
    *out_few = status == ASSAY_OK && t->n_rows > 0 && strcmp(t->cells[0], "0") == 0;
    assay_table_destroy(t);
    return status;
}

bool cli_same_equity(const assay_run_summary *stored, const assay_result *result) {
    size_t n = 0;
    const assay_snapshot *snapshot = assay_result_snapshots(result, &n);
    bool is_same = stored->n_equity == n + 1;
    for (size_t i = 0; i < n && is_same; i++)
        is_same = stored->equity[i + 1] == snapshot[i].total_value;
    return is_same;
}

/* Whether stored signals led to the equity that is stored: with the same data they must. */
static assay_status check_equity(const assay_run_summary *stored, const cli_run *run,
                                 const cli_run_again *again, assay_error *err) {
    if (cli_same_equity(stored, run->result) || strcmp(again->fingerprint_then, again->fingerprint_now) != 0)
        return ASSAY_OK;
    return assay_error_set(err, ASSAY_E_DATA,
                           "the stored signals of run %s do not lead to its stored equity: in Python "
                           "result.tearsheet(FILE) writes its report",
                           stored->run_id);
}

/* Signals that stand for a strategy: the run has its name, its parameters and its configuration all the same. */
static assay_status name_as_stored(assay_store *store, const char *run_id, char **config,
                                   cli_request *request, cli_run *run, cli_run_again *out, assay_error *err) {
    assay_run_summary stored = {0};
    assay_status status = cli_stored_summary(store, run_id, &stored, err);
    if (status == ASSAY_OK)
        status = check_equity(&stored, run, out, err);
    if (status == ASSAY_OK) {
        snprintf(out->strategy, sizeof out->strategy, "%s", stored.strategy);
        free(run->config_json);
        run->config_json = *config;
        *config = NULL;
        free(run->parameters_json);
        run->parameters_json = stored.parameters_json;
        stored.parameters_json = NULL;
        request->strategies.made[0]->name = out->strategy;
    }
    assay_run_summary_reset(&stored);
    return status;
}

assay_status cli_run_stored_again(assay_store *store, const char *run_id, assay_revised_month *each,
                                  void *context, cli_request *out_request, cli_run *out_run,
                                  cli_run_again *out, assay_error *err) {
    char *config = NULL;
    assay_status status =
        cli_stored_config(store, run_id, &config, out->fingerprint_then, out->version_then, err);
    if (status == ASSAY_OK && strstr(config, "\"walkforward\"") != NULL)
        status =
            assay_error_set(err, ASSAY_E_NOT_FOUND,
                            "%s joins the tests of a walk-forward and is no run by itself: name its folds "
                            "(%s-fold-1 and so on, where positions were flattened), or see `assay report`, "
                            "which walks forward again and says whether its equity is the stored one",
                            run_id, run_id);
    if (status == ASSAY_OK)
        status = cli_request_from_text(config, run_id, assay_store_folder(store), out_request, err);
    if (status == ASSAY_OK)
        status = has_few_metrics(store, run_id, &out_request->few_metrics, err);
    if (status == ASSAY_OK)
        status = run_on_its_bars(store, run_id, each, context, out_request, out_run, out, err);
    if (status == ASSAY_OK)
        assay_panel_fingerprint(out_run->panel, out->fingerprint_now);
    if (status == ASSAY_OK && out_request->by_signals)
        status = name_as_stored(store, run_id, &config, out_request, out_run, out, err);
    free(config);
    return status;
}
