/* A walk-forward into the six result tables and backtest_fingerprints: the joined run and the runs of its folds, all of them or
 * none.
 *
 * One file a run and table, named by the run's id, as a single run has it, so that every reader finds a fold like any other
 * run. Signals of the joined run carry the parameters of the fold that made them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_walkforward_report.h"
#include "base/dates.h"
#include "publish.h"
#include "run_months.h"
#include "run_tables.h"
#include "table_files.h"

enum { SIGNALS_TABLE = 2, RUNS_TABLE = 5, PARAMETERS_COLUMN = 8 };

/* --- parameters of the joined run's signals --- */

/* The job of the signals, and the parameters of the folds in the place of the run's. */
typedef struct joined_signals {
    assay_row_job job;
    const assay_run_rows *rows;
    const assay_walkforward *wf;
    const char **text; /* each distinct one once */
    uint32_t *code;    /* of each fold's text */
    size_t n_texts, n_folds;
} joined_signals;

static const char *const *joined_names(const void *context, size_t column, size_t *out_n_names) {
    const joined_signals *j = context;
    if (column != PARAMETERS_COLUMN) {
        return j->job.names(j->job.context, column, out_n_names);
    }
    *out_n_names = j->n_texts;
    return j->text;
}

static bool joined_fill(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const joined_signals *j = context;
    return j->job.fill(j->job.context, column, first, n, vector);
}

static void joined_codes(const void *context, size_t column, size_t first, size_t n, uint32_t *out_code) {
    const joined_signals *j = context;
    if (column != PARAMETERS_COLUMN) {
        j->job.codes(j->job.context, column, first, n, out_code);
        return;
    }
    size_t fold = 0; /* signals are in order of time */
    for (size_t i = 0; i < n; i++) {
        while (fold + 1 < j->n_folds &&
               assay_walkforward_fold(j->wf, fold)->test_last < j->rows->signal[first + i].bar) {
            fold++;
        }
        out_code[i] = j->code[fold];
    }
}

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool list_texts(joined_signals *j, const assay_walkforward_report *report) {
    j->text = calloc(j->n_folds, sizeof *j->text);
    j->code = calloc(j->n_folds, sizeof *j->code);
    if (j->text == NULL || j->code == NULL) {
        return false;
    }
    for (size_t k = 0; k < j->n_folds; k++) {
        const char *text = report->fold[k].parameters_json;
        size_t code = 0;
        while (code < j->n_texts && !same_text(text, j->text[code])) {
            code++;
        }
        if (code == j->n_texts) {
            j->text[j->n_texts++] = text;
        }
        j->code[k] = (uint32_t)code;
    }
    return true;
}

/* --- the data of a fold --- */

/* The row of a fold in backtest_runs, with the number of symbols that its single run would load. */
typedef struct fold_row {
    assay_row_job job;
    int64_t n_symbols;
} fold_row;

static bool fold_fill(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const fold_row *f = context;
    if (strcmp(f->job.column[column].name, "n_symbols") != 0) {
        return f->job.fill(f->job.context, column, first, n, vector);
    }
    *(int64_t *)duckdb_vector_get_data(vector) = f->n_symbols;
    return true;
}

/* --- files --- */

