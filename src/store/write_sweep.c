/* A finished sweep into the tables: one file a table, all of them or none.
 *
 * backtest_results and backtest_runs have a row (or a row a metric) for every point, made from the parts as DuckDB asks for
 * them; the other tables have the kept points, joined from the files that assay_store_sweep_keep wrote; backtest_sweeps has a
 * row for the sweep. Invariants: memory does not grow with the number of points; rows come in the order of the points from
 * one thread, so the bytes of a file do not depend on who computed which part when.
 */
#include "write_sweep.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dates.h"
#include "publish.h"
#include "row_source.h"
#include "run_tables.h"
#include "table_files.h"

enum { N_KEPT_TABLES = 4, RESULTS_TABLE = 4, RUNS_TABLE = 5, SWEEPS_TABLE = 6, N_SWEEP_TABLES = 7 };

/* --- rows --- */

/* What the rows are made from, and the point that was asked for last. */
typedef struct sweep_rows {
    const assay_sweep_store *sweep;
    const assay_sweep_rows *rows;
    assay_sweep_point point;
    uint64_t index; /* of the point; UINT64_MAX: none */
    bool has_texts, failed;
} sweep_rows;

static const assay_sweep_point *point_at(sweep_rows *r, uint64_t index, bool with_texts) {
    if (r->index != index || (with_texts && !r->has_texts)) {
        r->point = (assay_sweep_point){.delisted_positions = -1, .duration_ms = -1};
        r->index = index;
        r->has_texts = with_texts;
        if (!r->rows->point(r->rows->context, index, with_texts, &r->point)) {
            r->failed = true;
            return NULL;
        }
    }
    return &r->point;
}

static void put_text(duckdb_vector vector, size_t row, const char *text) {
    if (text == NULL) {
        assay_row_set_null(vector, row);
    } else {
        duckdb_vector_assign_string_element_len(vector, row, text, strlen(text));
    }
}

static void put_run_id(const sweep_rows *r, duckdb_vector vector, size_t row, uint64_t number) {
    char text[160];
    (void)snprintf(text, sizeof text, "%s-%" PRIu64, r->sweep->sweep_id, number);
    put_text(vector, row, text);
}

static const assay_row_column result_columns[] = {{"run_id", TEXT}, {"metric", TEXT}, {"value", NUMBER}};

static bool fill_results(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    sweep_rows *r = (sweep_rows *)(uintptr_t)context;
    size_t n_metrics = assay_metric_count();
    void *data = duckdb_vector_get_data(vector);
    for (size_t i = 0; i < n; i++) {
        size_t metric = (first + i) % n_metrics;
        if (column == 1) {
            ((duckdb_string_t *)data)[i] = assay_row_text(assay_metric_at(metric)->name);
            continue;
        }
        const assay_sweep_point *point = point_at(r, (first + i) / n_metrics, false);
        if (point == NULL) {
            return false;
        }
        if (column == 0) {
            put_run_id(r, vector, i, point->number);
        } else {
            ((double *)data)[i] = point->metrics[metric];
        }
    }
    return true;
}

/* The columns of backtest_runs, as run_tables.c has them. */
static const assay_row_column run_columns[] = {
    {"run_id", TEXT},
    {"strategy", TEXT},
    {"timestamp", TIME},
    {"initial_capital", NUMBER},
    {"total_return_pct", NUMBER},
    {"sharpe_ratio", NUMBER},
    {"sortino_ratio", NUMBER},
    {"max_drawdown_pct", NUMBER},
    {"total_trades", WHOLE},
    {"win_rate_pct", NUMBER},
    {"profit_factor", NUMBER},
    {"parameters", TEXT},
    {"config", TEXT},
    {"start_date", TIME},
    {"end_date", TIME},
    {"n_symbols", WHOLE},
    {"n_bars", WHOLE},
    {"data_fingerprint", TEXT},
    {"assay_version", TEXT},
    {"sweep_id", TEXT},
    {"fold", WHOLE},
    {"duration_ms", WHOLE},
    {"warnings", TEXT},
    {"delisted_positions", WHOLE},
};

static size_t metric_index(const char *name) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0) {
            return i;
        }
    }
    return 0;
}

