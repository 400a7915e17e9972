/* SQL for people: one query over the database's tables, read-only.
 *
 * Invariant: the query runs in a DuckDB of its own, whose settings are locked and which can reach no file outside the database;
 * only a statement that is a SELECT gets that far, so nothing can be written. Cells come back as text made by DuckDB: doubles in
 * the fewest digits that read back the same, timestamps in ISO 8601.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store.h"
#include "table_files.h"

/* What assay_table's pointers point into. */
typedef struct table_memory {
    assay_table table; /* first: assay_table_destroy gets a pointer to it */
    char *text;
    size_t text_size, text_capacity;
    size_t *offset; /* of each cell in text; SIZE_MAX = missing */
    size_t n_cells, cell_capacity;
    const char **pointer; /* names, types, cells */
} table_memory;

static const char what[] = "the query failed";

/* --- a locked DuckDB --- */

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
        assay_sql_add(&sql, " AS SELECT * FROM read_parquet(getvariable(");
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

/* One statement, and a SELECT. */
static assay_status check_statement(duckdb_connection connection, const char *sql, assay_error *err) {
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

/* --- cells --- */

static bool add_cell(table_memory *memory, const char *text, size_t size) {
    if (memory->n_cells == memory->cell_capacity) {
        size_t capacity = memory->cell_capacity == 0 ? 256 : memory->cell_capacity * 2;
        size_t *grown = realloc(memory->offset, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        memory->offset = grown;
        memory->cell_capacity = capacity;
    }
    if (text == NULL) {
        memory->offset[memory->n_cells++] = SIZE_MAX;
        return true;
    }
    if (memory->text_size + size + 1 > memory->text_capacity) {
        size_t capacity = (memory->text_size + size + 1) * 2;
        char *grown = realloc(memory->text, capacity);
        if (grown == NULL) {
            return false;
        }
        memory->text = grown;
        memory->text_capacity = capacity;
    }
    memory->offset[memory->n_cells++] = memory->text_size;
    memcpy(memory->text + memory->text_size, text, size);
    memory->text[memory->text_size + size] = '\0';
    memory->text_size += size + 1;
    return true;
}

static const char *type_name(duckdb_type type) {
    static const struct {
        duckdb_type type;
        const char *name;
    } names[] = {{DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
                 {DUCKDB_TYPE_TINYINT, "TINYINT"},
                 {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
                 {DUCKDB_TYPE_INTEGER, "INTEGER"},
                 {DUCKDB_TYPE_BIGINT, "BIGINT"},
                 {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
                 {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
                 {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
                 {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
                 {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
                 {DUCKDB_TYPE_FLOAT, "FLOAT"},
                 {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
                 {DUCKDB_TYPE_DECIMAL, "DECIMAL"},
                 {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
                 {DUCKDB_TYPE_BLOB, "BLOB"},
                 {DUCKDB_TYPE_DATE, "DATE"},
                 {DUCKDB_TYPE_TIME, "TIME"},
                 {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
                 {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S"},
                 {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS"},
                 {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS"},
                 {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
                 {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
                 {DUCKDB_TYPE_LIST, "LIST"},
                 {DUCKDB_TYPE_ARRAY, "ARRAY"},
                 {DUCKDB_TYPE_STRUCT, "STRUCT"},
                 {DUCKDB_TYPE_MAP, "MAP"},
                 {DUCKDB_TYPE_ENUM, "ENUM"},
                 {DUCKDB_TYPE_UUID, "UUID"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    return "OTHER";
}

static bool is_timestamp(duckdb_type type) {
    return type == DUCKDB_TYPE_TIMESTAMP || type == DUCKDB_TYPE_TIMESTAMP_S ||
           type == DUCKDB_TYPE_TIMESTAMP_MS || type == DUCKDB_TYPE_TIMESTAMP_NS ||
           type == DUCKDB_TYPE_TIMESTAMP_TZ;
}

/* The user's query with every column as text: SELECT CAST(c0 AS VARCHAR), … FROM (query) AS t(c0, …). Adds names and types
 * as the first cells. `user_sql` is a whole SELECT of its own, so it is one inside the parentheses too. */
static assay_status wrap(duckdb_connection connection, const char *user_sql, const assay_arg *args,
                         size_t n_args, table_memory *memory, assay_sql *out_sql, assay_error *err) {
    assay_sql probe = {0};
    duckdb_result result;
    assay_sql_add(&probe, "SELECT * FROM (%s\n) LIMIT 0", user_sql);
    assay_status status =
        assay_query_run(connection, probe.failed ? NULL : probe.text, args, n_args, what, &result, err);
    assay_sql_reset(&probe);
    if (status != ASSAY_OK) {
        return status;
    }
    idx_t n = duckdb_column_count(&result);
    bool stored = true;
    memory->table.n_columns = n;
    assay_sql_add(out_sql, "SELECT ");
    for (idx_t c = 0; c < n; c++) {
        const char *name = duckdb_column_name(&result, c);
        stored = stored && add_cell(memory, name, strlen(name));
        assay_sql_add(out_sql,
                      is_timestamp(duckdb_column_type(&result, c))
                          ? "%sreplace(CAST(c%llu AS VARCHAR), ' ', 'T')"
                          : "%sCAST(c%llu AS VARCHAR)",
                      c == 0 ? "" : ", ", (unsigned long long)c);
    }
    assay_sql_add(out_sql, " FROM (%s\n) AS t(", user_sql);
    for (idx_t c = 0; c < n; c++) {
        const char *type = type_name(duckdb_column_type(&result, c));
        stored = stored && add_cell(memory, type, strlen(type));
        assay_sql_add(out_sql, "%sc%llu", c == 0 ? "" : ", ", (unsigned long long)c);
    }
    assay_sql_add(out_sql, ")");
    duckdb_destroy_result(&result);
    return stored ? ASSAY_OK : assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
}

static assay_status fetch(duckdb_connection connection, const char *sql, const assay_arg *args, size_t n_args,
                          table_memory *memory, assay_error *err) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(&cursor, connection, sql, args, n_args, what, err);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        for (size_t c = 0; status == ASSAY_OK && c < memory->table.n_columns; c++) {
            size_t size;
            const char *text = assay_cursor_text(&cursor, c, &size);
            if (!add_cell(memory, assay_cursor_is_null(&cursor, c) ? NULL : text, size)) {
                status = assay_error_set(err, ASSAY_E_NOMEM, "%s: its result does not fit in memory", what);
            }
        }
        memory->table.n_rows++;
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status finish(table_memory *memory, assay_error *err) {
    memory->pointer = malloc((memory->n_cells + 1) * sizeof *memory->pointer);
    if (memory->pointer == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
    }
    for (size_t i = 0; i < memory->n_cells; i++) {
        memory->pointer[i] = memory->offset[i] == SIZE_MAX ? NULL : memory->text + memory->offset[i];
    }
    memory->table.names = memory->pointer;
    memory->table.types = memory->pointer + memory->table.n_columns;
    memory->table.cells = memory->pointer + 2 * memory->table.n_columns;
    return ASSAY_OK;
}

void assay_table_destroy(assay_table *table) {
    if (table != NULL) {
        table_memory *memory = (table_memory *)table;
        free(memory->text);
        free(memory->offset);
        free(memory->pointer);
        free(memory);
    }
}

/* --- the whole --- */

/* Without the semicolons at the end. */
static char *trimmed(const char *sql) {
    size_t size = strlen(sql);
    while (size > 0 && (sql[size - 1] == ';' || isspace((unsigned char)sql[size - 1]))) {
        size--;
    }
    return assay_text_format("%.*s", (int)size, sql);
}

static assay_status run_query(duckdb_connection connection, const char *sql, const assay_arg *args,
                              size_t n_args, table_memory *memory, assay_error *err) {
    assay_sql wrapped = {0};
    assay_status status = check_statement(connection, sql, err);
    if (status == ASSAY_OK) {
        status = wrap(connection, sql, args, n_args, memory, &wrapped, err);
    }
    if (status == ASSAY_OK) {
        status = fetch(connection, wrapped.failed ? NULL : wrapped.text, args, n_args, memory, err);
    }
    if (status == ASSAY_OK) {
        status = finish(memory, err);
    }
    assay_sql_reset(&wrapped);
    return status;
}

assay_status assay_store_sql(assay_store *store, const char *sql, const char *const *params, size_t n_params,
                             assay_table **out_table, assay_error *err) {
    if (store == NULL || sql == NULL || out_table == NULL || (n_params > 0 && params == NULL)) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_sql needs a store, a query and a place for the table");
    }
    *out_table = NULL;
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    char *query = trimmed(sql), *folder = realpath(store->folder, NULL);
    assay_arg *args = calloc(n_params + 1, sizeof *args);
    table_memory *memory = calloc(1, sizeof *memory);
    assay_status status = ASSAY_OK;
    if (query == NULL || folder == NULL || args == NULL || memory == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
    } else {
        for (size_t i = 0; i < n_params; i++) {
            args[i] = assay_arg_text(params[i]);
        }
        status = assay_duckdb_open(store->n_threads, &database, &connection, err);
    }
    if (status == ASSAY_OK) {
        status = prepare_database(connection, folder, query, err);
    }
    if (status == ASSAY_OK) {
        status = run_query(connection, query, args, n_params, memory, err);
    }
    if (connection != NULL) {
        duckdb_disconnect(&connection);
        duckdb_close(&database);
    }
    free(args);
    free(folder);
    free(query);
    if (status == ASSAY_OK) {
        *out_table = &memory->table;
    } else {
        assay_table_destroy(memory == NULL ? NULL : &memory->table);
    }
    return status;
}
