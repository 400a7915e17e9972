/* Bad rows of an imported file: finding, refusing, dropping.
 *
 * Invariant: after assay_import_check every row of assay_stage has a symbol and a timestamp, no two have one key, and no number is
 * infinite or NaN (missing is NULL). One scan decides that a file is good; the rest runs for bad files only.
 */
#include "import_faults.h"

#include <stdio.h>
#include <string.h>

#include "import_stage.h"

#define BAD_PRICE(c) "(\"" c "\" IS NOT NULL AND NOT (\"" c "\" > 0 AND isfinite(\"" c "\")))"
#define BAD_AMOUNT(c) "(\"" c "\" IS NOT NULL AND NOT (\"" c "\" >= 0 AND isfinite(\"" c "\")))"
#define NO_KEY "(symbol IS NULL OR \"timestamp\" IS NULL OR NOT isfinite(\"timestamp\"))"

/* What can be wrong with a row, in the order in which it is reported. */
static const struct {
    const char *column; /* of ours; NULL: see text */
    const char *condition;
    const char *text;
} fault[] = {
    {NULL, "unreadable", NULL},
    {"symbol", "symbol IS NULL", "is missing"},
    {"timestamp", "(\"timestamp\" IS NULL OR NOT isfinite(\"timestamp\"))", "is missing"},
    {"open", BAD_PRICE("open"), "is not a positive, finite price"},
    {"high", BAD_PRICE("high"), "is not a positive, finite price"},
    {"low", BAD_PRICE("low"), "is not a positive, finite price"},
    {"close", BAD_PRICE("close"), "is not a positive, finite price"},
    {"volume", BAD_AMOUNT("volume"), "is not a number of shares"},
    {"dividend", BAD_AMOUNT("dividend"), "is not an amount of money (negative or infinite)"},
    {"split", BAD_AMOUNT("split"), "is not a ratio (negative or infinite)"},
};
enum { N_FAULTS = sizeof fault / sizeof *fault };

static assay_status internal(assay_store *store, const char *sql, assay_error *err) {
    return assay_query_do(store->connection, sql, NULL, 0, "cannot check the imported rows", err);
}

/* Where a row is, for people. */
static void place(const assay_import_source *source, int64_t row, char *out_text, size_t size) {
    (void)snprintf(out_text, size, "%.300s, %s %lld", source->file, source->parquet ? "row" : "line",
                   (long long)row);
}

/* The first row with this fault: its number and, for a column, the cell as the file has it. */
static assay_status report_row(assay_store *store, const assay_import_source *source,
                               const assay_import_columns *columns, size_t index, assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_arg file = assay_arg_text(source->file);
    assay_sql_add(&sql, "SELECT n, CAST(%s%s AS VARCHAR) FROM (%s) WHERE %s ORDER BY n LIMIT 1",
                  fault[index].column == NULL || index == 1 ? "" : "r_",
                  fault[index].column == NULL ? "NULL" : fault[index].column, source->select_with_rows.text,
                  fault[index].condition);
    assay_status status = assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, &file,
                                            1, source->file, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    if (assay_cursor_next(&cursor)) {
        char where[360], value[100];
        place(source, assay_cursor_int(&cursor, 0), where, sizeof where);
        assay_cursor_copy(&cursor, 1, value, sizeof value);
        const char *ours = fault[index].column;
        for (size_t i = 0; i < ASSAY_N_IMPORT; i++) {
            if (strcmp(assay_import_column_name(i), ours) == 0 && columns->column[i].present) {
                ours = columns->column[i].name;
            }
        }
        bool missing = value[0] == '\0';
        status = assay_error_set(
            err, ASSAY_E_DATA,
            "%s, column %s: %s%s%s%s; correct the row, or leave such rows out with --on-bad-data drop", where,
            ours, missing ? "the value " : "\"", value, missing ? "" : "\" ", fault[index].text);
    } else {
        status = assay_error_set(err, ASSAY_E_DATA, "%s has bad rows, and changed while it was read",
                                 source->file);
    }
    assay_cursor_close(&cursor);
    return status;
}

