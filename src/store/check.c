/* assay_store_check: what is wrong with a database's prices. The kinds are in check_kinds.c, what they look at is made in
 * check_stage.c; here occurrences become findings, one for each kind and symbol. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

typedef struct finding_list {
    assay_finding *finding;
    size_t n, capacity;
} finding_list;

/* The occurrences of a kind, a row for each symbol. */
static void add_findings_sql(const assay_check_sql *kind, assay_sql *sql) {
    assay_sql_add(
        sql,
        "SELECT symbol, first, last, n, e[1], e[2], e[3] FROM (SELECT symbol, min(t) AS first, max(until) AS "
        "last, CAST(sum(n) AS BIGINT) AS n, list(detail ORDER BY t, detail)[1:3] AS e FROM (%s) GROUP BY "
        "symbol) ORDER BY symbol NULLS FIRST",
        kind->hits);
}

static char *copy_cell(const assay_cursor *cursor, idx_t column) {
    size_t size;
    const char *text = assay_cursor_text(cursor, column, &size);
    char *copy = malloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

static void reset_finding(assay_finding *finding) {
    free((void *)finding->symbol);
    for (size_t i = 0; i < finding->n_examples; i++) {
        free((void *)finding->example[i]);
    }
}

static assay_status add_finding(const assay_cursor *cursor, size_t kind, finding_list *list,
                                assay_error *err) {
    assay_status status = ASSAY_RESERVE(list->finding, list->capacity, list->n + 1, err);
    if (status != ASSAY_OK) {
        return status;
    }
    assay_finding f = {.kind = kind,
                       .first_us = assay_cursor_int(cursor, 1),
                       .last_us = assay_cursor_int(cursor, 2),
                       .has_dates = !assay_cursor_is_null(cursor, 1),
                       .count = (size_t)assay_cursor_int(cursor, 3)};
    bool copied = true;
    if (!assay_cursor_is_null(cursor, 0)) {
        f.symbol = copy_cell(cursor, 0);
        copied = f.symbol != NULL;
    }
    while (copied && f.n_examples < ASSAY_MOST_EXAMPLES && !assay_cursor_is_null(cursor, 4 + f.n_examples)) {
        f.example[f.n_examples] = copy_cell(cursor, 4 + f.n_examples);
        copied = f.example[f.n_examples] != NULL;
        f.n_examples += copied;
    }
    if (!copied) {
        reset_finding(&f);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the findings");
    }
    list->finding[list->n++] = f;
    return ASSAY_OK;
}

static assay_status find(assay_store *store, size_t kind, finding_list *list, assay_error *err) {
    char what[80];
    assay_sql sql = {0};
    assay_cursor cursor;
    (void)snprintf(what, sizeof what, "cannot look for %s", assay_check_kind_at(kind)->name);
    add_findings_sql(assay_check_kind_sql(kind), &sql);
    assay_status status =
        assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        status = add_finding(&cursor, kind, list, err);
    }
    assay_cursor_close(&cursor);
    return status;
}

/* The worst first; kinds keep the order of their table. */
static assay_status find_all(assay_store *store, const assay_check_spec *spec, assay_check_report *report,
                             assay_error *err) {
    finding_list list = {0};
    assay_status status = ASSAY_OK;
    for (int severity = ASSAY_SEVERITY_ERROR; severity >= ASSAY_SEVERITY_NOTE; severity--) {
        size_t n_before = list.n;
        for (size_t i = 0; status == ASSAY_OK && i < assay_check_kind_count(); i++) {
            if ((int)assay_check_kind_at(i)->severity == severity && assay_check_wants(spec, i)) {
                status = find(store, i, &list, err);
            }
        }
        report->n_by_severity[severity] = list.n - n_before;
    }
    report->finding = list.finding;
    report->n_findings = list.n;
    return status;
}

assay_status assay_store_check(assay_store *store, const assay_check_spec *spec,
                               assay_check_report **out_report, assay_error *err) {
    if (store == NULL || spec == NULL || out_report == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_check needs a store, a specification and a place for the report");
    }
    *out_report = NULL;
    assay_check_report *report = calloc(1, sizeof *report);
    if (report == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the check");
    }
    assay_status status = assay_check_stage(store, spec, report, err);
    if (status == ASSAY_OK) {
        status = find_all(store, spec, report, err);
    }
    assay_check_unstage(store);
    if (status != ASSAY_OK) {
        assay_check_report_destroy(report);
        return status;
    }
    *out_report = report;
    return ASSAY_OK;
}

void assay_check_report_destroy(assay_check_report *report) {
    if (report == NULL) {
        return;
    }
    for (size_t i = 0; i < report->n_findings; i++) {
        reset_finding(&report->finding[i]);
    }
    free(report->finding);
    free(report);
}
