/* Ready signals, checked and sorted.
 *
 * Invariant: what the rows say depends on the rows alone, not on their order, but for their numbers in messages.
 */
#include "strategy/signal_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/dates.h"
#include "base/number.h"

enum {
    MOST_KINDS_WITH_REASON = 64,
    MOST_KINDS = ASSAY_MAX_KINDS - 2, /* an ensemble has two of its own */
    NO_TEXT = 0xffffffff
};

static const char no_text[] = "signal";

/* Rows being read, and the parts of their kinds. */
typedef struct row_reader {
    const assay_signal_rows *rows;
    const char *source;
    assay_ready_signals *out;
    uint8_t *action;
    uint32_t *type, *reason; /* by row: text numbers, or NO_TEXT */
    uint32_t *rank;          /* by symbol id */
} row_reader;

static assay_status no_memory(const row_reader *r, assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "%s: out of memory for %zu signals", r->source,
                           r->rows->n_rows);
}

/* --- one row --- */

static bool find_action(const char *text, uint8_t *out_action) {
    static const struct {
        const char *name;
        assay_action action;
    } actions[] = {{"BUY", ASSAY_ACTION_BUY},       {"SELL", ASSAY_ACTION_SELL},
                   {"HOLD", ASSAY_ACTION_HOLD},     {"INCREASE", ASSAY_ACTION_INCREASE},
                   {"REDUCE", ASSAY_ACTION_REDUCE}, {"TARGET", ASSAY_ACTION_TARGET}};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcasecmp(text, actions[i].name) == 0) {
            *out_action = (uint8_t)actions[i].action;
            return true;
        }
    }
    return false;
}

static double number_at(const double *values, size_t i) {
    return values == NULL ? ASSAY_NAN : values[i];
}

static const char *text_at(const char *const *texts, size_t i) {
    return texts == NULL || texts[i] == NULL ? "" : texts[i];
}

static assay_status read_action(const row_reader *r, size_t i, assay_error *err) {
    const char *text = text_at(r->rows->action, i);
    if (r->rows->action == NULL) {
        r->action[i] = ASSAY_ACTION_TARGET;
        return ASSAY_OK;
    }
    if (find_action(text, &r->action[i]))
        return ASSAY_OK;
    return assay_error_set(
        err, ASSAY_E_DATA,
        "%s, row %zu: action '%.40s': it must be one of BUY, SELL, HOLD, INCREASE, REDUCE, "
        "TARGET",
        r->source, i + 1, text);
}

static assay_status check_numbers(const row_reader *r, size_t i, const assay_ready_signal *row,
                                  assay_error *err) {
    bool is_target = r->action[i] == ASSAY_ACTION_TARGET;
    double target = row->target_position;
    if (!(row->strength >= 0 && row->strength <= 1))
        return assay_error_set(err, ASSAY_E_DATA, "%s, row %zu: strength %g: it must lie in [0, 1]",
                               r->source, i + 1, row->strength);
    if (is_target && isnan(target))
        return assay_error_set(err, ASSAY_E_DATA, "%s, row %zu: a TARGET needs a target_position", r->source,
                               i + 1);
    if (!isnan(target) && !(fabs(target) <= 1))
        return assay_error_set(
            err, ASSAY_E_DATA,
            "%s, row %zu: target_position %g: it is a fraction of the full position, at most "
            "1 without leverage",
            r->source, i + 1, target);
    if (target < 0 && !is_target)
        return assay_error_set(err, ASSAY_E_DATA,
                               "%s, row %zu: target_position %g: only a TARGET can be below 0", r->source,
                               i + 1, target);
    return ASSAY_OK;
}

/* The number of a text among the distinct ones; NO_TEXT for none. Longer texts are cut. */
static assay_status intern(assay_symbol_table *table, const char *text, uint32_t *out_id, assay_error *err) {
    size_t size = strnlen(text, ASSAY_LONGEST_SYMBOL);
    *out_id = NO_TEXT;
    return size == 0 ? ASSAY_OK : assay_symbol_table_id(table, text, size, out_id, err);
}

static assay_status read_row(row_reader *r, size_t i, assay_error *err) {
    const assay_signal_rows *rows = r->rows;
    assay_ready_signal *row = &r->out->row[i];
    const char *symbol = text_at(rows->symbol, i);
    if (symbol[0] == '\0' || strlen(symbol) > ASSAY_LONGEST_SYMBOL)
        return assay_error_set(err, ASSAY_E_DATA, "%s, row %zu: the symbol is %s", r->source, i + 1,
                               symbol[0] == '\0' ? "missing" : "too long");
    *row = (assay_ready_signal){.timestamp_us = rows->timestamp_us[i],
                                .strength = rows->strength == NULL ? 1 : rows->strength[i],
                                .score = number_at(rows->score, i),
                                .target_position = number_at(rows->target_position, i),
                                .number = (uint32_t)i + 1};
    if (isnan(row->score))
        row->score = row->strength;
    assay_status status = read_action(r, i, err);
    if (status == ASSAY_OK)
        status = check_numbers(r, i, row, err);
    if (status == ASSAY_OK)
        status = intern(&r->out->symbols, symbol, &row->symbol, err);
    if (status == ASSAY_OK)
        status = intern(&r->out->types, text_at(rows->signal_type, i), &r->type[i], err);
    if (status == ASSAY_OK)
        status = intern(&r->out->reasons, text_at(rows->reason, i), &r->reason[i], err);
    return status;
}

/* --- kinds --- */

/* A kind in the making. */
typedef struct kind_key {
    uint8_t action;
    bool is_mixed; /* its rows have several reasons */
    uint32_t type, reason;
} kind_key;

