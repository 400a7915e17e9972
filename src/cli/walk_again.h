/* A stored walk-forward, run again from the plan that its joined run was stored with: what report shows. */
#ifndef ASSAY_CLI_WALK_AGAIN_H
#define ASSAY_CLI_WALK_AGAIN_H

#include "assay/assay_walkforward_report.h"
#include "cli/request.h"

typedef struct cli_walk_again {
    cli_request request;
    bool has_request;
    assay_walkforward_plan plan;
    assay_panel *panel;
    assay_walkforward *wf;
    assay_walkforward_report report; /* under the stored run's id */
    char fingerprint_then[33], fingerprint_now[33];
    bool has_other_equity; /* than is stored, of the same data */
} cli_walk_again;

/* Whether a stored run joins the tests of a walk-forward. ASSAY_E_NOT_FOUND: there is no such run. */
ASSAY_NODISCARD assay_status cli_has_walk(assay_store *store, const char *run_id, bool *out_has,
                                          assay_error *err);

/* Runs it. Bars after the end of the data that it had are no revision: it is run without them, as a single run is. `run_id` must
 * outlive it. Reset it in every case. */
ASSAY_NODISCARD assay_status cli_walk_stored_again(assay_store *store, const char *run_id, unsigned n_threads,
                                                   cli_walk_again *out, assay_error *err);
void cli_walk_again_reset(cli_walk_again *again);

#endif
