/* A DuckDB for queries that people write.
 *
 * Invariant: its settings are locked and it can reach no file outside the database, so that nothing can be read that is not in a
 * table, and nothing written.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include "locked_database.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "run_tables.h"
#include "table_files.h"

static bool contains_word(const char *text, const char *word) {
    size_t size = strlen(word);
    for (; *text != '\0'; text++) {
        if (strncasecmp(text, word, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Statements that look at the catalog need every table there; others only those that they name. */
static bool wants_table(const char *sql, const char *table) {
    static const char *const catalog[] = {"show",    "describe", "information_schema",
                                          "duckdb_", "pragma",   "sqlite_master"};
    for (size_t i = 0; i < sizeof catalog / sizeof *catalog; i++) {
        if (contains_word(sql, catalog[i])) {
            return true;
        }
    }
    return contains_word(sql, table);
}

static assay_status add_view(duckdb_connection connection, const char *folder, const char *table,
                             assay_error *err) {
    assay_files files;
    assay_sql sql = {0};
    assay_status status = assay_files_list(folder, table, &files, err);
    if (status == ASSAY_OK && files.count > 0) {
        assay_arg list = assay_arg_list((const char *const *)files.path, files.count);
        assay_sql_add(&sql, "SET VARIABLE ");
        assay_sql_identifier(&sql, table);
        assay_sql_add(&sql, " = $1");
        status = assay_query_do(connection, sql.failed ? NULL : sql.text, &list, 1, table, err);
        assay_sql_reset(&sql);
        assay_sql_add(&sql, "CREATE VIEW ");
        assay_sql_identifier(&sql, table);
        assay_sql_add(&sql, " AS ");
        assay_sql none = {0};
        if (assay_run_table_select_none(table, &none))
            assay_sql_add(&sql, "(%s) UNION ALL BY NAME ", none.failed ? "" : none.text);
        assay_sql_reset(&none);
        assay_sql_add(&sql, "SELECT * FROM read_parquet(getvariable(");
        assay_sql_literal(&sql, table);
        assay_sql_add(&sql, "), union_by_name=true, hive_partitioning=false)");
        if (status == ASSAY_OK) {
            status = assay_query_do(connection, sql.failed ? NULL : sql.text, NULL, 0, table, err);
        }
    }
    assay_sql_reset(&sql);
    assay_files_reset(&files);
    return status;
}

/* Views, then the locks. Table folders may be links to elsewhere, so each is allowed by its real path. */
static assay_status prepare_database(duckdb_connection connection, const char *folder, const char *user_sql,
                                     assay_error *err) {
    assay_files tables;
    assay_sql allowed = {0};
    assay_status status = assay_files_tables(folder, &tables, err);
    assay_sql_add(&allowed, "SET allowed_directories = [");
    assay_sql_literal(&allowed, folder);
    for (size_t i = 0; status == ASSAY_OK && i < tables.count; i++) {
        char *path = assay_text_format("%s/%s", folder, tables.path[i]);
        char *real = path == NULL ? NULL : realpath(path, NULL);
        if (real != NULL) {
            assay_sql_add(&allowed, ", ");
            assay_sql_literal(&allowed, real);
        }
        free(real);
        free(path);
        if (wants_table(user_sql, tables.path[i])) {
            status = add_view(connection, folder, tables.path[i], err);
        }
    }
    assay_sql_add(&allowed, "]");
    const char *const locks[] = {allowed.failed ? NULL : allowed.text, "SET enable_external_access = false",
                                 "SET lock_configuration = true"};
    for (size_t i = 0; status == ASSAY_OK && i < sizeof locks / sizeof *locks; i++) {
        status = assay_query_do(connection, locks[i], NULL, 0, "the query cannot be made safe", err);
    }
    assay_sql_reset(&allowed);
    assay_files_reset(&tables);
    return status;
}

assay_status assay_locked_check(duckdb_connection connection, const char *sql, const char *what,
                                assay_error *err) {
    duckdb_extracted_statements statements = NULL;
    duckdb_prepared_statement prepared = NULL;
    assay_status status = ASSAY_OK;
    idx_t n = duckdb_extract_statements(connection, sql, &statements);
    char text[700];
    if (n == 0) {
        const char *message = duckdb_extract_statements_error(statements);
        assay_query_clean_message(message == NULL ? "it is empty" : message, text, sizeof text);
        status = assay_error_set(err, ASSAY_E_DATA, "%s: %s", what, text);
    } else if (n > 1) {
        status = assay_error_set(err, ASSAY_E_DATA, "%s: it has %llu statements; give one SELECT", what,
                                 (unsigned long long)n);
    } else if (duckdb_prepare_extracted_statement(connection, statements, 0, &prepared) != DuckDBSuccess) {
        assay_query_clean_message(duckdb_prepare_error(prepared), text, sizeof text);
        status = assay_error_set(err, ASSAY_E_DATA, "%s: %s", what, text);
    } else if (duckdb_prepared_statement_type(prepared) != DUCKDB_STATEMENT_TYPE_SELECT) {
        status = assay_error_set(err, ASSAY_E_DATA,
                                 "%s: only SELECT is allowed; the tables are read-only here", what);
    }
    duckdb_destroy_prepare(&prepared);
    duckdb_destroy_extracted(&statements);
    return status;
}

assay_status assay_locked_open(assay_store *store, const char *sql, duckdb_database *out_database,
                               duckdb_connection *out_connection, assay_error *err) {
    *out_database = NULL;
    *out_connection = NULL;
    char *folder = realpath(store->folder, NULL);
    if (folder == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "the database %s cannot be opened for a query",
                               store->folder);
    }
    assay_status status = assay_duckdb_open(store->n_threads, out_database, out_connection, err);
    if (status == ASSAY_OK) {
        status = prepare_database(*out_connection, folder, sql, err);
    }
    free(folder);
    return status;
}

void assay_locked_close(duckdb_database *database, duckdb_connection *connection) {
    if (*connection != NULL) {
        duckdb_disconnect(connection);
        duckdb_close(database);
    }
}

char *assay_sql_trimmed(const char *sql) {
    size_t size = strlen(sql);
    while (size > 0 && (sql[size - 1] == ';' || isspace((unsigned char)sql[size - 1]))) {
        size--;
    }
    return assay_text_format("%.*s", (int)size, sql);
}
