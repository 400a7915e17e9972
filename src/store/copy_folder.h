/* Copies of folders of files. Internal to the store. */
#ifndef ASSAY_STORE_COPY_FOLDER_H
#define ASSAY_STORE_COPY_FOLDER_H

#include <stdbool.h>

#include "assay/assay_error.h"

/* Whether a file or folder is to be copied; `below` is its path below the folder that is copied. */
typedef bool (*assay_copy_filter)(const void *context, const char *below);

/* Copies the files and folders below `from` into the folder `to`, which exists. Names that begin with '.' are left out; links are
 * followed. ASSAY_E_IO, ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_copy_folder(const char *from, const char *to, assay_copy_filter wants,
                                               const void *context, assay_error *err);

/* Makes the folders that the file `path` lies in. ASSAY_E_IO. */
ASSAY_NODISCARD assay_status assay_make_parents(const char *path, assay_error *err);

/* Removes a folder with all that is in it, as far as it can. */
void assay_remove_folder(const char *folder);

#endif
