/* How the table of a CSV file is laid out: long (a row a symbol and time) or wide (columns of symbols, or of symbols and fields).
 * Internal to importing. */
#ifndef ASSAY_STORE_IMPORT_LAYOUT_H
#define ASSAY_STORE_IMPORT_LAYOUT_H

#include "import_csv.h"

/* Appends the file as a long relation with named columns of text to `sql`, and with the line number `n` before them to
 * `with_rows`. Names the dialect in report->dialect. ASSAY_E_DATA, ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_import_layout(const assay_csv *csv, const char *file,
                                                 const assay_import_spec *spec, assay_import_report *report,
                                                 assay_sql *sql, assay_sql *with_rows, assay_error *err);

#endif
