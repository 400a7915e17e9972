/* What the data check looks at: the rows of the prices table, and what follows from them, as tables of the connection.
 *
 * Each table is made once by one statement and read by the kinds (check_kinds.c). Windows run over a symbol's bars, so that
 * memory is bounded by the rows that were asked for.
 */
#include <stdio.h>
#include <string.h>

#include "base/dates.h"
#include "check.h"

static const char what[] = "cannot check the prices";

#define V(name) "getvariable('" #name "')"
#define PRICES                                                                                               \
    "read_parquet($1, union_by_name=true, hive_partitioning=false, filename='assay_file', "                  \
    "file_row_number=true)"

static const char *const tables[] = {"rows",   "dups",  "events",   "bars",   "frequencies",
                                     "spread", "lives", "calendar", "sorted", "holes",
                                     "gaps",   "stale", "jumps",    "weekend"};

void assay_check_unstage(assay_store *store) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[80];
        (void)snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS assay_check_%s", tables[i]);
        (void)duckdb_query(store->connection, sql, NULL);
    }
}

static assay_status set_variables(assay_store *store, const assay_check_spec *spec, assay_error *err) {
    char sql[200];
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < assay_check_threshold_count(); i++) {
        (void)snprintf(sql, sizeof sql, "SET VARIABLE %s = CAST(%.17g AS DOUBLE)",
                       assay_check_threshold_at(i)->name, spec->threshold[i]);
        status = assay_query_do(store->connection, sql, NULL, 0, what, err);
    }
    /* DuckDB's last timestamp is a little before the last of 64 bits. */
    int64_t now = spec->now_us == INT64_MAX ? INT64_MAX / 2 : spec->now_us;
    (void)snprintf(sql, sizeof sql, "SET VARIABLE now = make_timestamp(%lld)", (long long)now);
    return status == ASSAY_OK ? assay_query_do(store->connection, sql, NULL, 0, what, err) : status;
}

/* --- the rows --- */

static void add_number(const assay_prices_table *table, size_t column, const char *name, assay_sql *sql) {
    const assay_typed_column *c = &table->column[column];
    if (c->present) {
        assay_sql_add(sql, ", CASE WHEN isnan(%s) THEN NULL ELSE %s END AS %s", c->read, c->read, name);
    } else {
        assay_sql_add(sql, ", NULL::DOUBLE AS %s", name);
    }
}

