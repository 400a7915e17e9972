/* Signals become orders (docs/semantics.md, section 4). Every signal is recorded with what was decided about it. */
#include <math.h>
#include <string.h>

#include "base/dates.h"
#include "base/number.h"
#include "base/simd.h"
#include "engine/stepper.h"
#include "engine/view.h"
#include "market/universe.h"

/* An order in the making. */
typedef struct wish {
    assay_side side;
    bool reduces;
    double quantity; /* > 0 */
} wish;

assay_status assay_cancel_pending(assay_stepper *st, uint32_t symbol, assay_error *err) {
    assay_order *order = assay_book_orders(st->book);
    uint32_t i = st->book->n_orders;
    while (i-- > 0) {
        if (order[i].symbol == symbol && order[i].done == 0)
            return assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_REPLACED, err);
    }
    return assay_error_set(err, ASSAY_E_INTERNAL, "symbol %s is marked as pending without an order",
                           assay_panel_symbol(st->market->panel, symbol));
}

static double round_opening(const assay_settings *s, double quantity) {
    return s->lot_size > 0 ? floor(quantity / s->lot_size) * s->lot_size : quantity;
}

double assay_full_position(const assay_stepper *st) {
    const assay_settings *s = assay_stepper_settings(st);
    double basis = s->sizing_basis == ASSAY_BASIS_EQUITY ? st->book->equity : st->book->initial_capital;
    return s->max_position_pct * fmax(basis, 0);
}

double assay_opening_quantity(const assay_settings *s, double target, double full, double close) {
    return round_opening(s, target * full / close);
}

/* Opens a position of `target` x full. */
static assay_signal_status wish_open(const assay_stepper *st, const assay_decision_bar *bar,
                                     const assay_signal *signal, assay_side side, double target, wish *out) {
    double quantity =
        assay_opening_quantity(assay_stepper_settings(st), target, bar->full, bar->close[signal->symbol]);
    if (!(quantity > 0))
        return ASSAY_SIGNAL_BELOW_MINIMUM;
    if (bar->no_openings)
        return ASSAY_SIGNAL_RISK_LIMITED;
    *out = (wish){side, false, quantity};
    return ASSAY_SIGNAL_ORDERED;
}

static assay_signal_status wish_close(const assay_position *position, wish *out) {
    *out = (wish){position->is_short != 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL, true, position->quantity};
    return ASSAY_SIGNAL_ORDERED;
}

/* Changes a held position by `change` (signed money) without closing it or turning it around. */
static assay_signal_status wish_change(const assay_stepper *st, const assay_decision_bar *bar,
                                       const assay_position *position, double change, wish *out) {
    const assay_settings *s = assay_stepper_settings(st);
    bool raises = (change > 0) == (position->is_short == 0);
    if (fabs(change) < s->min_trade_frac * bar->full)
        return ASSAY_SIGNAL_BELOW_MINIMUM;
    double quantity = round_opening(s, fabs(change) / bar->close[position->symbol]);
    if (!(quantity > 0))
        return ASSAY_SIGNAL_BELOW_MINIMUM;
    if (raises && bar->no_openings)
        return ASSAY_SIGNAL_RISK_LIMITED;
    *out = (wish){change > 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL, !raises, quantity};
    return ASSAY_SIGNAL_ORDERED;
}

/* The signed weight exactly; through zero it is one order, which closes and then opens. */
static assay_signal_status wish_target(const assay_stepper *st, const assay_decision_bar *bar,
                                       const assay_signal *signal, const assay_position *position,
                                       double target, wish *out) {
    double wanted = target * bar->full;
    double value = position->quantity * bar->close[signal->symbol] * (position->is_short != 0 ? -1 : 1);
    double change = wanted - value; /* not nothing: is_at_target has been asked */
    if (wanted == 0)
        return wish_close(position, out);
    if ((wanted > 0) == (value > 0))
        return wish_change(st, bar, position, change, out);
    if (wanted < 0 && assay_stepper_settings(st)->allow_short == 0)
        return wish_close(position, out);
    assay_signal_status status =
        wish_open(st, bar, signal, wanted > 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL, fabs(target), out);
    if (status != ASSAY_SIGNAL_ORDERED)
        return wish_close(position, out); /* too small to open on the other side: close */
    out->reduces = true;
    out->quantity += position->quantity;
    return status;
}

