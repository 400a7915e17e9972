/* Recomputing a stored run in SQL: fills, corporate actions and prices in; cash, equity and pnl out; compared with what the run
 * stored.
 *
 * Invariant: shares no code with the engine. What is read here is the tables; what is computed is audit_sql.c.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_bars.h"
#include "audit_sql.h"
#include "prices_table.h"
#include "run_tables.h"
#include "symbol_changes.h"

static const double tolerance = 1e-9;
static const char what[] = "cannot audit the run";

/* --- the run's own tables --- */

/* Runs `sql` with $1 = the files of a table and $2 = the run's id. */
static assay_status from_table(assay_store *store, const char *table, const char *run_id, const char *sql,
                               assay_error *err) {
    assay_files files;
    assay_status status = assay_files_of_run(store->folder, table, run_id, &files, err);
    if (status == ASSAY_OK && files.count == 0) {
        status =
            assay_error_set(err, ASSAY_E_NOT_FOUND, "the database %s has no table %s", store->folder, table);
    }
    if (status == ASSAY_OK) {
        assay_arg args[2] = {assay_arg_list((const char *const *)files.path, files.count),
                             assay_arg_text(run_id)};
        status = assay_query_do(store->connection, sql, args, 2, what, err);
    }
    assay_files_reset(&files);
    return status;
}

#define READ "read_parquet($1, union_by_name=true, hive_partitioning=false)"

static assay_status read_run(assay_store *store, const char *run_id, assay_error *err) {
    int64_t n = 0, n_whole = 0;
    assay_sql sql = {0};
    assay_sql_add(
        &sql,
        "CREATE OR REPLACE TEMP TABLE audit_run AS SELECT config IS NOT NULL AS is_whole, initial_capital, "
        "start_date, end_date, config, "
        "coalesce(CAST(json_extract_string(config, '$.engine.borrow_fee_pct') AS DOUBLE), 0) AS borrow_fee, "
        "coalesce(CAST(json_extract_string(config, '$.engine.cash_interest_pct') AS DOUBLE), 0) AS "
        "cash_interest, "
        "coalesce(json_extract_string(config, '$.engine.lot_method'), 'fifo') AS lot_method, "
        "coalesce(json_extract_string(config, '$.engine.dividend_payment'), 'ex_date') = 'pay_date' AS "
        "waits, "
        "coalesce(json_extract_string(config, '$.engine.combine'), 'union') AS combine, parameters FROM ((");
    (void)assay_run_table_select_none("backtest_runs", &sql);
    assay_sql_add(&sql, ") UNION ALL BY NAME SELECT * FROM " READ ") WHERE run_id = $2");
    assay_status status = sql.failed ? assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what)
                                     : from_table(store, "backtest_runs", run_id, sql.text, err);
    assay_sql_reset(&sql);
    if (status == ASSAY_OK) {
        status = assay_query_int(store->connection, "SELECT count(*) FROM audit_run", NULL, 0, what, &n, err);
    }
    if (status == ASSAY_OK && n != 1) {
        status = assay_error_set(err, ASSAY_E_NOT_FOUND,
                                 n == 0 ? "the database %s has no run %s; `assay runs` lists them"
                                        : "the database %s has several runs %s",
                                 store->folder, run_id);
    }
    if (status == ASSAY_OK) {
        status = assay_query_int(store->connection, "SELECT count(*) FROM audit_run WHERE is_whole", NULL, 0,
                                 what, &n_whole, err);
    }
    if (status == ASSAY_OK && n_whole == 0) {
        status = assay_error_set(
            err, ASSAY_E_DATA, "run %s was stored without its configuration, so its books cannot be followed",
            run_id);
    }
    return status;
}

/* Sleeves have a book each, with their share of the capital; everybody else shares one, without a name. A weight that differs
 * from fold to fold of a walk-forward is a list: the capital was shared by the first. */
