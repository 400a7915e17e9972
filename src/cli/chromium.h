/* Pages to PDF and PNG, through a Chromium that is installed. */
#ifndef ASSAY_CLI_CHROMIUM_H
#define ASSAY_CLI_CHROMIUM_H

#include "cli/cli.h"

/* Prints the page of a file. The browser is $CHROMIUM, or the first of chromium, chromium-browser, google-chrome on the PATH.
 * ASSAY_E_NOT_FOUND: there is none; ASSAY_E_IO: it failed. */
ASSAY_NODISCARD assay_status cli_chromium_print(const char *page, const char *path, bool as_pdf,
                                                assay_error *err);

#endif
