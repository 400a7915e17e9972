#include "symbol_changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/dates.h"
#include "small_table.h"

typedef struct change {
    char *old_name, *new_name;
    int64_t us;
} change;

typedef struct change_list {
    change *row;
    size_t n, capacity;
} change_list;

static assay_status no_memory(assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the table symbol_changes");
}

static void reset_changes(change_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        free(list->row[i].old_name);
        free(list->row[i].new_name);
    }
    free(list->row);
}

static int compare_changes(const void *a, const void *b) {
    const change *x = a, *y = b;
    if (x->us != y->us) {
        return x->us < y->us ? -1 : 1;
    }
    int order = strcmp(x->old_name, y->old_name);
    return order != 0 ? order : strcmp(x->new_name, y->new_name);
}

static assay_status take_change(const assay_small_table *table, change_list *list, assay_error *err) {
    char old_name[256], new_name[256];
    const assay_cursor *c = &table->cursor;
    assay_cursor_copy(c, CHANGE_OLD, old_name, sizeof old_name);
    assay_cursor_copy(c, CHANGE_NEW, new_name, sizeof new_name);
    if (old_name[0] == '\0' || new_name[0] == '\0' || assay_cursor_is_null(c, CHANGE_DATE)) {
        return assay_small_table_refuse(table, err, "a change needs old_symbol, new_symbol and date");
    }
    if (strcmp(old_name, new_name) == 0) {
        return assay_small_table_refuse(table, err, "%s changes into itself", old_name);
    }
    assay_status status = ASSAY_RESERVE(list->row, list->capacity, list->n + 1, err);
    if (status != ASSAY_OK) {
        return status;
    }
    change *row = &list->row[list->n];
    *row = (change){strdup(old_name), strdup(new_name),
                    (int64_t)assay_day_of_us(assay_cursor_int(c, CHANGE_DATE)) * ASSAY_US_PER_DAY};
    list->n++;
    return row->old_name != NULL && row->new_name != NULL ? ASSAY_OK : no_memory(err);
}

/* Rows that say the same count once; two changes of one day that contradict each other are refused. */
static assay_status settle(const assay_store *store, change_list *list, assay_error *err) {
    size_t n = 0;
    if (list->n > 1) {
        qsort(list->row, list->n, sizeof *list->row, compare_changes);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (n > 0 && compare_changes(&list->row[n - 1], &list->row[i]) == 0) {
            free(list->row[i].old_name);
            free(list->row[i].new_name);
            continue;
        }
        list->row[n++] = list->row[i];
    }
    list->n = n;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n && list->row[k].us == list->row[i].us; k++) {
            const change *a = &list->row[i], *b = &list->row[k];
            bool same_old = strcmp(a->old_name, b->old_name) == 0;
            if (same_old || strcmp(a->new_name, b->new_name) == 0) {
                char date[32];
                assay_time_format(a->us, date, sizeof date);
                return assay_error_set(err, ASSAY_E_DATA,
                                       "the table symbol_changes of %s: on %s %s becomes %s and %s becomes "
                                       "%s; one of them is wrong",
                                       store->folder, date, a->old_name, a->new_name, b->old_name,
                                       b->new_name);
            }
        }
    }
    return ASSAY_OK;
}

/* The next change of a name after a time; list->n: none. */
static size_t next_change(const change_list *list, const char *name, int64_t us) {
    size_t i = 0;
    while (i < list->n && (list->row[i].us <= us || strcmp(list->row[i].old_name, name) != 0)) {
        i++;
    }
    return i;
}

static const char *last_name(const change_list *list, size_t change_at) {
    const char *name = list->row[change_at].new_name;
    for (size_t next = next_change(list, name, list->row[change_at].us); next < list->n;
         next = next_change(list, name, list->row[next].us)) {
        name = list->row[next].new_name;
    }
    return name;
}

