/* From calendar to own time: gaps, corporate actions at their bars, and the forward-adjusted prices of own bars. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/dates.h"
#include "base/number.h"
#include "base/simd.h"
#include "market/builder.h"

static const double *close_row(const assay_panel *panel, size_t bar) {
    return panel->column[ASSAY_COLUMN_CLOSE] + bar * panel->stride;
}

/* First and last own bars, and how many gaps lie between. */
static void find_listing(assay_panel *panel, uint32_t *n_own) {
    for (size_t s = 0; s < panel->n_symbols; s++) {
        panel->first_bar[s] = (uint32_t)panel->n_bars;
        panel->last_bar[s] = 0;
        n_own[s] = 0;
    }
    for (size_t t = 0; t < panel->n_bars; t++) {
        const double *close = close_row(panel, t);
        for (size_t s = 0; s < panel->n_symbols; s++) {
            if (isnan(close[s]))
                continue;
            panel->first_bar[s] = n_own[s] == 0 ? (uint32_t)t : panel->first_bar[s];
            panel->last_bar[s] = (uint32_t)t;
            n_own[s]++;
        }
    }
}

static void forget_gaps(assay_panel *panel) {
    free(panel->first_bar);
    free(panel->last_bar);
    free(panel->gap_begin);
    free(panel->irregular);
    assay_block_free(panel->gap_bar);
    panel->first_bar = panel->last_bar = panel->irregular = panel->gap_bar = NULL;
    panel->gap_begin = NULL;
    panel->n_irregular = 0;
}

static assay_status find_gaps(assay_panel *panel, assay_error *err) {
    size_t n = panel->n_symbols;
    uint32_t *n_own = malloc(n * sizeof *n_own);
    panel->first_bar = malloc(n * sizeof *panel->first_bar);
    panel->last_bar = malloc(n * sizeof *panel->last_bar);
    panel->gap_begin = calloc(n + 1, sizeof *panel->gap_begin);
    panel->irregular = malloc(n * sizeof *panel->irregular);
    assay_status status = ASSAY_OK;
    if (n_own == NULL || panel->first_bar == NULL || panel->last_bar == NULL || panel->gap_begin == NULL ||
        panel->irregular == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", n);
    } else {
        find_listing(panel, n_own);
        for (size_t s = 0; s < n; s++) {
            size_t n_gaps = n_own[s] == 0 ? 0 : panel->last_bar[s] - panel->first_bar[s] + 1 - n_own[s];
            panel->gap_begin[s + 1] = panel->gap_begin[s] + n_gaps;
            if (n_gaps != 0)
                panel->irregular[panel->n_irregular++] = (uint32_t)s;
        }
        panel->gap_bar = assay_block_alloc(panel->gap_begin[n] + 1, sizeof *panel->gap_bar);
        if (panel->gap_bar == NULL)
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu gaps", panel->gap_begin[n]);
    }
    if (status == ASSAY_OK) {
        memset(n_own, 0, n * sizeof *n_own); /* now: gaps written so far */
        for (size_t t = 0; t < panel->n_bars; t++) {
            const double *close = close_row(panel, t);
            for (size_t i = 0; i < panel->n_irregular; i++) {
                size_t s = panel->irregular[i];
                if (isnan(close[s]) && t > panel->first_bar[s] && t < panel->last_bar[s])
                    panel->gap_bar[panel->gap_begin[s] + n_own[s]++] = (uint32_t)t;
            }
        }
    }
    free(n_own);
    return status;
}

/* --- corporate actions --- */

static int compare_raw_events(const void *a, const void *b) {
    const assay_raw_event *x = a, *y = b;
    if (x->symbol != y->symbol)
        return x->symbol < y->symbol ? -1 : 1;
    if (x->ex_date_us != y->ex_date_us)
        return x->ex_date_us < y->ex_date_us ? -1 : 1;
    if (x->from_row != y->from_row)
        return x->from_row > y->from_row ? -1 : 1; /* the price row's first */
    return (x->row > y->row) - (x->row < y->row);
}

static int compare_events(const void *a, const void *b) {
    const assay_panel_event *x = a, *y = b;
    if (x->bar != y->bar)
        return x->bar < y->bar ? -1 : 1;
    if (x->symbol != y->symbol)
        return x->symbol < y->symbol ? -1 : 1;
    if (x->ex_date_us != y->ex_date_us)
        return x->ex_date_us < y->ex_date_us ? -1 : 1;
    if ((x->child != ASSAY_NO_CHILD) != (y->child != ASSAY_NO_CHILD))
        return x->child != ASSAY_NO_CHILD ? 1 : -1; /* spin-offs are per share after the split */
    if (x->child != y->child)
        return x->child < y->child ? -1 : 1;
    if ((x->split_ratio != 1) != (y->split_ratio != 1))
        return x->split_ratio != 1 ? -1 : 1; /* dividends are, too */
    if (x->split_ratio != y->split_ratio)
        return x->split_ratio < y->split_ratio ? -1 : 1;
    return (x->dividend > y->dividend) - (x->dividend < y->dividend);
}