/* What a signal wants of a position that is held. */
static assay_signal_status wish_of_held(const assay_stepper *st, const assay_decision_bar *bar,
                                        const assay_signal *signal, const assay_position *position,
                                        double target, wish *out) {
    bool is_short = position->is_short != 0;
    double value = position->quantity * bar->close[signal->symbol];
    double change = target * bar->full - value;
    switch (signal->action) {
    case ASSAY_ACTION_BUY:
        return is_short ? wish_close(position, out) : ASSAY_SIGNAL_ALREADY_HELD;
    case ASSAY_ACTION_SELL:
        return is_short ? ASSAY_SIGNAL_ALREADY_HELD : wish_close(position, out);
    case ASSAY_ACTION_INCREASE:
        if (is_short)
            return wish_close(position, out);
        return change < ASSAY_RESIDUE * bar->full ? ASSAY_SIGNAL_AT_TARGET
                                                  : wish_change(st, bar, position, change, out);
    case ASSAY_ACTION_REDUCE:
        if (is_short || -change < ASSAY_RESIDUE * bar->full)
            return ASSAY_SIGNAL_AT_TARGET;
        return target <= 0 ? wish_close(position, out) : wish_change(st, bar, position, change, out);
    default:
        return wish_target(st, bar, signal, position, target, out);
    }
}

static assay_signal_status wish_of_flat(const assay_stepper *st, const assay_decision_bar *bar,
                                        const assay_signal *signal, double target, wish *out) {
    bool allow_short = assay_stepper_settings(st)->allow_short != 0;
    switch (signal->action) {
    case ASSAY_ACTION_BUY:
        return wish_open(st, bar, signal, ASSAY_SIDE_BUY, target, out);
    case ASSAY_ACTION_INCREASE:
        return target == 0 ? ASSAY_SIGNAL_AT_TARGET : wish_open(st, bar, signal, ASSAY_SIDE_BUY, target, out);
    case ASSAY_ACTION_SELL:
        return allow_short ? wish_open(st, bar, signal, ASSAY_SIDE_SELL, target, out)
                           : ASSAY_SIGNAL_NO_POSITION;
    case ASSAY_ACTION_REDUCE:
        return ASSAY_SIGNAL_NO_POSITION;
    default: /* not 0: is_at_target has been asked */
        if (target < 0 && !allow_short)
            return ASSAY_SIGNAL_NO_POSITION;
        return wish_open(st, bar, signal, target > 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL, fabs(target), out);
    }
}

assay_side assay_signal_side(assay_stepper *st, const assay_decision_bar *bar, const assay_signal *signal,
                             double target) {
    if (signal->action != ASSAY_ACTION_TARGET)
        return signal->action == ASSAY_ACTION_BUY || signal->action == ASSAY_ACTION_INCREASE
                   ? ASSAY_SIDE_BUY
                   : ASSAY_SIDE_SELL;
    const assay_position *position = assay_book_find_position(st->book, signal->symbol);
    double value = position == NULL ? 0 : position->quantity * bar->close[signal->symbol];
    if (position != NULL && position->is_short != 0)
        value = -value;
    return target * bar->full >= value ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL;
}

/* What the order will be served with at the next bar: the rows are far apart, and nothing else reads these cells. */
static inline void prefetch_cell(const assay_panel *p, int column, size_t cell) {
    if (p->column[column] != NULL)
        __builtin_prefetch(p->column[column] + cell);
}

