/* Computed indicators into the table technical_analysis.
 *
 *     assay_ta       the new rows: symbol, timestamp, frequency, a column for each indicator
 *     assay_ta_hits  (stage_row, assay_file): rows of the table that have a new row's key
 *
 * A file that has hits is written anew: their indicators are replaced, everything else of them stays, and so do all other
 * rows. New keys go into the file of their folder. All files change at once, or none does.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frequency.h"
#include "keyed_table.h"
#include "market/panel.h"
#include "partitions.h"
#include "publish.h"
#include "row_source.h"

#define PARQUET " (FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false)"
#define TABLE "technical_analysis"

typedef struct indicator_rows {
    const assay_panel *panel;
    const assay_indicator_columns *columns;
    duckdb_string_t *symbol;
    assay_row_column *column; /* symbol, timestamp, has_bar, then the indicators */
} indicator_rows;

typedef struct indicator_merge {
    assay_store *store;
    const assay_indicator_columns *columns;
    assay_publication *publication;
    assay_keyed_table table;
    assay_sql frequency; /* SQL of a row's frequency */
    assay_partition partition;
    int64_t now_us;
    assay_import_report *report;
    assay_error *err;
} indicator_merge;

/* --- the new rows --- */

static bool fill(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const indicator_rows *rows = context;
    const assay_panel *panel = rows->panel;
    void *data = duckdb_vector_get_data(vector);
    for (size_t i = 0; i < n; i++) {
        size_t symbol = (first + i) / panel->n_bars, bar = (first + i) % panel->n_bars;
        if (column == 0) {
            ((duckdb_string_t *)data)[i] = rows->symbol[symbol];
        } else if (column == 1) {
            ((int64_t *)data)[i] = panel->timestamp_us[bar];
        } else {
            double value = column == 2 ? panel->column[ASSAY_COLUMN_CLOSE][bar * panel->stride + symbol]
                                       : rows->columns->values[column - 3][bar * panel->n_symbols + symbol];
            ((double *)data)[i] = value;
            if (isnan(value)) {
                duckdb_vector_ensure_validity_writable(vector);
                duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), i);
            }
        }
    }
    return true;
}

static assay_status stage(indicator_merge *m, const assay_panel *panel) {
    size_t n = m->columns->n;
    indicator_rows rows = {.panel = panel,
                           .columns = m->columns,
                           .symbol = malloc((panel->n_symbols + 1) * sizeof *rows.symbol),
                           .column = calloc(n + 3, sizeof *rows.column)};
    assay_status status = ASSAY_OK;
    if (rows.symbol == NULL || rows.column == NULL) {
        status = assay_error_set(m->err, ASSAY_E_NOMEM, "out of memory while writing indicators");
    } else {
        for (size_t i = 0; i < panel->n_symbols; i++) {
            rows.symbol[i] = assay_row_text(panel->name[i]);
        }
        rows.column[0] = (assay_row_column){"symbol", DUCKDB_TYPE_VARCHAR};
        rows.column[1] = (assay_row_column){"timestamp", DUCKDB_TYPE_TIMESTAMP};
        rows.column[2] = (assay_row_column){"has_bar", DUCKDB_TYPE_DOUBLE};
        for (size_t i = 0; i < n; i++) {
            rows.column[3 + i] = (assay_row_column){m->columns->names[i], DUCKDB_TYPE_DOUBLE};
        }
        const assay_row_job job = {.column = rows.column,
                                   .n_columns = n + 3,
                                   .n_rows = panel->n_bars * panel->n_symbols,
                                   .fill = fill,
                                   .context = &rows};
        assay_arg args[2] = {assay_arg_text(m->columns->frequency), assay_arg_timestamp(m->columns->from_us)};
        status =
            assay_row_source_run(m->store, &job,
                                 "CREATE OR REPLACE TEMP TABLE assay_ta AS SELECT * EXCLUDE (has_bar), "
                                 "$1::VARCHAR AS frequency FROM assay_rows() WHERE has_bar IS NOT NULL AND "
                                 "\"timestamp\" >= $2",
                                 args, 2, "cannot write the indicators", m->err);
    }
    free(rows.symbol);
    free(rows.column);
    return status;
}

/* --- what the table has already --- */

static assay_status run_sql(const indicator_merge *m, assay_sql *sql, const assay_arg *args, size_t n_args) {
    char what[300];
    (void)snprintf(what, sizeof what, "cannot write the indicators of %.200s (nothing was changed)",
                   m->store->folder);
    assay_status status =
        assay_query_do(m->store->connection, sql->failed ? NULL : sql->text, args, n_args, what, m->err);
    assay_sql_reset(sql);
    return status;
}

static bool has_table(const indicator_merge *m) {
    return m->table.files.count != 0;
}

