/* SQL for people: one query over the database's tables, read-only.
 *
 * Invariant: the query runs in a DuckDB of its own, whose settings are locked and which can reach no file outside the database;
 * only a statement that is a SELECT gets that far, so nothing can be written. Cells come back as text made by DuckDB: doubles in
 * the fewest digits that read back the same, timestamps in ISO 8601.
 */
#include <stdlib.h>
#include <string.h>

#include "locked_database.h"
#include "store.h"

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

static assay_status run_query(duckdb_connection connection, const char *sql, const assay_arg *args,
                              size_t n_args, table_memory *memory, assay_error *err) {
    assay_sql wrapped = {0};
    assay_status status = assay_locked_check(connection, sql, what, err);
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
    char *query = assay_sql_trimmed(sql);
    assay_arg *args = calloc(n_params + 1, sizeof *args);
    table_memory *memory = calloc(1, sizeof *memory);
    assay_status status = ASSAY_OK;
    if (query == NULL || args == NULL || memory == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
    } else {
        for (size_t i = 0; i < n_params; i++) {
            args[i] = assay_arg_text(params[i]);
        }
        status = assay_locked_open(store, query, &database, &connection, err);
    }
    if (status == ASSAY_OK) {
        status = run_query(connection, query, args, n_params, memory, err);
    }
    assay_locked_close(&database, &connection);
    free(args);
    free(query);
    if (status == ASSAY_OK) {
        *out_table = &memory->table;
    } else {
        assay_table_destroy(memory == NULL ? NULL : &memory->table);
    }
    return status;
}
