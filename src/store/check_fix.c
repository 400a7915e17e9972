/* assay_store_fix: a mended copy of a database.
 *
 * Invariant: the source is only read. Files without a change are copied byte for byte; of a file with changes all columns of
 * the rows that stay come through. The copy is made beside its place and renamed there when it is whole.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "check.h"
#include "copy_folder.h"

static const char what[] = "cannot mend the prices";
#define CHANGED_FILE "EXISTS (SELECT 1 FROM assay_check_changes WHERE file = $1)"

/* --- the changes --- */

static assay_status stage_changes(assay_store *store, const assay_check_spec *spec, assay_error *err) {
    (void)duckdb_query(store->connection, "DROP TABLE IF EXISTS assay_check_changes", NULL);
    assay_status status = assay_query_do(
        store->connection,
        "CREATE TEMP TABLE assay_check_changes (kind BIGINT, symbol VARCHAR, file VARCHAR, n BIGINT, "
        "action VARCHAR, detail VARCHAR, t TIMESTAMP, ratio DOUBLE)",
        NULL, 0, what, err);
    for (size_t i = 0; status == ASSAY_OK && i < assay_check_kind_count(); i++) {
        const char *mend = assay_check_kind_sql(i)->mend;
        if (mend == NULL || !assay_check_wants(spec, i)) {
            continue;
        }
        assay_sql sql = {0};
        assay_sql_add(&sql, "INSERT INTO assay_check_changes BY NAME SELECT %zu AS kind, * FROM (%s)", i,
                      mend);
        status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
        assay_sql_reset(&sql);
    }
    return status;
}

static char *copy_cell(const assay_cursor *cursor, idx_t column) {
    size_t size;
    const char *text = assay_cursor_text(cursor, column, &size);
    return assay_text_format("%.*s", (int)size, text);
}

static assay_status list_changes(assay_store *store, assay_change_list *list, assay_error *err) {
    assay_cursor cursor;
    size_t capacity = 0, skip = strlen(store->folder) + 1;
    assay_status status = assay_cursor_open(
        &cursor, store->connection,
        "SELECT kind, symbol, CASE WHEN t IS NULL THEN '' WHEN t = date_trunc('day', t) THEN strftime(t, "
        "'%Y-%m-%d ') ELSE strftime(t, '%Y-%m-%d %H:%M ') END || detail, file FROM (SELECT c.* "
        "EXCLUDE (t), coalesce(c.t, r.t) AS t FROM "
        "assay_check_changes c LEFT JOIN assay_check_rows r USING (file, n)) ORDER BY kind, symbol, t, "
        "file, n",
        NULL, 0, what, err);
    if (status != ASSAY_OK) {
        return status;
    }
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        status = ASSAY_RESERVE(list->change, capacity, list->n + 1, err);
        if (status != ASSAY_OK) {
            break;
        }
        assay_change *change = &list->change[list->n++];
        *change = (assay_change){.kind = (size_t)assay_cursor_int(&cursor, 0),
                                 .symbol = copy_cell(&cursor, 1),
                                 .what = copy_cell(&cursor, 2)};
        char *file = copy_cell(&cursor, 3);
        change->file = file == NULL || assay_cursor_is_null(&cursor, 3)
                           ? assay_text_format("corporate_actions")
                           : assay_text_format("%s", file + (strlen(file) > skip ? skip : 0));
        free(file);
        if (change->symbol == NULL || change->what == NULL || change->file == NULL) {
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the changes");
        }
    }
    assay_cursor_close(&cursor);
    return status;
}

void assay_change_list_destroy(assay_change_list *changes) {
    if (changes == NULL) {
        return;
    }
    for (size_t i = 0; i < changes->n; i++) {
        free((void *)changes->change[i].symbol);
        free((void *)changes->change[i].what);
        free((void *)changes->change[i].file);
    }
    free(changes->change);
    free(changes);
}

/* --- the place of the copy --- */

/* Whether the folder `inner` is `outer` or lies in it; both are real paths. */
static bool lies_in(const char *inner, const char *outer) {
    size_t size = strlen(outer);
    return strncmp(inner, outer, size) == 0 && (inner[size] == '\0' || inner[size] == '/' || size == 1);
}

/* The real path of a file or folder that need not exist; its parent has to. */
static char *real_target(const char *target) {
    char *real = realpath(target, NULL);
    if (real != NULL || errno != ENOENT) {
        return real;
    }
    char *copy = assay_text_format("%s", target);
    if (copy == NULL) {
        return NULL;
    }
    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--) {
        copy[n - 1] = '\0';
    }
    char *slash = strrchr(copy, '/');
    char *name = slash == NULL ? copy : slash + 1;
    if (slash != NULL) {
        *slash = '\0';
    }
    char *parent = realpath(slash == NULL ? "." : copy[0] == '\0' ? "/" : copy, NULL);
    if (parent != NULL) {
        real = assay_text_format("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
    }
    free(parent);
    free(copy);
    return real;
}

