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

/* --- what follows from the rows --- */

/* $1: the files in their order. */
static const char make_dups[] = "CREATE TEMP TABLE assay_check_dups AS WITH d AS (SELECT r.*, "
                                "list_position($1, r.file) AS file_place FROM "
                                "assay_check_rows r JOIN (SELECT symbol, t FROM assay_check_rows WHERE "
                                "symbol IS NOT NULL AND t IS NOT NULL "
                                "GROUP BY symbol, t HAVING count(*) > 1) USING (symbol, t)), p AS (SELECT *, "
                                "row_number() OVER w AS place, "
                                "first_value(n) OVER w AS best_n, first_value(c) OVER w AS best_c, "
                                "first_value(file) OVER w AS best_file, "
                                "first_value(version) OVER w AS best_version, first_value(hash(o, h, l, c, "
                                "v, split, dividend)) OVER w AS "
                                "best_hash FROM d WINDOW w AS (PARTITION BY symbol, t ORDER BY version DESC "
                                "NULLS LAST, file_place DESC, n "
                                "DESC)) SELECT *, CASE WHEN file <> best_file OR version IS DISTINCT FROM "
                                "best_version THEN 'superseded' WHEN "
                                "hash(o, h, l, c, v, split, dividend) = best_hash THEN 'duplicate' ELSE "
                                "'contradicting_duplicate' END AS kind "
                                "FROM p";

static const char make_row_events[] =
    "CREATE TEMP TABLE assay_check_events AS SELECT symbol, t AS ex_date, split, dividend, file, n FROM "
    "assay_check_rows r WHERE (split <> 1 OR dividend <> 0) AND symbol IS NOT NULL AND t IS NOT NULL AND NOT "
    "EXISTS "
    "(SELECT 1 FROM assay_check_dups d WHERE d.place > 1 AND d.file = r.file AND d.n = r.n)";

#define GOOD "split > 0 AND NOT isinf(split) AND dividend >= 0 AND NOT isinf(dividend)"

/* The rows that are bars, sorted, so that a bar's neighbours are those of the table: no window has to sort again. */
static const char make_sorted[] = "CREATE TEMP TABLE assay_check_sorted AS SELECT symbol, t, o, h, l, c, v, "
                                  "file, n FROM assay_check_rows r WHERE NOT "
                                  "bad AND c IS NOT NULL AND symbol IS NOT NULL AND t IS NOT NULL AND NOT "
                                  "EXISTS (SELECT 1 FROM assay_check_dups d "
                                  "WHERE d.place > 1 AND d.file = r.file AND d.n = r.n) ORDER BY symbol, t";

static const char make_bars[] =
    "CREATE TEMP TABLE assay_check_bars AS WITH event AS (SELECT e.symbol, b.t, product(e.split) AS split, "
    "sum(e.dividend) AS dividend FROM (SELECT * FROM assay_check_events WHERE " GOOD
    ") e ASOF JOIN (SELECT symbol, t "
    "FROM assay_check_sorted) b ON e.symbol = b.symbol AND e.ex_date <= b.t GROUP BY e.symbol, b.t), lagged "
    "AS (SELECT "
    "b.*, p.c AS prev, p.t AS prev_t, q.c AS next FROM assay_check_sorted b LEFT JOIN assay_check_sorted p "
    "ON p.rowid = "
    "b.rowid - 1 AND p.symbol = b.symbol LEFT JOIN assay_check_sorted q ON q.rowid = b.rowid + 1 AND "
    "q.symbol = "
    "b.symbol), r AS (SELECT lagged.*, coalesce(event.split, 1) AS split, ln((c + coalesce(event.dividend, "
    "0)) * "
    "coalesce(event.split, 1) / prev) AS r FROM lagged LEFT JOIN event USING (symbol, t)) SELECT *, "
    "coalesce(split <> 1 "
    "AND abs(ln(split)) >= ln(" V(
        event_least) ") AND abs(ln(prev / c)) < abs(ln(prev / c) - ln(split)), false) AS "
                     "no_jump FROM r";

static const char make_spread[] =
    "CREATE TEMP TABLE assay_check_spread AS SELECT b.symbol, m, 1.4826 * median(abs(r - m)) AS s FROM "
    "assay_check_bars b JOIN (SELECT symbol, median(r) AS m FROM assay_check_bars GROUP BY symbol) USING "
    "(symbol) "
    "GROUP BY ALL";

static const char make_lives[] =
    "CREATE TEMP TABLE assay_check_lives AS WITH l AS (SELECT symbol, min(t) AS first, max(t) AS last FROM "
    "assay_check_bars WHERE t <= " V(
        now) " GROUP BY symbol) SELECT *, last < (SELECT max(last) FROM l) - "
             "to_days(CAST(" V(end_days) " AS INTEGER)) AS ended, first > (SELECT min(first) FROM l) + "
                                         "to_days(CAST(" V(end_days) " AS INTEGER)) AS late FROM l";

