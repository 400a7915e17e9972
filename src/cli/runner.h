/* One run from a request: load, run, name. Used by run and reproduce. */
#ifndef ASSAY_CLI_RUNNER_H
#define ASSAY_CLI_RUNNER_H

#include "cli/request.h"

enum { CLI_RUN_ID_SIZE = 129 };

typedef struct cli_run {
    assay_panel *panel;
    bool owns_panel;
    assay_result *result;
    char *config_json, *parameters_json;
    char run_id[CLI_RUN_ID_SIZE]; /* STRATEGY-HASH of data and configuration: the same run replaces itself */
    int64_t timestamp_us;
    int64_t duration_ms;
} cli_run;

/* Loads the request's data from the store, and says what was left out or replaced. The frequency that was found, or "".
 * Destroy the panel. */
ASSAY_NODISCARD assay_status cli_load_panel(assay_store *store, const cli_request *request,
                                            assay_panel **out_panel, char *out_frequency,
                                            size_t frequency_size, assay_error *err);

/* Runs the request over the panel that the run has already; its result, texts, id and duration are the run's. Reset it in
 * success and failure. `frequency`: of the panel's bars, or "". */
ASSAY_NODISCARD assay_status cli_run_panel(const cli_request *request, const char *frequency, cli_run *run,
                                           assay_error *err);

/* Sets the panel's sectors: those that were given; else those of the database's own holdings.csv; then those of its
 * fundamentals. */
ASSAY_NODISCARD assay_status cli_load_sectors(assay_store *store, const cli_request *request,
                                              assay_panel *panel, assay_error *err);

/* Loads the request's data from the store and runs it. On failure there is nothing to reset. */
ASSAY_NODISCARD assay_status cli_run_execute(assay_store *store, const cli_request *request, cli_run *out_run,
                                             assay_error *err);
/* The same for requests that differ in their strategies alone: prices are loaded once, the runs share the threads. A run may
 * own the panel of those behind it: reset them from the last to the first. */
ASSAY_NODISCARD assay_status cli_run_several(assay_store *store, const cli_request *requests, size_t n,
                                             unsigned n_threads, cli_run *out_runs, assay_error *err);
void cli_run_reset(cli_run *run);

/* Writes the run's tables under `run_id`. */
ASSAY_NODISCARD assay_status cli_run_store(assay_store *store, const cli_run *run, const char *run_id,
                                           assay_error *err);

/* A strategy's name as a part of a run's id: what an id cannot have becomes '-'. */
void cli_name_for_id(const char *strategy, char *out_text, size_t size);

/* The request's symbols and sectors, as a configuration is stored with. */
static inline assay_universe cli_universe(const cli_request *request) {
    return (assay_universe){.symbols = (const char *const *)request->symbols.name,
                            .n_symbols = request->symbols.n,
                            .sectors = (const char *const *)request->sectors.name,
                            .n_sectors = request->sectors.n};
}

/* Whether a strategy is made of ready signals, or a member of it is. */
bool cli_has_signals(const assay_strategy *strategy, const assay_panel *panel);

/* Whether a text can name a run: letters, digits, dot, underscore, minus; the first no dot, no underscore. */
bool cli_is_run_id(const char *text);

#endif
