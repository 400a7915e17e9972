/* The columns that a run's strategies read. */
#ifndef ASSAY_CLI_COLUMNS_H
#define ASSAY_CLI_COLUMNS_H

#include "cli/request.h"

/* Adds them to the panel. Those that the data do not have may be indicators, which are computed; the rest is refused with the
 * nearest names. `frequency`: of the prices. */
ASSAY_NODISCARD assay_status cli_load_columns(assay_store *store, const cli_request *request,
                                              const char *frequency, assay_panel *panel, assay_error *err);

#endif
