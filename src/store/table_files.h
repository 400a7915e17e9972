/* The Parquet files of a table folder, at any depth. */
#ifndef ASSAY_STORE_TABLE_FILES_H
#define ASSAY_STORE_TABLE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "assay/assay_error.h"

typedef struct assay_files {
    char **
        path; /* FOLDER/…/NAME.parquet, in natural order: runs of digits compare as numbers, so month=2 < month=10 */
    size_t count, capacity;
} assay_files;

/* Lists DIR/<table>. Names that begin with '.' or '_' are skipped, files as well as folders; symbolic links are followed.
 * A folder that does not exist is an empty list. ASSAY_E_IO, ASSAY_E_NOMEM. Free with assay_files_reset, also on failure. */
ASSAY_NODISCARD assay_status assay_files_list(const char *folder, const char *table, assay_files *out_files,
                                              assay_error *err);
void assay_files_reset(assay_files *files);
size_t assay_files_bytes(const assay_files *files); /* of all of them together, as they lie on disk */

/* The files of a table that can have rows of a run: those named after it, else all (a sweep's points share a file). */
ASSAY_NODISCARD assay_status assay_files_of_run(const char *folder, const char *table, const char *run_id,
                                                assay_files *out_files, assay_error *err);

/* The order of paths: runs of digits as numbers, else bytes. Like strcmp. */
int assay_files_compare(const char *a, const char *b);

/* The names of the table folders of a database, in byte order, as "paths" of the list. */
ASSAY_NODISCARD assay_status assay_files_tables(const char *folder, assay_files *out_names, assay_error *err);

#endif