static assay_status make_books(assay_store *store, assay_error *err) {
    static const char *const statements[] = {
        "CREATE OR REPLACE TEMP TABLE audit_weights AS SELECT name[:-8] AS book, coalesce(TRY_CAST(weight AS "
        "DOUBLE), TRY_CAST(json_extract(weight, '$[0]') AS DOUBLE)) AS weight FROM (SELECT name, "
        "json_extract(parameters, '$.\"' || name || '\"') AS weight FROM (SELECT parameters, "
        "unnest(json_keys(parameters)) AS name FROM audit_run WHERE combine = 'sleeves') WHERE name LIKE "
        "'%.weight')",
        "CREATE OR REPLACE TEMP TABLE audit_books AS SELECT book, weight / sum(weight) OVER () * "
        "initial_capital "
        "AS capital FROM audit_weights, audit_run WHERE (SELECT count(*) FROM audit_weights) > 1 UNION ALL "
        "SELECT '', initial_capital FROM audit_run WHERE (SELECT count(*) FROM audit_weights) <= 1"};
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < sizeof statements / sizeof *statements; i++) {
        status = assay_query_do(store->connection, statements[i], NULL, 0, what, err);
    }
    return status;
}

static assay_status read_records(assay_store *store, const char *run_id, assay_error *err) {
#define BOOK "CASE WHEN (SELECT count(*) FROM audit_books) > 1 THEN strategy ELSE '' END AS book"
    static const struct {
        const char *table, *sql;
    } reads[] = {
        {"backtest_fills",
         "CREATE OR REPLACE TEMP TABLE audit_fills AS SELECT row_number() OVER () AS n, order_id, "
         "\"timestamp\" AS t, " BOOK ", symbol, side, quantity, price, commission, kind FROM " READ
         " WHERE run_id = $2"},
        {"backtest_metrics",
         "CREATE OR REPLACE TEMP TABLE audit_stored_bars AS SELECT date AS t, cash, total_value FROM " READ
         " WHERE run_id = $2 ORDER BY date"},
        {"backtest_trades", "CREATE OR REPLACE TEMP TABLE audit_stored_trades AS SELECT trade_id, " BOOK
                            ", symbol, exit_date, pnl, "
                            "direction, status = 'open' AS is_open FROM " READ " WHERE run_id = $2"}};
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < sizeof reads / sizeof *reads; i++) {
        status = from_table(store, reads[i].table, run_id, reads[i].sql, err);
    }
    return status;
}

/* --- prices and events --- */

/* The run's symbols and frequency out of its config; symbols NULL: all. */
typedef struct run_universe {
    char **symbol;
    size_t n_symbols;
    char frequency[32];
    int64_t end_us;
} run_universe;

static void universe_reset(run_universe *universe) {
    for (size_t i = 0; i < universe->n_symbols; i++) {
        free(universe->symbol[i]);
    }
    free(universe->symbol);
}

