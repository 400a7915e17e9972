/* Values with the time from which they are known, spread over the bars of a panel: a merge of rows in the order in which
 * they become known with the calendar, symbol by symbol.
 *
 * Invariant: nothing that is known only after a bar's end reaches the bar, whatever its timestamp.
 */
#include "point_in_time.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"

void assay_dated_rows_reset(assay_dated_rows *rows) {
    free(rows->row);
    free(rows->value);
    *rows = (assay_dated_rows){.n_values = rows->n_values};
}

assay_status assay_dated_rows_add(assay_dated_rows *rows, assay_dated_row row, double **out_values,
                                  assay_error *err) {
    if (rows->n == UINT32_MAX) {
        return assay_error_set(err, ASSAY_E_DATA, "more than %u rows of values", UINT32_MAX);
    }
    assay_status status = ASSAY_RESERVE(rows->row, rows->row_capacity, rows->n + 1, err);
    if (status == ASSAY_OK) {
        status = ASSAY_RESERVE(rows->value, rows->value_capacity, (rows->n + 1) * rows->n_values, err);
    }
    if (status == ASSAY_OK) {
        row.number = (uint32_t)rows->n;
        *out_values = rows->value + rows->n * rows->n_values;
        rows->row[rows->n++] = row;
    }
    return status;
}

/* --- order --- */

static int order_of(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int compare_rows(const void *left, const void *right) {
    const assay_dated_row *a = left, *b = right;
    int order = order_of(a->symbol, b->symbol);
    order = order != 0 ? order : order_of(a->available_us, b->available_us);
    order = order != 0 ? order : order_of(a->timestamp_us, b->timestamp_us);
    order = order != 0 ? order : order_of(a->version_us, b->version_us);
    return order != 0 ? order : order_of(a->number, b->number);
}

static void sort_rows(assay_dated_rows *rows) {
    for (size_t i = 1; i < rows->n; i++) {
        if (compare_rows(&rows->row[i - 1], &rows->row[i]) > 0) { /* files are usually in order */
            qsort(rows->row, rows->n, sizeof *rows->row, compare_rows);
            return;
        }
    }
}

/* --- the merge --- */

/* Another version of the same row follows. */
static bool is_superseded(const assay_dated_rows *rows, size_t i, size_t end) {
    const assay_dated_row *row = &rows->row[i];
    return i + 1 < end && row[1].available_us == row->available_us &&
           row[1].timestamp_us == row->timestamp_us;
}

/* When the bars end, and how long values live. */
typedef struct bar_clock {
    const assay_panel *panel;
    const int64_t *bar_us;
    size_t n_bars, n_symbols;
    int64_t bar_length_us, max_age_us;
} bar_clock;

/* What is known of one column. */
typedef struct known_value {
    double value;
    int64_t timestamp_us, available_us;
} known_value;

static void take_value(known_value *known, const assay_dated_row *row, double value) {
    if (!isnan(value) && row->timestamp_us >= known->timestamp_us) {
        *known = (known_value){value, row->timestamp_us, row->available_us};
    }
}

/* One column of one symbol, whose rows are [begin, end). */
static void spread_symbol(const assay_dated_rows *rows, size_t begin, size_t end, size_t column,
                          const bar_clock *clock, double *out) {
    known_value known = {ASSAY_NAN, INT64_MIN, INT64_MIN};
    size_t i = begin;
    for (size_t t = 0; t < clock->n_bars; t++) {
        int64_t now = clock->bar_us[t];
        int64_t bar_end = assay_panel_end_of(clock->panel, t, clock->bar_length_us);
        for (; i < end && rows->row[i].available_us < bar_end; i++) {
            if (!is_superseded(rows, i, end)) {
                take_value(&known, &rows->row[i], rows->value[rows->row[i].number * rows->n_values + column]);
            }
        }
        bool is_fresh = known.available_us != INT64_MIN && now - known.available_us <= clock->max_age_us;
        out[t * clock->n_symbols + rows->row[begin].symbol] = is_fresh ? known.value : ASSAY_NAN;
    }
}

void assay_dated_rows_spread(assay_dated_rows *rows, const assay_panel *panel, int64_t max_age_us,
                             double *const *out_columns) {
    const bar_clock clock = {
        panel,     panel->timestamp_us, panel->n_bars, panel->n_symbols, assay_panel_bar_length(panel),
        max_age_us};
    sort_rows(rows);
    for (size_t c = 0; c < rows->n_values; c++) {
        for (size_t i = 0; i < panel->n_bars * panel->n_symbols; i++) {
            out_columns[c][i] = ASSAY_NAN;
        }
        for (size_t begin = 0, end; begin < rows->n; begin = end) {
            end = begin + 1;
            while (end < rows->n && rows->row[end].symbol == rows->row[begin].symbol) {
                end++;
            }
            spread_symbol(rows, begin, end, c, &clock, out_columns[c]);
        }
    }
}