static assay_status write_job(assay_store *store, const assay_row_job *job, const char *table,
                              const char *run_id, const char *path, assay_error *err) {
    assay_sql sql = {0};
    char what[400];
    (void)snprintf(what, sizeof what, "cannot write the table %s of run %s into %s (nothing was changed)",
                   table, run_id, store->folder);
    assay_sql_add(&sql, "COPY (FROM assay_rows()) TO ");
    assay_sql_literal(&sql, path);
    assay_sql_add(&sql, " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880, USE_TMP_FILE false)");
    assay_status status = assay_row_source_run(store, job, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    assay_sql_reset(&sql);
    return status;
}

/* What a run's tables are made from, beside its rows: the joined run has `joined`, a fold its number of symbols. */
typedef struct staged_run {
    const assay_run_info *info;
    const assay_result *result;
    const assay_walkforward_report *joined;
    size_t fold;
} staged_run;

static assay_status write_signals(assay_store *store, const assay_run_rows *rows, const assay_row_job *job,
                                  const assay_walkforward_report *joined, const char *path,
                                  assay_error *err) {
    const char *run_id = rows->info->run_id;
    joined_signals j = {
        .job = *job, .rows = rows, .wf = joined->wf, .n_folds = assay_walkforward_n_folds(joined->wf)};
    assay_row_job wrapped = *job;
    wrapped.fill = joined_fill;
    wrapped.names = joined_names;
    wrapped.codes = joined_codes;
    wrapped.context = &j;
    assay_status status =
        list_texts(&j, joined)
            ? write_job(store, &wrapped, assay_run_table_name(SIGNALS_TABLE), run_id, path, err)
            : assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing %s", run_id);
    free(j.text);
    free(j.code);
    return status;
}

static assay_status write_table(assay_store *store, const assay_run_rows *rows, size_t index,
                                const char *path, const staged_run *run, size_t n_symbols, assay_error *err) {
    assay_row_job job = assay_run_table_job(index, rows);
    fold_row row = {.job = job, .n_symbols = (int64_t)n_symbols};
    if (run->joined != NULL && index == SIGNALS_TABLE) {
        return write_signals(store, rows, &job, run->joined, path, err);
    }
    if (run->joined == NULL && index == RUNS_TABLE) {
        job.fill = fold_fill;
        job.context = &row;
    }
    return write_job(store, &job, assay_run_table_name(index), rows->info->run_id, path, err);
}

static char *target_of(const char *table, const assay_run_info *info) {
    int32_t year, month, day;
    assay_civil_from_day(assay_day_of_us(info->timestamp_us), &year, &month, &day);
    return assay_text_format("%s/year=%d/month=%d/day=%d/%s.parquet", table, year, month, day, info->run_id);
}

/* One run into the publication. */
static assay_status stage_run(assay_store *store, assay_publication *publication, const assay_walkforward *wf,
                              const staged_run *run, assay_error *err) {
    assay_run_rows rows;
    size_t n_symbols = 0;
    assay_status status = assay_run_rows_init(&rows, run->info, run->result, err);
    if (status == ASSAY_OK && run->joined == NULL) {
        status = assay_walkforward_data(wf, run->fold, rows.fingerprint, &n_symbols, err);
    }
    for (size_t i = 0; status == ASSAY_OK && i < ASSAY_N_RUN_TABLES; i++) {
        const char *path = NULL;
        char *target = target_of(assay_run_table_name(i), run->info);
        status = target == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing %s",
                                                  run->info->run_id)
                                : assay_publish_put(publication, target, &path, err);
        if (status == ASSAY_OK) {
            status = write_table(store, &rows, i, path, run, n_symbols, err);
        }
        free(target);
    }
    assay_run_rows_reset(&rows);
    return status;
}

/* The fold of RUN_ID-fold-K.parquet, 0 for RUN_ID.parquet; SIZE_MAX: another run's file. */
static size_t fold_of_file(const char *file, const char *run_id) {
    size_t size = strlen(run_id), fold = 0;
    static const char between[] = "-fold-";
    if (strncmp(file, run_id, size) != 0) {
        return SIZE_MAX;
    }
    const char *at = file + size;
    if (strncmp(at, between, sizeof between - 1) == 0) {
        at += sizeof between - 1;
        size_t digits = strspn(at, "0123456789");
        for (size_t i = 0; i < digits && digits < 10; i++) {
            fold = fold * 10 + (size_t)(at[i] - '0');
        }
        at += fold == 0 ? 0 : digits;
    }
    return strcmp(at, ".parquet") == 0 ? fold : SIZE_MAX;
}

