/* What a run read, against what is there now, by symbol and month. */
#include "run_months.h"
#include "table_files.h"

static const char what[] = "cannot compare the data";

/* When the last bar that the run read was. */
static assay_status read_end(assay_store *store, const assay_arg *arg, assay_data_report *report,
                             assay_error *err) {
    assay_cursor cursor;
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT max(last_date) FROM read_parquet($1, union_by_name=true, hive_partitioning=false) "
        "WHERE run_id = $2",
        arg, 2, what, err);
    if (status == ASSAY_OK && assay_cursor_next(&cursor) && !assay_cursor_is_null(&cursor, 0)) {
        report->is_known = true;
        report->end_us = assay_cursor_int(&cursor, 0);
    }
    assay_cursor_close(&cursor);
    return status;
}

static void count(assay_data_report *report, int64_t n_then, int64_t n_now) {
    report->n_months++;
    report->n_rows_added += n_now > n_then ? (size_t)(n_now - n_then) : 0;
    report->n_rows_removed += n_then > n_now ? (size_t)(n_then - n_now) : 0;
    report->n_months_changed += n_then == n_now;
}

static assay_status compare_months(assay_store *store, const assay_arg *arg, const assay_row_job *job,
                                   assay_data_report *report, assay_revised_month *each, void *context,
                                   assay_error *err) {
    assay_cursor cursor;
    store->row_job = job;
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT symbol, month, coalesce(a.n_bars, 0), coalesce(b.n_bars, 0) FROM (SELECT * FROM "
        "read_parquet($1, union_by_name=true, hive_partitioning=false) WHERE run_id = $2) a FULL JOIN "
        "(SELECT symbol::VARCHAR AS symbol, month::VARCHAR AS month, n_bars, fingerprint FROM assay_rows()) "
        "b "
        "USING (symbol, month) WHERE a.fingerprint IS DISTINCT FROM b.fingerprint ORDER BY symbol, month",
        arg, 2, what, err);
    store->row_job = NULL;
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char symbol[256], month[16];
        int64_t n_then = assay_cursor_int(&cursor, 2), n_now = assay_cursor_int(&cursor, 3);
        assay_cursor_copy(&cursor, 0, symbol, sizeof symbol);
        assay_cursor_copy(&cursor, 1, month, sizeof month);
        count(report, n_then, n_now);
        if (each != NULL) {
            each(context, symbol, month, n_then, n_now);
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

static void count_new_bars(const assay_panel *panel, assay_data_report *report) {
    const int64_t *time = assay_panel_timestamps(panel);
    size_t n = assay_panel_n_bars(panel);
    while (report->n_new_bars < n && time[n - 1 - report->n_new_bars] > report->end_us) {
        report->n_new_bars++;
    }
}

assay_status assay_store_compare_data(assay_store *store, const char *run_id, const assay_panel *panel,
                                      assay_revised_month *each, void *context, assay_data_report *out_report,
                                      assay_error *err) {
    assay_files files = {0};
    assay_run_months months = {0};
    *out_report = (assay_data_report){0};
    assay_status status = assay_files_of_run(store->folder, ASSAY_MONTHS_TABLE, run_id, &files, err);
    const assay_arg arg[2] = {assay_arg_list((const char *const *)files.path, files.count),
                              assay_arg_text(run_id)};
    if (status == ASSAY_OK && files.count > 0) {
        assay_store_all_threads(store);
        status = read_end(store, arg, out_report, err);
    }
    if (status == ASSAY_OK && out_report->is_known) {
        count_new_bars(panel, out_report);
        status = assay_run_months_init(&months, panel, out_report->end_us, run_id, err);
    }
    if (status == ASSAY_OK && out_report->is_known) {
        const assay_row_job job = assay_run_months_job(&months);
        status = compare_months(store, arg, &job, out_report, each, context, err);
    }
    assay_run_months_reset(&months);
    assay_files_reset(&files);
    return status;
}