static size_t first_bar_from(const assay_panel *panel, int64_t time) {
    size_t low = 0, high = panel->n_bars;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (panel->timestamp_us[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void place_action(assay_panel *panel, const assay_raw_event *raw, size_t bar) {
    bool waits = raw->has_pay_date && raw->pay_date_us > raw->ex_date_us;
    panel->event[panel->n_events++] =
        (assay_panel_event){.bar = (uint32_t)bar,
                            .symbol = raw->symbol,
                            .ex_date_us = raw->ex_date_us,
                            .split_ratio = raw->split_ratio,
                            .dividend = raw->dividend,
                            .child = ASSAY_NO_CHILD,
                            .pay_day = waits ? assay_day_of_us(raw->pay_date_us) : INT32_MIN};
}

/* At the first bar from `bar` on at which the new shares have a price; without one there is nothing to do. */
static void place_spin_off(assay_panel *panel, const assay_raw_event *raw, size_t bar) {
    size_t s = raw->child;
    const double *open = panel->column[ASSAY_COLUMN_OPEN];
    while (bar < panel->n_bars && isnan(close_row(panel, bar)[s]))
        bar++;
    if (bar == panel->n_bars || bar < panel->first_bar[raw->symbol])
        return;
    double price = open == NULL ? ASSAY_NAN : open[bar * panel->stride + s];
    price = isnan(price) ? close_row(panel, bar)[s] : price;
    panel->event[panel->n_events++] = (assay_panel_event){.bar = (uint32_t)bar,
                                                          .symbol = raw->symbol,
                                                          .ex_date_us = raw->ex_date_us,
                                                          .split_ratio = 1,
                                                          .dividend = raw->child_ratio * price,
                                                          .child = raw->child,
                                                          .pay_day = INT32_MIN,
                                                          .child_ratio = raw->child_ratio,
                                                          .child_price = price};
}

/* An event is told twice where a price row and the table of corporate actions both carry the symbol's ex-date: the price
 * row's counts. Events beyond the calendar or before a symbol's first bar have nothing to act on. */
static assay_status place_events(assay_panel *panel, assay_raw_event *raw, size_t n_raw, assay_error *err) {
    const assay_raw_event *of_row = NULL; /* the last that came with a price row */
    panel->event = malloc((2 * n_raw + 1) * sizeof *panel->event);
    if (panel->event == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu corporate actions", n_raw);
    if (n_raw != 0)
        qsort(raw, n_raw, sizeof *raw, compare_raw_events);
    for (size_t i = 0; i < n_raw; i++) {
        if (raw[i].from_row != 0)
            of_row = &raw[i];
        bool told_before = raw[i].from_row == 0 && of_row != NULL && of_row->symbol == raw[i].symbol &&
                           of_row->ex_date_us == raw[i].ex_date_us;
        size_t bar = first_bar_from(panel, raw[i].ex_date_us);
        if (bar == panel->n_bars)
            continue;
        if (!told_before && bar >= panel->first_bar[raw[i].symbol] &&
            (raw[i].split_ratio != 1 || raw[i].dividend != 0))
            place_action(panel, &raw[i], bar);
        if (raw[i].child_ratio > 0)
            place_spin_off(panel, &raw[i], bar);
    }
    if (panel->n_events != 0)
        qsort(panel->event, panel->n_events, sizeof *panel->event, compare_events);
    return ASSAY_OK;
}

/* --- own prices --- */

/* State of the walk over the calendar, one value a symbol. */
typedef struct own_walk {
    double *factor;
    double *split; /* the part of the factor that is splits */
    double *
        previous_close; /* the last raw close, in share units after the events so far; NaN before the first */
    uint32_t *gaps;
    size_t *last_step; /* the symbol's latest factor step + 1; 0 = none */
} own_walk;

/* The factor holds from the symbol's next own bar on: its row is the event's bar less the gaps so far, also where the
 * event falls into a gap. Several events in one gap are one step. */
static void add_step(assay_panel *panel, own_walk *walk, const assay_panel_event *event, double factor,
                     double not_split) {
    size_t s = event->symbol;
    uint32_t row = event->bar - walk->gaps[s];
    size_t last = walk->last_step[s];
    if (last != 0 && panel->factor_step[last - 1].row == row) {
        panel->factor_step[last - 1].factor = factor;
        panel->factor_step[last - 1].split = walk->split[s];
        panel->factor_step[last - 1].not_split *= not_split;
    } else {
        panel->factor_step[panel->n_factor_steps++] = (assay_factor_step){.row = row,
                                                                          .symbol = event->symbol,
                                                                          .factor = factor,
                                                                          .split = walk->split[s],
                                                                          .not_split = not_split};
        walk->last_step[s] = panel->n_factor_steps;
    }
    walk->factor[s] = factor;
}

static assay_status apply_event(assay_panel *panel, own_walk *walk, const assay_panel_event *event,
                                assay_signal_prices signal_prices, assay_error *err) {
    size_t s = event->symbol;
    if (isnan(walk->previous_close[s])) /* the symbol's first bar: no history to adjust */
        return ASSAY_OK;
    double factor = walk->factor[s] * event->split_ratio, not_split = 1;
    if (signal_prices == ASSAY_SIGNAL_PRICES_TOTAL_RETURN && event->dividend != 0) {
        double kept = 1 - event->dividend * event->split_ratio / walk->previous_close[s];
        if (kept <= 0) {
            char date[32];
            assay_time_format(event->ex_date_us, date, sizeof date);
            return assay_error_set(err, ASSAY_E_DATA,
                                   "%s %g of %s at %s is not below its previous close %g: correct it, or use "
                                   "signal_prices: split_adjusted",
                                   event->child == ASSAY_NO_CHILD ? "dividend" : "spin-off worth",
                                   event->dividend, panel->name[s], date,
                                   walk->previous_close[s] / event->split_ratio);
        }
        factor /= kept;
        not_split = 1 / kept;
    }
    walk->previous_close[s] /= event->split_ratio;
    walk->split[s] *= event->split_ratio;
    if (factor != walk->factor[s] || event->split_ratio != 1)
        add_step(panel, walk, event, factor, not_split);
    return ASSAY_OK;
}

static void put_own_row(assay_panel *panel, own_walk *walk, size_t bar) {
    const double *close = close_row(panel, bar);
    double *own = panel->own_price + bar * panel->stride;
    for (size_t s = 0; s < panel->n_symbols; s++) {
        own[s] = close[s] * walk->factor[s];
        walk->previous_close[s] = isnan(close[s]) ? walk->previous_close[s] : close[s];
    }
    for (size_t i = 0; i < panel->n_irregular; i++) {
        size_t s = panel->irregular[i];
        if (bar < panel->first_bar[s] || bar > panel->last_bar[s])
            continue;
        double value = own[s];
        if (isnan(value)) {
            walk->gaps[s]++;
        } else if (walk->gaps[s] != 0) {
            own[s] = ASSAY_NAN;
            panel->own_price[(bar - walk->gaps[s]) * panel->stride + s] = value;
        }
    }
}

static int compare_steps(const void *a, const void *b) {
    const assay_factor_step *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    if (x->symbol != y->symbol)
        return x->symbol < y->symbol ? -1 : 1;
    return 0; /* one step a row and symbol */
}

/* The day whose dividends an event's belongs to: its ex-date; of a spin-off the day on which it takes effect. */
static int64_t day_of_event(const assay_panel *panel, const assay_panel_event *event) {
    return event->child == ASSAY_NO_CHILD ? event->ex_date_us
                                          : (int64_t)panel->day[event->bar] * ASSAY_US_PER_DAY;
}

/* Dividends of one day are one: the history is adjusted for their sum. Events of a symbol at a bar are in order of their days,
 * but for spin-offs, whose day is the last. */
static assay_status apply_events(assay_panel *panel, own_walk *walk, const assay_panel_event *event, size_t n,
                                 assay_signal_prices signal_prices, assay_error *err) {
    int64_t done = INT64_MIN;
    for (;;) {
        int64_t day = INT64_MAX;
        for (size_t i = 0; i < n; i++) {
            int64_t own = day_of_event(panel, &event[i]);
            day = own > done && own < day ? own : day;
        }
        if (day == INT64_MAX)
            return ASSAY_OK;
        assay_panel_event sum = event[0];
        sum.split_ratio = 1;
        sum.dividend = 0;
        sum.ex_date_us = day;
        for (size_t i = 0; i < n; i++) {
            if (day_of_event(panel, &event[i]) != day)
                continue;
            sum.split_ratio *= event[i].split_ratio;
            sum.dividend += event[i].dividend;
            sum.child = event[i].child;
        }
        assay_status status = apply_event(panel, walk, &sum, signal_prices, err);
        if (status != ASSAY_OK)
            return status;
        done = day;
    }
}

static assay_status walk_calendar(assay_panel *panel, own_walk *walk, assay_signal_prices signal_prices,
                                  assay_error *err) {
    for (size_t s = 0; s < panel->n_symbols; s++) {
        walk->factor[s] = 1;
        walk->split[s] = 1;
        walk->previous_close[s] = ASSAY_NAN;
        walk->gaps[s] = 0;
        walk->last_step[s] = 0;
    }
    size_t next = 0;
    for (size_t t = 0; t < panel->n_bars; t++) {
        while (next < panel->n_events && panel->event[next].bar == t) {
            size_t first = next;
            while (next < panel->n_events && panel->event[next].bar == t &&
                   panel->event[next].symbol == panel->event[first].symbol)
                next++;
            assay_status status =
                apply_events(panel, walk, panel->event + first, next - first, signal_prices, err);
            if (status != ASSAY_OK)
                return status;
        }
        put_own_row(panel, walk, t);
        for (size_t s = panel->n_symbols; s < panel->stride; s++)
            panel->own_price[t * panel->stride + s] = ASSAY_NAN;
    }
    if (panel->n_factor_steps != 0)
        qsort(panel->factor_step, panel->n_factor_steps, sizeof *panel->factor_step, compare_steps);
    return ASSAY_OK;
}

assay_status assay_panel_finish_own_time(assay_panel *panel, assay_raw_event *events, size_t n_events,
                                         const assay_panel_options *options, assay_error *err) {
    assay_signal_prices signal_prices = options->signal_prices;
    panel->signal_prices = signal_prices;
    assay_status status = find_gaps(panel, err);
    if (status == ASSAY_OK)
        status = place_events(panel, events, n_events, err);
    if (status == ASSAY_OK && options->fill_gap_bars != 0) {
        status = assay_panel_fill_gaps(panel, options->fill_gap_bars, err);
        forget_gaps(panel);
        if (status == ASSAY_OK)
            status = find_gaps(panel, err);
    }
    if (status != ASSAY_OK)
        return status;
    size_t n = panel->n_symbols;
    own_walk walk = {malloc(n * sizeof(double)), malloc(n * sizeof(double)), malloc(n * sizeof(double)),
                     malloc(n * sizeof(uint32_t)), malloc(n * sizeof(size_t))};
    panel->own_price = assay_block_alloc(panel->n_bars * panel->stride, sizeof(double));
    panel->factor_step = malloc((panel->n_events + 1) * sizeof *panel->factor_step);
    if (walk.factor == NULL || walk.split == NULL || walk.previous_close == NULL || walk.gaps == NULL ||
        walk.last_step == NULL || panel->own_price == NULL || panel->factor_step == NULL)
        status =
            assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars x %zu symbols", panel->n_bars, n);
    if (status == ASSAY_OK)
        status = walk_calendar(panel, &walk, signal_prices, err);
    free(walk.factor);
    free(walk.split);
    free(walk.previous_close);
    free(walk.gaps);
    free(walk.last_step);
    return status;
}

/* What one row of the spread needs of every symbol. */
typedef struct spread_row {
    int64_t *gaps; /* so far, times the stride */
    const int64_t *first, *last;
    double *row;
} spread_row;

/* Row t of the calendar from own time: `values` points at row t, of which earlier rows are read. */
ASSAY_SIMD static void spread(size_t n, int64_t t, int64_t stride, const double *restrict close,
                              const double *restrict values, const spread_row *restrict work) {
    int64_t *restrict gaps = work->gaps;
    const int64_t *restrict first = work->first, *restrict last = work->last;
    double *restrict row = work->row;
    for (size_t s = 0; s < n; s++) {
        bool missing = isnan(close[s]);
        double value = values[(int64_t)s - gaps[s]];
        row[s] = missing ? ASSAY_NAN : value;
        gaps[s] -= missing && t > first[s] && t < last[s] ? stride : 0;
    }
}

/* In place from the last bar back, so that every value is read before its cell is overwritten. */
assay_status assay_own_to_calendar(const assay_panel *panel, double *values, assay_error *err) {
    if (panel->n_irregular == 0)
        return ASSAY_OK;
    size_t n = panel->n_symbols, stride = panel->stride;
    int64_t *block = malloc(3 * n * sizeof *block);
    double *row = malloc(n * sizeof *row);
    if (block == NULL || row == NULL) {
        free(block);
        free(row);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", n);
    }
    for (size_t s = 0; s < n; s++) {
        block[s] = (int64_t)((panel->gap_begin[s + 1] - panel->gap_begin[s]) * stride);
        block[n + s] = panel->first_bar[s];
        block[2 * n + s] = panel->last_bar[s];
    }
    spread_row work = {block, block + n, block + 2 * n, row};
    for (size_t t = panel->n_bars; t-- > 0;) {
        spread(n, (int64_t)t, (int64_t)stride, close_row(panel, t), values + t * stride, &work);
        memcpy(values + t * stride, row, n * sizeof *row);
    }
    free(block);
    free(row);
    return ASSAY_OK;
}
