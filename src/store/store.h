/* The inside of a store: one in-memory DuckDB whose tables are the Parquet files of a folder. */
#ifndef ASSAY_STORE_STORE_H
#define ASSAY_STORE_STORE_H

#include "assay/assay_store.h"

#include "query.h"

typedef struct assay_row_job assay_row_job;           /* row_source.h */
typedef struct assay_symbol_spell assay_symbol_spell; /* symbol_changes.h */

struct assay_store {
    char *folder;            /* no trailing slash */
    unsigned n_threads;      /* as asked for; 0: as many as there are cores */
    unsigned duckdb_threads; /* of the connection now */
    duckdb_database database;
    duckdb_connection connection;
    const assay_row_job *row_job; /* what the table function assay_rows() reads; NULL outside a write */
    assay_symbol_spell *spell;    /* what names meant when, as of the last load */
    size_t n_spells;
    bool wants_some;    /* the last load asked for symbols, not for all */
    char frequency[32]; /* of the last load; assay_load_report points here */
};

/* How many threads DuckDB takes for what comes: one for streaming rows in or out (a second only waits for the first), all
 * that the store may use for sorting, joining and aggregating. */
void assay_store_single_thread(assay_store *store);
void assay_store_all_threads(assay_store *store);

/* Opens an in-memory DuckDB that loads no extension. `n_threads` 0: DuckDB's choice. */
ASSAY_NODISCARD assay_status assay_duckdb_open(unsigned n_threads, duckdb_database *out_database,
                                               duckdb_connection *out_connection, assay_error *err);

/* A heap copy of a formatted text; NULL when out of memory. */
char *assay_text_format(const char *format, ...) ASSAY_PRINTF(1, 2);

#endif
