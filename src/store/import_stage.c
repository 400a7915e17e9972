/* The rows of a file, checked, in the temporary table assay_stage.
 *
 * Invariant: what reaches assay_stage is what the file says, to the last digit; a cell that is not understood, a row without date
 * or symbol, a price that cannot be one, and a second row with one key end the import under on_bad_data: error, with the line
 * (import_faults.c finds it by reading the file once more: only a bad file pays for that).
 */
#include "import_stage.h"

#include <stdio.h>
#include <string.h>

#include "import_layout.h"
#include "import_values.h"
#include "prices_table.h"

/* --- the file as a relation --- */

static bool is_parquet(const char *file) {
    char magic[4] = "";
    FILE *handle = fopen(file, "rb");
    if (handle == NULL) {
        return false;
    }
    size_t n = fread(magic, 1, sizeof magic, handle);
    (void)fclose(handle);
    return n == sizeof magic && memcmp(magic, "PAR1", 4) == 0;
}

static assay_status find_columns(assay_store *store, const assay_import_source *source,
                                 const assay_import_spec *spec, assay_import_columns *columns,
                                 assay_import_report *report, assay_error *err) {
    assay_sql sql = {0};
    duckdb_result result;
    char what[400];
    (void)snprintf(what, sizeof what, "cannot read %.300s", source->file);
    assay_sql_add(&sql, "SELECT * FROM %s LIMIT 0", source->relation);
    assay_arg file = assay_arg_text(source->file);
    assay_status status = assay_query_run(store->connection, sql.text, &file, 1, what, &result, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        err->status = status == ASSAY_E_NOMEM ? status : ASSAY_E_IO; /* whatever DuckDB calls it */
        return err->status;
    }
    status = assay_import_columns_find(&result, source->file, spec->columns, columns, report->columns,
                                       sizeof report->columns, err);
    duckdb_destroy_result(&result);
    return status;
}

/* --- typed columns --- */

/* The raw cells, under r_<name>: text stays text, the rest is cast to what we want. */
static void add_raw(const assay_import_columns *columns, assay_sql *sql) {
    for (size_t i = 0; i < ASSAY_N_IMPORT; i++) {
        const assay_import_column *column = &columns->column[i];
        if (i == ASSAY_IMPORT_FREQUENCY) {
            continue;
        }
        assay_sql_add(sql, ", ");
        if (!column->present) {
            assay_sql_add(sql, "NULL::VARCHAR AS r_%s", assay_import_column_name(i));
            continue;
        }
        bool number = i >= ASSAY_IMPORT_OPEN && i <= ASSAY_IMPORT_SPLIT;
        if (column->type == DUCKDB_TYPE_VARCHAR) {
            assay_sql_identifier(sql, column->name);
        } else if (i == ASSAY_IMPORT_TIMESTAMP && column->type == DUCKDB_TYPE_TIMESTAMP_TZ) {
            assay_sql_add(sql, "make_timestamp(epoch_us(");
            assay_sql_identifier(sql, column->name);
            assay_sql_add(sql, "))");
        } else {
            bool time = i == ASSAY_IMPORT_TIMESTAMP && column->type != DUCKDB_TYPE_BIGINT &&
                        column->type != DUCKDB_TYPE_INTEGER;
            assay_sql_add(sql, "TRY_CAST(");
            assay_sql_identifier(sql, column->name);
            assay_sql_add(sql, " AS %s)", number ? "DOUBLE" : (time ? "TIMESTAMP" : "VARCHAR"));
        }
        assay_sql_add(sql, " AS r_%s", assay_import_column_name(i));
    }
}

static void add_timestamp(const assay_import_columns *columns, const assay_import_values *values,
                          assay_sql *sql) {
    if (assay_import_is_text(columns, ASSAY_IMPORT_TIMESTAMP)) {
        assay_import_add_date(values, columns, sql);
    } else {
        assay_sql_add(
            sql,
            "CASE WHEN frequency = '1d' THEN date_trunc('day', r_timestamp)::TIMESTAMP ELSE r_timestamp END");
    }
}

