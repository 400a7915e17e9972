/* Corporate actions (docs/semantics.md, section 2): splits with cash for fractions, dividends with pay dates, spin-offs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "engine/stepper.h"

static double direction_of(const assay_position *position) {
    return position->is_short != 0 ? -1 : 1;
}

/* Whole multiples of a unit; what lies a rounding below one counts as it. */
static double round_down(double quantity, double unit) {
    return floor(quantity / unit * (1 + ASSAY_RESIDUE)) * unit;
}

/* The least quantity that exists where openings are made in lots: no fraction of a share, but odd lots. */
static double unit_of(const assay_settings *s) {
    return assay_min(s->lot_size, 1);
}

/* --- splits --- */

static void split_lots(assay_book *b, assay_position *position, double ratio) {
    assay_lot *lots = assay_book_lots(b);
    position->quantity = 0;
    position->mark /= ratio;
    for (uint32_t i = position->first_lot; i != ASSAY_NO_INDEX; i = lots[i].next) {
        lots[i].quantity *= ratio;
        lots[i].price /= ratio;
        lots[i].low /= ratio;
        lots[i].high /= ratio;
        position->quantity += lots[i].quantity;
    }
}

static void split_orders(assay_book *b, uint32_t symbol, double ratio) {
    assay_order *order = assay_book_orders(b);
    for (uint32_t i = 0; i < b->n_orders; i++) {
        if (order[i].symbol != symbol || order[i].done != 0)
            continue;
        order[i].quantity *= ratio;
        order[i].remaining *= ratio;
        if (order[i].closing != ASSAY_NO_INDEX)
            assay_book_closings(b)[order[i].closing].later_ratio *= ratio;
    }
}