static inline assay_order *add_order(assay_stepper *st, size_t t, uint32_t symbol, assay_side side,
                                     bool reduces, double quantity, double score, uint32_t record) {
    assay_book *b = st->book;
    const assay_panel *p = st->market->panel;
    if (t + 1 < p->n_bars) {
        size_t cell = (t + 1) * p->stride + symbol;
        prefetch_cell(p, ASSAY_COLUMN_OPEN, cell);
        prefetch_cell(p, ASSAY_COLUMN_CLOSE, cell);
        prefetch_cell(p, ASSAY_COLUMN_VOLUME, cell);
    }
    assay_order *order = assay_book_orders(b) + b->n_orders++;
    *order = (assay_order){.id = b->next_order_id++,
                           .quantity = quantity,
                           .remaining = quantity,
                           .score = score,
                           .symbol = symbol,
                           .decision_bar = (uint32_t)t,
                           .signal = record,
                           .closing = ASSAY_NO_INDEX,
                           .side = (uint8_t)side,
                           .reduces = reduces};
    uint8_t *flag = assay_book_flags(b) + symbol;
    *flag = (uint8_t)(*flag | (side == ASSAY_SIDE_BUY ? ASSAY_PENDING_BUY : ASSAY_PENDING_SELL));
    return order;
}

void assay_add_order(assay_stepper *st, size_t t, uint32_t symbol, assay_side side, bool reduces,
                     double quantity, double score, uint32_t record) {
    (void)add_order(st, t, symbol, side, reduces, quantity, score, record);
}

/* Whether a TARGET asks for no change. */
static bool is_at_target(const assay_stepper *st, const assay_decision_bar *bar, const assay_signal *signal,
                         double target) {
    const assay_position *position = assay_book_find_position(st->book, signal->symbol);
    if (position == NULL)
        return target == 0;
    double value = position->quantity * bar->close[signal->symbol] * (position->is_short != 0 ? -1 : 1);
    return fabs(target * bar->full - value) < ASSAY_RESIDUE * bar->full;
}

/* Decides about the recorder's next signal, keeps it, makes its order. */
static assay_status decide_signal(assay_stepper *st, const assay_decision_bar *bar, assay_signal *signal,
                                  assay_error *err) {
    const assay_settings *s = assay_stepper_settings(st);
    uint8_t flag = assay_book_flags(st->book)[signal->symbol];
    double target = signal->target_position;
    wish wanted = {0};
    assay_signal_status decided = ASSAY_SIGNAL_HOLD;
    if (signal->action != ASSAY_ACTION_HOLD && bar->outside != NULL && bar->outside[signal->symbol] != 0) {
        decided = ASSAY_SIGNAL_NOT_IN_UNIVERSE;
    } else if (signal->action != ASSAY_ACTION_HOLD) {
        bool opening = signal->action != ASSAY_ACTION_REDUCE;
        if (s->target_scaled_by_strength != 0 && opening)
            target *= signal->strength;
        if (signal->action == ASSAY_ACTION_TARGET && is_at_target(st, bar, signal, target)) {
            decided = ASSAY_SIGNAL_AT_TARGET; /* no side: it repeats and replaces nothing */
        } else if ((flag & ASSAY_PENDING) != 0) {
            uint8_t same = assay_signal_side(st, bar, signal, target) == ASSAY_SIDE_BUY ? ASSAY_PENDING_BUY
                                                                                        : ASSAY_PENDING_SELL;
            if ((flag & same) != 0) {
                decided = ASSAY_SIGNAL_ALREADY_ORDERED;
            } else {
                assay_status status = assay_cancel_pending(st, signal->symbol, err);
                if (status != ASSAY_OK)
                    return status;
            }
        }
        if (decided != ASSAY_SIGNAL_ALREADY_ORDERED && decided != ASSAY_SIGNAL_AT_TARGET)
            decided = (flag & ASSAY_HELD) == 0
                          ? wish_of_flat(st, bar, signal, target, &wanted)
                          : wish_of_held(st, bar, signal, assay_book_find_position(st->book, signal->symbol),
                                         target, &wanted);
    }
    signal->status = (uint8_t)decided;
    signal->outcome = decided == ASSAY_SIGNAL_ORDERED ? ASSAY_OUTCOME_OPEN_AT_END : ASSAY_OUTCOME_NONE;
    signal->order_quantity = wanted.quantity;
    uint32_t record = assay_recorder_keep_signal(st->recorder);
    if (decided == ASSAY_SIGNAL_ORDERED)
        add_order(st, bar->t, signal->symbol, wanted.side, wanted.reduces, wanted.quantity, signal->score,
                  record)
            ->strategy = signal->strategy;
    return ASSAY_OK;
}