static const char *run_text(const sweep_rows *r, const assay_sweep_point *point, const char *name) {
    const struct {
        const char *name, *text;
    } texts[] = {{"strategy", r->rows->strategy},  {"parameters", point->parameters_json},
                 {"config", point->config_json},   {"data_fingerprint", r->rows->data_fingerprint},
                 {"assay_version", ASSAY_VERSION}, {"sweep_id", r->sweep->sweep_id},
                 {"warnings", point->warnings}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(name, texts[i].name) == 0) {
            return texts[i].text;
        }
    }
    return NULL;
}

/* Below 0: not known. */
static int64_t run_whole(const sweep_rows *r, const assay_sweep_point *point, const char *name) {
    const struct {
        const char *name;
        int64_t value;
    } values[] = {{"timestamp", r->sweep->begun_us},   {"start_date", point->start_us},
                  {"end_date", point->end_us},         {"n_symbols", r->rows->n_symbols},
                  {"n_bars", point->n_bars},           {"fold", -1},
                  {"duration_ms", point->duration_ms}, {"delisted_positions", point->delisted_positions}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(name, values[i].name) == 0) {
            return values[i].value;
        }
    }
    double trades = point->metrics[metric_index(name)]; /* total_trades */
    return isfinite(trades) ? (int64_t)trades : 0;
}

static bool fill_runs(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    sweep_rows *r = (sweep_rows *)(uintptr_t)context;
    const char *name = run_columns[column].name;
    duckdb_type type = run_columns[column].type;
    void *data = duckdb_vector_get_data(vector);
    bool with_texts = type != NUMBER || strcmp(name, "initial_capital") == 0;
    size_t metric = type == NUMBER ? metric_index(name) : 0;
    for (size_t i = 0; i < n; i++) {
        const assay_sweep_point *point = point_at(r, first + i, with_texts && column != 0);
        if (point == NULL) {
            return false;
        }
        if (column == 0) {
            put_run_id(r, vector, i, point->number);
        } else if (type == TEXT) {
            put_text(vector, i, run_text(r, point, name));
        } else if (type == NUMBER) {
            ((double *)data)[i] = with_texts ? point->initial_capital : point->metrics[metric];
        } else {
            int64_t value = run_whole(r, point, name);
            ((int64_t *)data)[i] = value;
            if (type == WHOLE && value < 0) {
                assay_row_set_null(vector, i);
            }
        }
    }
    return true;
}

static const assay_row_column sweep_columns[] = {
    {"sweep_id", TEXT},         {"strategy", TEXT},      {"timestamp", TIME},   {"shard", WHOLE},
    {"n_shards", WHOLE},        {"n_points", WHOLE},     {"n_kept", WHOLE},     {"plan", TEXT},
    {"data_fingerprint", TEXT}, {"assay_version", TEXT}, {"duration_ms", WHOLE}};

static bool fill_sweep(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const sweep_rows *r = context;
    const assay_sweep_store *sweep = r->sweep;
    const char *texts[] = {
        sweep->sweep_id,    r->rows->strategy,         NULL,          NULL, NULL, NULL, NULL,
        r->rows->plan_json, r->rows->data_fingerprint, ASSAY_VERSION, NULL};
    const int64_t values[] = {0,
                              0,
                              sweep->begun_us,
                              (int64_t)sweep->shard.index + 1,
                              (int64_t)sweep->shard.count,
                              (int64_t)r->rows->n_points,
                              (int64_t)sweep->n_kept,
                              0,
                              0,
                              0,
                              r->rows->duration_ms};
    (void)first;
    (void)n;
    if (sweep_columns[column].type == TEXT) {
        put_text(vector, 0, texts[column]);
    } else {
        ((int64_t *)duckdb_vector_get_data(vector))[0] = values[column];
    }
    return true;
}

static const char *table_name(size_t index) {
    return index == SWEEPS_TABLE ? "backtest_sweeps" : assay_run_table_name(index);
}

/* --- files --- */

static void add_copy_end(assay_sql *sql, const char *path) {
    assay_sql_add(sql, " TO ");
    assay_sql_literal(sql, path);
    assay_sql_add(sql, " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880, USE_TMP_FILE false)");
}

