/* Tables with a row a symbol and time, whose further columns are named by the user: technical_analysis, fundamental_analysis,
 * and prices beyond what a run reads of it anyway. Internal to loading. */
#ifndef ASSAY_STORE_KEYED_TABLE_H
#define ASSAY_STORE_KEYED_TABLE_H

#include "typed_column.h"

/* The columns that say what a row is. Only the first two must be there. */
enum {
    ASSAY_KEY_TIMESTAMP = 0,
    ASSAY_KEY_SYMBOL = 1,
    ASSAY_KEY_FREQUENCY = 2,
    ASSAY_KEY_UPDATED = 3,
    ASSAY_KEY_CREATED = 4,
    ASSAY_KEY_AVAILABLE = 5,
    ASSAY_KEY_FILING = 6,
    ASSAY_N_KEYS = 7
};

/* A column that is no key. */
typedef struct assay_further_column {
    char name[64];
    duckdb_type type;
} assay_further_column;

typedef struct assay_keyed_table {
    const char *name, *database; /* not owned */
    assay_files files;           /* none: the database does not have the table */
    assay_typed_column key[ASSAY_N_KEYS];
    assay_further_column *further;
    size_t n_further;
} assay_keyed_table;

/* Lists files and columns; columns whose names are no plain words (letters, digits, _) are passed over. ASSAY_E_DATA: no
 * symbol or timestamp. Reset it in every case. */
ASSAY_NODISCARD assay_status assay_keyed_table_open(assay_store *store, const char *name,
                                                    assay_keyed_table *out_table, assay_error *err);
void assay_keyed_table_reset(assay_keyed_table *table);

/* A further column by its name in any case; NULL: there is none. */
const assay_further_column *assay_keyed_table_find(const assay_keyed_table *table, const char *name);

/* SQL of a row's version (newest counts): updated_at, else created_at. */
void assay_keyed_table_version(const assay_keyed_table *table, assay_sql *sql);

/* The rows of these symbols before a time, as " FROM … WHERE …" over $1 files, $2 symbols, $3 the time. */
void assay_keyed_table_from(const assay_keyed_table *table, assay_sql *sql);

/* Whether a text can name a column that is no key: a plain word. */
bool assay_is_column_name(const char *name);

#endif
