/* A CSV or Parquet file into the database: stage and check (import_stage.c), merge (import_merge.c, import_events.c),
 * publish (publish.c).
 *
 * Invariant: reading what is there and writing what follows from it happen under one lock, so that two imports at once lose
 * nothing; a file is imported whole or not at all.
 */
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "import_merge.h"
#include "import_stage.h"
#include "table_files.h"

static int64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Splits and dividends of the staged rows. */
static assay_status stage_events(assay_store *store, assay_error *err) {
    return assay_query_do(
        store->connection,
        "CREATE TEMP TABLE assay_events_new AS SELECT symbol, date_trunc('day', \"timestamp\")::TIMESTAMP "
        "AS ex_date, max(coalesce(nullif(split, 0), 1)) AS split_ratio, max(coalesce(dividend, 0)) AS "
        "cash_dividend FROM assay_stage WHERE coalesce(split, 1) NOT IN (0, 1) OR coalesce(dividend, 0) "
        "<> 0 GROUP BY ALL ORDER BY ALL",
        NULL, 0, "cannot read splits and dividends", err);
}

static assay_status merge_all(assay_merge *merge, assay_error *err) {
    assay_status status = assay_merge_prices(merge, err);
    if (status == ASSAY_OK) {
        status = assay_merge_events(merge, err);
    }
    if (status == ASSAY_OK && merge->publication != NULL && merge->report->n_files_written > 0) {
        status = assay_publish_commit(merge->publication, err);
    }
    return status;
}

/* Merges assay_stage and assay_events_new; used by write_panel.c too. */
assay_status assay_import_publish(assay_store *store, const char *data_source, assay_partition partition,
                                  bool dry_run, assay_import_report *report, assay_error *err) {
    assay_merge merge = {.store = store,
                         .partition = partition,
                         .data_source = data_source,
                         .now_us = now_us(),
                         .report = report};
    assay_status status = ASSAY_OK;
    if (!dry_run) {
        status = assay_publish_begin(store->folder, &merge.publication, err);
        if (status == ASSAY_OK) {
            status = assay_publish_lock(merge.publication, err);
        }
    }
    if (status == ASSAY_OK) {
        status = merge_all(&merge, err);
    }
    assay_publish_end(merge.publication);
    if (status != ASSAY_OK) {
        report->n_files_written = 0;
    }
    return status;
}

/* --- a file, or the files of a folder --- */

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static const char *base_name(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash == NULL ? file : slash + 1;
}

static assay_status run(assay_store *store, const char *sql, const assay_arg *args, size_t n,
                        assay_error *err) {
    return assay_query_do(store->connection, sql, args, n, "cannot gather the rows of the folder", err);
}

/* Two files of a folder that have one key: the later one counts, if that is allowed. */
static assay_status check_across_files(assay_store *store, const char *folder, const assay_import_spec *spec,
                                       assay_error *err) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT symbol, CAST(\"timestamp\" AS VARCHAR), min_by(source, rowid), max_by(source, rowid) FROM "
        "assay_all GROUP BY symbol, \"timestamp\", frequency HAVING count(*) > 1 ORDER BY 1, 2 LIMIT 1",
        NULL, 0, "cannot gather the rows of the folder", err);
    if (status != ASSAY_OK) {
        return status;
    }
    bool found = assay_cursor_next(&cursor);
    if (found && spec->on_bad_data == ASSAY_BAD_DATA_ERROR) {
        char symbol[80], time[40], first[200], last[200];
        assay_cursor_copy(&cursor, 0, symbol, sizeof symbol);
        assay_cursor_copy(&cursor, 1, time, sizeof time);
        assay_cursor_copy(&cursor, 2, first, sizeof first);
        assay_cursor_copy(&cursor, 3, last, sizeof last);
        status =
            assay_error_set(err, ASSAY_E_DATA,
                            "%.300s: %s and %s both have %s at %s; remove one, or let the later file count "
                            "with --on-bad-data drop",
                            folder, first, last, symbol, time);
    }
    assay_cursor_close(&cursor);
    if (found && status == ASSAY_OK) {
        status =
            run(store,
                "DELETE FROM assay_all WHERE rowid NOT IN (SELECT max(rowid) FROM assay_all GROUP BY symbol, "
                "\"timestamp\", frequency)",
                NULL, 0, err);
    }
    return status;
}

