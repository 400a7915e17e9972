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

/* The tables: columns in the order of the enumerations; a row's key are the first n_keys of them. */
enum { UNIVERSE_SYMBOL, UNIVERSE_START, UNIVERSE_END, UNIVERSE_SECTOR };
enum { DELISTING_SYMBOL, DELISTING_DATE, DELISTING_RETURN };
enum { CHANGE_OLD, CHANGE_NEW, CHANGE_DATE };
enum {
    ACTION_SYMBOL,
    ACTION_EX_DATE,
    ACTION_TYPE,
    ACTION_NEW_SYMBOL,
    ACTION_SPLIT,
    ACTION_DIVIDEND,
    ACTION_PAY_DATE,
    ACTION_NEW_RATIO
};

typedef struct assay_small_kind_of_table {
    const char *name;
    const assay_small_column *column;
    size_t n_columns, n_keys;
} assay_small_kind_of_table;

extern const assay_small_kind_of_table assay_universe_table, assay_delistings_table,
    assay_symbol_changes_table, assay_actions_table;
/* By its name; NULL: none of them. */
const assay_small_kind_of_table *assay_small_table_find(const char *name);

/* A cursor over a table's rows: column i as VARCHAR, TIMESTAMP or DOUBLE, NULL where the table does not have it; then the
 * row's number from 1, then its file. Without a file no row. */
typedef struct assay_small_table {
    const assay_small_kind_of_table *kind;
    assay_files files;
    bool is_csv;
    char spelled[ASSAY_SMALL_MOST][64]; /* "": the table does not have the column */
    assay_cursor cursor;
} assay_small_table;

/* Opens a table of the database and begins to read it. ASSAY_E_DATA: a column that must be there is not, or a value cannot be
 * read (the message has file, row and value). Close it in every case. */
ASSAY_NODISCARD assay_status assay_small_table_open(assay_store *store, const assay_small_kind_of_table *kind,
                                                    assay_small_table *out_table, assay_error *err);
/* The same of a Parquet file (its name ends in .parquet), or else a CSV file, also compressed. */
ASSAY_NODISCARD assay_status assay_small_table_open_file(assay_store *store,
                                                         const assay_small_kind_of_table *kind,
                                                         const char *path, assay_small_table *out_table,
                                                         assay_error *err);
/* Its rows as a query over $1, the files, with the columns' own names. */
void assay_small_table_select(const assay_small_table *table, assay_sql *sql);
bool assay_small_table_next(assay_small_table *table);
void assay_small_table_close(assay_small_table *table);

/* Fails with the row at hand: "FILE, row N: …". */
assay_status assay_small_table_refuse(const assay_small_table *table, assay_error *err, const char *format,
                                      ...) ASSAY_PRINTF(3, 4);

#endif