static assay_status read_universe(assay_store *store, run_universe *out, assay_error *err) {
    assay_cursor cursor;
    *out = (run_universe){0};
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT epoch_us(end_date), coalesce(json_extract_string(config, '$.frequency'), '') FROM audit_run",
        NULL, 0, what, err);
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        out->end_us = assay_cursor_int(&cursor, 0);
        assay_cursor_copy(&cursor, 1, out->frequency, sizeof out->frequency);
    }
    assay_cursor_close(&cursor);
    if (status != ASSAY_OK) {
        return status;
    }
    status = assay_cursor_open(&cursor, store->connection,
                               "SELECT DISTINCT unnest(json_extract_string(config, '$.universe.symbols[*]')) "
                               "FROM audit_run ORDER BY 1",
                               NULL, 0, what, err);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char name[256];
        assay_cursor_copy(&cursor, 0, name, sizeof name);
        char **grown = realloc(out->symbol, (out->n_symbols + 1) * sizeof *grown);
        if (grown != NULL) {
            out->symbol = grown;
            grown[out->n_symbols] = assay_text_format("%s", name);
        }
        if (grown == NULL || grown[out->n_symbols] == NULL) {
            status = assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
        } else {
            out->n_symbols++;
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status make_prices(assay_store *store, const assay_prices_table *table,
                                const assay_load_spec *spec, assay_error *err) {
    assay_sql sql = {0};
    assay_arg args[4];
    assay_sql_add(&sql, "CREATE OR REPLACE TEMP TABLE audit_raw AS ");
    assay_prices_sql(table, spec, true, &sql);
    size_t n_args = assay_prices_args(table, spec, args);
    assay_status status =
        assay_query_do(store->connection, sql.failed ? NULL : sql.text, args, n_args, what, err);
    assay_sql_reset(&sql);
    const char *time = table->daily || table->frequency[0] == '\0'
                           ? "date_trunc('day', p_timestamp)::TIMESTAMP"
                           : "p_timestamp";
    assay_sql_add(&sql,
                  "CREATE OR REPLACE TEMP TABLE audit_prices AS SELECT p_symbol AS symbol, %s AS t, "
                  "arg_max(p_close_price, "
                  "(coalesce(p_version, TIMESTAMP '0001-01-01'), assay_file)) AS close FROM audit_raw WHERE "
                  "p_symbol IN "
                  "(SELECT symbol FROM audit_fills) GROUP BY ALL",
                  time);
    if (status == ASSAY_OK) {
        status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    }
    assay_sql_reset(&sql);
    assay_sql_add(&sql,
                  "CREATE OR REPLACE TEMP TABLE audit_calendar AS SELECT DISTINCT %s AS t FROM audit_raw, "
                  "audit_run WHERE "
                  "p_close_price IS NOT NULL AND %s BETWEEN start_date AND end_date",
                  time, time);
    if (status == ASSAY_OK) {
        status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    }
    assay_sql_reset(&sql);
    return status;
}

/* Events of the prices table's own columns, and of corporate_actions where those say nothing for that symbol and date. A spin-off
 * is a dividend of what the new shares are worth, at the first bar from its ex-date on at which they have a price. */
static assay_status make_events(assay_store *store, const assay_prices_table *table, assay_error *err) {
    assay_sql sql = {0};
    bool split = table->column[ASSAY_PRICES_SPLIT].present,
         dividend = table->column[ASSAY_PRICES_DIVIDEND].present,
         open = table->column[ASSAY_PRICES_OPEN].present;
    assay_sql_add(
        &sql,
        "CREATE OR REPLACE TEMP TABLE audit_events AS SELECT *, NULL::TIMESTAMP AS pay, false AS spins_off "
        "FROM "
        "(SELECT p_symbol AS symbol, "
        "date_trunc('day', p_timestamp)::TIMESTAMP AS ex_date, coalesce(nullif(%s, 0), 1)::DOUBLE AS split, "
        "coalesce(%s, 0)::DOUBLE AS dividend FROM audit_raw) WHERE split <> 1 OR dividend <> 0",
        split ? "p_split_coefficient" : "NULL", dividend ? "p_dividend_amount" : "NULL");
    assay_status status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    assay_sql_reset(&sql);
    assay_files files = {0};
    if (status == ASSAY_OK) {
        status = assay_files_list(store->folder, "corporate_actions", &files, err);
    }
    if (status == ASSAY_OK && files.count > 0) {
        assay_arg list = assay_arg_list((const char *const *)files.path, files.count);
        assay_sql_add(
            &sql, "CREATE OR REPLACE TEMP TABLE audit_actions AS SELECT symbol, ex_date, split, dividend, "
                  "new_symbol, new_ratio, max(pay_date) AS pay FROM (SELECT ");
        assay_symbol_changes_of(store, "symbol", "ex_date", &sql);
        assay_sql_add(&sql, " AS symbol, ex_date, coalesce(nullif(split_ratio, 0), 1)::DOUBLE AS split, "
                            "coalesce(cash_dividend, 0)::DOUBLE AS dividend, ");
        assay_symbol_changes_of(store, "new_symbol", "ex_date", &sql);
        assay_sql_add(
            &sql, " AS new_symbol, coalesce(new_ratio, 0)::DOUBLE AS new_ratio, coalesce(type, '') AS type, "
                  "CAST(pay_date AS TIMESTAMP) AS pay_date FROM (SELECT * REPLACE (date_trunc('day', "
                  "CAST(ex_date AS "
                  "TIMESTAMP))::TIMESTAMP AS ex_date) FROM ((SELECT NULL::VARCHAR AS symbol, NULL::TIMESTAMP "
                  "AS ex_date, "
                  "NULL::DOUBLE AS split_ratio, NULL::DOUBLE AS cash_dividend, NULL::TIMESTAMP AS pay_date, "
                  "NULL::VARCHAR AS type, NULL::VARCHAR AS new_symbol, NULL::DOUBLE AS new_ratio LIMIT 0) "
                  "UNION ALL BY NAME (SELECT * FROM " READ
                  ")))) GROUP BY symbol, ex_date, split, dividend, new_symbol, "
                  "new_ratio, type");
        status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, &list, 1, what, err);
        assay_sql_reset(&sql);
    }
    if (status == ASSAY_OK && files.count > 0) {
        status = assay_query_do(store->connection,
                                "INSERT INTO audit_events SELECT symbol, ex_date, split, dividend, CASE WHEN "
                                "pay > ex_date THEN pay "
                                "END, false FROM audit_actions c WHERE (split <> 1 OR dividend <> 0) AND NOT "
                                "EXISTS (SELECT 1 FROM "
                                "audit_events e WHERE e.symbol = c.symbol AND e.ex_date = c.ex_date)",
                                NULL, 0, what, err);
    }
    if (status == ASSAY_OK && files.count > 0) {
        assay_sql_add(
            &sql,
            "INSERT INTO audit_events SELECT c.symbol, t, 1, new_ratio * coalesce(nullif(open, 'nan'), "
            "close), "
            "NULL, true FROM audit_actions c ASOF JOIN (SELECT p_symbol, date_trunc('day', "
            "p_timestamp)::TIMESTAMP AS t, arg_max(p_close_price, (coalesce(p_version, TIMESTAMP "
            "'0001-01-01'), assay_file)) AS close, arg_max(%s, (coalesce(p_version, TIMESTAMP "
            "'0001-01-01'), assay_file)) AS open FROM audit_raw WHERE isfinite(p_close_price) GROUP BY ALL) "
            "p ON c.new_symbol = p.p_symbol AND c.ex_date <= p.t WHERE new_ratio > 0",
            open ? "p_open_price" : "NULL::DOUBLE");
        status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
        assay_sql_reset(&sql);
    }
    assay_files_reset(&files);
    return status;
}