static const char make_calendar[] =
    "CREATE TEMP TABLE assay_check_calendar AS WITH d AS (SELECT t, count(*) AS n FROM assay_check_bars "
    "GROUP BY t), "
    "s AS (SELECT first AS t, count(*) AS n FROM assay_check_lives GROUP BY first), e AS (SELECT last AS t, "
    "count(*) "
    "AS n FROM assay_check_lives GROUP BY last) SELECT d.t, d.n AS trading, row_number() OVER (ORDER BY d.t) "
    "AS b, "
    "coalesce(sum(s.n) OVER (ORDER BY d.t), 0) - coalesce(sum(e.n) OVER (ORDER BY d.t ROWS BETWEEN UNBOUNDED "
    "PRECEDING AND 1 PRECEDING), 0) AS alive FROM d LEFT JOIN s USING (t) LEFT JOIN e USING (t)";

static const char make_holes[] =
    "CREATE TEMP TABLE assay_check_holes AS WITH holed AS (SELECT s.symbol FROM (SELECT symbol, count(*) AS "
    "n, min(t) AS "
    "first, max(t) AS last FROM assay_check_bars GROUP BY symbol) s JOIN assay_check_calendar p ON p.t = "
    "s.first JOIN "
    "assay_check_calendar q ON q.t = s.last WHERE q.b - p.b + 1 > s.n), wide AS (SELECT x.symbol, x.t AS "
    "before, p.b AS b, q.b AS next FROM "
    "assay_check_bars x JOIN assay_check_calendar p ON p.t = x.prev_t JOIN assay_check_calendar q ON q.t = "
    "x.t WHERE "
    "x.symbol IN (SELECT symbol FROM holed) AND q.b > p.b + 1 AND x.t <= " V(
        now) "), holes AS (SELECT symbol, before, unnest(range(b + 1, next)) AS b FROM wide) "
             "SELECT h.symbol, h.before, k.t FROM holes h JOIN assay_check_calendar k USING (b) WHERE "
             "k.alive - 1 >= " V(gap_others) " AND k.trading > " V(gap_share) " * (k.alive - 1)";

/* Holes with a row that is no bar are other kinds'. */
static const char make_gaps[] = "CREATE TEMP TABLE assay_check_gaps AS SELECT * FROM assay_check_holes h "
                                "WHERE NOT EXISTS (SELECT 1 FROM (SELECT "
                                "r.symbol, r.t FROM assay_check_rows r WHERE r.bad OR r.c IS NULL) r WHERE "
                                "r.symbol = h.symbol AND r.t = h.t)";

static const char make_stale[] =
    "CREATE TEMP TABLE assay_check_stale AS WITH f AS (SELECT *, c = prev AND coalesce(v, 0) = 0 AS still "
    "FROM "
    "assay_check_bars), moot AS (SELECT symbol FROM f WHERE still GROUP BY symbol HAVING count(*) >= " V(
        stale_bars) " - 1), g AS (SELECT *, sum(CASE WHEN still THEN 0 ELSE 1 END) OVER (PARTITION BY symbol "
                    "ORDER BY t) "
                    "AS run FROM f WHERE symbol IN (SELECT symbol FROM moot)) SELECT *, row_number() OVER "
                    "(PARTITION BY "
                    "symbol, run "
                    "ORDER BY t) AS number FROM g QUALIFY count(*) OVER (PARTITION BY symbol, run) >= " V(
                        stale_bars);

/* Usual ratios, and their reverses. Both the open and the close lie near a real split's new level. */
#define RATIOS                                                                                               \
    "(SELECT a || ':' || b AS name, a / b AS ratio FROM (VALUES "                                            \
    "(3,2),(2,1),(5,2),(3,1),(4,1),(5,1),(6,1),(7,1),"                                                       \
    "(8,1),(10,1),(12,1),(15,1),(20,1),(25,1),(30,1),(50,1),(100,1),(1,2),(1,3),(1,4),(1,5),(1,6),(1,7),(1," \
    "8),"                                                                                                    \
    "(1,10),(1,12),(1,15),(1,20),(1,25),(1,30),(1,50),(1,100)) AS v(a, b))"

