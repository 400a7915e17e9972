/* The rows of a file, checked, in the temporary table assay_stage. Internal to importing.
 *
 * assay_stage: symbol, timestamp (TIMESTAMP; daily rows at 00:00), open, high, low, close, volume, dividend, split
 * (DOUBLE), frequency (canonical), currency. One row a key (symbol, timestamp, frequency), in the order of the file.
 */
#ifndef ASSAY_STORE_IMPORT_STAGE_H
#define ASSAY_STORE_IMPORT_STAGE_H

#include "import_columns.h"
#include "store.h"

/* Reads and checks `file` into assay_stage; fills the report's n_rows, n_dropped, n_symbols and columns. */
ASSAY_NODISCARD assay_status assay_import_stage_file(assay_store *store, const char *file,
                                                     const assay_import_spec *spec,
                                                     assay_import_report *report, assay_error *err);

typedef struct assay_stage_order {
    bool is_unique;    /* certainly no two rows have one key; false: not known */
    bool is_by_symbol; /* the rows stand by symbol, then by timestamp */
} assay_stage_order;

/* Finds by one pass without sorting what the order of the rows of assay_stage tells. */
ASSAY_NODISCARD assay_status assay_import_stage_order(assay_store *store, assay_stage_order *out_order,
                                                      assay_error *err);

/* Drops assay_stage and what was made from it. */
void assay_import_stage_drop(assay_store *store);

#endif