/* What a split has made of pending orders: openings in whole lots, the others in whole units. */
static assay_status round_orders(assay_stepper *st, uint32_t symbol, assay_error *err) {
    assay_book *b = st->book;
    const assay_settings *s = assay_stepper_settings(st);
    assay_order *order = assay_book_orders(b);
    for (uint32_t i = 0; s->lot_size > 0 && i < b->n_orders; i++) {
        if (order[i].symbol != symbol || order[i].done != 0)
            continue;
        order[i].remaining = round_down(order[i].remaining, order[i].reduces != 0 ? unit_of(s) : s->lot_size);
        assay_status status = order[i].remaining > 0
                                  ? ASSAY_OK
                                  : assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_EXPIRED, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* Fractions that a split has left are paid in cash at the mark. */
static assay_status pay_fraction(assay_stepper *st, size_t t, uint32_t symbol, assay_error *err) {
    const assay_settings *s = assay_stepper_settings(st);
    const assay_position *position = assay_book_find_position(st->book, symbol);
    if (s->lot_size == 0 || position == NULL)
        return ASSAY_OK;
    double fraction = position->quantity - round_down(position->quantity, unit_of(s));
    if (fraction <= ASSAY_RESIDUE * position->quantity)
        return ASSAY_OK;
    return assay_ledger_close_some(st, t, symbol, fraction, position->mark, position->mark, 0,
                                   ASSAY_FILL_CASH_IN_LIEU, err);
}

/* --- dividends --- */

/* Money that is on its way, by the day on which it comes. */
static assay_status add_due(assay_stepper *st, int32_t day, double amount, assay_error *err) {
    for (size_t i = 0; i < st->dues.n; i++) {
        if (st->dues.due[i].day == day) {
            st->dues.due[i].amount += amount;
            return ASSAY_OK;
        }
    }
    assay_status status = ASSAY_RESERVE(st->dues.due, st->dues.capacity, st->dues.n + 1, err);
    if (status == ASSAY_OK)
        st->dues.due[st->dues.n++] = (assay_due){day, amount};
    return status;
}

/* What is still to come, added up anew, so that nothing stays when all has come. */
static void sum_dues(assay_stepper *st) {
    st->book->receivable = 0;
    for (size_t i = 0; i < st->dues.n; i++)
        st->book->receivable += st->dues.due[i].amount;
}

static void collect_dues(assay_stepper *st, size_t t) {
    size_t n = 0;
    for (size_t i = 0; i < st->dues.n; i++) {
        if (st->dues.due[i].day <= st->market->panel->day[t])
            st->book->cash += st->dues.due[i].amount;
        else
            st->dues.due[n++] = st->dues.due[i];
    }
    if (n != st->dues.n) {
        st->dues.n = n;
        sum_dues(st);
    }
}

static assay_status pay_dividend(assay_stepper *st, size_t t, const assay_panel_event *event,
                                 assay_error *err) {
    assay_book *b = st->book;
    const assay_position *position = assay_book_find_position(b, event->symbol);
    assay_lot *lots = assay_book_lots(b);
    double signed_dividend = direction_of(position) * event->dividend;
    for (uint32_t i = position->first_lot; i != ASSAY_NO_INDEX; i = lots[i].next)
        lots[i].dividends += lots[i].quantity * signed_dividend;
    double money = position->quantity * signed_dividend;
    bool waits = assay_stepper_settings(st)->dividend_payment == ASSAY_PAID_ON_PAY_DATE &&
                 event->pay_day > st->market->panel->day[t];
    if (!waits) {
        b->cash += money;
        return ASSAY_OK;
    }
    assay_status status = add_due(st, event->pay_day, money, err);
    sum_dues(st);
    return status;
}

/* --- spin-offs --- */

/* The value of the new shares is paid like a dividend, and they are bought with it. */
static assay_status spin_off(assay_stepper *st, size_t t, const assay_panel_event *event, assay_error *err) {
    const assay_settings *s = assay_stepper_settings(st);
    const assay_position *parent = assay_book_find_position(st->book, event->symbol);
    double quantity = parent->quantity * event->child_ratio, turnover = st->book->bar_turnover;
    assay_order order = {.symbol = event->child,
                         .signal = ASSAY_NO_SIGNAL,
                         .closing = ASSAY_NO_INDEX,
                         .side = parent->is_short != 0 ? ASSAY_SIDE_SELL : ASSAY_SIDE_BUY,
                         .strategy = assay_book_lots(st->book)[parent->first_lot].strategy};
    assay_status status = pay_dividend(st, t, event, err);
    if (s->lot_size > 0)
        quantity = round_down(quantity, unit_of(s));
    if (status != ASSAY_OK || !(quantity > 0))
        return status;
    status = assay_book_reserve_lot(&st->book, err);
    if (status != ASSAY_OK)
        return status;
    order.id = st->book->next_order_id++;
    order.quantity = order.remaining = quantity;
    status = assay_ledger_fill(st, t, &order, quantity, event->child_price, event->child_price, 0,
                               ASSAY_FILL_SPIN_OFF, err);
    st->book->bar_turnover = turnover;
    if (status != ASSAY_OK)
        return status;
    uint8_t *flag = assay_book_flags(st->book) + event->child;
    uint8_t pending = *flag & ASSAY_PENDING; /* of another order: ending this one must not touch it */
    status = assay_ledger_end_order(st, &order, ASSAY_OUTCOME_FILLED, err);
    flag = assay_book_flags(st->book) + event->child;
    *flag = (uint8_t)(*flag | pending);
    return status;
}

/* --- a bar --- */

/* Splits and dividends of all symbols, then spin-offs, then cash for what splits have left: shares that a spin-off brings
 * have no part in what their symbol pays on that day. */
static assay_status apply_event(assay_stepper *st, size_t t, const assay_panel_event *event,
                                assay_error *err) {
    assay_book *b = st->book;
    if (event->split_ratio != 1 && (assay_book_flags(b)[event->symbol] & ASSAY_PENDING) != 0)
        split_orders(b, event->symbol, event->split_ratio);
    assay_position *position = assay_book_find_position(b, event->symbol);
    if (position == NULL)
        return ASSAY_OK;
    if (event->split_ratio != 1)
        split_lots(b, position, event->split_ratio);
    return event->dividend != 0 ? pay_dividend(st, t, event, err) : ASSAY_OK;
}

typedef enum event_pass { SPLITS_AND_DIVIDENDS, SPIN_OFFS, FRACTIONS } event_pass;

static assay_status run_pass(assay_stepper *st, size_t t, const assay_panel_event *event, size_t n,
                             event_pass pass, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        bool is_spin_off = event[i].child != ASSAY_NO_CHILD;
        if (assay_book_flags(st->book)[event[i].symbol] == 0)
            continue;
        if (pass == SPLITS_AND_DIVIDENDS && !is_spin_off)
            status = apply_event(st, t, &event[i], err);
        else if (pass == SPIN_OFFS && is_spin_off &&
                 assay_book_find_position(st->book, event[i].symbol) != NULL)
            status = spin_off(st, t, &event[i], err);
        else if (pass == FRACTIONS && event[i].split_ratio != 1) {
            status = pay_fraction(st, t, event[i].symbol, err);
            if (status == ASSAY_OK)
                status = round_orders(st, event[i].symbol, err);
        }
    }
    return status;
}

assay_status assay_ledger_apply_events(assay_stepper *st, size_t t, assay_error *err) {
    const assay_panel *p = st->market->panel;
    size_t *next = &st->next_event;
    if (st->dues.n != 0)
        collect_dues(st, t);
    while (*next < p->n_events && p->event[*next].bar < t)
        (*next)++;
    const assay_panel_event *first = p->event + *next;
    while (*next < p->n_events && p->event[*next].bar == t)
        (*next)++;
    size_t n = (size_t)(p->event + *next - first);
    assay_status status = ASSAY_OK;
    for (int pass = SPLITS_AND_DIVIDENDS; n != 0 && pass <= FRACTIONS && status == ASSAY_OK; pass++)
        status = run_pass(st, t, first, n, (event_pass)pass, err);
    if (n != 0)
        assay_book_sweep_orders(st->book);
    return status;
}