static assay_status find_hits(indicator_merge *m) {
    assay_sql sql = {0};
    const assay_typed_column *frequency = &m->table.key[ASSAY_KEY_FREQUENCY];
    assay_arg files = assay_arg_list((const char *const *)m->table.files.path, m->table.files.count);
    if (!has_table(m)) {
        assay_sql_add(&sql,
                      "CREATE OR REPLACE TEMP TABLE assay_ta_hits (stage_row BIGINT, assay_file VARCHAR)");
        return run_sql(m, &sql, NULL, 0);
    }
    assay_status status = assay_frequency_case(
        m->store->connection, "read_parquet($1, union_by_name=true, hive_partitioning=false)", &files, 1,
        frequency->present ? frequency->name : NULL, "1d", &m->frequency, m->err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql_add(
        &sql,
        "CREATE OR REPLACE TEMP TABLE assay_ta_hits AS SELECT DISTINCT s.rowid AS stage_row, e.assay_file "
        "FROM assay_ta s JOIN (SELECT %s AS symbol, %s AS at, %s AS frequency, assay_file FROM "
        "read_parquet($1, union_by_name=true, hive_partitioning=false, filename='assay_file')) e ON "
        "e.symbol = s.symbol AND e.frequency = s.frequency AND s.\"timestamp\" = CASE WHEN e.frequency "
        "= '1d' THEN date_trunc('day', e.at)::TIMESTAMP ELSE e.at END",
        m->table.key[ASSAY_KEY_SYMBOL].read, m->table.key[ASSAY_KEY_TIMESTAMP].read, m->frequency.text);
    assay_error fault;
    assay_error *err = m->err;
    m->err = &fault;
    status = run_sql(m, &sql, &files, 1);
    m->err = err;
    return status == ASSAY_OK
               ? status
               : assay_files_diagnose(m->store, &m->table.files, m->table.key, ASSAY_N_KEYS, &fault, err);
}

/* --- writing --- */

/* The rows of the file $1, with every column that we write; those with a hit have its indicators. */
static void add_old_rows(const indicator_merge *m, assay_sql *sql) {
    assay_sql_add(sql,
                  "(SELECT e.* EXCLUDE (assay_frequency) REPLACE (coalesce(s.frequency, CAST(e.frequency AS "
                  "VARCHAR)) AS frequency, CASE WHEN s.symbol IS NULL THEN e.updated_at ELSE $2 END AS "
                  "updated_at");
    for (size_t i = 0; i < m->columns->n; i++) {
        const char *name = m->columns->names[i];
        assay_sql_add(
            sql, ", CASE WHEN s.symbol IS NULL THEN TRY_CAST(e.\"%s\" AS DOUBLE) ELSE s.\"%s\" END AS \"%s\"",
            name, name, name);
    }
    assay_sql_add(
        sql,
        ") FROM (SELECT *, %s AS assay_frequency FROM (SELECT * FROM (SELECT *, NULL::TIMESTAMP AS "
        "created_at, NULL::TIMESTAMP AS updated_at FROM assay_ta LIMIT 0) UNION ALL BY NAME (SELECT * FROM "
        "read_parquet([$1], hive_partitioning=false)))) e LEFT JOIN assay_ta s ON s.symbol = CAST(e.symbol "
        "AS VARCHAR) AND s.frequency = e.assay_frequency AND s.\"timestamp\" = CASE WHEN s.frequency = "
        "'1d' THEN date_trunc('day', CAST(CAST(e.\"timestamp\" AS VARCHAR) AS TIMESTAMP))::TIMESTAMP ELSE "
        "CAST(CAST(e.\"timestamp\" AS VARCHAR) AS TIMESTAMP) END)",
        m->frequency.text);
}

static void add_new_rows(assay_sql *sql, const char *part, const char *now) {
    assay_sql_add(
        sql,
        "(SELECT * EXCLUDE (part), %s AS created_at, %s AS updated_at FROM assay_ta_new WHERE part = %s)",
        now, now, part);
}

/* Writes a file: the rows of `old` (NULL: none), and the new rows of a partition where there are some. */
static assay_status write_target(indicator_merge *m, const char *target, const char *old, int64_t part,
                                 bool with_new) {
    const char *path = NULL;
    assay_sql sql = {0};
    assay_arg args[3] = {assay_arg_text(old), assay_arg_timestamp(m->now_us), assay_arg_int(part)};
    assay_status status = assay_publish_put(m->publication, target, &path, m->err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql_add(&sql, "COPY (SELECT * FROM (");
    if (old == NULL) {
        args[0] = args[2];
        add_new_rows(&sql, "$1", "$2");
    } else {
        add_old_rows(m, &sql);
        if (with_new) {
            assay_sql_add(&sql, " UNION ALL BY NAME ");
            add_new_rows(&sql, "$3", "$2");
        }
    }
    assay_sql_add(&sql, ") ORDER BY symbol, \"timestamp\") TO ");
    assay_sql_literal(&sql, path);
    assay_sql_add(&sql, PARQUET);
    m->report->n_files_written++;
    return run_sql(m, &sql, args, old != NULL && with_new ? 3 : 2);
}

/* Files that new rows go into, with what they have. */
static assay_status write_partitions(indicator_merge *m) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(&cursor, m->store->connection,
                                            "SELECT DISTINCT part FROM assay_ta_new ORDER BY part", NULL, 0,
                                            "cannot write the indicators", m->err);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char folder[80], target[120];
        int64_t part = assay_cursor_int(&cursor, 0);
        assay_partition_folder(TABLE, m->partition, part, folder, sizeof folder);
        const char *old = assay_file_in_folder(&m->table.files, m->store->folder, folder);
        (void)snprintf(target, sizeof target, "%s/0.parquet", folder);
        status = write_target(m, old == NULL ? target : old + strlen(m->store->folder) + 1, old, part, true);
        assay_arg arg = assay_arg_text(old);
        if (status == ASSAY_OK && old != NULL) {
            status = assay_query_do(m->store->connection, "DELETE FROM assay_ta_hits WHERE assay_file = $1",
                                    &arg, 1, "cannot write the indicators", m->err);
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

/* Files with hits that no new row goes into. */
static assay_status write_rest(indicator_merge *m) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(&cursor, m->store->connection,
                                            "SELECT DISTINCT assay_file FROM assay_ta_hits ORDER BY 1", NULL,
                                            0, "cannot write the indicators", m->err);
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char file[4096];
        assay_cursor_copy(&cursor, 0, file, sizeof file);
        status = write_target(m, file + strlen(m->store->folder) + 1, file, 0, false);
    }
    assay_cursor_close(&cursor);
    return status;
}

static assay_status make_new(indicator_merge *m) {
    assay_sql sql = {0};
    int64_t n_rows = 0, n_hit = 0;
    m->partition = has_table(m) ? assay_partition_of_files(&m->table.files, strlen(m->store->folder))
                                : ASSAY_PARTITION_YEAR;
    assay_sql_add(
        &sql,
        "CREATE OR REPLACE TEMP TABLE assay_ta_new AS SELECT *, %s AS part FROM assay_ta WHERE rowid NOT IN "
        "(SELECT stage_row FROM assay_ta_hits)",
        assay_partition_sql(m->partition));
    assay_status status = run_sql(m, &sql, NULL, 0);
    if (status == ASSAY_OK) {
        status = assay_query_int(m->store->connection, "SELECT count(*) FROM assay_ta", NULL, 0,
                                 "cannot write the indicators", &n_rows, m->err);
    }
    if (status == ASSAY_OK) {
        status = assay_query_int(m->store->connection, "SELECT count(DISTINCT stage_row) FROM assay_ta_hits",
                                 NULL, 0, "cannot write the indicators", &n_hit, m->err);
    }
    m->report->n_rows = (size_t)n_rows;
    m->report->n_replaced = (size_t)n_hit;
    m->report->n_inserted = (size_t)(n_rows - n_hit);
    return status;
}

static assay_status merge_all(indicator_merge *m, const assay_panel *panel) {
    assay_status status = assay_publish_begin(m->store->folder, &m->publication, m->err);
    if (status == ASSAY_OK) {
        status = assay_publish_lock(m->publication, m->err);
    }
    if (status == ASSAY_OK) {
        status = assay_keyed_table_open(m->store, TABLE, &m->table, m->err);
    }
    if (status == ASSAY_OK) {
        status = stage(m, panel);
    }
    if (status == ASSAY_OK) {
        status = find_hits(m);
    }
    if (status == ASSAY_OK) {
        status = make_new(m);
    }
    if (status == ASSAY_OK) {
        status = write_partitions(m);
    }
    if (status == ASSAY_OK) {
        status = write_rest(m);
    }
    return status == ASSAY_OK ? assay_publish_commit(m->publication, m->err) : status;
}

static int64_t now_us(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

assay_status assay_store_write_indicators(assay_store *store, const assay_panel *panel,
                                          const assay_indicator_columns *columns,
                                          assay_import_report *out_report, assay_error *err) {
    if (store == NULL || panel == NULL || columns == NULL || out_report == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_write_indicators needs a store, a panel, columns and a report");
    }
    *out_report = (assay_import_report){.n_symbols = panel->n_symbols};
    for (size_t i = 0; i < columns->n; i++) {
        if (!assay_is_column_name(columns->names[i])) {
            return assay_error_set(
                err, ASSAY_E_ARGUMENT,
                "'%.60s' cannot be a column of " TABLE ": letters, digits and _, at most 63, and "
                "none of timestamp, symbol, frequency, created_at, updated_at, available_at",
                columns->names[i]);
        }
    }
    assay_store_all_threads(store);
    indicator_merge m = {
        .store = store, .columns = columns, .now_us = now_us(), .report = out_report, .err = err};
    assay_status status = merge_all(&m, panel);
    assay_publish_end(m.publication);
    assay_keyed_table_reset(&m.table);
    assay_sql_reset(&m.frequency);
    return status;
}
