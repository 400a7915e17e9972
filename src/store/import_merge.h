/* From assay_stage into the tables prices and corporate_actions. Internal to importing. */
#ifndef ASSAY_STORE_IMPORT_MERGE_H
#define ASSAY_STORE_IMPORT_MERGE_H

#include "publish.h"
#include "store.h"

typedef struct assay_merge {
    assay_store *store;
    assay_publication *publication; /* locked; NULL for a dry run: nothing is written */
    assay_partition partition;
    const char *data_source; /* of new rows */
    int64_t now_us;          /* created_at of new rows, updated_at of new and replaced ones */
    assay_import_report *report;
} assay_merge;

/* Upserts assay_stage into prices by (symbol, timestamp, frequency). Rows that the table has already, with the same
 * values, are left alone. Counts n_inserted, n_replaced (changed or not), n_files_written. */
ASSAY_NODISCARD assay_status assay_merge_prices(const assay_merge *merge, assay_error *err);

/* Upserts the temporary table assay_events_new (symbol, ex_date, split_ratio, cash_dividend) into corporate_actions by
 * (symbol, ex_date). Counts n_events and n_files_written. */
ASSAY_NODISCARD assay_status assay_merge_events(const assay_merge *merge, assay_error *err);

/* Merges assay_stage and assay_events_new under the database's lock, and publishes them. */
ASSAY_NODISCARD assay_status assay_import_publish(assay_store *store, const char *data_source,
                                                  assay_partition partition, bool dry_run,
                                                  assay_import_report *report, assay_error *err);

#endif
