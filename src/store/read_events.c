/* The corporate_actions table (symbol, ex_date, split_ratio, cash_dividend) into a panel builder.
 *
 * Rows that are the same count as one. Where the prices table itself carries a split or dividend for that symbol and date,
 * the builder takes the price row's.
 */
#include <string.h>
#include <strings.h>

#include "read_prices.h"

#define EVENTS "read_parquet($1, union_by_name=true, hive_partitioning=false)"

typedef struct event_columns {
    bool split, dividend;
} event_columns;

static assay_status find_columns(assay_store *store, const assay_files *files, event_columns *out,
                                 assay_error *err) {
    assay_arg list = assay_arg_list((const char *const *)files->path, files->count);
    duckdb_result result;
    bool symbol = false, ex_date = false;
    assay_status status = assay_query_run(store->connection, "SELECT * FROM " EVENTS " LIMIT 0", &list, 1,
                                          "cannot read the table corporate_actions", &result, err);
    if (status != ASSAY_OK) {
        return status;
    }
    for (idx_t c = 0; c < duckdb_column_count(&result); c++) {
        const char *name = duckdb_column_name(&result, c);
        symbol = symbol || strcasecmp(name, "symbol") == 0;
        ex_date = ex_date || strcasecmp(name, "ex_date") == 0;
        out->split = out->split || strcasecmp(name, "split_ratio") == 0;
        out->dividend = out->dividend || strcasecmp(name, "cash_dividend") == 0;
    }
    duckdb_destroy_result(&result);
    if (!symbol || !ex_date) {
        return assay_error_set(err, ASSAY_E_DATA, "the table corporate_actions of %s has no column %s",
                               store->folder, symbol ? "ex_date" : "symbol");
    }
    return ASSAY_OK;
}

static void add_sql(event_columns columns, assay_sql *sql) {
    assay_sql_add(
        sql,
        "WITH events AS (SELECT DISTINCT CAST(symbol AS VARCHAR) AS symbol, "
        "date_trunc('day', CAST(ex_date AS TIMESTAMP))::TIMESTAMP AS ex_date, "
        "coalesce(CAST(%s AS DOUBLE), 1) AS split_ratio, coalesce(CAST(%s AS DOUBLE), 0) AS cash_dividend "
        "FROM " EVENTS " WHERE symbol IS NOT NULL AND ex_date IS NOT NULL) SELECT * FROM events e",
        columns.split ? "split_ratio" : "NULL", columns.dividend ? "cash_dividend" : "NULL");
    assay_sql_add(sql, " ORDER BY symbol, ex_date, split_ratio, cash_dividend");
}

assay_status assay_events_read(assay_store *store, const assay_load_spec *spec, assay_price_reading *reading,
                               assay_error *err) {
    assay_files files;
    event_columns columns = {0};
    assay_status status = assay_files_list(store->folder, "corporate_actions", &files, err);
    if (status != ASSAY_OK || files.count == 0) {
        assay_files_reset(&files);
        return status;
    }
    status = find_columns(store, &files, &columns, err);
    assay_sql sql = {0};
    assay_cursor cursor = {0};
    if (status == ASSAY_OK) {
        assay_arg list = assay_arg_list((const char *const *)files.path, files.count);
        add_sql(columns, &sql);
        status = assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, &list, 1,
                                   "cannot read the table corporate_actions", err);
    }
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        size_t size;
        const char *symbol = assay_cursor_text(&cursor, 0, &size);
        uint32_t id;
        int64_t ex_date = assay_cursor_int(&cursor, 1);
        if (ex_date <= spec->end_us && assay_symbol_lookup_has(&reading->symbols, symbol, size, &id)) {
            status =
                assay_panel_builder_add_event(reading->builder, id, ex_date, assay_cursor_double(&cursor, 2),
                                              assay_cursor_double(&cursor, 3), err);
        }
    }
    assay_cursor_close(&cursor);
    assay_sql_reset(&sql);
    assay_files_reset(&files);
    return status;
}
