/* From assay_stage into the prices table.
 *
 *     assay_stage  the file's rows
 *     assay_hits   (stage_row, assay_file, same, created): rows of the table that have a stage row's key
 *     assay_new    what has to be written: stage rows that are new or differ, with their partition; a view of assay_stage where
 *                  that is all of them, so that they are not copied once more
 *
 * A file of the table is written anew when it holds a row that is replaced, or is where new rows of its partition go; all
 * others stay as they are. Invariants: a row of the table whose key is not in assay_new comes out as it went in, further
 * columns included; created_at survives a replacement; importing a file twice changes nothing the second time.
 */
#include "import_merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frequency.h"
#include "import_stage.h"
#include "partitions.h"
#include "prices_table.h"

#define NEW_COLUMNS                                                                                          \
    "\"timestamp\", symbol, currency, open_price, high_price, low_price, close_price, volume, frequency, "   \
    "data_source, "                                                                                          \
    "created_at, updated_at"
#define PARQUET " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 61440, USE_TMP_FILE false)"

static assay_status do_sql(const assay_merge *merge, assay_sql *sql, const assay_arg *args, size_t n_args,
                           assay_error *err) {
    char what[300];
    (void)snprintf(what, sizeof what, "cannot write the prices of %.200s (nothing was changed)",
                   merge->store->folder);
    assay_status status =
        assay_query_do(merge->store->connection, sql->failed ? NULL : sql->text, args, n_args, what, err);
    assay_sql_reset(sql);
    return status;
}

static assay_status get_int(const assay_merge *merge, const char *sql, int64_t *out_value, assay_error *err) {
    return assay_query_int(merge->store->connection, sql, NULL, 0, "cannot merge the prices", out_value, err);
}

/* --- what the table has already --- */

static const char *read_or_null(const assay_prices_table *table, size_t column) {
    return table->column[column].present ? table->column[column].read : "NULL";
}

static assay_status find_hits(const assay_merge *merge, assay_prices_table *table, assay_error *err) {
    static const char *const names[] = {"open", "high", "low", "close", "volume"};
    static const size_t columns[] = {ASSAY_PRICES_OPEN, ASSAY_PRICES_HIGH, ASSAY_PRICES_LOW,
                                     ASSAY_PRICES_CLOSE, ASSAY_PRICES_VOLUME};
    assay_sql sql = {0};
    assay_arg files = assay_arg_list((const char *const *)table->files.path, table->files.count);
    const assay_typed_column *frequency = &table->column[ASSAY_PRICES_FREQUENCY];
    assay_sql_add(&sql,
                  "CREATE TEMP TABLE assay_hits AS SELECT s.rowid AS stage_row, e.assay_file, e.created");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assay_sql_add(&sql, "%s e.%s IS NOT DISTINCT FROM s.%s", i == 0 ? "," : " AND", names[i], names[i]);
    }
    assay_sql_add(
        &sql,
        " AND e.currency IS NOT DISTINCT FROM s.currency AS same FROM assay_stage s JOIN (SELECT %s AS "
        "symbol, %s AS at, ",
        table->column[ASSAY_PRICES_SYMBOL].read, table->column[ASSAY_PRICES_TIMESTAMP].read);
    assay_status status = assay_frequency_case(
        merge->store->connection, "read_parquet($1, union_by_name=true, hive_partitioning=false)", &files, 1,
        frequency->present ? frequency->name : NULL, "1d", &table->frequency_sql, err);
    if (table->frequency_sql.failed) {
        sql.failed = true;
    }
    assay_sql_add(&sql, "%s", sql.failed ? "" : table->frequency_sql.text);
    assay_sql_add(
        &sql,
        " AS frequency, %s::VARCHAR AS currency, coalesce(%s, %s, NULL::TIMESTAMP) AS created, assay_file",
        read_or_null(table, ASSAY_PRICES_CURRENCY), read_or_null(table, ASSAY_PRICES_CREATED),
        read_or_null(table, ASSAY_PRICES_UPDATED));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assay_sql_add(&sql, ", %s::DOUBLE AS %s", read_or_null(table, columns[i]), names[i]);
    }
    assay_sql_add(
        &sql,
        " FROM read_parquet($1, union_by_name=true, hive_partitioning=false, filename='assay_file') WHERE %s "
        ">= $2 "
        "AND %s < $3) e ON e.symbol = s.symbol AND e.frequency = s.frequency AND s.\"timestamp\" = CASE WHEN "
        "e.frequency = '1d' THEN date_trunc('day', e.at)::TIMESTAMP ELSE e.at END",
        table->column[ASSAY_PRICES_TIMESTAMP].read, table->column[ASSAY_PRICES_TIMESTAMP].read);
    int64_t first = 0, last = 0;
    if (status == ASSAY_OK) {
        status = get_int(merge,
                         "SELECT epoch_us(date_trunc('day', min(\"timestamp\"))::TIMESTAMP) FROM assay_stage",
                         &first, err);
    }
    if (status == ASSAY_OK) {
        status = get_int(merge,
                         "SELECT epoch_us(date_trunc('day', max(\"timestamp\"))::TIMESTAMP + INTERVAL 1 DAY) "
                         "FROM assay_stage",
                         &last, err);
    }
    if (status != ASSAY_OK) {
        assay_sql_reset(&sql);
        return status;
    }
    assay_arg args[3] = {files, assay_arg_timestamp(first), assay_arg_timestamp(last)};
    assay_error fault;
    status = do_sql(merge, &sql, args, 3, &fault);
    return status == ASSAY_OK ? status : assay_prices_diagnose(merge->store, table, &fault, err);
}

