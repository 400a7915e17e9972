/* A strategy made of ready signals: at each bar the rows that became known there.
 *
 * Invariant: the rows are read-only; where a run has got to is its own state, so that any number of runs share them.
 */
#include "assay/assay_signals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/dates.h"
#include "base/number.h"
#include "market/panel.h"
#include "strategy/signal_rows.h"

enum { NO_SYMBOL = 0xffffffff };

typedef struct signal_table {
    assay_ready_signals signals;
    char *name, *reference, *source;
} signal_table;

/* A row that is decided at this bar. */
typedef struct pick {
    uint32_t symbol; /* of the panel */
    size_t row;
} pick;

/* One run. */
typedef struct signal_run {
    const signal_table *table;
    uint32_t *panel_symbol; /* by rank; NO_SYMBOL: the panel does not have it */
    bool is_mapped;
    size_t next_row;
    pick *picks;
    size_t n_picks, capacity;
} signal_run;

/* --- the life of a run --- */

static void destroy(void *state) {
    signal_run *run = state;
    if (run == NULL)
        return;
    free(run->panel_symbol);
    free(run->picks);
    free(run);
}

static assay_status create(const void *context, const double *params, size_t n_symbols, void **out_state,
                           assay_error *err) {
    const signal_table *table = context;
    (void)params;
    (void)n_symbols;
    signal_run *run = calloc(1, sizeof *run);
    *out_state = run;
    if (run != NULL) {
        run->table = table;
        run->panel_symbol = malloc((table->signals.n_symbols + 1) * sizeof *run->panel_symbol);
    }
    return run != NULL && run->panel_symbol != NULL
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the signals of %zu symbols",
                                 table->signals.n_symbols);
}

/* Both lists are in byte order. */
static void map_symbols(signal_run *run, const assay_view *view) {
    const assay_ready_signals *signals = &run->table->signals;
    size_t n = assay_view_n_symbols(view), at = 0;
    for (size_t rank = 0; rank < signals->n_symbols; rank++) {
        while (at < n && strcmp(assay_view_symbol(view, at), signals->symbol[rank]) < 0)
            at++;
        bool has = at < n && strcmp(assay_view_symbol(view, at), signals->symbol[rank]) == 0;
        run->panel_symbol[rank] = has ? (uint32_t)at : NO_SYMBOL;
    }
    run->is_mapped = true;
}

/* --- a bar --- */