static assay_status add_rows_sql(assay_store *store, const assay_prices_table *table,
                                 const assay_check_spec *spec, const assay_arg *files, assay_sql *sql,
                                 assay_error *err) {
    const assay_typed_column *frequency = &table->column[ASSAY_PRICES_FREQUENCY];
    const assay_typed_column *currency = &table->column[ASSAY_PRICES_CURRENCY];
    const assay_typed_column *updated = &table->column[ASSAY_PRICES_UPDATED];
    const assay_typed_column *created = &table->column[ASSAY_PRICES_CREATED];
    const char *time = table->column[ASSAY_PRICES_TIMESTAMP].read;
    const char *symbol = table->column[ASSAY_PRICES_SYMBOL].read;
    assay_sql_add(
        sql,
        "CREATE TEMP TABLE assay_check_rows AS SELECT * EXCLUDE (raw_t, split, dividend), CASE WHEN "
        "frequency = '1d' THEN date_trunc('day', raw_t)::TIMESTAMP ELSE raw_t END AS t, "
        "coalesce(nullif(split, 0), 1) AS split, coalesce(dividend, 0) AS dividend, "
        "coalesce(o <= 0 OR isinf(o), false) OR coalesce(h <= 0 OR isinf(h), false) OR coalesce(l <= "
        "0 OR isinf(l), false) OR coalesce(c <= 0 OR isinf(c), false) OR coalesce(v < 0 OR isinf(v), "
        "false) AS bad FROM (SELECT %s AS symbol, %s AS raw_t",
        symbol, time);
    add_number(table, ASSAY_PRICES_OPEN, "o", sql);
    add_number(table, ASSAY_PRICES_HIGH, "h", sql);
    add_number(table, ASSAY_PRICES_LOW, "l", sql);
    add_number(table, ASSAY_PRICES_CLOSE, "c", sql);
    add_number(table, ASSAY_PRICES_VOLUME, "v", sql);
    add_number(table, ASSAY_PRICES_SPLIT, "split", sql);
    add_number(table, ASSAY_PRICES_DIVIDEND, "dividend", sql);
    assay_sql_add(sql, ", %s AS currency, coalesce(%s, %s, NULL::TIMESTAMP) AS version, ",
                  currency->present ? currency->read : "NULL::VARCHAR",
                  updated->present ? updated->read : "NULL", created->present ? created->read : "NULL");
    assay_status status = assay_frequency_case(store->connection, PRICES, files, 1,
                                               frequency->present ? frequency->name : NULL, "", sql, err);
    assay_sql_add(sql, " AS frequency, assay_file AS file, file_row_number AS n FROM " PRICES " WHERE true");
    if (spec->symbols != NULL) {
        assay_sql_add(sql, " AND (%s IS NULL OR %s IN (SELECT unnest($2)))", symbol, symbol);
    }
    if (spec->start_us != INT64_MIN) {
        assay_sql_add(sql, " AND (%s IS NULL OR %s >= make_timestamp(%lld))", time, time,
                      (long long)spec->start_us);
    }
    if (spec->end_us != INT64_MAX) {
        assay_sql_add(sql, " AND (%s IS NULL OR %s <= make_timestamp(%lld))", time, time,
                      (long long)spec->end_us);
    }
    assay_sql_add(sql, ")");
    return status;
}

/* --- the frequency: rows that do not say it have the only one that others say, else they are daily --- */

static const char name_unsaid[] = "UPDATE assay_check_rows SET frequency = (SELECT CASE WHEN count(DISTINCT "
                                  "frequency) = 1 THEN min(frequency) "
                                  "WHEN count(DISTINCT frequency) = 0 AND NOT bool_and(t = date_trunc('day', "
                                  "t)) THEN 'unknown' ELSE '1d' END "
                                  "FROM assay_check_rows WHERE frequency <> '' OR NOT EXISTS (SELECT 1 FROM "
                                  "assay_check_rows WHERE frequency <> "
                                  "'')), t = t WHERE frequency = ''";

static assay_status name_frequencies(assay_store *store, assay_error *err) {
    int64_t n_unsaid = 0, n_said = 0;
    duckdb_connection c = store->connection;
    assay_status status = assay_query_int(c, "SELECT count(*) FROM assay_check_rows WHERE frequency = ''",
                                          NULL, 0, what, &n_unsaid, err);
    if (status != ASSAY_OK || n_unsaid == 0) {
        return status;
    }
    status =
        assay_query_int(c, "SELECT count(DISTINCT frequency) FROM assay_check_rows WHERE frequency <> ''",
                        NULL, 0, what, &n_said, err);
    if (status != ASSAY_OK) {
        return status;
    }
    if (n_said == 0) { /* none is said: by the times */
        return assay_query_do(c,
                              "UPDATE assay_check_rows SET frequency = (SELECT CASE WHEN bool_and(t IS NULL "
                              "OR t = date_trunc('day', t)) "
                              "THEN '1d' ELSE 'unknown' END FROM assay_check_rows)",
                              NULL, 0, what, err);
    }
    status = assay_query_do(c, name_unsaid, NULL, 0, what, err);
    return status == ASSAY_OK
               ? assay_query_do(
                     c,
                     "UPDATE assay_check_rows SET t = date_trunc('day', t)::TIMESTAMP WHERE frequency = "
                     "'1d' AND t <> date_trunc('day', t)",
                     NULL, 0, what, err)
               : status;
}