/* Gives every row its kind, and lists the kinds; false where there would be more than `most`. */
static bool assign_kinds(row_reader *r, bool with_reason, uint32_t most, kind_key *keys) {
    uint32_t k = 0, n = 0;
    for (size_t i = 0; i < r->rows->n_rows; i++) {
        const kind_key wanted = {r->action[i], false, r->type[i], r->reason[i]};
        for (uint32_t tried = 0; tried <= n;
             tried++, k = k + 1 < n ? k + 1 : 0) { /* rows come in runs of one kind */
            if (tried == n) {
                if (n == most)
                    return false;
                k = n++;
                keys[k] = wanted;
                break;
            }
            if (keys[k].action == wanted.action && keys[k].type == wanted.type &&
                (!with_reason || keys[k].reason == wanted.reason))
                break;
        }
        keys[k].is_mixed = keys[k].is_mixed || keys[k].reason != wanted.reason;
        r->out->row[i].kind = (uint16_t)k;
    }
    r->out->n_kinds = n;
    return true;
}

static const char *text_of(const assay_symbol_table *table, uint32_t id) {
    return id == NO_TEXT ? no_text : assay_symbol_table_name(table, id);
}

static assay_status make_kinds(row_reader *r, assay_error *err) {
    assay_ready_signals *out = r->out;
    kind_key keys[ASSAY_MAX_KINDS];
    if (!assign_kinds(r, true, MOST_KINDS_WITH_REASON, keys) && !assign_kinds(r, false, MOST_KINDS, keys))
        return assay_error_set(
            err, ASSAY_E_DATA,
            "%s has more than %d kinds of signals (action and signal_type); what changes from "
            "row to row belongs into reason",
            r->source, MOST_KINDS);
    for (uint32_t k = 0; k < out->n_kinds; k++) {
        bool is_zero = keys[k].action == ASSAY_ACTION_REDUCE || keys[k].action == ASSAY_ACTION_HOLD;
        out->kinds[k] = (assay_signal_kind){
            .signal_type = text_of(&out->types, keys[k].type),
            .action = (assay_action)keys[k].action,
            .target_position = is_zero ? 0 : 1,
            .reason_before = keys[k].is_mixed ? no_text : text_of(&out->reasons, keys[k].reason),
            .reason_after = ""};
    }
    return ASSAY_OK;
}

/* --- order --- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_rows(const void *left, const void *right) {
    const assay_ready_signal *a = left, *b = right;
    if (a->timestamp_us != b->timestamp_us)
        return a->timestamp_us < b->timestamp_us ? -1 : 1;
    if (a->symbol != b->symbol)
        return a->symbol < b->symbol ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* Symbols become ranks in byte order, which is the order of every panel. */
static assay_status sort(row_reader *r, assay_error *err) {
    assay_ready_signals *out = r->out;
    size_t n = out->symbols.n_names;
    out->symbol = malloc((n + 1) * sizeof *out->symbol);
    r->rank = malloc((n + 1) * sizeof *r->rank);
    if (out->symbol == NULL || r->rank == NULL)
        return no_memory(r, err);
    for (size_t id = 0; id < n; id++)
        out->symbol[id] = assay_symbol_table_name(&out->symbols, id);
    qsort(out->symbol, n, sizeof *out->symbol, compare_names);
    out->n_symbols = n;
    for (uint32_t rank = 0; rank < n; rank++) {
        uint32_t id = 0;
        const char *name = out->symbol[rank];
        assay_status status = assay_symbol_table_id(&out->symbols, name, strlen(name), &id, err);
        if (status != ASSAY_OK)
            return status;
        r->rank[id] = rank;
    }
    for (size_t i = 0; i < out->n_rows; i++)
        out->row[i].symbol = r->rank[out->row[i].symbol];
    qsort(out->row, out->n_rows, sizeof *out->row, compare_rows);
    return ASSAY_OK;
}

/* --- all rows --- */

static assay_status reserve(row_reader *r, assay_error *err) {
    size_t n = r->rows->n_rows;
    if (n >= UINT32_MAX)
        return assay_error_set(err, ASSAY_E_DATA, "%s has more than %u rows", r->source, UINT32_MAX);
    r->out->row = calloc(n + 1, sizeof *r->out->row);
    r->action = calloc(n + 1, sizeof *r->action);
    r->type = calloc(n + 1, sizeof *r->type);
    r->reason = calloc(n + 1, sizeof *r->reason);
    r->out->n_rows = n;
    return r->out->row != NULL && r->action != NULL && r->type != NULL && r->reason != NULL
               ? ASSAY_OK
               : no_memory(r, err);
}

assay_status assay_ready_signals_init(assay_ready_signals *out, const assay_signal_rows *rows,
                                      const char *source, assay_error *err) {
    *out = (assay_ready_signals){0};
    row_reader r = {.rows = rows, .source = source, .out = out};
    assay_status status = reserve(&r, err);
    for (size_t i = 0; status == ASSAY_OK && i < rows->n_rows; i++)
        status = read_row(&r, i, err);
    if (status == ASSAY_OK)
        status = make_kinds(&r, err);
    if (status == ASSAY_OK)
        status = sort(&r, err);
    free(r.action);
    free(r.type);
    free(r.reason);
    free(r.rank);
    return status;
}

void assay_ready_signals_reset(assay_ready_signals *signals) {
    free(signals->row);
    free(signals->symbol);
    assay_symbol_table_reset(&signals->symbols);
    assay_symbol_table_reset(&signals->types);
    assay_symbol_table_reset(&signals->reasons);
    *signals = (assay_ready_signals){0};
}