static assay_status read_market(assay_store *store, assay_error *err) {
    run_universe universe;
    assay_prices_table table;
    assay_status status = read_universe(store, &universe, err);
    if (status != ASSAY_OK) {
        universe_reset(&universe);
        return status;
    }
    assay_load_spec spec = {.symbols = universe.n_symbols == 0 ? NULL : (const char *const *)universe.symbol,
                            .n_symbols = universe.n_symbols,
                            .end_us = universe.end_us,
                            .frequency = universe.frequency[0] == '\0' ? NULL : universe.frequency};
    bool made = false;
    status = assay_audit_make_bars(store, &spec, &made, err);
    if (status != ASSAY_OK || made) {
        universe_reset(&universe);
        return status;
    }
    assay_wanted_symbols wanted = {0};
    table = (assay_prices_table){0};
    status = assay_symbol_changes_load(store, err);
    if (status == ASSAY_OK) {
        status = assay_symbol_changes_want(store, spec.symbols, spec.n_symbols, &wanted, err);
        spec.symbols = spec.symbols == NULL ? NULL : wanted.name;
        spec.n_symbols = wanted.n_names;
    }
    if (status == ASSAY_OK) {
        status = assay_prices_table_open(store, &table, err);
    }
    if (status == ASSAY_OK) {
        status = assay_prices_table_choose(store, &table, &spec, err);
    }
    if (status == ASSAY_OK) {
        status = make_prices(store, &table, &spec, err);
    }
    if (status == ASSAY_OK) {
        status = make_events(store, &table, err);
    }
    assay_prices_table_reset(&table);
    assay_wanted_symbols_reset(&wanted);
    universe_reset(&universe);
    return status;
}

