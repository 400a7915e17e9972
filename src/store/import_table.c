/* A file into one of the small tables (universe, delistings, symbol_changes, corporate_actions): one Parquet file, because it is
 * read whole.
 *
 * Invariant: rows whose key is not in the file stay, further columns included; a row that is there already with the same values
 * changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "publish.h"
#include "small_table.h"

static const char what[] = "cannot write the table (nothing was changed)";

typedef struct table_import {
    assay_store *store;
    const assay_small_kind_of_table *kind;
    assay_small_table file, old; /* old: what the database has */
    assay_publication *publication;
    assay_import_report *report;
    assay_error *err;
} table_import;

static assay_status run(table_import *m, assay_sql *sql, const assay_arg *args, size_t n) {
    assay_status status =
        assay_query_do(m->store->connection, sql->failed ? NULL : sql->text, args, n, what, m->err);
    assay_sql_reset(sql);
    return status;
}

static assay_arg files_of(const assay_small_table *table) {
    return assay_arg_list((const char *const *)table->files.path, table->files.count);
}

/* Rows with one key: the last of the file counts. Rows without what a key needs are refused. */
static assay_status stage(table_import *m) {
    const assay_cursor *c = &m->file.cursor;
    while (assay_small_table_next(&m->file)) {
        for (size_t i = 0; i < m->kind->n_columns; i++) {
            bool may_lack =
                !m->kind->column[i].is_required || (m->kind == &assay_universe_table && i != UNIVERSE_SYMBOL);
            if (!may_lack && assay_cursor_is_null(c, i)) {
                return assay_small_table_refuse(&m->file, m->err, "no %s", m->kind->column[i].name);
            }
        }
        m->report->n_rows++;
    }
    assay_sql sql = {0};
    assay_arg files = files_of(&m->file);
    assay_sql_add(&sql,
                  "CREATE OR REPLACE TEMP TABLE assay_small_new AS SELECT * EXCLUDE (n) FROM (SELECT *, "
                  "row_number() OVER () AS n FROM (");
    assay_small_table_select(&m->file, &sql);
    assay_sql_add(&sql, ")) QUALIFY row_number() OVER (PARTITION BY ");
    for (size_t i = 0; i < m->kind->n_keys; i++) {
        assay_sql_add(&sql, "%s\"%s\"", i == 0 ? "" : ", ", m->kind->column[i].name);
    }
    assay_sql_add(&sql, " ORDER BY n DESC) = 1");
    return run(m, &sql, &files, 1);
}

static void same_key(const table_import *m, assay_sql *sql) {
    for (size_t i = 0; i < m->kind->n_keys; i++) {
        assay_sql_add(sql, "%so.\"%s\" IS NOT DISTINCT FROM n.\"%s\"", i == 0 ? "" : " AND ",
                      m->kind->column[i].name, m->kind->column[i].name);
    }
}