/* Since when a name that changes at `change_at` has meant that instrument: since it, or another, got or gave up the name. */
static int64_t since(const change_list *list, size_t change_at) {
    int64_t from = INT64_MIN;
    const change *c = &list->row[change_at];
    for (size_t i = 0; i < change_at; i++) {
        const change *before = &list->row[i];
        if (before->us < c->us &&
            (strcmp(before->new_name, c->old_name) == 0 || strcmp(before->old_name, c->old_name) == 0)) {
            from = before->us;
        }
    }
    return from;
}

static assay_status add_spell(assay_store *store, const char *name, int64_t from, int64_t until,
                              const char *instrument, assay_error *err) {
    assay_symbol_spell *grown = realloc(store->spell, (store->n_spells + 1) * sizeof *grown);
    if (grown == NULL) {
        return no_memory(err);
    }
    store->spell = grown;
    grown[store->n_spells] = (assay_symbol_spell){strdup(name), from, until, strdup(instrument)};
    store->n_spells++;
    return grown[store->n_spells - 1].name != NULL && grown[store->n_spells - 1].instrument != NULL
               ? ASSAY_OK
               : no_memory(err);
}

static assay_status make_spells(assay_store *store, const change_list *list, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < list->n; i++) {
        const change *c = &list->row[i];
        const char *instrument = last_name(list, i);
        status = add_spell(store, c->old_name, since(list, i), c->us, instrument, err);
        if (status == ASSAY_OK && next_change(list, c->new_name, c->us) == list->n) {
            status = add_spell(store, c->new_name, c->us, INT64_MAX, instrument, err);
        }
    }
    return status;
}

/* The spells as a table, for the reading of prices. */
static assay_status store_spells(assay_store *store, assay_error *err) {
    static const char what[] = "cannot use the table symbol_changes";
    assay_sql sql = {0};
    assay_sql_add(&sql, "CREATE OR REPLACE TEMP TABLE assay_spells AS SELECT * FROM (VALUES ");
    for (size_t i = 0; i < store->n_spells; i++) {
        const assay_symbol_spell *spell = &store->spell[i];
        assay_sql_add(&sql, "%s(", i == 0 ? "" : ", ");
        assay_sql_literal(&sql, spell->name);
        assay_sql_add(&sql,
                      spell->since_us == INT64_MIN ? ", '-infinity'::TIMESTAMP" : ", make_timestamp(%lld)",
                      (long long)spell->since_us);
        assay_sql_add(&sql,
                      spell->until_us == INT64_MAX ? ", 'infinity'::TIMESTAMP, " : ", make_timestamp(%lld), ",
                      (long long)spell->until_us);
        assay_sql_literal(&sql, spell->instrument);
        assay_sql_add(&sql, ")");
    }
    assay_sql_add(&sql, ") t(name, since, until, instrument)");
    assay_status status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, NULL, 0, what, err);
    assay_sql_reset(&sql);
    return status;
}

assay_status assay_symbol_changes_load(assay_store *store, assay_error *err) {
    assay_small_table table;
    change_list list = {0};
    assay_symbol_changes_reset(store);
    assay_status status = assay_small_table_open(store, &assay_symbol_changes_table, &table, err);
    while (status == ASSAY_OK && assay_small_table_next(&table)) {
        status = take_change(&table, &list, err);
    }
    assay_small_table_close(&table);
    if (status == ASSAY_OK) {
        status = settle(store, &list, err);
    }
    if (status == ASSAY_OK) {
        status = make_spells(store, &list, err);
    }
    if (status == ASSAY_OK && store->n_spells > 0) {
        status = store_spells(store, err);
    }
    reset_changes(&list);
    if (status != ASSAY_OK) {
        assay_symbol_changes_reset(store);
    }
    return status;
}

void assay_symbol_changes_reset(assay_store *store) {
    for (size_t i = 0; i < store->n_spells; i++) {
        free(store->spell[i].name);
        free(store->spell[i].instrument);
    }
    free(store->spell);
    store->spell = NULL;
    store->n_spells = 0;
    store->wants_some = false;
}

const char *assay_symbol_at(const assay_store *store, const char *name, int64_t us) {
    bool is_taken = false;
    for (size_t i = 0; i < store->n_spells; i++) {
        const assay_symbol_spell *spell = &store->spell[i];
        if (strcmp(spell->name, name) == 0 && us >= spell->since_us && us < spell->until_us) {
            return spell->instrument;
        }
        is_taken = is_taken || strcmp(spell->instrument, name) == 0;
    }
    return is_taken ? NULL : name;
}