/* rmdir succeeds on an empty folder alone, so nothing that is there can be lost. */
static assay_status check_target(const assay_store *store, const char *target, char **out_real,
                                 assay_error *err) {
    char *source = realpath(store->folder, NULL);
    *out_real = real_target(target);
    struct stat info;
    assay_status status = ASSAY_OK;
    if (source == NULL || *out_real == NULL) {
        status = assay_error_set(err, ASSAY_E_IO, "cannot write the copy %s: %s", target, strerror(errno));
    } else if (lies_in(*out_real, source) || lies_in(source, *out_real)) {
        status = assay_error_set(err, ASSAY_E_ARGUMENT,
                                 "the copy %s would lie on the database %s: name a folder outside of it",
                                 target, store->folder);
    } else if (lstat(*out_real, &info) == 0 && rmdir(*out_real) != 0) {
        status = assay_error_set(err, ASSAY_E_ARGUMENT,
                                 "the copy %s cannot be written: there is something already "
                                 "(%s); name a new or empty folder",
                                 target, strerror(errno));
    }
    free(source);
    return status;
}

/* --- files with changes --- */

typedef struct mending {
    assay_store *store;
    const assay_prices_table *table;
    const char *folder; /* of the copy in the making */
} mending;

static assay_status count_action(const mending *m, const char *file, const char *action, int64_t *out_n,
                                 assay_error *err) {
    const assay_arg args[2] = {assay_arg_text(file), assay_arg_text(action)};
    return assay_query_int(m->store->connection,
                           "SELECT count(*) FROM assay_check_changes WHERE file = $1 AND action = $2", args,
                           2, what, out_n, err);
}

#define ROWS_OF "file_row_number IN (SELECT n FROM assay_check_changes WHERE file = $1 AND action = '%s')"

/* "CASE WHEN <the row has this action> THEN <value> ELSE <column> END AS <column>" for the REPLACE list. */
static void add_replacement(assay_sql *sql, bool *is_first, const char *action, const char *column,
                            const char *condition, const char *value) {
    assay_sql_add(sql, "%sCASE WHEN " ROWS_OF "%s THEN ", *is_first ? "" : ", ", action, condition);
    assay_sql_add(sql, "%s ELSE ", value);
    assay_sql_identifier(sql, column);
    assay_sql_add(sql, " END AS ");
    assay_sql_identifier(sql, column);
    *is_first = false;
}

/* high or low becomes `edge` where that lies outside. */
static void add_widening(const mending *m, assay_sql *sql, bool *is_first, const char *action, size_t edge) {
    const assay_typed_column *high = &m->table->column[ASSAY_PRICES_HIGH];
    const assay_typed_column *low = &m->table->column[ASSAY_PRICES_LOW];
    const char *value = m->table->column[edge].name;
    const char *edges[2][2] = {{high->name, ">"}, {low->name, "<"}};
    for (size_t i = 0; i < 2; i++) {
        char condition[256];
        (void)snprintf(condition, sizeof condition,
                       " AND CAST(\"%.63s\" AS DOUBLE) %s CAST(\"%.63s\" AS DOUBLE)", value, edges[i][1],
                       edges[i][0]);
        add_replacement(sql, is_first, action, edges[i][0], condition, value);
    }
}

/* Several actions of one column cannot be in one REPLACE list: each gets a SELECT of its own around the one before. */
static assay_status add_actions(const mending *m, const char *file, assay_sql *sql, assay_error *err) {
    static const char *const actions[] = {"swap", "widen_close", "widen_open", "unsplit_row"};
    const assay_typed_column *column = m->table->column;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        int64_t n = 0;
        bool is_first = true;
        assay_status status = count_action(m, file, actions[i], &n, err);
        if (status != ASSAY_OK) {
            return status;
        }
        if (n == 0) {
            continue;
        }
        assay_sql inner = *sql;
        *sql = (assay_sql){0};
        assay_sql_add(sql, "SELECT * REPLACE (");
        if (i == 0) {
            add_replacement(sql, &is_first, actions[i], column[ASSAY_PRICES_HIGH].name, "",
                            column[ASSAY_PRICES_LOW].name);
            add_replacement(sql, &is_first, actions[i], column[ASSAY_PRICES_LOW].name, "",
                            column[ASSAY_PRICES_HIGH].name);
        } else if (i == 3) {
            add_replacement(sql, &is_first, actions[i], column[ASSAY_PRICES_SPLIT].name, "", "1");
        } else {
            add_widening(m, sql, &is_first, actions[i], i == 1 ? ASSAY_PRICES_CLOSE : ASSAY_PRICES_OPEN);
        }
        assay_sql_add(sql, ") FROM (%s)", inner.failed ? "" : inner.text);
        sql->failed = sql->failed || inner.failed;
        assay_sql_reset(&inner);
    }
    return ASSAY_OK;
}