static const char make_jumps[] =
    "CREATE TEMP TABLE assay_check_jumps AS WITH wide AS (SELECT b.*, abs(r - m) / nullif(s, 0) AS "
    "deviations FROM "
    "assay_check_bars b JOIN assay_check_spread USING (symbol) WHERE prev IS NOT NULL AND NOT no_jump AND "
    "(abs(r) >= "
    "least(abs(ln(1 + " V(jump) ")), ln(1 + " V(spike_least) "), ln(" V(split_least) ")) OR abs(r - m) > " V(outlier_mads) " * s)), spikes AS (SELECT symbol, t FROM wide WHERE coalesce(deviations >= " V(spike_mads) ", true) AND abs(exp(r) - 1) >= " V(
        spike_least) " AND abs(r + ln(next / c)) <= " V(spike_back) " * abs(r) AND split = 1), splits AS "
                                                                    "(SELECT symbol, t, arg_min(name, "
                                                                    "distance) AS ratio_name, "
                                                                    "arg_min(ratio, distance) AS ratio FROM "
                                                                    "(SELECT symbol, t, name, ratio, "
                                                                    "abs(ln(prev / c) - ln(ratio)) AS "
                                                                    "distance "
                                                                    "FROM wide, " RATIOS
                                                                    " WHERE split = 1 AND abs(ln(prev / c)) "
                                                                    ">= ln(" V(
                                                                        split_least) ") AND "
                                                                                     "coalesce(abs(ln(prev / "
                                                                                     "o) - ln(ratio)), 0) <= "
                                                                                     "ln(1 + " V(split_tolerance) ")) WHERE distance <= ln(1 + " V(
                                                                                         split_tolerance) ") "
                                                                                                          "GR"
                                                                                                          "OU"
                                                                                                          "P "
                                                                                                          "BY"
                                                                                                          " s"
                                                                                                          "ym"
                                                                                                          "bo"
                                                                                                          "l,"
                                                                                                          " t"
                                                                                                          ") "
                                                                                                          "SE"
                                                                                                          "LE"
                                                                                                          "CT"
                                                                                                          " *"
                                                                                                          " F"
                                                                                                          "RO"
                                                                                                          "M "
                                                                                                          "(S"
                                                                                                          "EL"
                                                                                                          "EC"
                                                                                                          "T "
                                                                                                          "w."
                                                                                                          "*,"
                                                                                                          " r"
                                                                                                          "at"
                                                                                                          "io"
                                                                                                          "_n"
                                                                                                          "am"
                                                                                                          "e,"
                                                                                                          " r"
                                                                                                          "at"
                                                                                                          "io"
                                                                                                          ", "
                                                                                                          "CA"
                                                                                                          "SE"
                                                                                                          " W"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "x."
                                                                                                          "t "
                                                                                                          "IS"
                                                                                                          " N"
                                                                                                          "OT"
                                                                                                          " N"
                                                                                                          "UL"
                                                                                                          "L "
                                                                                                          "TH"
                                                                                                          "EN"
                                                                                                          " '"
                                                                                                          "sp"
                                                                                                          "ik"
                                                                                                          "e'"
                                                                                                          " W"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "y."
                                                                                                          "t "
                                                                                                          "IS"
                                                                                                          " N"
                                                                                                          "OT"
                                                                                                          " N"
                                                                                                          "UL"
                                                                                                          "L "
                                                                                                          "TH"
                                                                                                          "EN"
                                                                                                          " N"
                                                                                                          "UL"
                                                                                                          "L "
                                                                                                          "WH"
                                                                                                          "EN"
                                                                                                          " r"
                                                                                                          "at"
                                                                                                          "io"
                                                                                                          " I"
                                                                                                          "S "
                                                                                                          "NO"
                                                                                                          "T "
                                                                                                          "NU"
                                                                                                          "LL"
                                                                                                          " T"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "'u"
                                                                                                          "na"
                                                                                                          "dj"
                                                                                                          "us"
                                                                                                          "te"
                                                                                                          "d_"
                                                                                                          "sp"
                                                                                                          "li"
                                                                                                          "t'"
                                                                                                          " W"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "ab"
                                                                                                          "s("
                                                                                                          "ex"
                                                                                                          "p("
                                                                                                          "r)"
                                                                                                          " -"
                                                                                                          " 1"
                                                                                                          ") "
                                                                                                          ">="
                                                                                                          " " V(jump) " THEN 'jump' WHEN deviations > " V(
                                                                                                              outlier_mads) " THEN 'outlier' END AS kind FROM wide w LEFT "
                                                                                                                            "JOIN spikes x ON x.symbol = w.symbol AND x.t = w.t LEFT JOIN spikes y ON y.symbol = w.symbol AND y.t = w.prev_t "
                                                                                                                            "LEFT JOIN splits z ON z.symbol = w.symbol AND z.t = w.t) WHERE kind IS NOT NULL";

static const char make_weekend[] = "CREATE TEMP TABLE assay_check_weekend AS SELECT * FROM (SELECT * FROM "
                                   "assay_check_rows WHERE frequency = '1d' AND "
                                   "dayofweek(t) IN (0, 6) AND symbol IS NOT NULL) WHERE (SELECT avg(CASE "
                                   "WHEN dayofweek(t) IN (0, 6) THEN 1 ELSE 0 "
                                   "END) FROM assay_check_rows WHERE t IS NOT NULL) < " V(weekend_share);

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
    static const char *const statements[] = {make_sorted, make_bars, make_spread, make_lives, make_calendar,
                                             make_holes,  make_gaps, make_stale,  make_jumps, make_weekend};
    assay_status status = assay_query_do(store->connection, make_dups, &files, 1, what, err);
    if (status == ASSAY_OK) {
        status = assay_query_do(store->connection, make_row_events, NULL, 0, what, err);
    }
    if (status == ASSAY_OK) {
        status = add_table_events(store, err);
    }
    for (size_t i = 0; status == ASSAY_OK && i < sizeof statements / sizeof *statements; i++) {
        status = assay_query_do(store->connection, statements[i], NULL, 0, what, err);
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