/* --- what is wanted --- */

/* What a name without a date means: the instrument that has it last. */
static const char *instrument_of(const assay_store *store, const char *name) {
    const assay_symbol_spell *best = NULL;
    for (size_t i = 0; i < store->n_spells; i++) {
        const assay_symbol_spell *spell = &store->spell[i];
        if (strcmp(spell->name, name) == 0 && (best == NULL || spell->until_us > best->until_us)) {
            best = spell;
        }
    }
    return best == NULL ? name : best->instrument;
}

static bool has_name(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static assay_status store_wanted(assay_store *store, const assay_wanted_symbols *wanted, assay_error *err) {
    assay_arg list = assay_arg_list(wanted->instrument, wanted->n_instruments);
    store->wants_some = true;
    return assay_query_do(store->connection,
                          "CREATE OR REPLACE TEMP TABLE assay_wanted AS SELECT unnest($1) AS name", &list, 1,
                          "cannot use the table symbol_changes", err);
}

assay_status assay_symbol_changes_want(assay_store *store, const char *const *symbols, size_t n,
                                       assay_wanted_symbols *out, assay_error *err) {
    *out = (assay_wanted_symbols){calloc(n + store->n_spells + 1, sizeof *out->name), 0,
                                  calloc(n + 1, sizeof *out->instrument), 0};
    if (out->name == NULL || out->instrument == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; store->n_spells == 0 && i < n; i++) {
        out->name[out->n_names++] = out->instrument[out->n_instruments++] = symbols[i];
    }
    for (size_t i = 0; store->n_spells > 0 && i < n; i++) {
        const char *instrument = instrument_of(store, symbols[i]);
        if (!has_name(out->instrument, out->n_instruments, instrument)) {
            out->name[out->n_names++] = out->instrument[out->n_instruments++] = instrument;
        }
    }
    for (size_t i = 0; n > 0 && i < store->n_spells; i++) {
        if (has_name(out->instrument, out->n_instruments, store->spell[i].instrument) &&
            !has_name(out->name, out->n_names, store->spell[i].name)) {
            out->name[out->n_names++] = store->spell[i].name;
        }
    }
    store->wants_some = false;
    return n > 0 && store->n_spells > 0 ? store_wanted(store, out, err) : ASSAY_OK;
}

void assay_wanted_symbols_reset(assay_wanted_symbols *wanted) {
    free(wanted->name);
    free(wanted->instrument);
}

/* --- SQL --- */

void assay_symbol_changes_of(const assay_store *store, const char *name, const char *time, assay_sql *sql) {
    if (store->n_spells == 0) {
        assay_sql_add(sql, "CAST(%s AS VARCHAR)", name);
        return;
    }
    assay_sql_add(
        sql,
        "coalesce((SELECT any_value(x.instrument) FROM assay_spells x WHERE x.name = CAST(%s AS VARCHAR) "
        "AND %s >= x.since AND %s < x.until), CAST(%s AS VARCHAR))",
        name, time, time, name);
}

void assay_symbol_changes_before(const assay_store *store, assay_sql *sql) {
    if (store->n_spells > 0) {
        assay_sql_add(sql, "SELECT p.* REPLACE (coalesce(x.instrument, p.p_symbol) AS p_symbol) FROM (");
    }
}

void assay_symbol_changes_behind(const assay_store *store, assay_sql *sql) {
    if (store->n_spells > 0) {
        assay_sql_add(sql,
                      ") p LEFT JOIN assay_spells x ON p.p_symbol = x.name AND p.p_timestamp >= x.since AND "
                      "p.p_timestamp < x.until WHERE (x.instrument IS NOT NULL OR p.p_symbol NOT IN "
                      "(SELECT instrument FROM assay_spells))%s",
                      store->wants_some
                          ? " AND coalesce(x.instrument, p.p_symbol) IN (SELECT name FROM assay_wanted)"
                          : "");
    }
}