static assay_status mend_file(const mending *m, const char *file, assay_error *err) {
    char *path = assay_text_format("%s/%s", m->folder, file + strlen(m->store->folder) + 1);
    if (path == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
    }
    assay_sql rows = {0}, sql = {0};
    assay_arg arg = assay_arg_text(file);
    assay_status status = assay_make_parents(path, err);
    assay_sql_add(&rows, "SELECT * FROM read_parquet($1, hive_partitioning=false, file_row_number=true)");
    if (status == ASSAY_OK) {
        status = add_actions(m, file, &rows, err);
    }
    assay_sql_add(&sql,
                  "COPY (SELECT * EXCLUDE (file_row_number) FROM (%s) WHERE NOT (" ROWS_OF
                  ") ORDER BY file_row_number) TO ",
                  rows.failed ? "" : rows.text, "drop");
    assay_sql_literal(&sql, path);
    assay_sql_add(&sql, " (FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false)");
    if (status == ASSAY_OK) {
        status = assay_query_do(m->store->connection, sql.failed ? NULL : sql.text, &arg, 1, what, err);
    }
    assay_sql_reset(&rows);
    assay_sql_reset(&sql);
    free(path);
    return status;
}

/* --- corporate_actions --- */

#define TABLE                                                                                                \
    "(SELECT * FROM (SELECT NULL::VARCHAR AS symbol, NULL::TIMESTAMP AS ex_date, NULL::DOUBLE AS "           \
    "split_ratio, "                                                                                          \
    "NULL::DOUBLE AS cash_dividend LIMIT 0) UNION ALL BY NAME SELECT * FROM read_parquet($1, "               \
    "union_by_name=true, "                                                                                   \
    "hive_partitioning=false))"
#define IS_REMOVED                                                                                           \
    "EXISTS (SELECT 1 FROM assay_check_changes c WHERE c.action = 'unsplit' AND c.symbol = CAST(a.symbol "   \
    "AS "                                                                                                    \
    "VARCHAR) AND c.t = date_trunc('day', CAST(a.ex_date AS TIMESTAMP)))"
#define ADDED                                                                                                \
    "SELECT symbol, t AS ex_date, ratio AS split_ratio, 0::DOUBLE AS cash_dividend FROM "                    \
    "assay_check_changes WHERE "                                                                             \
    "action = 'split'"

static assay_status mend_events(const mending *m, const assay_files *files, assay_error *err) {
    const char *first =
        files->count == 0 ? "corporate_actions/0.parquet" : files->path[0] + strlen(m->store->folder) + 1;
    char *path = assay_text_format("%s/%s", m->folder, first);
    if (path == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what);
    }
    assay_sql sql = {0};
    assay_arg list = assay_arg_list((const char *const *)files->path, files->count);
    assay_status status = assay_make_parents(path, err);
    assay_sql_add(&sql, files->count == 0 ? "COPY (" ADDED
                                          : "COPY (SELECT * REPLACE (CASE WHEN " IS_REMOVED
                                            " THEN 1 ELSE split_ratio END AS "
                                            "split_ratio) FROM " TABLE " a WHERE NOT (" IS_REMOVED
                                            " AND coalesce(cash_dividend, 0) "
                                            "= 0) UNION ALL BY NAME " ADDED);
    assay_sql_add(&sql, " ORDER BY symbol, ex_date) TO ");
    assay_sql_literal(&sql, path);
    assay_sql_add(&sql, " (FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false)");
    if (status == ASSAY_OK) {
        status = assay_query_do(m->store->connection, sql.failed ? NULL : sql.text, &list,
                                files->count == 0 ? 0 : 1, what, err);
    }
    assay_sql_reset(&sql);
    free(path);
    return status;
}

/* --- the copy --- */

typedef struct left_out {
    const assay_store *store;
    const char *const *file; /* of the source, in byte order of no kind */
    size_t n;
    bool events; /* the files of corporate_actions are written anew */
} left_out;

