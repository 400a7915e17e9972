/* The file of a plugin: its bytes, checked before the loader sees it, and their hash.
 *
 * The system's loader trusts a file: a damaged one can end the program. So its headers must be whole, and every range that
 * they name must lie inside the file.
 */
#ifndef ASSAY_STRATEGY_PLUGIN_FILE_H
#define ASSAY_STRATEGY_PLUGIN_FILE_H

#include <stdbool.h>

#include "assay/assay_error.h"

enum { ASSAY_PLUGIN_DIGEST_SIZE = 12 }; /* hex digits */

typedef struct assay_plugin_file {
    char *path; /* absolute */
    unsigned char *bytes;
    size_t size;
    char digest[ASSAY_PLUGIN_DIGEST_SIZE + 1];
} assay_plugin_file;

/* Reads and checks the file of a path that may end in # and digits. Reset it in every case. ASSAY_E_IO, ASSAY_E_DATA,
 * ASSAY_E_STRATEGY (another machine's), ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_plugin_file_read(assay_plugin_file *file, const char *path,
                                                    assay_error *err);
void assay_plugin_file_reset(assay_plugin_file *file);

/* Whether the library that is loaded at `base` is this file, by its headers and constants. (Its code is not compared: a
 * debugger may have put breakpoints there.) */
bool assay_plugin_file_is_loaded(const assay_plugin_file *file, const void *base);

#endif