static assay_status add_file(assay_store *store, const char *file, bool first, const assay_import_spec *spec,
                             assay_import_report *total, assay_error *err) {
    assay_import_report report = {.n_files = 1};
    assay_arg name = assay_arg_text(base_name(file));
    assay_status status = assay_import_stage_file(store, file, spec, &report, err);
    if (status == ASSAY_OK) {
        status = run(store,
                     first ? "CREATE TEMP TABLE assay_all AS SELECT *, $1::VARCHAR AS source FROM assay_stage"
                           : "INSERT INTO assay_all BY NAME SELECT *, $1::VARCHAR AS source FROM assay_stage",
                     &name, 1, err);
    }
    if (status == ASSAY_OK && spec->each != NULL) {
        spec->each(spec->each_context, file, &report);
    }
    size_t n_rows = total->n_rows + report.n_rows, n_dropped = total->n_dropped + report.n_dropped,
           n_files = total->n_files + 1;
    *total = report;
    total->n_rows = n_rows;
    total->n_dropped = n_dropped;
    total->n_files = n_files;
    return status;
}

static assay_status stage_folder(assay_store *store, const char *folder, const assay_import_spec *spec,
                                 assay_import_report *report, assay_error *err) {
    assay_files files;
    int64_t n_symbols = 0, n_rows = 0;
    assay_status status = assay_files_to_import(folder, &files, err);
    if (status == ASSAY_OK && files.count == 0) {
        status = assay_error_set(
            err, ASSAY_E_NOT_FOUND,
            "%.300s has no file to import (.csv, .txt, .tsv, each also .gz or .zst, or .parquet)", folder);
    }
    for (size_t i = 0; i < files.count && status == ASSAY_OK; i++) {
        status = add_file(store, files.path[i], i == 0, spec, report, err);
    }
    assay_files_reset(&files);
    if (status == ASSAY_OK) {
        status = check_across_files(store, folder, spec, err);
    }
    assay_import_stage_drop(store);
    if (status == ASSAY_OK) {
        status = run(store, "ALTER TABLE assay_all RENAME TO assay_stage", NULL, 0, err);
    }
    if (status == ASSAY_OK) {
        status = assay_query_int(store->connection, "SELECT count(DISTINCT symbol) FROM assay_stage", NULL, 0,
                                 "cannot gather the rows of the folder", &n_symbols, err);
    }
    if (status == ASSAY_OK) {
        status = assay_query_int(store->connection, "SELECT count(*) FROM assay_stage", NULL, 0,
                                 "cannot gather the rows of the folder", &n_rows, err);
    }
    report->n_symbols = (size_t)n_symbols;
    report->n_dropped = report->n_rows - (size_t)n_rows;
    return status;
}

static assay_status stage_file(assay_store *store, const char *file, const assay_import_spec *spec,
                               assay_import_report *report, assay_error *err) {
    report->n_files = 1;
    assay_status status = assay_import_stage_file(store, file, spec, report, err);
    if (status == ASSAY_OK && spec->each != NULL) {
        spec->each(spec->each_context, file, report);
    }
    return status;
}

assay_status assay_store_import(assay_store *store, const char *file, const assay_import_spec *spec,
                                assay_import_report *out_report, assay_error *err) {
    static const assay_import_spec defaults = {0};
    assay_import_report report = {0};
    assay_error fault;
    if (store == NULL || file == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "assay_store_import needs a store and a file");
    }
    err = err == NULL ? &fault : err;
    assay_store_all_threads(store);
    spec = spec == NULL ? &defaults : spec;
    assay_status status = is_folder(file) ? stage_folder(store, file, spec, &report, err)
                                          : stage_file(store, file, spec, &report, err);
    if (status == ASSAY_OK) {
        status = stage_events(store, err);
    }
    if (status == ASSAY_OK) {
        status = assay_import_publish(store, base_name(file), spec->partition, spec->dry_run, &report, err);
    }
    assay_import_stage_drop(store);
    assay_status ignored =
        assay_query_do(store->connection, "DROP TABLE IF EXISTS temp.assay_all", NULL, 0, "", NULL);
    (void)ignored;
    if (out_report != NULL) {
        *out_report = report;
    }
    return status;
}
