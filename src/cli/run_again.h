/* A stored run, run again from the configuration that it was stored with: what reproduce compares and report shows. */
#ifndef ASSAY_CLI_RUN_AGAIN_H
#define ASSAY_CLI_RUN_AGAIN_H

#include "cli/runner.h"

typedef struct cli_run_again {
    char fingerprint_then[33], fingerprint_now[33], version_then[32];
    char strategy[128]; /* its name, where signals stand for it */
    assay_data_report data;
} cli_run_again;

/* Makes the request and runs it. Bars after the end of the data that the run had are no revision: it is run without them (where
 * the run has fingerprints, which say where they end). `each` (may be NULL) is called for each month that was revised. The run
 * refers to the request's strategies: reset it first; both are to be reset on failure, too. ASSAY_E_NOT_FOUND: a joined
 * walk-forward, which is no run by itself. */
ASSAY_NODISCARD assay_status cli_run_stored_again(assay_store *store, const char *run_id,
                                                  assay_revised_month *each, void *context,
                                                  cli_request *out_request, cli_run *out_run,
                                                  cli_run_again *out, assay_error *err);

/* Whether a result has, to the bit, the equity of a stored run on every bar. */
bool cli_same_equity(const assay_run_summary *stored, const assay_result *result);

#endif
