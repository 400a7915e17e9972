#include "cli/walk_again.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run_again.h"
#include "cli/stored_runs.h"

static assay_status read_stored_plan(assay_store *store, const char *run_id, char out_fingerprint[33],
                                     assay_walkforward_plan *out_plan, assay_error *err) {
    char *config = NULL, version[32];
    *out_plan = (assay_walkforward_plan){0};
    assay_status status = cli_stored_config(store, run_id, &config, out_fingerprint, version, err);
    if (status == ASSAY_OK)
        status = assay_walkforward_plan_read(config, out_plan, err);
    free(config);
    return status;
}

assay_status cli_has_walk(assay_store *store, const char *run_id, bool *out_has, assay_error *err) {
    char fingerprint[33];
    assay_walkforward_plan plan;
    assay_status status = read_stored_plan(store, run_id, fingerprint, &plan, err);
    *out_has = status == ASSAY_OK && plan.config_json != NULL;
    assay_walkforward_plan_reset(&plan);
    return status;
}

/* The bars that the walk-forward had, as far as it is known where they ended. */
static assay_status load_its_bars(assay_store *store, const char *run_id, cli_walk_again *out,
                                  char *out_frequency, size_t size, assay_error *err) {
    assay_data_report data;
    assay_status status = cli_load_panel(store, &out->request, &out->panel, out_frequency, size, err);
    if (status == ASSAY_OK)
        status = assay_store_compare_data(store, run_id, out->panel, NULL, NULL, &data, err);
    if (status != ASSAY_OK || data.n_new_bars == 0)
        return status;
    bool quiet = cli_is_quiet();
    assay_panel_destroy(out->panel);
    out->panel = NULL;
    out->request.read_until_us = data.end_us;
    cli_set_quiet(true); /* what it says about the data has been said */
    status = cli_load_panel(store, &out->request, &out->panel, out_frequency, size, err);
    cli_set_quiet(quiet);
    return status;
}

static assay_status compare_equity(assay_store *store, const char *run_id, cli_walk_again *out,
                                   assay_error *err) {
    assay_run_summary stored;
    assay_status status = cli_stored_summary(store, run_id, &stored, err);
    if (status != ASSAY_OK)
        return status;
    out->has_other_equity = strcmp(out->fingerprint_then, out->fingerprint_now) == 0 &&
                            !cli_same_equity(&stored, assay_walkforward_result(out->wf));
    assay_run_summary_reset(&stored);
    return ASSAY_OK;
}

/* The texts of what was run, under the names that it is stored with. */
static assay_status describe(const char *run_id, const char *frequency, cli_walk_again *out,
                             assay_error *err) {
    assay_status status = assay_walkforward_report_init(&out->report, out->wf, &out->plan.spec,
                                                        out->request.config, cli_universe(&out->request),
                                                        frequency[0] == '\0' ? NULL : frequency, err);
    if (status == ASSAY_OK)
        status = assay_walkforward_report_name(&out->report, run_id, err);
    out->report.is_stored = true;
    return status;
}

assay_status cli_walk_stored_again(assay_store *store, const char *run_id, unsigned n_threads,
                                   cli_walk_again *out, assay_error *err) {
    char frequency[64] = "";
    *out = (cli_walk_again){0};
    assay_status status = read_stored_plan(store, run_id, out->fingerprint_then, &out->plan, err);
    if (status == ASSAY_OK)
        status = cli_request_from_text(out->plan.config_json, run_id, assay_store_folder(store),
                                       &out->request, err);
    out->has_request = status == ASSAY_OK;
    if (status == ASSAY_OK)
        status = load_its_bars(store, run_id, out, frequency, sizeof frequency, err);
    if (status != ASSAY_OK)
        return status;
    assay_panel_fingerprint(out->panel, out->fingerprint_now);
    cli_progress("training ...");
    assay_error reason = {0};
    status = assay_walkforward_run(out->panel, out->request.config, &out->plan.spec, n_threads, NULL, NULL,
                                   &out->wf, &reason);
    if (status != ASSAY_OK)
        return assay_error_set(err, status, "%s cannot be walked forward again: %s", run_id, reason.message);
    status = describe(run_id, frequency, out, err);
    return status == ASSAY_OK ? compare_equity(store, run_id, out, err) : status;
}

void cli_walk_again_reset(cli_walk_again *again) {
    assay_walkforward_report_reset(&again->report);
    assay_walkforward_destroy(again->wf);
    assay_panel_destroy(again->panel);
    if (again->has_request)
        cli_request_reset(&again->request);
    assay_walkforward_plan_reset(&again->plan);
    *again = (cli_walk_again){0};
}