static assay_status choose_frequency(assay_store *store, const assay_check_spec *spec,
                                     assay_check_report *report, assay_error *err) {
    duckdb_connection c = store->connection;
    assay_cursor cursor;
    char wanted[32] = "", found[400] = "";
    size_t n = 0;
    bool known = spec->frequency == NULL;
    if (spec->frequency != NULL) {
        assay_frequency_name(spec->frequency, strlen(spec->frequency), wanted);
    }
    assay_status status = name_frequencies(store, err);
    if (status == ASSAY_OK) {
        status =
            assay_query_do(c,
                           "CREATE TEMP TABLE assay_check_frequencies AS SELECT frequency, count(*) AS n, "
                           "min(t) AS first, max(t) AS last FROM assay_check_rows GROUP BY frequency",
                           NULL, 0, what, err);
    }
    if (status == ASSAY_OK) {
        status =
            assay_cursor_open(&cursor, c, "SELECT frequency FROM assay_check_frequencies ORDER BY n DESC, 1",
                              NULL, 0, what, err);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    while (assay_cursor_next(&cursor)) {
        char name[32];
        size_t used = strlen(found);
        assay_cursor_copy(&cursor, 0, name, sizeof name);
        (void)snprintf(found + used, sizeof found - used, "%s%s", n == 0 ? "" : ", ", name);
        if (n++ == 0 && spec->frequency == NULL) {
            (void)snprintf(wanted, sizeof wanted, "%s", name);
        }
        known = known || strcmp(name, wanted) == 0;
    }
    assay_cursor_close(&cursor);
    if (!known) {
        return assay_error_set(err, ASSAY_E_NOT_FOUND,
                               "the prices table of %s has no rows of frequency %s; it has: %s",
                               store->folder, spec->frequency, found);
    }
    (void)snprintf(report->frequency, sizeof report->frequency, "%s", wanted);
    assay_arg arg = assay_arg_text(wanted);
    if (n > 1) {
        status = assay_query_do(c, "DELETE FROM assay_check_rows WHERE frequency <> $1", &arg, 1, what, err);
    }
    if (status == ASSAY_OK && spec->frequency != NULL) {
        status = assay_query_do(c, "DELETE FROM assay_check_frequencies WHERE frequency <> $1", &arg, 1, what,
                                err);
    }
    return status;
}

/* --- corporate_actions: those of the symbols, where no row of prices tells an event of that date --- */

static assay_status add_table_events(assay_store *store, assay_error *err) {
    assay_files files;
    duckdb_result result;
    bool split = false, dividend = false;
    assay_status status = assay_files_list(store->folder, "corporate_actions", &files, err);
    assay_arg list = assay_arg_list((const char *const *)files.path, files.count);
    if (status == ASSAY_OK && files.count > 0) {
        status = assay_query_run(
            store->connection,
            "SELECT * FROM read_parquet($1, union_by_name=true, hive_partitioning=false) LIMIT 0", &list, 1,
            "cannot read the table corporate_actions", &result, err);
        for (idx_t i = 0; status == ASSAY_OK && i < duckdb_column_count(&result); i++) {
            split = split || strcmp(duckdb_column_name(&result, i), "split_ratio") == 0;
            dividend = dividend || strcmp(duckdb_column_name(&result, i), "cash_dividend") == 0;
        }
        if (status == ASSAY_OK) {
            duckdb_destroy_result(&result);
        }
    }
    if (status == ASSAY_OK && (split || dividend)) {
        assay_sql sql = {0};
        assay_sql_add(&sql,
                      "INSERT INTO assay_check_events SELECT DISTINCT symbol, ex_date, split, dividend, "
                      "NULL, NULL FROM (SELECT "
                      "CAST(symbol AS VARCHAR) AS symbol, date_trunc('day', CAST(ex_date AS "
                      "TIMESTAMP))::TIMESTAMP AS ex_date, "
                      "coalesce(nullif(CAST(%s AS DOUBLE), 0), 1) AS split, coalesce(CAST(%s AS DOUBLE), 0) "
                      "AS dividend FROM "
                      "read_parquet($1, union_by_name=true, hive_partitioning=false)) a WHERE symbol IN "
                      "(SELECT DISTINCT symbol "
                      "FROM assay_check_rows) AND ex_date IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
                      "assay_check_events e WHERE "
                      "e.symbol = a.symbol AND e.ex_date = a.ex_date)",
                      split ? "split_ratio" : "NULL", dividend ? "cash_dividend" : "NULL");
        status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, &list, 1,
                                "cannot read the table corporate_actions", err);
        assay_sql_reset(&sql);
    }
    assay_files_reset(&files);
    return status;
}

