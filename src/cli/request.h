/* What a run was asked for: a configuration file, and the options that override it. */
#ifndef ASSAY_CLI_REQUEST_H
#define ASSAY_CLI_REQUEST_H

#include "cli/cli.h"
#include "cli/config_file.h"

/* As the command line has it; NULL or empty where not given. */
typedef struct cli_run_options {
    const char *strategy;
    const char *config_path;
    const char *symbols; /* A,B,C */
    const char *holdings;
    const char *start, *end;
    const char *frequency;
    cli_names sets; /* key=value */
} cli_run_options;

/* Checked, and ready to run. */
typedef struct cli_request {
    assay_config *config;
    cli_names symbols; /* sorted; none: every symbol */
    char *frequency;   /* NULL: the only one there is */
} cli_request;

/* Reads the file where there is one, then the options. On failure there is nothing to reset. */
ASSAY_NODISCARD assay_status cli_request_make(const cli_run_options *options, cli_request *out_request,
                                              assay_error *err);
/* From a configuration that is in memory (a stored run's). */
ASSAY_NODISCARD assay_status cli_request_from_text(const char *text, const char *name,
                                                   cli_request *out_request, assay_error *err);
void cli_request_reset(cli_request *request);

/* Appends the symbols (column sym or symbol) of a holdings file. ASSAY_E_IO, ASSAY_E_DATA (file:line). */
ASSAY_NODISCARD assay_status cli_read_holdings(const char *path, cli_names *symbols, assay_error *err);

#endif
