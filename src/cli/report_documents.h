/* The documents of stored runs and sweeps: what `assay report` shows. */
#ifndef ASSAY_CLI_REPORT_DOCUMENTS_H
#define ASSAY_CLI_REPORT_DOCUMENTS_H

#include "cli/cli.h"

typedef struct cli_report_options {
    const char *factors; /* a CSV file of factor returns, its first column dates; NULL: none */
    bool verify;         /* look for look-ahead, at three cuts */
    unsigned n_threads;  /* that train a walk-forward; 0: as many as there are cores */
} cli_report_options;

/* A run, several (a comparison), or one sweep, as JSON. Free *out_document with free(). ASSAY_E_NOT_FOUND, ASSAY_E_ARGUMENT (a
 * sweep among several), and what loading and running can fail with. */
ASSAY_NODISCARD assay_status cli_report_document(assay_store *store, const char *const *ids, size_t n,
                                                 const cli_report_options *options, char **out_document,
                                                 assay_error *err);

/* A list of all stored runs, and the ids of those that a tearsheet can be made of. */
ASSAY_NODISCARD assay_status cli_report_index(assay_store *store, cli_names *out_ids, char **out_document,
                                              assay_error *err);

#endif
