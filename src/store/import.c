/* A CSV or Parquet file into the database: stage and check (import_stage.c), merge (import_merge.c, import_events.c),
 * publish (publish.c).
 *
 * Invariant: reading what is there and writing what follows from it happen under one lock, so that two imports at once lose
 * nothing; a file is imported whole or not at all.
 */
#include <string.h>
#include <time.h>

#include "import_merge.h"
#include "import_stage.h"

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

assay_status assay_store_import(assay_store *store, const char *file, const assay_import_spec *spec,
                                assay_import_report *out_report, assay_error *err) {
    static const assay_import_spec defaults = {0};
    assay_import_report report = {0};
    if (store == NULL || file == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "assay_store_import needs a store and a file");
    }
    assay_store_all_threads(store);
    spec = spec == NULL ? &defaults : spec;
    assay_status status = assay_import_stage_file(store, file, spec, &report, err);
    if (status == ASSAY_OK) {
        status = stage_events(store, err);
    }
    if (status == ASSAY_OK) {
        const char *slash = strrchr(file, '/');
        status = assay_import_publish(store, slash == NULL ? file : slash + 1, spec->partition, spec->dry_run,
                                      &report, err);
    }
    assay_import_stage_drop(store);
    if (out_report != NULL) {
        *out_report = report;
    }
    return status;
}