/* The first cell that could not be understood. */
static assay_status report_cell(assay_store *store, const assay_import_source *source,
                                const assay_import_columns *columns, assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_arg file = assay_arg_text(source->file);
    assay_sql_add(&sql, "SELECT n");
    for (size_t i = 0; i <= ASSAY_IMPORT_SPLIT; i++) {
        const char *name = assay_import_column_name(i);
        if (i != ASSAY_IMPORT_SYMBOL) {
            assay_sql_add(&sql,
                          ", CASE WHEN \"%s\" IS NULL AND NOT list_contains([" ASSAY_IMPORT_MISSING
                          "], lower(trim(CAST(r_%s AS VARCHAR)))) THEN CAST(r_%s AS VARCHAR) END",
                          name, name, name);
        }
    }
    assay_sql_add(&sql, " FROM (%s) WHERE unreadable ORDER BY n LIMIT 1", source->select_with_rows.text);
    assay_status status = assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, &file,
                                            1, source->file, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    char date[100] = "a date (write YYYY-MM-DD)";
    if (source->date_format[0] == '%') {
        (void)snprintf(date, sizeof date, "a date of the form %.60s, as the others are", source->date_format);
    }
    status = assay_error_set(err, ASSAY_E_DATA, "%s has cells that cannot be read", source->file);
    if (assay_cursor_next(&cursor)) {
        char where[360], value[100];
        idx_t c = 1;
        place(source, assay_cursor_int(&cursor, 0), where, sizeof where);
        for (size_t i = 0; i <= ASSAY_IMPORT_SPLIT; i++) {
            if (i == ASSAY_IMPORT_SYMBOL) {
                continue;
            }
            if (!assay_cursor_is_null(&cursor, c)) {
                assay_cursor_copy(&cursor, c, value, sizeof value);
                status = assay_error_set(err, ASSAY_E_DATA, "%s, column %s: \"%s\" is not %s; correct it",
                                         where, columns->column[i].name, value,
                                         i == ASSAY_IMPORT_TIMESTAMP ? date : "a number");
                break;
            }
            c++;
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status report_duplicate(assay_store *store, const assay_import_source *source,
                                     assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_arg file = assay_arg_text(source->file);
    assay_sql_add(&sql,
                  "SELECT min(n), max(n), symbol, CAST(\"timestamp\" AS VARCHAR) FROM (%s) GROUP BY symbol, "
                  "\"timestamp\", "
                  "frequency HAVING count(*) > 1 ORDER BY 2 LIMIT 1",
                  source->select_with_rows.text);
    assay_status status = assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, &file,
                                            1, source->file, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    status = assay_error_set(err, ASSAY_E_DATA, "%s has several rows with one symbol and date", source->file);
    if (assay_cursor_next(&cursor)) {
        char first[360], symbol[80], time[40];
        place(source, assay_cursor_int(&cursor, 0), first, sizeof first);
        assay_cursor_copy(&cursor, 2, symbol, sizeof symbol);
        assay_cursor_copy(&cursor, 3, time, sizeof time);
        status = assay_error_set(
            err, ASSAY_E_DATA,
            "%s and %s %lld are both %s at %s; remove one, or keep the last with --on-bad-data drop "
            "(rows within a day need --frequency)",
            first, source->parquet ? "row" : "line", (long long)assay_cursor_int(&cursor, 1), symbol, time);
    }
    assay_cursor_close(&cursor);
    return status;
}

/* Rows with fault `index`, counted by one scan for all faults. */
static assay_status count_faults(assay_store *store, int64_t count[N_FAULTS + 1], assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    assay_sql_add(&sql, "SELECT count(*)");
    for (size_t i = 0; i < N_FAULTS; i++) {
        assay_sql_add(&sql, ", count(*) FILTER (%s)", fault[i].condition);
    }
    assay_sql_add(&sql, " FROM assay_stage");
    assay_status status = assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, NULL, 0,
                                            "cannot check the imported rows", err);
    assay_sql_reset(&sql);
    if (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        for (size_t i = 0; i <= N_FAULTS; i++) {
            count[i] = assay_cursor_int(&cursor, (idx_t)i);
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status count_duplicates(assay_store *store, int64_t *out_count, assay_error *err) {
    assay_stage_order order;
    assay_status status = assay_import_stage_order(store, &order, err);
    *out_count = 0;
    if (status != ASSAY_OK || order.is_unique) {
        return status;
    }
    return assay_query_int(
        store->connection,
        "SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) AS n FROM assay_stage GROUP BY "
        "symbol, \"timestamp\", frequency HAVING count(*) > 1)",
        NULL, 0, "cannot check the imported rows", out_count, err);
}

/* drop leaves bad rows out; keep leaves in what can be stored: a missing value for what is no number. */
static assay_status mend(assay_store *store, assay_bad_data policy, assay_error *err) {
    assay_sql sql = {0};
    assay_sql_add(&sql, "DELETE FROM assay_stage WHERE " NO_KEY);
    if (policy == ASSAY_BAD_DATA_DROP) {
        for (size_t i = 3; i < N_FAULTS; i++) {
            assay_sql_add(&sql, " OR %s", fault[i].condition);
        }
    }
    assay_status status = internal(store, sql.failed ? NULL : sql.text, err);
    assay_sql_reset(&sql);
    if (status == ASSAY_OK && policy == ASSAY_BAD_DATA_KEEP) {
        assay_sql_add(&sql, "UPDATE assay_stage SET symbol = symbol");
        for (size_t i = 3; i < N_FAULTS; i++) {
            const char *name = fault[i].column;
            assay_sql_add(&sql, ", \"%s\" = CASE WHEN isfinite(\"%s\") THEN \"%s\" END", name, name, name);
        }
        status = internal(store, sql.failed ? NULL : sql.text, err);
        assay_sql_reset(&sql);
    }
    return status;
}

assay_status assay_import_check(assay_store *store, const assay_import_source *source,
                                const assay_import_columns *columns, const assay_import_spec *spec,
                                assay_import_report *report, assay_error *err) {
    int64_t count[N_FAULTS + 1] = {0}, n_duplicates = 0, n_left = 0, n_symbols = 0;
    assay_status status = count_faults(store, count, err);
    if (status != ASSAY_OK) {
        return status;
    }
    report->n_rows = (size_t)count[0];
    if (count[1] > 0) {
        return report_cell(store, source, columns, err); /* not data: no policy makes a number of it */
    }
    bool bad = false;
    for (size_t i = 1; i < N_FAULTS; i++) {
        if (count[i + 1] > 0 && spec->on_bad_data == ASSAY_BAD_DATA_ERROR) {
            return report_row(store, source, columns, i, err);
        }
        bad = bad || count[i + 1] > 0;
    }
    if (bad) {
        status = mend(store, spec->on_bad_data, err);
    }
    if (status == ASSAY_OK) {
        status = count_duplicates(store, &n_duplicates, err);
    }
    if (status == ASSAY_OK && n_duplicates > 0) {
        if (spec->on_bad_data == ASSAY_BAD_DATA_ERROR) {
            return report_duplicate(store, source, err);
        }
        status = internal(
            store,
            "DELETE FROM assay_stage WHERE rowid NOT IN (SELECT max(rowid) FROM assay_stage GROUP BY symbol, "
            "\"timestamp\", frequency)",
            err);
    }
    if (status == ASSAY_OK) {
        status = internal(store, "ALTER TABLE assay_stage DROP COLUMN unreadable", err);
    }
    if (status == ASSAY_OK) {
        status =
            assay_query_int(store->connection, "SELECT count(*) FROM assay_stage", NULL, 0, "", &n_left, err);
    }
    if (status == ASSAY_OK) {
        status = assay_query_int(store->connection, "SELECT count(DISTINCT symbol) FROM assay_stage", NULL, 0,
                                 "", &n_symbols, err);
    }
    report->n_dropped = report->n_rows - (size_t)n_left;
    report->n_symbols = (size_t)n_symbols;
    return status;
}