/* --- comparing --- */

static assay_status count(assay_store *store, const char *table, size_t *out_count, assay_error *err) {
    char sql[80];
    int64_t n = 0;
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assay_status status = assay_query_int(store->connection, sql, NULL, 0, what, &n, err);
    *out_count = (size_t)n;
    return status;
}

static assay_status compare(assay_store *store, assay_audit_report *report, assay_error *err) {
    assay_cursor cursor;
    assay_status status =
        assay_cursor_open(&cursor, store->connection, assay_audit_differences, NULL, 0, what, err);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char kind[16], at[64], name[96];
        double difference = assay_cursor_double(&cursor, 5);
        assay_cursor_copy(&cursor, 0, kind, sizeof kind);
        double *worst =
            strcmp(kind, "equity") == 0 ? &report->worst_equity_difference : &report->worst_pnl_difference;
        bool differs = !(difference <= tolerance);
        *worst = difference > *worst || isnan(difference) ? difference : *worst;
        if (differs && report->n_differences++ == 0) {
            assay_cursor_copy(&cursor, 1, at, sizeof at);
            assay_cursor_copy(&cursor, 2, name, sizeof name);
            (void)snprintf(report->first_difference, sizeof report->first_difference,
                           "%s, %s: stored %.17g, recomputed %.17g", at, name,
                           assay_cursor_double(&cursor, 3), assay_cursor_double(&cursor, 4));
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

static void drop_tables(assay_store *store) {
    static const char *const tables[] = {
        "run",    "weights", "books",     "fills",    "stored_bars", "stored_trades", "raw",
        "prices", "events",  "actions",   "calendar", "effects",     "factor",        "base",
        "held",   "parts",   "opened",    "closed",   "trades",      "marks",         "open",
        "money",  "flows",   "positions", "plain",    "bars"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[80];
        (void)snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS temp.audit_%s", tables[i]);
        assay_status ignored = assay_query_do(store->connection, sql, NULL, 0, "", NULL);
        (void)ignored;
    }
}

assay_status assay_store_audit(assay_store *store, const char *run_id, assay_audit_report *out_report,
                               assay_error *err) {
    if (store == NULL || run_id == NULL || out_report == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_audit needs a store, a run and a place for the report");
    }
    assay_store_all_threads(store);
    *out_report = (assay_audit_report){0};
    assay_status status = read_run(store, run_id, err);
    if (status == ASSAY_OK) {
        status = make_books(store, err);
    }
    if (status == ASSAY_OK) {
        status = read_records(store, run_id, err);
    }
    if (status == ASSAY_OK) {
        status = read_market(store, err);
    }
    for (size_t i = 0; status == ASSAY_OK && i < assay_audit_n_statements; i++) {
        status = assay_query_do(store->connection, assay_audit_statements[i], NULL, 0, what, err);
    }
    if (status == ASSAY_OK) {
        status = compare(store, out_report, err);
    }
    if (status == ASSAY_OK) {
        status = count(store, "audit_stored_bars", &out_report->n_bars, err);
    }
    if (status == ASSAY_OK) {
        status = count(store, "audit_stored_trades", &out_report->n_trades, err);
    }
    if (status == ASSAY_OK) {
        status = count(store, "audit_fills", &out_report->n_fills, err);
    }
    drop_tables(store);
    return status;
}