/* Files of an earlier walk-forward (or run) of this id that are not written anew. */
static assay_status remove_earlier(assay_store *store, assay_publication *publication,
                                   const assay_walkforward_report *report, const assay_run_info *info,
                                   const char *table, assay_error *err) {
    assay_files files;
    size_t n_folds = assay_walkforward_n_folds(report->wf), folder_size = strlen(store->folder) + 1;
    char *joined = target_of(table, info);
    assay_status status =
        joined == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing %s", info->run_id)
                       : assay_files_list(store->folder, table, &files, err);
    if (joined == NULL) {
        return status;
    }
    size_t day_size = (size_t)(strrchr(joined, '/') - joined) + 1;
    for (size_t i = 0; status == ASSAY_OK && i < files.count; i++) {
        const char *below = files.path[i] + folder_size, *name = strrchr(files.path[i], '/') + 1;
        size_t fold = fold_of_file(name, info->run_id);
        bool same_day = (size_t)(name - below) == day_size && strncmp(below, joined, day_size) == 0;
        bool is_new = same_day && (fold == 0 || (fold <= n_folds && report->fold[fold - 1].run_id != NULL));
        if (fold != SIZE_MAX && !is_new) {
            status = assay_publish_remove(publication, below, err);
        }
    }
    assay_files_reset(&files);
    free(joined);
    return status;
}

static assay_status stage_all(assay_store *store, assay_publication *publication,
                              const assay_walkforward_report *report, const assay_run_info *info,
                              assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t k = 0; status == ASSAY_OK && k < assay_walkforward_n_folds(report->wf); k++) {
        const assay_fold *fold = assay_walkforward_fold(report->wf, k);
        const assay_fold_texts *texts = &report->fold[k];
        if (texts->run_id == NULL) {
            continue;
        }
        const assay_run_info of_fold = {.run_id = texts->run_id,
                                        .timestamp_us = info->timestamp_us,
                                        .parameters_json = texts->parameters_json,
                                        .config_json = texts->config_json,
                                        .sweep_id = info->run_id,
                                        .fold = (int64_t)k + 1};
        const staged_run run = {.info = &of_fold, .result = fold->result, .fold = k};
        status = stage_run(store, publication, report->wf, &run, err);
    }
    if (status == ASSAY_OK) {
        status = assay_run_months_stage(store, publication, report->panel, info, err);
    }
    if (status == ASSAY_OK) {
        const staged_run run = {
            .info = info, .result = assay_walkforward_result(report->wf), .joined = report};
        status = stage_run(store, publication, report->wf, &run, err);
    }
    for (size_t i = 0; status == ASSAY_OK && i < ASSAY_N_RUN_TABLES; i++) {
        status = remove_earlier(store, publication, report, info, assay_run_table_name(i), err);
    }
    return status;
}

assay_status assay_store_write_walkforward(assay_store *store, const assay_walkforward_report *report,
                                           int64_t timestamp_us, int64_t duration_ms, assay_error *err) {
    if (store == NULL || report == NULL || report->run_id == NULL) {
        return assay_error_set(
            err, ASSAY_E_ARGUMENT,
            "assay_store_write_walkforward needs a store and a walk-forward with a run id");
    }
    const assay_run_info info = {.run_id = report->run_id,
                                 .timestamp_us = timestamp_us,
                                 .parameters_json = report->parameters_json,
                                 .config_json = report->config_json,
                                 .duration_ms = duration_ms,
                                 .fold = -1};
    assay_publication *publication = NULL;
    assay_store_single_thread(store);
    assay_status status = assay_publish_begin(store->folder, &publication, err);
    if (status == ASSAY_OK) {
        status = stage_all(store, publication, report, &info, err);
    }
    if (status == ASSAY_OK) {
        status = assay_publish_commit(publication, err);
    }
    assay_publish_end(publication);
    return status;
}