/* True where a cell has a text that says neither a value nor "missing". */
#define NOT_MISSING "NOT list_contains([" ASSAY_IMPORT_MISSING "], lower(trim(r_%s)))"

/* A sum is missing where one of its terms is: one test a row tells that no cell needs a closer look. */
static void add_fault_guard(const assay_import_columns *columns, assay_sql *sql) {
    assay_sql_add(sql, ", CASE WHEN ");
    if (assay_import_is_text(columns, ASSAY_IMPORT_TIMESTAMP)) {
        assay_sql_add(sql, "v_timestamp IS NULL OR ");
    }
    assay_sql_add(sql, "(0");
    for (size_t i = ASSAY_IMPORT_OPEN; i <= ASSAY_IMPORT_SPLIT; i++) {
        if (assay_import_is_text(columns, i)) {
            assay_sql_add(sql, " + v_%s", assay_import_column_name(i));
        }
    }
    assay_sql_add(sql, ") IS NULL THEN ");
}

static void add_fault(const assay_import_columns *columns, assay_sql *sql) {
    add_fault_guard(columns, sql);
    assay_sql_add(sql, "(false");
    for (size_t i = 0; i <= ASSAY_IMPORT_SPLIT; i++) {
        if (i == ASSAY_IMPORT_SYMBOL || !assay_import_is_text(columns, i)) {
            continue;
        }
        const char *name = assay_import_column_name(i);
        assay_sql_add(sql,
                      " OR CASE WHEN v_%s IS NULL AND r_%s IS NOT NULL THEN " NOT_MISSING " ELSE false END",
                      name, name, name);
    }
    assay_sql_add(sql, ") ELSE false END AS unreadable");
}

/* A text of the file without the spaces around it. trim() looks at each character, so only a text that may have some pays for
 * it: one that begins or ends with a space, or is not ASCII (there are other spaces than ours). */
static void add_trimmed(const char *name, assay_sql *sql) {
    static const char *const parts[] = {"nullif(CASE WHEN starts_with(", ", ' ') OR ends_with(",
                                        ", ' ') OR strlen(", ") <> length(", ") THEN trim("};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assay_sql_add(sql, "%sCAST(", parts[i]);
        assay_sql_identifier(sql, name);
        assay_sql_add(sql, " AS VARCHAR)");
    }
    assay_sql_add(sql, ") ELSE CAST(");
    assay_sql_identifier(sql, name);
    assay_sql_add(sql, " AS VARCHAR) END, '')");
}