/* What the database has, with the columns that we know as we write them, and what else there is. */
static assay_status read_old(table_import *m) {
    assay_sql sql = {0};
    assay_status status = assay_small_table_open(m->store, m->kind, &m->old, m->err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_cursor_close(&m->old.cursor);
    assay_sql_add(&sql, "CREATE OR REPLACE TEMP TABLE assay_small_old AS ");
    if (m->old.files.count == 0) {
        assay_sql_add(&sql, "SELECT * FROM assay_small_new LIMIT 0");
        return run(m, &sql, NULL, 0);
    }
    assay_arg files = files_of(&m->old);
    assay_small_table_select(&m->old, &sql);
    return run(m, &sql, &files, 1);
}

static assay_status count(table_import *m, const char *condition, size_t *out_count) {
    assay_sql sql = {0};
    int64_t n = 0;
    assay_sql_add(
        &sql, "SELECT count(*) FROM assay_small_new n WHERE %sEXISTS (SELECT 1 FROM assay_small_old o WHERE ",
        condition);
    same_key(m, &sql);
    assay_sql_add(&sql, ")");
    assay_status status =
        assay_query_int(m->store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, &n, m->err);
    assay_sql_reset(&sql);
    *out_count = (size_t)n;
    return status;
}

static assay_status count_changes(table_import *m, size_t *out_count) {
    assay_sql sql = {0};
    int64_t n = 0;
    assay_sql_add(
        &sql, "SELECT count(*) FROM (SELECT * FROM assay_small_new EXCEPT SELECT * FROM assay_small_old)");
    assay_status status =
        assay_query_int(m->store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, &n, m->err);
    assay_sql_reset(&sql);
    *out_count = (size_t)n;
    return status;
}

static assay_status write_table(table_import *m) {
    char target[64];
    const char *path = NULL;
    size_t skip = strlen(m->store->folder) + 1;
    assay_sql sql = {0};
    (void)snprintf(target, sizeof target, "%s/0.parquet", m->kind->name);
    assay_status status = assay_publish_put(
        m->publication, m->old.files.count == 0 ? target : m->old.files.path[0] + skip, &path, m->err);
    for (size_t i = 1; status == ASSAY_OK && i < m->old.files.count; i++) {
        status = assay_publish_remove(m->publication, m->old.files.path[i] + skip, m->err);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    assay_sql_add(
        &sql,
        "COPY (SELECT * FROM assay_small_old o WHERE NOT EXISTS (SELECT 1 FROM assay_small_new n WHERE ");
    same_key(m, &sql);
    assay_sql_add(&sql, ") UNION ALL BY NAME SELECT * FROM assay_small_new ORDER BY ALL) TO ");
    assay_sql_literal(&sql, path);
    assay_sql_add(&sql, " (FORMAT parquet)");
    m->report->n_files_written = 1;
    return run(m, &sql, NULL, 0);
}

static assay_status merge(table_import *m, bool dry_run) {
    size_t n_changes = 0;
    assay_status status = stage(m);
    if (status == ASSAY_OK && !dry_run) {
        status = assay_publish_begin(m->store->folder, &m->publication, m->err);
    }
    if (status == ASSAY_OK && !dry_run) {
        status = assay_publish_lock(m->publication, m->err);
    }
    if (status == ASSAY_OK) {
        status = read_old(m);
    }
    if (status == ASSAY_OK) {
        status = count(m, "", &m->report->n_replaced);
    }
    if (status == ASSAY_OK) {
        status = count(m, "NOT ", &m->report->n_inserted);
    }
    if (status == ASSAY_OK) {
        status = count_changes(m, &n_changes);
    }
    if (status != ASSAY_OK || dry_run || n_changes == 0) {
        return status;
    }
    status = write_table(m);
    return status == ASSAY_OK ? assay_publish_commit(m->publication, m->err) : status;
}

static void say_columns(const table_import *m) {
    size_t used = 0;
    for (size_t i = 0; i < m->kind->n_columns && used < sizeof m->report->columns; i++) {
        const char *found = m->file.spelled[i];
        int n = found[0] == '\0' ? 0
                                 : snprintf(m->report->columns + used, sizeof m->report->columns - used,
                                            "%s = %s\n", m->kind->column[i].name, found);
        used += n > 0 ? (size_t)n : 0;
    }
}

assay_status assay_store_import_table(assay_store *store, const char *table, const char *file, bool dry_run,
                                      assay_import_report *out_report, assay_error *err) {
    if (store == NULL || table == NULL || file == NULL || out_report == NULL) {
        return assay_error_set(
            err, ASSAY_E_ARGUMENT,
            "assay_store_import_table needs a store, a table, a file and a place for the report");
    }
    *out_report = (assay_import_report){0};
    table_import m = {
        .store = store, .kind = assay_small_table_find(table), .report = out_report, .err = err};
    if (m.kind == NULL) {
        return assay_error_set(
            err, ASSAY_E_NOT_FOUND,
            "there is no table '%.60s' to write; there are universe, delistings, symbol_changes "
            "and corporate_actions",
            table);
    }
    assay_store_single_thread(store); /* rows keep their order */
    assay_status status = assay_small_table_open_file(store, m.kind, file, &m.file, err);
    if (status == ASSAY_OK) {
        say_columns(&m);
        status = merge(&m, dry_run);
    }
    assay_publish_end(m.publication);
    assay_small_table_close(&m.file);
    assay_small_table_close(&m.old);
    return status;
}
