/* Sectors and the benchmark of a panel. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "keyed_table.h"
#include "market/panel.h"
#include "small_table.h"
#include "symbol_changes.h"

static const char cannot[] = "cannot read the table fundamental_analysis";

/* --- sectors --- */

typedef struct sector_list {
    assay_sector_row *row;
    size_t n, capacity;
    int64_t *newest; /* by symbol: what the newest row so far speaks of */
} sector_list;

static void reset_sectors(sector_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        free((char *)list->row[i].sector);
    }
    free(list->row);
    free(list->newest);
}

/* In the order in which rows became known: a row of an older period than one that is known says nothing new. */
static void sectors_sql(const assay_keyed_table *table, const assay_typed_column *sector, int64_t lag_days,
                        assay_sql *sql) {
    const assay_typed_column *key = table->key;
    assay_sql_add(
        sql,
        "SELECT s, sector, t, known FROM (SELECT %s AS s, trim(%s) AS sector, %s AS t, coalesce(%s, %s, "
        "%s + to_days(%lld)) AS known, coalesce(",
        key[ASSAY_KEY_SYMBOL].read, sector->read, key[ASSAY_KEY_TIMESTAMP].read,
        key[ASSAY_KEY_AVAILABLE].present ? key[ASSAY_KEY_AVAILABLE].read : "NULL",
        key[ASSAY_KEY_FILING].present ? key[ASSAY_KEY_FILING].read : "NULL", key[ASSAY_KEY_TIMESTAMP].read,
        (long long)lag_days);
    assay_keyed_table_version(table, sql);
    assay_sql_add(sql, ", TIMESTAMP '0001-01-01') AS version, row_number() OVER () AS n");
    assay_keyed_table_from(table, sql);
    assay_sql_add(sql, ") WHERE sector <> '' AND t IS NOT NULL ORDER BY known, t, version, n");
}

static assay_status take_sector(const assay_store *store, const assay_panel *panel,
                                const assay_cursor *cursor, sector_list *list, assay_error *err) {
    char name[256], text[256];
    size_t s;
    int64_t time = assay_cursor_int(cursor, 2);
    assay_cursor_copy(cursor, 0, name, sizeof name);
    assay_cursor_copy(cursor, 1, text, sizeof text);
    const char *instrument = assay_symbol_at(store, name, time);
    if (instrument == NULL || !assay_panel_find_symbol(panel, instrument, &s) || time < list->newest[s]) {
        return ASSAY_OK;
    }
    assay_status status = ASSAY_RESERVE(list->row, list->capacity, list->n + 1, err);
    char *copy = status == ASSAY_OK ? strdup(text) : NULL;
    if (copy == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for sectors");
    }
    list->newest[s] = time;
    list->row[list->n++] = (assay_sector_row){(uint32_t)s, assay_cursor_int(cursor, 3), copy};
    return ASSAY_OK;
}

static assay_status read_sectors(assay_store *store, const assay_keyed_table *table, const assay_panel *panel,
                                 const assay_typed_column *sector, int64_t lag_days, sector_list *list,
                                 assay_error *err) {
    size_t n = assay_panel_n_symbols(panel);
    assay_wanted_symbols wanted;
    list->newest = malloc((n + 1) * sizeof *list->newest);
    if (list->newest == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sectors of %zu symbols", n);
    }
    for (size_t s = 0; s < n; s++) {
        list->newest[s] = INT64_MIN;
    }
    assay_status status = assay_symbol_changes_want(store, panel->name, n, &wanted, err);
    if (status != ASSAY_OK) {
        assay_wanted_symbols_reset(&wanted);
        return status;
    }
    const assay_arg args[3] = {assay_arg_list((const char *const *)table->files.path, table->files.count),
                               assay_arg_list(wanted.name, wanted.n_names),
                               assay_arg_timestamp(assay_panel_bar_end_us(panel, panel->n_bars - 1))};
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_error first;
    sectors_sql(table, sector, lag_days, &sql);
    status =
        assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, args, 3, cannot, &first);
    assay_sql_reset(&sql);
    assay_wanted_symbols_reset(&wanted);
    if (status != ASSAY_OK) {
        return assay_files_diagnose(store, &table->files, table->key, ASSAY_N_KEYS, &first, err);
    }
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        status = take_sector(store, panel, &cursor, list, err);
    }
    assay_cursor_close(&cursor);
    return status;
}

