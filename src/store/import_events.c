/* From assay_events_new into the corporate_actions table: one file, because it is small and read whole.
 *
 * Invariant: an event of the table whose (symbol, ex_date) is not in assay_events_new stays, further columns included; of one
 * that is replaced the pay_date stays. Events that the table has already change no file.
 */
#include <stdio.h>
#include <string.h>

#include "import_merge.h"
#include "table_files.h"

#define SHAPE                                                                                                \
    "(SELECT NULL::VARCHAR AS symbol, NULL::TIMESTAMP AS ex_date, NULL::DOUBLE AS split_ratio, "             \
    "NULL::DOUBLE AS "                                                                                       \
    "cash_dividend, NULL::TIMESTAMP AS pay_date LIMIT 0)"
#define OLD                                                                                                  \
    "(SELECT * REPLACE (CAST(ex_date AS TIMESTAMP) AS ex_date) FROM (SELECT * FROM " SHAPE                   \
    " UNION ALL BY NAME SELECT * FROM read_parquet($1, union_by_name=true, hive_partitioning=false)))"
#define SAME_KEY "o.symbol = n.symbol AND date_trunc('day', o.ex_date)::TIMESTAMP = n.ex_date"

static const char what[] = "cannot write the table corporate_actions (nothing was changed)";

/* How many of the new events the table does not have with these values. */
static assay_status count_changes(const assay_merge *merge, const assay_arg *files, int64_t *out_count,
                                  assay_error *err) {
    return assay_query_int(merge->store->connection,
                           "SELECT count(*) FROM assay_events_new n WHERE NOT EXISTS (SELECT 1 FROM " OLD
                           " o WHERE " SAME_KEY
                           " AND coalesce(nullif(o.split_ratio, 0), 1) = n.split_ratio AND "
                           "coalesce(o.cash_dividend, 0) = n.cash_dividend)",
                           files, 1, what, out_count, err);
}

static assay_status write_events(const assay_merge *merge, const assay_files *files, assay_error *err) {
    const char *path = NULL, *target = "corporate_actions/0.parquet";
    size_t skip = strlen(merge->store->folder) + 1;
    assay_arg list = assay_arg_list((const char *const *)files->path, files->count);
    assay_status status =
        assay_publish_put(merge->publication, files->count == 0 ? target : files->path[0] + skip, &path, err);
    for (size_t i = 1; status == ASSAY_OK && i < files->count; i++) {
        status = assay_publish_remove(merge->publication, files->path[i] + skip, err);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql sql = {0};
    if (files->count == 0) {
        assay_sql_add(
            &sql,
            "COPY (SELECT symbol, ex_date, split_ratio, cash_dividend, NULL::TIMESTAMP AS pay_date FROM "
            "assay_events_new");
    } else {
        assay_sql_add(
            &sql,
            "COPY (SELECT * FROM " OLD " o WHERE NOT EXISTS (SELECT 1 FROM assay_events_new n WHERE " SAME_KEY
            ") UNION ALL BY NAME SELECT n.symbol, n.ex_date, n.split_ratio, n.cash_dividend, (SELECT "
            "max(CAST(o.pay_date AS TIMESTAMP)) FROM " OLD " o WHERE " SAME_KEY
            ") AS pay_date FROM assay_events_new n");
    }
    assay_sql_add(&sql, " ORDER BY symbol, ex_date) TO ");
    assay_sql_literal(&sql, path);
    assay_sql_add(&sql, " (FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false)");
    status = assay_query_do(merge->store->connection, sql.failed ? NULL : sql.text, &list,
                            files->count == 0 ? 0 : 1, what, err);
    assay_sql_reset(&sql);
    merge->report->n_files_written++;
    return status;
}

assay_status assay_merge_events(const assay_merge *merge, assay_error *err) {
    int64_t n_events = 0, n_changes = 0;
    assay_files files;
    assay_status status = assay_query_int(merge->store->connection, "SELECT count(*) FROM assay_events_new",
                                          NULL, 0, what, &n_events, err);
    merge->report->n_events = (size_t)n_events;
    if (status != ASSAY_OK || n_events == 0) {
        return status;
    }
    status = assay_files_list(merge->store->folder, "corporate_actions", &files, err);
    n_changes = n_events;
    if (status == ASSAY_OK && files.count > 0) {
        assay_arg list = assay_arg_list((const char *const *)files.path, files.count);
        status = count_changes(merge, &list, &n_changes, err);
    }
    if (status == ASSAY_OK && n_changes > 0 && merge->publication != NULL) {
        status = write_events(merge, &files, err);
    }
    assay_files_reset(&files);
    return status;
}
