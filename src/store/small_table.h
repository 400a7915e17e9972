/* Tables of a few thousand rows that say something about symbols: universe, delistings, symbol_changes, corporate_actions.
 * Internal to loading. */
#ifndef ASSAY_STORE_SMALL_TABLE_H
#define ASSAY_STORE_SMALL_TABLE_H

#include "store.h"
#include "table_files.h"

enum { ASSAY_SMALL_MOST = 9 };

typedef enum assay_small_kind {
    ASSAY_SMALL_SYMBOL, /* text */
    ASSAY_SMALL_TEXT,
    ASSAY_SMALL_DATE, /* a date or a time, which counts for its day; also as text */
    ASSAY_SMALL_NUMBER
} assay_small_kind;

typedef struct assay_small_column {
    const char *name, *other_name; /* in any case; NULL: it has one name */
    assay_small_kind kind;
    bool is_required;
} assay_small_column;

/* A cursor over a table's rows: column i as VARCHAR, TIMESTAMP or DOUBLE, NULL where the table does not have it; then the
 * row's number from 1, then its file. Without a file no row. */
typedef struct assay_small_table {
    const char *name; /* not owned */
    const assay_small_column *column;
    size_t n_columns;
    assay_files files;
    bool has[ASSAY_SMALL_MOST];
    assay_cursor cursor;
} assay_small_table;

/* Opens a table and begins to read it. ASSAY_E_DATA: a column that must be there is not, or a value cannot be read (the message
 * has file, column and value). Close it in every case. */
ASSAY_NODISCARD assay_status assay_small_table_open(assay_store *store, const char *name,
                                                    const assay_small_column *columns, size_t n_columns,
                                                    assay_small_table *out_table, assay_error *err);
bool assay_small_table_next(assay_small_table *table);
void assay_small_table_close(assay_small_table *table);

/* Fails with the row at hand: "FILE, row N: …". */
assay_status assay_small_table_refuse(const assay_small_table *table, assay_error *err, const char *format,
                                      ...) ASSAY_PRINTF(3, 4);

#endif