/* --- the whole --- */

static assay_status read_rows(assay_store *store, const assay_check_spec *spec, assay_prices_table *table,
                              assay_error *err) {
    assay_sql sql = {0};
    assay_error first = {0};
    assay_arg args[2] = {assay_arg_list((const char *const *)table->files.path, table->files.count),
                         assay_arg_list(spec->symbols, spec->n_symbols)};
    assay_status status = add_rows_sql(store, table, spec, args, &sql, err);
    if (status == ASSAY_OK) {
        status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, args,
                                spec->symbols == NULL ? 1 : 2, "cannot read the prices table", &first);
        status = status == ASSAY_OK ? ASSAY_OK : assay_prices_diagnose(store, table, &first, err);
    }
    assay_sql_reset(&sql);
    return status;
}

static assay_status make_tables(assay_store *store, const assay_prices_table *table, assay_error *err) {
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && assay_check_statements[i] != NULL; i++) {
        status =
            assay_query_do(store->connection, assay_check_statements[i], &files, i == 0 ? 1 : 0, what, err);
        if (status == ASSAY_OK && i == 1) {
            status = add_table_events(store, err);
        }
    }
    return status;
}

static assay_status read_totals(assay_store *store, assay_check_report *report, assay_error *err) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT (SELECT count(*) FROM assay_check_rows), count(*), (SELECT count(*) FROM "
        "assay_check_calendar), "
        "count(*) FILTER (ended), count(*) FILTER (late), min(first), max(last) FROM assay_check_lives",
        NULL, 0, what, err);
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        report->n_rows = (size_t)assay_cursor_int(&cursor, 0);
        report->n_symbols = (size_t)assay_cursor_int(&cursor, 1);
        report->n_bars = (size_t)assay_cursor_int(&cursor, 2);
        report->n_ended = (size_t)assay_cursor_int(&cursor, 3);
        report->n_begin_late = (size_t)assay_cursor_int(&cursor, 4);
        report->first_us = assay_cursor_int(&cursor, 5);
        report->last_us = assay_cursor_int(&cursor, 6);
    }
    if (status == ASSAY_OK) {
        assay_cursor_close(&cursor);
    }
    return status;
}

assay_status assay_check_stage(assay_store *store, const assay_check_spec *spec, assay_check_report *report,
                               assay_error *err) {
    assay_prices_table table;
    assay_store_all_threads(store);
    assay_check_unstage(store);
    assay_status status = assay_prices_table_open(store, &table, err);
    if (status == ASSAY_OK) {
        status = set_variables(store, spec, err);
    }
    if (status == ASSAY_OK) {
        status = read_rows(store, spec, &table, err);
    }
    if (status == ASSAY_OK) {
        status = choose_frequency(store, spec, report, err);
    }
    if (status == ASSAY_OK) {
        status = make_tables(store, &table, err);
    }
    if (status == ASSAY_OK) {
        status = read_totals(store, report, err);
    }
    if (status == ASSAY_OK && report->n_rows == 0) {
        status = assay_error_set(
            err, ASSAY_E_NOT_FOUND,
            "the prices table of %s has no rows of the symbols and the period that were asked for",
            store->folder);
    }
    assay_prices_table_reset(&table);
    return status;
}
