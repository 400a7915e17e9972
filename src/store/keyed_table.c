/* Tables with a row a symbol and time, whose further columns are named by the user. */
#include "keyed_table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SOURCE "read_parquet($1, union_by_name=true, hive_partitioning=false)"

static const struct {
    const char *name;
    assay_wanted_type wanted;
} keys[ASSAY_N_KEYS] = {{"timestamp", ASSAY_WANTED_TIME},  {"symbol", ASSAY_WANTED_LABEL},
                        {"frequency", ASSAY_WANTED_LABEL}, {"updated_at", ASSAY_WANTED_TIME},
                        {"created_at", ASSAY_WANTED_TIME}, {"available_at", ASSAY_WANTED_TIME},
                        {"filing_date", ASSAY_WANTED_TIME}};

static bool is_plain_word(const char *name) {
    size_t size = strlen(name);
    for (const char *c = name; *c != '\0'; c++) {
        if (*c != '_' && isalnum((unsigned char)*c) == 0) {
            return false;
        }
    }
    return size > 0 && size < sizeof((assay_further_column *)NULL)->name;
}

bool assay_is_column_name(const char *name) {
    for (size_t key = 0; key < ASSAY_N_KEYS; key++) {
        if (strcasecmp(name, keys[key].name) == 0) {
            return false;
        }
    }
    return is_plain_word(name);
}

static assay_status take_key(assay_keyed_table *table, size_t key, const char *name, duckdb_type type,
                             assay_error *err) {
    if (assay_typed_column_init(&table->key[key], keys[key].wanted, name, type)) {
        return ASSAY_OK;
    }
    return assay_error_set(err, ASSAY_E_DATA,
                           "the table %s of %s: column %s does not hold %s; write it as such, or rename it",
                           table->name, table->database, name, assay_wanted_name(keys[key].wanted));
}

static assay_status take_columns(assay_keyed_table *table, duckdb_result *result, assay_error *err) {
    idx_t n = duckdb_column_count(result);
    assay_status status = ASSAY_OK;
    table->further = calloc(n + 1, sizeof *table->further);
    if (table->further == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the columns of %s", table->name);
    }
    for (idx_t c = 0; status == ASSAY_OK && c < n; c++) {
        const char *name = duckdb_column_name(result, c);
        duckdb_type type = duckdb_column_type(result, c);
        size_t key = 0;
        while (key < ASSAY_N_KEYS && strcasecmp(name, keys[key].name) != 0) {
            key++;
        }
        if (key < ASSAY_N_KEYS) {
            status = take_key(table, key, name, type, err);
        } else if (is_plain_word(name)) {
            assay_further_column *further = &table->further[table->n_further++];
            (void)snprintf(further->name, sizeof further->name, "%s", name);
            further->type = type;
        }
    }
    for (size_t key = 0; status == ASSAY_OK && key <= ASSAY_KEY_SYMBOL; key++) {
        if (!table->key[key].present) {
            status = assay_error_set(err, ASSAY_E_DATA, "the table %s of %s has no column %s", table->name,
                                     table->database, keys[key].name);
        }
    }
    return status;
}

assay_status assay_keyed_table_open(assay_store *store, const char *name, assay_keyed_table *out_table,
                                    assay_error *err) {
    *out_table = (assay_keyed_table){.name = name, .database = store->folder};
    assay_status status = assay_files_list(store->folder, name, &out_table->files, err);
    if (status != ASSAY_OK || out_table->files.count == 0) {
        return status;
    }
    assay_arg files = assay_arg_list((const char *const *)out_table->files.path, out_table->files.count);
    duckdb_result result;
    assay_error first;
    status = assay_query_run(store->connection, "SELECT * FROM " SOURCE " LIMIT 0", &files, 1,
                             "cannot read a table", &result, &first);
    if (status != ASSAY_OK) {
        return assay_files_diagnose(store, &out_table->files, NULL, 0, &first, err);
    }
    status = take_columns(out_table, &result, err);
    duckdb_destroy_result(&result);
    return status;
}

void assay_keyed_table_reset(assay_keyed_table *table) {
    assay_files_reset(&table->files);
    free(table->further);
    *table = (assay_keyed_table){0};
}

const assay_further_column *assay_keyed_table_find(const assay_keyed_table *table, const char *name) {
    for (size_t i = 0; i < table->n_further; i++) {
        if (strcasecmp(table->further[i].name, name) == 0) {
            return &table->further[i];
        }
    }
    return NULL;
}

void assay_keyed_table_version(const assay_keyed_table *table, assay_sql *sql) {
    const assay_typed_column *updated = &table->key[ASSAY_KEY_UPDATED],
                             *created = &table->key[ASSAY_KEY_CREATED];
    assay_sql_add(sql, "coalesce(%s, %s, NULL::TIMESTAMP)", updated->present ? updated->read : "NULL",
                  created->present ? created->read : "NULL");
}

void assay_keyed_table_from(const assay_keyed_table *table, assay_sql *sql) {
    assay_sql_add(sql, " FROM " SOURCE " WHERE %s IN (SELECT unnest($2)) AND %s < $3",
                  table->key[ASSAY_KEY_SYMBOL].read, table->key[ASSAY_KEY_TIMESTAMP].read);
}
