/* A DuckDB for queries that people write: the database's tables as views, and nothing else. Internal to the store. */
#ifndef ASSAY_STORE_LOCKED_DATABASE_H
#define ASSAY_STORE_LOCKED_DATABASE_H

#include "store.h"

/* Opens one with the tables that `sql` names. Close it in every case. */
ASSAY_NODISCARD assay_status assay_locked_open(assay_store *store, const char *sql,
                                               duckdb_database *out_database,
                                               duckdb_connection *out_connection, assay_error *err);
void assay_locked_close(duckdb_database *database, duckdb_connection *connection);

/* ASSAY_E_DATA unless the text is one statement, and a SELECT; `what` begins the message. */
ASSAY_NODISCARD assay_status assay_locked_check(duckdb_connection connection, const char *sql,
                                                const char *what, assay_error *err);

/* A heap copy without the semicolons at the end; NULL: out of memory. */
char *assay_sql_trimmed(const char *sql);

#endif
