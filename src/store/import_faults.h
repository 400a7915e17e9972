/* Bad rows of an imported file: finding, refusing, dropping. Internal to importing. */
#ifndef ASSAY_STORE_IMPORT_FAULTS_H
#define ASSAY_STORE_IMPORT_FAULTS_H

#include "import_columns.h"
#include "store.h"

/* A file as SQL; $1 is its path. */
typedef struct assay_import_source {
    const char *file;
    bool parquet;
    const char *relation;           /* a table with the file's columns */
    const char *relation_with_rows; /* the same after n: the row (Parquet) or line (CSV) */
    const char *date_format;        /* as the report has it */
    assay_sql select;               /* the typed columns and `unreadable` */
    assay_sql select_with_rows;     /* the same after n and the raw cells r_<name> */
} assay_import_source;

/* Applies on_bad_data to assay_stage and removes its column `unreadable`. Fills n_rows, n_dropped, n_symbols. ASSAY_E_DATA
 * names file, line or row, column and value. */
ASSAY_NODISCARD assay_status assay_import_check(assay_store *store, const assay_import_source *source,
                                                const assay_import_columns *columns,
                                                const assay_import_spec *spec, assay_import_report *report,
                                                assay_error *err);

#endif