static int compare_picks(const void *left, const void *right) {
    const pick *a = left, *b = right;
    if (a->symbol != b->symbol)
        return a->symbol < b->symbol ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* The rows that became known since the bar before, of symbols that have a bar here, in symbol order. */
static assay_status pick_rows(signal_run *run, const assay_view *view, assay_error *err) {
    const assay_ready_signals *signals = &run->table->signals;
    const double *close = assay_view_close(view);
    int64_t before = assay_view_known_before_us(view), until = assay_view_known_until_us(view);
    run->n_picks = 0;
    for (; run->next_row < signals->n_rows && signals->row[run->next_row].timestamp_us < until;
         run->next_row++) {
        const assay_ready_signal *row = &signals->row[run->next_row];
        uint32_t symbol = run->panel_symbol[row->symbol];
        if (row->timestamp_us < before || symbol == NO_SYMBOL || isnan(close[symbol]))
            continue;
        assay_status status = ASSAY_RESERVE(run->picks, run->capacity, run->n_picks + 1, err);
        if (status != ASSAY_OK)
            return status;
        run->picks[run->n_picks++] = (pick){symbol, run->next_row};
    }
    if (run->n_picks > 1)
        qsort(run->picks, run->n_picks, sizeof *run->picks, compare_picks);
    return ASSAY_OK;
}

static assay_status refuse_second(const signal_run *run, const assay_view *view, size_t i, assay_error *err) {
    const assay_ready_signal *rows = run->table->signals.row;
    char time[32];
    assay_time_format(assay_view_timestamp_us(view), time, sizeof time);
    return assay_error_set(
        err, ASSAY_E_STRATEGY,
        "%s: rows %u and %u are both for %s at the bar %s; a symbol can have one signal a bar",
        run->table->source, rows[run->picks[i].row].number, rows[run->picks[i + 1].row].number,
        assay_view_symbol(view, run->picks[i].symbol), time);
}

static assay_status on_bar(void *state, const double *params, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    signal_run *run = state;
    (void)params;
    if (!run->is_mapped)
        map_symbols(run, view);
    bool is_first_bar = assay_view_known_before_us(view) == INT64_MIN;
    assay_status status = pick_rows(run, view, err);
    for (size_t i = 0; status == ASSAY_OK && i < run->n_picks; i++) {
        const assay_ready_signal *row = &run->table->signals.row[run->picks[i].row];
        bool is_last = i + 1 == run->n_picks || run->picks[i + 1].symbol != run->picks[i].symbol;
        if (!is_last && is_first_bar && row->timestamp_us < assay_view_timestamp_us(view))
            continue; /* of the time before the data the last row counts */
        status = is_last ? assay_signal_emit(sink, run->picks[i].symbol, row->kind, row->score, row->score,
                                             row->strength, row->target_position, err)
                         : refuse_second(run, view, i, err);
    }
    return status;
}

/* --- making one --- */

static void release(assay_strategy *strategy) {
    signal_table *table = (signal_table *)(uintptr_t)strategy->context;
    if (table != NULL) {
        assay_ready_signals_reset(&table->signals);
        free(table->name);
        free(table->reference);
        free(table->source);
    }
    free(table);
    free(strategy);
}

assay_status assay_signals_create(const char *name, const assay_signal_rows *rows, const char *reference,
                                  assay_strategy **out_strategy, assay_error *err) {
    *out_strategy = NULL;
    const char *source = rows->source == NULL ? name : rows->source;
    assay_strategy *s = calloc(1, sizeof *s);
    signal_table *table = calloc(1, sizeof *table);
    if (s == NULL || table == NULL) {
        free(s);
        free(table);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a strategy of signals");
    }
    *s = (assay_strategy){.context = table, .release = release};
    table->name = strdup(name);
    table->reference = reference == NULL ? NULL : strdup(reference);
    table->source = strdup(source);
    bool whole =
        table->name != NULL && table->source != NULL && (reference == NULL || table->reference != NULL);
    assay_status status =
        whole ? assay_ready_signals_init(&table->signals, rows, source, err)
              : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a strategy of signals");
    if (status != ASSAY_OK) {
        release(s);
        return status;
    }
    s->abi_version = ASSAY_STRATEGY_ABI_VERSION;
    s->name = table->name;
    s->summary = "ready signals";
    s->kinds = table->signals.kinds;
    s->n_kinds = table->signals.n_kinds;
    s->create = create;
    s->destroy = destroy;
    s->on_bar = on_bar;
    s->reference = table->reference;
    *out_strategy = s;
    return ASSAY_OK;
}

/* --- what a panel leaves of it --- */

/* The bar at which a row is decided: the first that ends after it; n_bars: none. */
static size_t deciding_bar(const assay_panel *panel, int64_t bar_length, int64_t timestamp_us) {
    size_t low = 0, high = panel->n_bars;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (assay_panel_end_of(panel, middle, bar_length) <= timestamp_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool assay_signals_check(const assay_strategy *strategy, const assay_panel *panel,
                         assay_signals_report *out_report) {
    *out_report = (assay_signals_report){0};
    if (strategy->release != release)
        return false;
    const assay_ready_signals *signals = &((const signal_table *)strategy->context)->signals;
    int64_t bar_length = assay_panel_bar_length(panel);
    out_report->n_rows = signals->n_rows;
    for (size_t i = 0; i < signals->n_rows; i++) {
        size_t symbol, t = deciding_bar(panel, bar_length, signals->row[i].timestamp_us);
        if (!assay_panel_find_symbol(panel, signals->symbol[signals->row[i].symbol], &symbol))
            out_report->n_unknown_symbol++;
        else if (t == panel->n_bars)
            out_report->n_after_end++;
        else if (isnan(panel->column[ASSAY_COLUMN_CLOSE][t * panel->stride + symbol]))
            out_report->n_without_bar++;
    }
    return true;
}