static bool is_copied(const void *context, const char *below) {
    const left_out *left = context;
    size_t skip = strlen(left->store->folder) + 1;
    if (left->events && strncmp(below, "corporate_actions/", 18) == 0) {
        return false;
    }
    for (size_t i = 0; i < left->n; i++) {
        if (strcmp(left->file[i] + skip, below) == 0) {
            return false;
        }
    }
    return true;
}

/* Which of the table's files have changes: moved to the front of `file`. */
static assay_status find_changed(assay_store *store, const assay_files *files, const char **file,
                                 size_t *out_n, assay_error *err) {
    *out_n = 0;
    for (size_t i = 0; i < files->count; i++) {
        int64_t changed = 0;
        assay_arg arg = assay_arg_text(files->path[i]);
        assay_status status = assay_query_int(store->connection, "SELECT CAST(" CHANGED_FILE " AS BIGINT)",
                                              &arg, 1, what, &changed, err);
        if (status != ASSAY_OK) {
            return status;
        }
        if (changed != 0) {
            file[(*out_n)++] = files->path[i];
        }
    }
    return ASSAY_OK;
}

static assay_status write_into(assay_store *store, const char *folder, assay_error *err) {
    assay_prices_table table;
    assay_files events = {0};
    int64_t n_events = 0;
    assay_status status = assay_prices_table_open(store, &table, err);
    const char **file = status == ASSAY_OK ? malloc((table.files.count + 1) * sizeof *file) : NULL;
    left_out left = {.store = store, .file = file};
    if (file == NULL) {
        assay_prices_table_reset(&table);
        return status == ASSAY_OK ? assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory", what) : status;
    }
    status = find_changed(store, &table.files, file, &left.n, err);
    if (status == ASSAY_OK) {
        status =
            assay_query_int(store->connection,
                            "SELECT count(*) FROM assay_check_changes WHERE action IN ('split', 'unsplit')",
                            NULL, 0, what, &n_events, err);
    }
    left.events = n_events > 0;
    if (status == ASSAY_OK) {
        status = assay_copy_folder(store->folder, folder, is_copied, &left, err);
    }
    mending m = {store, &table, folder};
    for (size_t i = 0; status == ASSAY_OK && i < left.n; i++) {
        status = mend_file(&m, file[i], err);
    }
    if (status == ASSAY_OK && left.events) {
        status = assay_files_list(store->folder, "corporate_actions", &events, err);
        if (status == ASSAY_OK) {
            status = mend_events(&m, &events, err);
        }
    }
    assay_files_reset(&events);
    free(file);
    assay_prices_table_reset(&table);
    return status;
}

static assay_status write_copy(assay_store *store, const char *target, assay_error *err) {
    char *real = NULL;
    assay_status status = check_target(store, target, &real, err);
    char *folder =
        status == ASSAY_OK ? assay_text_format("%s.assay-partial-%ld", real, (long)getpid()) : NULL;
    if (status == ASSAY_OK && (folder == NULL || mkdir(folder, 0777) != 0)) {
        status =
            assay_error_set(err, ASSAY_E_IO, "cannot make a folder beside %s: %s", target, strerror(errno));
    } else if (status == ASSAY_OK) {
        status = write_into(store, folder, err);
        if (status == ASSAY_OK && rename(folder, real) != 0) {
            status = assay_error_set(err, ASSAY_E_IO, "cannot write %s: %s", target, strerror(errno));
        }
        if (status != ASSAY_OK) {
            assay_remove_folder(folder);
        }
    }
    free(folder);
    free(real);
    return status;
}

assay_status assay_store_fix(assay_store *store, const assay_check_spec *spec, const char *target,
                             assay_change_list **out_changes, assay_error *err) {
    if (store == NULL || spec == NULL || out_changes == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_fix needs a store, a specification and a place for the changes");
    }
    *out_changes = NULL;
    assay_check_report totals = {0};
    assay_change_list *list = calloc(1, sizeof *list);
    if (list == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the changes");
    }
    assay_status status = assay_check_stage(store, spec, &totals, err);
    if (status == ASSAY_OK) {
        status = stage_changes(store, spec, err);
    }
    if (status == ASSAY_OK) {
        status = list_changes(store, list, err);
    }
    if (status == ASSAY_OK && target != NULL) {
        status = write_copy(store, target, err);
    }
    assay_check_unstage(store);
    (void)duckdb_query(store->connection, "DROP TABLE IF EXISTS assay_check_changes", NULL);
    if (status != ASSAY_OK) {
        assay_change_list_destroy(list);
        return status;
    }
    *out_changes = list;
    return ASSAY_OK;
}