assay_status assay_decide_signal(assay_stepper *st, const assay_decision_bar *bar, const assay_signal *signal,
                                 assay_error *err) {
    assay_status status = assay_recorder_reserve_signals(st->recorder, 1, err);
    if (status != ASSAY_OK)
        return status;
    assay_signal *next = assay_recorder_next_signal(st->recorder);
    *next = *signal;
    return decide_signal(st, bar, next, err);
}

assay_status assay_record_signal(assay_stepper *st, const assay_signal *signal, assay_signal_status status,
                                 assay_error *err) {
    assay_status reserved = assay_recorder_reserve_signals(st->recorder, 1, err);
    if (reserved != ASSAY_OK)
        return reserved;
    assay_signal *next = assay_recorder_next_signal(st->recorder);
    *next = *signal;
    next->status = (uint8_t)status;
    next->outcome = ASSAY_OUTCOME_NONE;
    (void)assay_recorder_keep_signal(st->recorder);
    return ASSAY_OK;
}

/* --- the declarative form: a feature against a threshold --- */

/* One byte a symbol: 1 where the value lies beyond the threshold. NaN does not. */
ASSAY_SIMD static void compare_row(const double *restrict value, size_t n, double threshold,
                                   uint8_t *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = fabs(value[s]) > threshold;
}

/* The symbols whose value lies beyond the threshold, in symbol order; returns how many. `beyond` is scratch of n bytes,
 * rounded up to 8. */
static size_t scan(const double *value, size_t n, double threshold, uint8_t *beyond, uint32_t *out_symbol) {
    size_t found = 0;
    compare_row(value, n, threshold, beyond);
    for (size_t first = 0; first < n; first += 8) {
        uint64_t eight;
        memcpy(&eight, beyond + first, sizeof eight);
        for (; eight != 0; eight &= eight - 1)
            out_symbol[found++] = (uint32_t)(first + (size_t)__builtin_ctzll(eight) / 8);
    }
    return found;
}

/* Where the symbols beyond the threshold come from, and what their signals have in common. */
typedef struct threshold_row {
    const double *value;
    double threshold;
    double target[2]; /* below, above */
    uint16_t kind[2]; /* among those of the run */
    uint8_t action[2];
    uint16_t strategy;
} threshold_row;

static threshold_row row_of(const assay_stepper *st, const assay_asked *asked) {
    const assay_threshold_form *form = asked->strategy->threshold_form;
    const uint32_t kind[2] = {form->kind_below, form->kind_above};
    threshold_row row = {.value = st->feature[asked->first_feature + form->feature],
                         .threshold = asked->params[form->threshold_param],
                         .strategy = (uint16_t)asked->index};
    for (int above = 0; above < 2; above++) {
        const assay_signal_kind *k = &asked->strategy->kinds[kind[above]];
        row.target[above] = k->target_position;
        row.kind[above] = (uint16_t)(asked->first_kind + kind[above]);
        row.action[above] = (uint8_t)k->action;
    }
    return row;
}