/* Each file of a view is a scan of assay_stage. */
enum { MOST_SCANS = 64 };

static assay_status may_be_view(const assay_merge *merge, assay_partition partition, bool has_table,
                                bool *out_may, assay_error *err) {
    assay_sql sql = {0};
    int64_t n_parts = 0;
    *out_may = false;
    if (has_table) {
        return ASSAY_OK;
    }
    assay_sql_add(&sql, "SELECT count(DISTINCT %s) FROM assay_stage", assay_partition_sql(partition));
    assay_status status = get_int(merge, sql.failed ? NULL : sql.text, &n_parts, err);
    assay_sql_reset(&sql);
    *out_may = n_parts <= MOST_SCANS;
    return status;
}

static assay_status make_new(const assay_merge *merge, assay_partition partition, bool has_table,
                             bool as_view, assay_error *err) {
    int64_t fractional = 0;
    assay_status status =
        get_int(merge,
                "SELECT count(*) FROM assay_stage WHERE volume IS NOT NULL AND (volume <> floor(volume) OR "
                "volume >= 9e18)",
                &fractional, err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql sql = {0};
    const char *kind = as_view ? "VIEW" : "TABLE";
    assay_sql_add(
        &sql,
        "CREATE TEMP %s assay_new AS SELECT \"timestamp\", symbol, currency, open AS open_price, high AS "
        "high_price, low AS low_price, close AS close_price, volume::%s AS volume, frequency, ",
        kind, fractional > 0 ? "DOUBLE" : "BIGINT");
    /* A view takes no parameters. */
    assay_sql_add(&sql, merge->report->n_files > 1 ? "coalesce(s.source, " : "(");
    assay_sql_literal(&sql, merge->data_source);
    assay_sql_add(&sql,
                  "::VARCHAR) AS data_source, coalesce(%s, make_timestamp(%lld)) AS created_at, "
                  "make_timestamp(%lld) AS updated_at, %s AS part FROM assay_stage s",
                  has_table ? "h.created" : "NULL", (long long)merge->now_us, (long long)merge->now_us,
                  assay_partition_sql(partition));
    if (has_table) {
        assay_sql_add(
            &sql,
            " LEFT JOIN (SELECT stage_row, bool_and(same) AS same, min(created) AS created FROM assay_hits "
            "GROUP BY stage_row) h ON h.stage_row = s.rowid WHERE h.stage_row IS NULL OR NOT h.same");
    }
    assay_sql_add(&sql, as_view ? "" : " ORDER BY part, symbol, \"timestamp\"");
    return do_sql(merge, &sql, NULL, 0, err);
}

/* --- writing --- */

/* The rows of the file $1 that no new row replaces. The file's columns come with ours beside them, so that a column that the
 * file lacks is there. */
static void add_kept_rows(const assay_prices_table *table, assay_sql *sql) {
    const assay_typed_column *time = &table->column[ASSAY_PRICES_TIMESTAMP];
    const char *at =
        time->is_plain ? "e.\"timestamp\"" : "CAST(CAST(e.\"timestamp\" AS VARCHAR) AS TIMESTAMP)";
    assay_sql_add(sql,
                  "(SELECT * EXCLUDE (assay_frequency) FROM (SELECT *, %s AS assay_frequency FROM (SELECT * "
                  "FROM (SELECT " NEW_COLUMNS " FROM assay_new LIMIT 0) UNION ALL BY NAME (SELECT * FROM "
                  "read_parquet($1, hive_partitioning=false)))) e WHERE NOT "
                  "EXISTS (SELECT 1 FROM assay_new n WHERE n.symbol = CAST(e.symbol AS VARCHAR) AND "
                  "n.frequency = e.assay_frequency AND "
                  "n.\"timestamp\" = CASE WHEN e.assay_frequency = '1d' THEN date_trunc('day', "
                  "%s)::TIMESTAMP ELSE %s END))",
                  table->frequency_sql.text, at, at);
}

/* Casts that bring an old file's columns to the types that we write. */
static void add_casts(const assay_prices_table *table, assay_sql *sql) {
    const char *word = " REPLACE (";
    for (size_t i = 0; i < ASSAY_N_PRICES; i++) {
        const assay_typed_column *column = &table->column[i];
        bool number = i >= ASSAY_PRICES_OPEN && i <= ASSAY_PRICES_CLOSE;
        bool time = i == ASSAY_PRICES_TIMESTAMP || i == ASSAY_PRICES_UPDATED || i == ASSAY_PRICES_CREATED;
        if (!column->present || column->is_plain || (!number && !time && i != ASSAY_PRICES_SYMBOL)) {
            continue;
        }
        assay_sql_add(sql, "%sCAST(nullif(trim(CAST(", word);
        assay_sql_identifier(sql, column->name);
        assay_sql_add(sql, " AS VARCHAR)), '') AS %s) AS ",
                      time ? "TIMESTAMP" : (number ? "DOUBLE" : "VARCHAR"));
        assay_sql_identifier(sql, column->name);
        word = ", ";
    }
    assay_sql_add(sql, word[0] == ',' ? ")" : "");
}

/* The new rows of a partition. It is a span of time, and DuckDB passes over blocks by a bare comparison with a column. */
typedef struct new_rows {
    int64_t first_us, last_us;
    bool is_ordered; /* by symbol and timestamp, as they come */
} new_rows;

/* Writes FOLDER/<target>: the rows of `old` (NULL: none) that are not replaced, and new rows (NULL: none). */
static assay_status write_target(const assay_merge *merge, const assay_prices_table *table,
                                 const char *target, const char *old, const new_rows *rows,
                                 assay_error *err) {
    const char *path = NULL;
    assay_status status = assay_publish_put(merge->publication, target, &path, err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql sql = {0};
    assay_arg args[3];
    size_t n_args = 0;
    if (old != NULL) {
        args[n_args++] = assay_arg_list(&old, 1);
    }
    if (rows != NULL) {
        args[n_args++] = assay_arg_timestamp(rows->first_us);
        args[n_args++] = assay_arg_timestamp(rows->last_us);
    }
    assay_sql_add(&sql, "COPY (");
    if (old == NULL) {
        assay_sql_add(&sql, "SELECT " NEW_COLUMNS " FROM assay_new WHERE \"timestamp\" BETWEEN $1 AND $2");
        assay_sql_add(&sql, rows->is_ordered ? "" : " ORDER BY symbol, \"timestamp\"");
    } else {
        assay_sql_add(&sql, "SELECT *");
        add_casts(table, &sql);
        assay_sql_add(&sql, " FROM (");
        add_kept_rows(table, &sql);
        if (rows != NULL) {
            assay_sql_add(&sql, " UNION ALL BY NAME (SELECT " NEW_COLUMNS
                                " FROM assay_new WHERE \"timestamp\" BETWEEN $2 AND $3)");
        }
        assay_sql_add(&sql, ") ORDER BY symbol, \"timestamp\"");
    }
    assay_sql_add(&sql, ") TO ");
    assay_sql_literal(&sql, path);
    assay_sql_add(&sql, PARQUET);
    merge->report->n_files_written++;
    return do_sql(merge, &sql, args, n_args, err);
}

static assay_status mark_written(const assay_merge *merge, const char *file, assay_error *err) {
    assay_arg arg = assay_arg_text(file);
    return assay_query_do(merge->store->connection, "DELETE FROM assay_hits WHERE assay_file = $1", &arg, 1,
                          "cannot merge the prices", err);
}

/* From here on assay_hits is about rows that change. */
static assay_status forget_unchanged(const assay_merge *merge, assay_error *err) {
    return assay_query_do(
        merge->store->connection,
        "DELETE FROM assay_hits WHERE stage_row IN (SELECT stage_row FROM assay_hits GROUP BY stage_row "
        "HAVING bool_and(same))",
        NULL, 0, "cannot merge the prices", err);
}

static assay_status write_partitions(const assay_merge *merge, const assay_prices_table *table,
                                     assay_partition partition, bool is_ordered, assay_error *err) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(&cursor, merge->store->connection,
                                            "SELECT part, epoch_us(min(\"timestamp\")), epoch_us(max("
                                            "\"timestamp\")) FROM assay_new GROUP BY part ORDER BY part",
                                            NULL, 0, "cannot merge the prices", err);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char folder[80], target[120];
        int64_t part = assay_cursor_int(&cursor, 0);
        new_rows rows = {assay_cursor_int(&cursor, 1), assay_cursor_int(&cursor, 2), is_ordered};
        assay_partition_folder("prices", partition, part, folder, sizeof folder);
        const char *old = assay_file_in_folder(&table->files, merge->store->folder, folder);
        (void)snprintf(target, sizeof target, "%s/0.parquet", folder);
        status = write_target(merge, table, old == NULL ? target : old + strlen(merge->store->folder) + 1,
                              old, &rows, err);
        if (status == ASSAY_OK && old != NULL) {
            status = mark_written(merge, old, err);
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

/* Files that hold replaced rows, but that no new row goes into. */
static assay_status write_losers(const assay_merge *merge, const assay_prices_table *table,
                                 assay_error *err) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(&cursor, merge->store->connection,
                                            "SELECT DISTINCT assay_file FROM assay_hits ORDER BY 1", NULL, 0,
                                            "cannot merge the prices", err);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char file[4096];
        int64_t n_left = 0;
        assay_sql sql = {0};
        assay_cursor_copy(&cursor, 0, file, sizeof file);
        const char *path = file, *below = file + strlen(merge->store->folder) + 1;
        assay_arg arg = assay_arg_list(&path, 1);
        assay_sql_add(&sql, "SELECT count(*) FROM ");
        add_kept_rows(table, &sql);
        status = assay_query_int(merge->store->connection, sql.failed ? NULL : sql.text, &arg, 1,
                                 "cannot merge the prices", &n_left, err);
        assay_sql_reset(&sql);
        if (status == ASSAY_OK) {
            status = n_left == 0 ? assay_publish_remove(merge->publication, below, err)
                                 : write_target(merge, table, below, path, NULL, err);
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status count_rows(const assay_merge *merge, bool has_table, int64_t *out_n_new,
                               assay_error *err) {
    int64_t n_rows = 0, n_hit = 0;
    assay_status status = get_int(merge, "SELECT count(*) FROM assay_stage", &n_rows, err);
    if (status == ASSAY_OK && has_table) {
        status = get_int(merge, "SELECT count(DISTINCT stage_row) FROM assay_hits", &n_hit, err);
    }
    if (status == ASSAY_OK) {
        status = get_int(merge, "SELECT count(*) FROM assay_new", out_n_new, err);
    }
    merge->report->n_replaced = (size_t)n_hit;
    merge->report->n_inserted = (size_t)(n_rows - n_hit);
    return status;
}

assay_status assay_merge_prices(const assay_merge *merge, assay_error *err) {
    assay_prices_table table;
    assay_error fault;
    int64_t n_new = 0;
    assay_status status = assay_prices_table_open(merge->store, &table, &fault);
    bool has_table = status == ASSAY_OK;
    if (!has_table && status != ASSAY_E_NOT_FOUND) {
        assay_prices_table_reset(&table);
        return assay_error_set(err, status, "%s", fault.message);
    }
    assay_partition partition = merge->partition;
    if (partition == ASSAY_PARTITION_KEEP) {
        partition = has_table ? assay_partition_of_files(&table.files, strlen(merge->store->folder))
                              : ASSAY_PARTITION_YEAR;
    }
    bool as_view = false;
    assay_stage_order order = {.is_by_symbol = true}; /* a table is made in order */
    status = has_table ? find_hits(merge, &table, err) : ASSAY_OK;
    if (status == ASSAY_OK) {
        status = may_be_view(merge, partition, has_table, &as_view, err);
    }
    if (status == ASSAY_OK) {
        status = make_new(merge, partition, has_table, as_view, err);
    }
    if (status == ASSAY_OK && as_view) {
        status = assay_import_stage_order(merge->store, &order, err);
    }
    if (status == ASSAY_OK) {
        status = count_rows(merge, has_table, &n_new, err);
    }
    if (status == ASSAY_OK && merge->publication != NULL && n_new > 0) {
        status = has_table ? forget_unchanged(merge, err) : ASSAY_OK;
        if (status == ASSAY_OK) {
            status = write_partitions(merge, &table, partition, order.is_by_symbol, err);
        }
        if (status == ASSAY_OK && has_table) {
            status = write_losers(merge, &table, err);
        }
    }
    assay_prices_table_reset(&table);
    return status;
}