/* The job's rows and, where `more` is not empty, those of the query that it continues with. */
static assay_status write_job(assay_store *store, const assay_row_job *job, const char *more,
                              const char *path, const char *what, assay_error *err) {
    assay_sql sql = {0};
    assay_sql_add(&sql, "COPY (FROM assay_rows()%s)", more);
    add_copy_end(&sql, path);
    assay_status status = assay_row_source_run(store, job, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    assay_sql_reset(&sql);
    return status;
}

assay_status assay_store_sweep_keep(assay_sweep_store *sweep, const assay_run_info *info,
                                    const assay_result *result, assay_error *err) {
    assay_run_rows rows;
    char what[200];
    (void)snprintf(what, sizeof what, "cannot write the point %.140s", info->run_id);
    assay_status status = assay_run_rows_init(&rows, info, result, err);
    size_t n_tables = rows.n_by_strategy > 0 ? N_KEPT_TABLES + 1 : N_KEPT_TABLES;
    for (size_t i = 0; status == ASSAY_OK && i < n_tables; i++) {
        assay_row_job job =
            i == RESULTS_TABLE ? assay_strategy_rows_job(&rows) : assay_run_table_job(i, &rows);
        char *path = assay_sweep_kept_path(sweep, sweep->n_kept, i);
        status = path == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what)
                              : write_job(sweep->store, &job, "", path, what, err);
        free(path);
    }
    if (status == ASSAY_OK) {
        sweep->n_kept++;
    }
    assay_run_rows_reset(&rows);
    return status;
}

/* The kept points' files of one table, one after the other. */
static void add_kept_rows(const assay_sweep_store *sweep, size_t table, assay_sql *sql) {
    assay_sql_add(sql, "SELECT * FROM read_parquet([");
    for (size_t i = 0; i < sweep->n_kept; i++) {
        char *part = assay_sweep_kept_path(sweep, i, table);
        assay_sql_add(sql, i == 0 ? "" : ", ");
        assay_sql_literal(sql, part == NULL ? "" : part);
        free(part);
    }
    assay_sql_add(sql, "], hive_partitioning=false)");
}

/* Whether the kept points have rows for each of several strategies. */
static bool has_strategy_rows(const assay_sweep_store *sweep) {
    char *part = sweep->n_kept == 0 ? NULL : assay_sweep_kept_path(sweep, 0, RESULTS_TABLE);
    bool has = part != NULL && access(part, R_OK) == 0;
    free(part);
    return has;
}

/* The kept points' rows of one table; without one, the table's columns and no row. One thread, so
 * that the order stays. */
static assay_status join_kept(const assay_sweep_store *sweep, size_t table, const char *path,
                              const char *what, assay_error *err) {
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    assay_sql sql = {0};
    assay_status status = assay_duckdb_open(1, &database, &connection, err);
    assay_sql_add(&sql, "COPY (");
    add_kept_rows(sweep, table, &sql);
    assay_sql_add(&sql, ")");
    add_copy_end(&sql, path);
    if (status == ASSAY_OK) {
        status = assay_query_do(connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    }
    if (connection != NULL) {
        duckdb_disconnect(&connection);
        duckdb_close(&database);
    }
    assay_sql_reset(&sql);
    return status;
}

static assay_row_job job_of(size_t table, sweep_rows *r) {
    const assay_run_rows empty = {0};
    assay_row_job job = {0};
    switch (table) {
    case RESULTS_TABLE:
        return (assay_row_job){.column = result_columns,
                               .n_columns = sizeof result_columns / sizeof *result_columns,
                               .n_rows = (size_t)r->rows->n_points * assay_metric_count(),
                               .fill = fill_results,
                               .context = r};
    case RUNS_TABLE:
        return (assay_row_job){.column = run_columns,
                               .n_columns = sizeof run_columns / sizeof *run_columns,
                               .n_rows = (size_t)r->rows->n_points,
                               .fill = fill_runs,
                               .context = r};
    case SWEEPS_TABLE:
        return (assay_row_job){.column = sweep_columns,
                               .n_columns = sizeof sweep_columns / sizeof *sweep_columns,
                               .n_rows = 1,
                               .fill = fill_sweep,
                               .context = r};
    default: /* a table of kept points that has none: its columns */
        job = assay_run_table_job(table, &empty);
        job.n_rows = 0;
        job.names = NULL;
        return job;
    }
}

static assay_status write_table(sweep_rows *r, size_t table, const char *path, assay_error *err) {
    const assay_sweep_store *sweep = r->sweep;
    char what[400];
    (void)snprintf(what, sizeof what, "cannot write the table %s of sweep %s into %s (nothing was changed)",
                   table_name(table), sweep->sweep_id, sweep->store->folder);
    if (table < N_KEPT_TABLES && sweep->n_kept > 0) {
        return join_kept(sweep, table, path, what, err);
    }
    assay_row_job job = job_of(table, r);
    r->index = UINT64_MAX;
    assay_sql more = {0};
    if (table == RESULTS_TABLE && has_strategy_rows(sweep)) {
        assay_sql_add(&more, " UNION ALL ");
        add_kept_rows(sweep, table, &more);
    }
    assay_status status =
        more.failed ? assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what)
                    : write_job(sweep->store, &job, more.text == NULL ? "" : more.text, path, what, err);
    assay_sql_reset(&more);
    if (r->failed) {
        return assay_error_set(err, ASSAY_E_CANCELLED, "%s: a part is missing or damaged", what);
    }
    return status;
}