static inline void write_signal(const threshold_row *row, size_t t, uint32_t symbol, assay_signal *out) {
    double value = row->value[symbol], score = fabs(value);
    int above = value > 0;
    out->bar = (uint32_t)t;
    out->symbol = symbol;
    out->value = value;
    out->score = score;
    out->strength = assay_min(score / (2 * row->threshold), 1);
    out->target_position = row->target[above];
    out->strategy = row->strategy;
    out->kind = row->kind[above];
    out->action = row->action[above];
    out->reserved = 0;
}

/* The usual run, one strategy of this form: signals are written where they stay. */
static assay_status decide_threshold_form(assay_stepper *st, const assay_decision_bar *bar,
                                          assay_error *err) {
    threshold_row row = row_of(st, st->asked);
    size_t n = scan(row.value, st->market->panel->n_symbols, row.threshold, st->beyond, st->candidate);
    assay_status status = assay_recorder_reserve_signals(st->recorder, n, err);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        assay_signal *signal = assay_recorder_next_signal(st->recorder);
        write_signal(&row, bar->t, st->candidate[i], signal);
        status = decide_signal(st, bar, signal, err);
    }
    return status;
}

static assay_status ask_threshold_form(assay_stepper *st, const assay_decision_bar *bar,
                                       const assay_asked *asked, assay_signal_accept *accept, void *context,
                                       assay_error *err) {
    threshold_row row = row_of(st, asked);
    size_t n = scan(row.value, st->market->panel->n_symbols, row.threshold, st->beyond, st->candidate);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        assay_signal signal = {0};
        write_signal(&row, bar->t, st->candidate[i], &signal);
        status = accept(context, &signal, err);
    }
    return status;
}

/* --- the general form --- */

assay_status assay_ask(assay_stepper *st, const assay_decision_bar *bar, assay_asked *asked,
                       assay_signal_accept *accept, void *context, assay_error *err) {
    if (asked->strategy->threshold_form != NULL)
        return ask_threshold_form(st, bar, asked, accept, context, err);
    assay_view view = {.st = st, .asked = asked, .t = bar->t};
    assay_signal_sink sink = {
        .st = st, .asked = asked, .t = bar->t, .next_symbol = 0, .accept = accept, .context = context};
    assay_error inner = {.status = ASSAY_OK};
    assay_status status = asked->strategy->on_bar(asked->state, asked->params, &view, &sink, &inner);
    asked->times_asked++;
    if (status == ASSAY_OK && sink.failed == ASSAY_OK)
        return ASSAY_OK;
    char date[32];
    assay_time_format(st->market->panel->timestamp_us[bar->t], date, sizeof date);
    return assay_error_set(err, sink.failed != ASSAY_OK ? sink.failed : status, "strategy %s: %s (at %s)",
                           asked->name, sink.failed != ASSAY_OK ? sink.reason.message : inner.message, date);
}

typedef struct decision_context {
    assay_stepper *st;
    const assay_decision_bar *bar;
} decision_context;

static assay_status decide_emitted(void *context, const assay_signal *signal, assay_error *err) {
    const decision_context *c = context;
    return assay_decide_signal(c->st, c->bar, signal, err);
}

assay_status assay_decide(assay_stepper *st, size_t t, assay_error *err) {
    const assay_panel *p = st->market->panel;
    assay_decision_bar bar = {.t = t,
                              .close = p->column[ASSAY_COLUMN_CLOSE] + t * p->stride,
                              .full = assay_full_position(st),
                              .outside = assay_panel_outside(p, t),
                              .no_openings = st->book->ruined != 0};
    decision_context context = {st, &bar};
    if (st->decision_close != NULL) {
        assay_signal_bars_closes(&st->market->signal, p, t, st->decision_close);
        bar.close = st->decision_close;
    }
    assay_status status = st->n_asked > 1 ? assay_combine_signals(st, &bar, err)
                          : st->asked->strategy->threshold_form != NULL
                              ? decide_threshold_form(st, &bar, err)
                              : assay_ask(st, &bar, st->asked, decide_emitted, &context, err);
    assay_book_sweep_orders(st->book);
    return status;
}