/* SELECT [n,] [raw cells,] typed columns, unreadable FROM the file. */
static assay_status build_select(assay_store *store, assay_import_source *source,
                                 const assay_import_spec *spec, const assay_import_columns *columns,
                                 const assay_import_values *values, bool with_rows, assay_error *err) {
    assay_sql *sql = with_rows ? &source->select_with_rows : &source->select;
    assay_sql_add(sql, "SELECT %s", with_rows ? "n, columns('r_.*'), " : "");
    for (size_t i = 0; i <= ASSAY_IMPORT_SPLIT; i++) {
        assay_sql_add(sql, "%sv_%s AS \"%s\"", i == 0 ? "" : ", ", assay_import_column_name(i),
                      assay_import_column_name(i));
    }
    assay_sql_add(sql, ", frequency, currency");
    add_fault(columns, sql);
    assay_sql_add(sql, " FROM (SELECT *, ");
    add_timestamp(columns, values, sql);
    assay_sql_add(sql, " AS v_timestamp");
    for (size_t i = ASSAY_IMPORT_OPEN; i <= ASSAY_IMPORT_SPLIT; i++) {
        const char *name = assay_import_column_name(i);
        assay_sql_add(sql, ", ");
        if (assay_import_is_text(columns, i)) {
            assay_import_add_number(values, name, sql);
        } else {
            assay_sql_add(sql, "CAST(r_%s AS DOUBLE)", name);
        }
        assay_sql_add(sql, " AS v_%s", name);
    }
    assay_sql_add(sql, " FROM (SELECT *");
    for (size_t i = ASSAY_IMPORT_OPEN; i <= ASSAY_IMPORT_SPLIT; i++) {
        if (assay_import_is_text(columns, i)) {
            assay_import_add_plain_number(values, assay_import_column_name(i), sql);
        }
    }
    assay_sql_add(sql, " FROM (SELECT %s", with_rows ? "n, " : "");
    const assay_import_column *symbol = &columns->column[ASSAY_IMPORT_SYMBOL];
    if (symbol->present) {
        add_trimmed(symbol->name, sql);
    } else {
        assay_sql_literal(sql, columns->symbol);
    }
    assay_sql_add(sql, " AS v_symbol, ");
    const assay_import_column *frequency = &columns->column[ASSAY_IMPORT_FREQUENCY];
    assay_arg file = assay_arg_text(source->file);
    assay_status status = assay_frequency_case(store->connection, source->relation, &file, 1,
                                               frequency->present ? frequency->name : NULL,
                                               spec->frequency == NULL ? "1d" : spec->frequency, sql, err);
    assay_sql_add(sql, " AS frequency, ");
    const assay_import_column *currency = &columns->column[ASSAY_IMPORT_CURRENCY];
    if (currency->present) {
        assay_sql_add(sql, "coalesce(");
        add_trimmed(currency->name, sql);
        assay_sql_add(sql, ", ");
        assay_sql_literal(sql, spec->currency == NULL ? "USD" : spec->currency);
        assay_sql_add(sql, ")");
    } else {
        assay_sql_literal(sql, spec->currency == NULL ? "USD" : spec->currency);
    }
    assay_sql_add(sql, " AS currency");
    add_raw(columns, sql);
    assay_sql_add(sql, " FROM %s)))", with_rows ? source->relation_with_rows : source->relation);
    if (status == ASSAY_OK && sql->failed) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", source->file);
    }
    return status;
}

/* --- staging --- */

void assay_import_stage_drop(assay_store *store) {
    /* assay_new is the one or the other (import_merge.c); of the wrong kind it is not dropped, which is no harm. */
    static const char *const made[] = {"VIEW IF EXISTS temp.assay_new", "TABLE IF EXISTS temp.assay_new",
                                       "TABLE IF EXISTS temp.assay_stage", "TABLE IF EXISTS temp.assay_hits",
                                       "TABLE IF EXISTS temp.assay_events_new"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        char sql[80];
        (void)snprintf(sql, sizeof sql, "DROP %s", made[i]);
        assay_status ignored = assay_query_do(store->connection, sql, NULL, 0, "", NULL);
        (void)ignored;
    }
}

/* Files stand by symbol or by date nearly always. Then each key is above the one before it, which a window of one row over the
 * rows as they stand tells in a fraction of what counting the keys takes. */
assay_status assay_import_stage_order(assay_store *store, assay_stage_order *out_order, assay_error *err) {
    assay_cursor cursor;
    *out_order = (assay_stage_order){.is_unique = false};
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT coalesce(bool_and(s > s0 OR (s = s0 AND t > t0)), true)::BIGINT, "
        "coalesce(bool_and(t > t0 OR (t = t0 AND s > s0)), true)::BIGINT FROM (SELECT symbol AS s, "
        "\"timestamp\" AS t, lag(symbol) OVER () AS s0, lag(\"timestamp\") OVER () AS t0 FROM assay_stage)",
        NULL, 0, "cannot check the imported rows", err);
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        out_order->is_by_symbol = assay_cursor_int(&cursor, 0) != 0;
        out_order->is_unique = out_order->is_by_symbol || assay_cursor_int(&cursor, 1) != 0;
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status load_stage(assay_store *store, const assay_import_source *source, assay_error *err) {
    assay_sql sql = {0};
    char what[400];
    (void)snprintf(what, sizeof what, "cannot read %.300s", source->file);
    assay_import_stage_drop(store);
    assay_sql_add(&sql, "CREATE TEMP TABLE assay_stage AS %s", source->select.text);
    assay_arg file = assay_arg_text(source->file);
    assay_status status =
        assay_query_do(store->connection, sql.failed ? NULL : sql.text, &file, 1, what, err);
    assay_sql_reset(&sql);
    return status;
}