assay_status assay_store_load_sectors(assay_store *store, assay_panel *panel, int64_t lag_days,
                                      assay_error *err) {
    if (store == NULL || panel == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "assay_store_load_sectors needs a store and a panel");
    }
    assay_store_single_thread(store); /* rows keep the order of their files */
    assay_keyed_table table;
    assay_status status = assay_keyed_table_open(store, "fundamental_analysis", &table, err);
    const assay_further_column *found = status == ASSAY_OK ? assay_keyed_table_find(&table, "sector") : NULL;
    assay_typed_column sector;
    if (found != NULL && !assay_typed_column_init(&sector, ASSAY_WANTED_LABEL, found->name, found->type)) {
        status = assay_error_set(err, ASSAY_E_DATA,
                                 "the table fundamental_analysis of %s: column %s does not hold text",
                                 store->folder, found->name);
    } else if (found != NULL) {
        sector_list list = {0};
        status = read_sectors(store, &table, panel, &sector, lag_days, &list, err);
        if (status == ASSAY_OK) {
            status = assay_panel_set_sector_history(panel, list.row, list.n, err);
        }
        reset_sectors(&list);
    }
    assay_keyed_table_reset(&table);
    return status;
}

/* --- the benchmark --- */

static bool has_a_return(const assay_panel *panel) {
    const double *returns = assay_panel_benchmark_returns(panel);
    for (size_t t = 0; t < panel->n_bars; t++) {
        if (!isnan(returns[t])) {
            return true;
        }
    }
    return false;
}

typedef struct name_list {
    char **name;
    size_t n, capacity;
} name_list;

static void reset_names(name_list *names) {
    for (size_t i = 0; i < names->n; i++) {
        free(names->name[i]);
    }
    free(names->name);
}

static assay_status add_name(name_list *names, const char *name, assay_error *err) {
    assay_status status = ASSAY_RESERVE(names->name, names->capacity, names->n + 1, err);
    if (status != ASSAY_OK) {
        return status;
    }
    names->name[names->n] = strdup(name);
    if (names->name[names->n] == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a benchmark");
    }
    names->n++;
    return ASSAY_OK;
}

static bool has_name(const name_list *names, const char *name) {
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->name[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* What a symbol spins off: its own history needs what that was worth. */
static assay_status add_children(assay_store *store, const char *instrument, name_list *names,
                                 assay_error *err) {
    assay_small_table table;
    assay_status status = assay_small_table_open(store, &assay_actions_table, &table, err);
    while (status == ASSAY_OK && assay_small_table_next(&table)) {
        char name[256], child[256];
        const assay_cursor *c = &table.cursor;
        assay_cursor_copy(c, ACTION_SYMBOL, name, sizeof name);
        assay_cursor_copy(c, ACTION_NEW_SYMBOL, child, sizeof child);
        int64_t ex_date = assay_cursor_int(c, ACTION_EX_DATE);
        const char *meant = assay_symbol_at(store, name, ex_date);
        const char *brought = child[0] == '\0' ? NULL : assay_symbol_at(store, child, ex_date);
        if (meant != NULL && brought != NULL && strcmp(meant, instrument) == 0 && !has_name(names, brought)) {
            status = add_name(names, brought, err);
        }
    }
    assay_small_table_close(&table);
    return status;
}

assay_status assay_store_load_benchmark(assay_store *store, const assay_load_spec *spec, const char *symbol,
                                        assay_panel *panel, assay_error *err) {
    if (store == NULL || spec == NULL || symbol == NULL || panel == NULL) {
        return assay_error_set(
            err, ASSAY_E_ARGUMENT,
            "assay_store_load_benchmark needs a store, a specification, a symbol and a panel");
    }
    char frequency[sizeof store->frequency];
    memcpy(frequency, store->frequency, sizeof frequency); /* the load below overwrites it */
    assay_load_spec alone = *spec;
    if (alone.frequency == NULL && frequency[0] != '\0') {
        alone.frequency = frequency;
    }
    assay_panel *benchmark = NULL;
    assay_error inner = {.status = ASSAY_OK};
    name_list names = {0};
    size_t number = 0;
    assay_status status = add_name(&names, symbol, err);
    for (size_t i = 0; status == ASSAY_OK && i < names.n; i++) { /* and what those spin off */
        status = add_children(store, assay_symbol_instrument(store, names.name[i]), &names, err);
    }
    if (status == ASSAY_OK) {
        alone.symbols = (const char *const *)names.name;
        alone.n_symbols = names.n;
        status = assay_store_load_panel(store, &alone, &benchmark, NULL, &inner);
        if (status != ASSAY_OK) {
            status = assay_error_set(err, status, "benchmark: %s", inner.message);
        }
    }
    reset_names(&names);
    if (status != ASSAY_OK) {
        return status;
    }
    (void)assay_panel_find_symbol(benchmark, assay_symbol_instrument(store, symbol), &number);
    status = assay_panel_set_benchmark(panel, benchmark, number, err);
    assay_panel_destroy(benchmark);
    if (status == ASSAY_OK && !has_a_return(panel)) {
        status = assay_error_set(err, ASSAY_E_DATA,
                                 "benchmark: %s has no return at any bar of the run; choose one that trades "
                                 "in the same period",
                                 symbol);
    }
    return status;
}
