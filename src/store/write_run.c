/* One run into the six result tables and backtest_fingerprints, as a whole or not at all.
 *
 * Invariant: the bytes of a file depend on the run alone: rows are made in order by one thread, whatever the store's number of
 * threads (run_tables.c, row_source.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "publish.h"
#include "run_months.h"
#include "run_tables.h"
#include "table_files.h"

static bool is_run_id(const char *text) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t size = text == NULL ? 0 : strlen(text);
    return size >= 1 && size <= 128 && strspn(text, allowed) == size && strchr("._-", text[0]) == NULL;
}

static assay_status write_table(assay_store *store, const char *table, const char *run_id,
                                const assay_row_job *job, const char *path, assay_error *err) {
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

/* Files of an earlier run of this id that the new files do not replace by name. */
static assay_status remove_earlier(assay_store *store, assay_publication *publication, const char *table,
                                   const char *run_id, const char *target, assay_error *err) {
    assay_files files;
    assay_status status = assay_files_list(store->folder, table, &files, err);
    size_t folder_size = strlen(store->folder) + 1;
    char name[160];
    (void)snprintf(name, sizeof name, "%s.parquet", run_id);
    for (size_t i = 0; status == ASSAY_OK && i < files.count; i++) {
        const char *slash = strrchr(files.path[i], '/');
        const char *below = files.path[i] + folder_size;
        if (strcmp(slash + 1, name) == 0 && strcmp(below, target) != 0) {
            status = assay_publish_remove(publication, below, err);
        }
    }
    assay_files_reset(&files);
    return status;
}

static assay_status stage_table(assay_store *store, assay_publication *publication, const char *table,
                                const assay_run_info *info, const assay_row_job *job, assay_error *err) {
    int32_t year, month, day;
    const char *path = NULL;
    assay_civil_from_day(assay_day_of_us(info->timestamp_us), &year, &month, &day);
    /* A column `month` must not be taken for that of the folders. */
    char *target = strcmp(table, ASSAY_MONTHS_TABLE) == 0
                       ? assay_text_format("%s/year=%d/%s.parquet", table, year, info->run_id)
                       : assay_text_format("%s/year=%d/month=%d/day=%d/%s.parquet", table, year, month, day,
                                           info->run_id);
    if (target == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing the run %s", info->run_id);
    }
    assay_status status = assay_publish_put(publication, target, &path, err);
    if (status == ASSAY_OK) {
        status = write_table(store, table, info->run_id, job, path, err);
    }
    if (status == ASSAY_OK) {
        status = remove_earlier(store, publication, table, info->run_id, target, err);
    }
    free(target);
    return status;
}

assay_status assay_run_months_stage(assay_store *store, assay_publication *publication,
                                    const assay_panel *panel, const assay_run_info *info, assay_error *err) {
    assay_run_months months;
    assay_status status = assay_run_months_init(&months, panel, INT64_MAX, info->run_id, err);
    if (status == ASSAY_OK) {
        const assay_row_job job = assay_run_months_job(&months);
        status = stage_table(store, publication, ASSAY_MONTHS_TABLE, info, &job, err);
    }
    assay_run_months_reset(&months);
    return status;
}

static assay_status stage_tables(assay_store *store, assay_publication *publication,
                                 const assay_run_rows *rows, assay_error *err) {
    assay_status status = assay_run_months_stage(store, publication, rows->panel, rows->info, err);
    for (size_t i = 0; status == ASSAY_OK && i < ASSAY_N_RUN_TABLES; i++) {
        const assay_row_job job = assay_run_table_job(i, rows);
        status = stage_table(store, publication, assay_run_table_name(i), rows->info, &job, err);
    }
    return status;
}

assay_status assay_store_write_run(assay_store *store, const assay_run_info *info, const assay_result *result,
                                   assay_error *err) {
    if (store == NULL || info == NULL || result == NULL || info->parameters_json == NULL ||
        info->config_json == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_write_run needs a store, a run and its result");
    }
    assay_store_single_thread(store);
    if (!is_run_id(info->run_id)) {
        return assay_error_set(
            err, ASSAY_E_ARGUMENT,
            "the run id \"%.140s\" cannot be a file name: use 1 to 128 letters, digits, '.', '_' and "
            "'-', beginning with a letter or digit",
            info->run_id == NULL ? "" : info->run_id);
    }
    assay_run_rows rows;
    assay_publication *publication = NULL;
    assay_status status = assay_run_rows_init(&rows, info, result, err);
    if (status == ASSAY_OK) {
        status = assay_publish_begin(store->folder, &publication, err);
    }
    if (status == ASSAY_OK) {
        status = stage_tables(store, publication, &rows, err);
    }
    if (status == ASSAY_OK) {
        status = assay_publish_commit(publication, err);
    }
    assay_publish_end(publication);
    assay_run_rows_reset(&rows);
    return status;
}
