/* One pass over the panel, bar by bar as it lies in memory; a state of 64 bits for each symbol of the month in hand.
 *
 * A hash depends on the symbol's own numbers alone, never on the calendar or on other symbols, so that a bar that is added to
 * one symbol leaves the months of all others as they are.
 */
#include "market/panel_months.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"

static inline uint64_t mix(uint64_t state, uint64_t bits) {
    state = (state ^ bits) * UINT64_C(0x9E3779B97F4A7C15);
    return state ^ (state >> 32);
}

static inline uint64_t mix_number(uint64_t state, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return mix(state, isnan(number) ? 1 : bits); /* whatever the bits of that NaN */
}

typedef struct month_list {
    const assay_panel *panel;
    assay_panel_month *row; /* finished ones, then those of the month in hand, one a symbol */
    size_t n, capacity;
} month_list;

static bool begin_month(month_list *list, int32_t month) {
    size_t n_symbols = list->panel->n_symbols;
    if (list->n + n_symbols > list->capacity) {
        size_t capacity = 2 * list->capacity + n_symbols;
        assay_panel_month *row = realloc(list->row, capacity * sizeof *row);
        if (row == NULL)
            return false;
        list->row = row;
        list->capacity = capacity;
    }
    for (size_t s = 0; s < n_symbols; s++)
        list->row[list->n + s] =
            (assay_panel_month){.symbol = (uint32_t)s, .month = month, .hash = UINT64_C(0x243F6A8885A308D3)};
    return true;
}

/* Keeps those that have something. */
static void end_month(month_list *list) {
    size_t n = list->n;
    for (size_t s = 0; s < list->panel->n_symbols; s++) {
        assay_panel_month row = list->row[list->n + s];
        if (row.n_bars > 0 || row.hash != UINT64_C(0x243F6A8885A308D3))
            list->row[n++] = row;
    }
    list->n = n;
}

static void add_bar(month_list *list, size_t t) {
    const assay_panel *panel = list->panel;
    const double *column[ASSAY_N_PRICE_COLUMNS];
    const double *close = panel->column[ASSAY_COLUMN_CLOSE] + t * panel->stride;
    const uint64_t time = mix(0, (uint64_t)panel->timestamp_us[t]);
    assay_panel_month *row = list->row + list->n;
    int n_columns = 0;
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        if (panel->column[c] != NULL)
            column[n_columns++] = panel->column[c] + t * panel->stride;
    }
    for (size_t s = 0; s < panel->n_symbols; s++) {
        if (isnan(close[s]))
            continue;
        uint64_t hash = mix(row[s].hash, time);
        for (int c = 0; c < n_columns; c++)
            hash = mix_number(hash, column[c][s]);
        row[s].hash = hash;
        row[s].first_bar = row[s].n_bars++ == 0 ? (uint32_t)t : row[s].first_bar;
        row[s].last_bar = (uint32_t)t;
    }
}

static void add_event(month_list *list, const assay_panel_event *event) {
    assay_panel_month *row = &list->row[list->n + event->symbol];
    uint64_t hash = mix(row->hash, (uint64_t)event->ex_date_us);
    hash = mix_number(mix_number(hash, event->split_ratio), event->dividend);
    hash = mix_number(mix_number(hash, event->child_ratio), event->child_price);
    row->hash = mix(hash, (uint64_t)(uint32_t)event->pay_day);
    if (row->n_bars == 0)
        row->first_bar = row->last_bar = event->bar;
}

assay_status assay_panel_months(const assay_panel *panel, int64_t end_us, assay_panel_month **out,
                                size_t *out_n, assay_error *err) {
    month_list list = {.panel = panel};
    int32_t month = 0;
    bool open = false, whole = true;
    size_t e = 0;
    for (size_t t = 0; t < panel->n_bars && panel->timestamp_us[t] <= end_us && whole; t++) {
        int32_t of_bar = assay_month_number(panel->day[t]);
        if (!open || of_bar != month) {
            if (open)
                end_month(&list);
            whole = begin_month(&list, of_bar);
            month = of_bar;
            open = true;
        }
        if (whole)
            add_bar(&list, t);
        for (; whole && e < panel->n_events && panel->event[e].bar <= t; e++)
            add_event(&list, &panel->event[e]);
    }
    if (open && whole)
        end_month(&list);
    if (!whole) {
        free(list.row);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the fingerprints of %zu symbols",
                               panel->n_symbols);
    }
    *out = list.row;
    *out_n = list.n;
    return ASSAY_OK;
}

void assay_panel_month_hex(const assay_panel_month *month, char out_hex[13]) {
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = mix(month->hash, month->n_bars);
    for (int i = 11; i >= 0; i--, bits >>= 4)
        out_hex[i] = digits[bits & 15];
    out_hex[12] = '\0';
}