/* --- publishing --- */

bool assay_sweep_owns_file(const char *file, const char *sweep_id, uint64_t *out_index, uint64_t *out_count) {
    size_t size = strlen(sweep_id);
    *out_index = 0;
    *out_count = 1;
    if (strncmp(file, sweep_id, size) != 0) {
        return false;
    }
    if (strcmp(file + size, ".parquet") == 0) {
        return true;
    }
    uint64_t k = 0, n = 0;
    int end = 0;
    if (sscanf(file + size, ".shard-%" SCNu64 "-of-%" SCNu64 ".parquet%n", &k, &n, &end) != 2 || end == 0 ||
        file[size + (size_t)end] != '\0') {
        return false;
    }
    *out_index = k - 1;
    *out_count = n;
    return true;
}

/* What the database has of the sweep that the new files replace: other shards of the same split stay. */
static assay_status remove_earlier(const assay_sweep_store *sweep, assay_publication *publication,
                                   const char *table, const char *target, assay_error *err) {
    assay_files files;
    const char *folder = sweep->store->folder;
    assay_status status = assay_files_list(folder, table, &files, err);
    for (size_t i = 0; status == ASSAY_OK && i < files.count; i++) {
        const char *below = files.path[i] + strlen(folder) + 1;
        uint64_t index, count;
        if (!assay_sweep_owns_file(strrchr(files.path[i], '/') + 1, sweep->sweep_id, &index, &count) ||
            strcmp(below, target) == 0) {
            continue;
        }
        if (count != sweep->shard.count || index == sweep->shard.index) {
            status = assay_publish_remove(publication, below, err);
        }
    }
    assay_files_reset(&files);
    return status;
}

static assay_status stage_tables(assay_sweep_store *sweep, assay_publication *publication, sweep_rows *r,
                                 assay_error *err) {
    int32_t year, month, day;
    assay_civil_from_day(assay_day_of_us(sweep->begun_us), &year, &month, &day);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < N_SWEEP_TABLES; i++) {
        const char *path = NULL;
        char *target = assay_text_format("%s/year=%d/month=%d/day=%d/%s.parquet", table_name(i), year, month,
                                         day, sweep->name);
        if (target == NULL) {
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing the sweep %s",
                                   sweep->sweep_id);
        }
        status = assay_publish_put(publication, target, &path, err);
        if (status == ASSAY_OK) {
            status = write_table(r, i, path, err);
        }
        if (status == ASSAY_OK) {
            status = remove_earlier(sweep, publication, table_name(i), target, err);
        }
        free(target);
    }
    return status;
}

assay_status assay_store_sweep_finish(assay_sweep_store *sweep, const assay_sweep_rows *rows,
                                      assay_error *err) {
    sweep_rows r = {.sweep = sweep, .rows = rows, .index = UINT64_MAX};
    assay_publication *publication = NULL;
    assay_status status = assay_publish_begin(sweep->store->folder, &publication, err);
    if (status == ASSAY_OK) {
        status = stage_tables(sweep, publication, &r, err);
    }
    if (status == ASSAY_OK) {
        status = assay_publish_commit(publication, err);
    }
    assay_publish_end(publication);
    if (status == ASSAY_OK) {
        assay_sweep_forget(sweep);
    }
    return status;
}
