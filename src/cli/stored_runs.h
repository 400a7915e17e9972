/* Reading stored runs back out of the result tables. */
#ifndef ASSAY_CLI_STORED_RUNS_H
#define ASSAY_CLI_STORED_RUNS_H

#include "cli/cli.h"

/* Whether the database has a table. */
ASSAY_NODISCARD assay_status cli_has_table(assay_store *store, const char *table, bool *out_has,
                                           assay_error *err);

/* Appends the ids of the runs that are stored with their records, the oldest first: of a sweep, the kept points. None: no
 * error. */
ASSAY_NODISCARD assay_status cli_stored_run_ids(assay_store *store, cli_names *ids, assay_error *err);

/* ASSAY_E_NOT_FOUND, with the nearest id, where there is no such run. */
ASSAY_NODISCARD assay_status cli_check_stored_run(assay_store *store, const char *run_id, assay_error *err);

/* The name of the files that have a run's records, without their ending: its id, or that of the sweep that it is a point of.
 * ASSAY_E_NOT_FOUND: a point that was stored with its metrics alone. */
ASSAY_NODISCARD assay_status cli_stored_file(assay_store *store, const char *run_id, char *out_name,
                                             size_t size, assay_error *err);

/* Fills a summary from the tables; reset it with assay_run_summary_reset. ASSAY_E_NOT_FOUND. */
ASSAY_NODISCARD assay_status cli_stored_summary(assay_store *store, const char *run_id,
                                                assay_run_summary *out_summary, assay_error *err);

/* The configuration, the data fingerprint and the version of Assay that a run was stored with. Free *out_config with free(). */
ASSAY_NODISCARD assay_status cli_stored_config(assay_store *store, const char *run_id, char **out_config,
                                               char out_fingerprint[33], char out_version[32],
                                               assay_error *err);

#endif