/* The relations of a file; `sql` and `with_rows` hold their texts. */
static assay_status describe_source(assay_store *store, const assay_import_spec *spec,
                                    assay_import_source *source, assay_sql *sql, assay_sql *with_rows,
                                    assay_import_report *report, assay_error *err) {
    assay_status status = ASSAY_OK;
    if (source->parquet) {
        assay_sql_add(sql, "read_parquet($1, hive_partitioning=false)");
        assay_sql_add(with_rows, "(SELECT row_number() OVER () AS n, * FROM %s)",
                      sql->failed ? "" : sql->text);
        (void)snprintf(report->dialect, sizeof report->dialect, "Parquet");
    } else {
        assay_csv csv;
        status = assay_csv_look(store, source->file, spec, &csv, err);
        if (status == ASSAY_OK) {
            status = assay_import_layout(&csv, source->file, spec, report, sql, with_rows, err);
        }
        assay_csv_reset(&csv);
    }
    if (status == ASSAY_OK && (sql->failed || with_rows->failed)) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", source->file);
    }
    source->relation = sql->text;
    source->relation_with_rows = with_rows->text;
    return status;
}

/* How the file writes its values, and the statements that read them. */
static assay_status build_selects(assay_store *store, assay_import_source *source,
                                  const assay_import_spec *spec, const assay_import_columns *columns,
                                  assay_import_report *report, assay_error *err) {
    assay_import_values values;
    assay_sql raw = {0};
    add_raw(columns, &raw);
    assay_status status =
        raw.failed ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", source->file)
                   : assay_import_values_find(store, source, columns, &raw, spec, report, &values, err);
    assay_sql_reset(&raw);
    source->date_format = report->date_format;
    if (status == ASSAY_OK) {
        status = build_select(store, source, spec, columns, &values, false, err);
    }
    return status == ASSAY_OK ? build_select(store, source, spec, columns, &values, true, err) : status;
}

assay_status assay_import_stage_file(assay_store *store, const char *file, const assay_import_spec *spec,
                                     assay_import_report *report, assay_error *err) {
    FILE *handle = fopen(file, "rb");
    if (handle == NULL) {
        return assay_error_set(err, ASSAY_E_IO, "cannot read %s: no such file, or no permission", file);
    }
    (void)fclose(handle);
    assay_import_source source = {.file = file, .parquet = is_parquet(file)};
    assay_error fault;
    assay_error *out = err == NULL ? &fault : err;
    assay_import_columns columns;
    assay_sql sql = {0}, with_rows = {0};
    assay_status status = describe_source(store, spec, &source, &sql, &with_rows, report, out);
    if (status == ASSAY_OK) {
        status = find_columns(store, &source, spec, &columns, report, out);
    }
    if (status == ASSAY_OK && columns.symbol[0] != '\0') {
        if (spec->symbol != NULL) {
            (void)snprintf(columns.symbol, sizeof columns.symbol, "%s", spec->symbol);
        }
        (void)snprintf(report->symbol, sizeof report->symbol, "%s", columns.symbol);
    }
    if (status == ASSAY_OK) {
        status = build_selects(store, &source, spec, &columns, report, out);
    }
    if (status == ASSAY_OK) {
        status = load_stage(store, &source, out);
    }
    if (status == ASSAY_OK) {
        status = assay_import_check(store, &source, &columns, spec, report, out);
    }
    assay_sql_reset(&source.select);
    assay_sql_reset(&source.select_with_rows);
    assay_sql_reset(&sql);
    assay_sql_reset(&with_rows);
    return status;
}
