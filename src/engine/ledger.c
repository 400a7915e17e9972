/* Money and shares: fills into lots, lots into trades, closings without an order, financing, marks.
 *
 * Invariant, at every bar (checked in snapshot.c):
 *     equity = cash + receivable + sum(quantity x mark)
 *            = initial capital + realised + unrealised of open lots + financing (+ rounding)
 */
#include <math.h>
#include <stdlib.h>

#include "base/dates.h"
#include "base/number.h"
#include "engine/stepper.h"

static double direction_of(bool is_short) {
    return is_short ? -1 : 1;
}

/* --- fills --- */

/* Moves `taken` shares of a lot into a closing; the lot keeps the rest. */
static void take_from_lot(assay_lot *lot, double taken, bool whole, assay_closing *closing) {
    double part = whole ? 1 : taken / lot->quantity;
    double commission = whole ? lot->commission : lot->commission * part;
    double slippage = whole ? lot->slippage : lot->slippage * part;
    double dividends = whole ? lot->dividends : lot->dividends * part;
    closing->entry_value += taken * lot->price;
    closing->commission += commission;
    closing->slippage += slippage;
    closing->dividends += dividends;
    closing->low = assay_min(closing->low, lot->low);
    closing->high = assay_max(closing->high, lot->high);
    if (lot->entry_bar < closing->entry_bar) {
        closing->entry_bar = lot->entry_bar;
        closing->entry_signal = lot->signal;
        closing->strategy = lot->strategy;
    }
    lot->quantity -= taken;
    lot->commission -= commission;
    lot->slippage -= slippage;
    lot->dividends -= dividends;
}

static uint32_t lot_before_last(const assay_lot *lots, const assay_position *position) {
    uint32_t previous = ASSAY_NO_INDEX;
    for (uint32_t i = position->first_lot; i != position->last_lot; i = lots[i].next)
        previous = i;
    return previous;
}

/* One lot after the other, the oldest (fifo) or the youngest (lifo) first. */
static void consume_in_order(assay_book *b, assay_position *position, double quantity, bool youngest_first,
                             assay_closing *closing) {
    assay_lot *lots = assay_book_lots(b);
    bool everything = quantity >= position->quantity;
    while (position->first_lot != ASSAY_NO_INDEX && (everything || quantity > 0)) {
        uint32_t previous = youngest_first ? lot_before_last(lots, position) : ASSAY_NO_INDEX;
        uint32_t at = youngest_first ? position->last_lot : position->first_lot;
        assay_lot *lot = &lots[at];
        bool whole = everything || lot->quantity - quantity < ASSAY_RESIDUE * lot->quantity;
        double taken = whole ? lot->quantity : quantity;
        take_from_lot(lot, taken, whole, closing);
        quantity -= taken;
        if (whole)
            assay_book_drop_lot(b, position, previous, at);
    }
}

/* The same part of every lot. */
static void consume_in_proportion(assay_book *b, assay_position *position, double quantity,
                                  assay_closing *closing) {
    if (quantity >= position->quantity) {
        consume_in_order(b, position, quantity, false, closing);
        return;
    }
    assay_lot *lots = assay_book_lots(b);
    double part = quantity / position->quantity;
    for (uint32_t i = position->first_lot; i != ASSAY_NO_INDEX; i = lots[i].next)
        take_from_lot(&lots[i], lots[i].quantity * part, false, closing);
}

static void sum_position(assay_book *b, assay_position *position) {
    const assay_lot *lots = assay_book_lots(b);
    position->quantity = 0;
    for (uint32_t i = position->first_lot; i != ASSAY_NO_INDEX; i = lots[i].next)
        position->quantity += lots[i].quantity;
}

typedef struct exit_side {
    double quantity, price, commission, slippage;
    uint32_t bar;
    assay_fill_kind kind;
} exit_side;

/* Brings a trade in progress to the share units of today. */
static void catch_up(assay_closing *closing) {
    closing->quantity *= closing->later_ratio;
    closing->low /= closing->later_ratio;
    closing->high /= closing->later_ratio;
}

/* Closes part of a position into a trade in progress, and books the pnl of the part. */
static void close_part(assay_stepper *st, assay_position *position, assay_closing *closing,
                       const exit_side *exit) {
    assay_book *b = st->book;
    assay_closing part = {.low = ASSAY_INFINITY,
                          .high = -ASSAY_INFINITY,
                          .entry_bar = UINT32_MAX,
                          .entry_signal = ASSAY_NO_SIGNAL};
    bool is_short = position->is_short != 0;
    if (assay_stepper_settings(st)->lot_method == ASSAY_AVERAGE)
        consume_in_proportion(b, position, exit->quantity, &part);
    else
        consume_in_order(b, position, exit->quantity, assay_stepper_settings(st)->lot_method == ASSAY_LIFO,
                         &part);
    double exit_value = exit->quantity * exit->price;
    assay_sum_add(&b->realised, direction_of(is_short) * (exit_value - part.entry_value) - part.commission -
                                    exit->commission + part.dividends);
    if (closing->quantity == 0)
        *closing = (assay_closing){.low = ASSAY_INFINITY,
                                   .high = -ASSAY_INFINITY,
                                   .entry_bar = UINT32_MAX,
                                   .used = closing->used,
                                   .is_short = is_short};
    else
        catch_up(closing);
    closing->later_ratio = 1;
    if (part.entry_bar < closing->entry_bar) {
        closing->entry_bar = part.entry_bar;
        closing->entry_signal = part.entry_signal;
        closing->strategy = part.strategy;
    }
    closing->quantity += exit->quantity;
    closing->entry_value += part.entry_value;
    closing->exit_value += exit_value;
    closing->commission += part.commission + exit->commission;
    closing->slippage += part.slippage + exit->slippage;
    closing->dividends += part.dividends;
    closing->low = assay_min(closing->low, part.low);
    closing->high = assay_max(closing->high, part.high);
    closing->exit_bar = exit->bar;
    closing->exit_kind = (uint8_t)exit->kind;
    if (position->first_lot == ASSAY_NO_INDEX)
        assay_book_drop_position(b, position);
    else
        sum_position(b, position);
}

static void pay(assay_book *b, assay_side side, double value, double commission) {
    if (side == ASSAY_SIDE_SELL) {
        b->cash += value - commission;
        return;
    }
    double before = b->cash;
    b->cash -= value + commission;
    if (b->cash < 0 && before >= 0) { /* only rounding, or the cash rule's tolerance, can do this */
        assay_sum_add(&b->rounding, -b->cash);
        b->cash = 0;
    }
}

assay_status assay_ledger_fill(assay_stepper *st, size_t t, assay_order *order, double quantity, double price,
                               double reference, double commission, assay_fill_kind kind, assay_error *err) {
    assay_book *b = st->book;
    double slippage = fabs(price - reference) * quantity;
    assay_side side = order->side == ASSAY_SIDE_BUY ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL;
    assay_fill fill = {.order_id = order->id,
                       .bar = (uint32_t)t,
                       .symbol = order->symbol,
                       .quantity = quantity,
                       .price = price,
                       .reference_price = reference,
                       .commission = commission,
                       .slippage = slippage,
                       .strategy = order->strategy,
                       .side = (uint8_t)side,
                       .kind = (uint8_t)kind};
    assay_status status = assay_recorder_add_fill(st->recorder, &fill, err);
    if (status != ASSAY_OK)
        return status;
    b->n_fills++;
    b->bar_turnover += quantity * price;
    pay(b, side, quantity * price, commission);
    order->has_fill = 1;

    double closed = 0;
    assay_position *position = assay_book_find_position(b, order->symbol);
    if (position != NULL && (position->is_short != 0) == (side == ASSAY_SIDE_BUY)) {
        bool whole = position->quantity - quantity < ASSAY_RESIDUE * position->quantity;
        closed = whole && quantity > position->quantity * (1 + ASSAY_RESIDUE) ? position->quantity : quantity;
        if (order->closing == ASSAY_NO_INDEX)
            order->closing = assay_book_new_closing(b);
        exit_side exit = {
            closed,      price, commission * (closed / quantity), slippage * (closed / quantity),
            (uint32_t)t, kind};
        close_part(st, position, assay_book_closings(b) + order->closing, &exit);
    }
    double opened = quantity - closed;
    if (opened > 0) {
        assay_lot lot = {.quantity = opened,
                         .price = price,
                         .commission = commission * (opened / quantity),
                         .slippage = slippage * (opened / quantity),
                         .low = ASSAY_INFINITY,
                         .high = -ASSAY_INFINITY,
                         .entry_bar = (uint32_t)t,
                         .signal = order->signal,
                         .strategy = order->strategy};
        assay_book_add_lot(b, order->symbol, side == ASSAY_SIDE_SELL, price, &lot);
    }
    return ASSAY_OK;
}

/* --- trades --- */

static double percent_from(double price, double entry_price) {
    return (price / entry_price - 1) * 100;
}

/* The record of a closing. `exit_price` takes part in the extremes. */
static assay_trade make_trade(const assay_stepper *st, uint32_t symbol, const assay_closing *c) {
    const assay_panel *p = st->market->panel;
    double direction = direction_of(c->is_short != 0);
    assay_trade trade = {.symbol = symbol,
                         .entry_bar = c->entry_bar,
                         .exit_bar = c->exit_bar,
                         .quantity = c->quantity,
                         .entry_price = c->entry_value / c->quantity,
                         .exit_price = c->exit_value / c->quantity,
                         .entry_value = c->entry_value,
                         .exit_value = c->exit_value,
                         .commission = c->commission,
                         .slippage = c->slippage,
                         .dividends = c->dividends,
                         .entry_signal = c->entry_signal,
                         .exit_signal = ASSAY_NO_SIGNAL,
                         .strategy = c->strategy,
                         .direction = (int8_t)direction,
                         .exit_kind = c->exit_kind};
    trade.bars_held = (uint32_t)(assay_panel_own_count(p, symbol, c->exit_bar) -
                                 assay_panel_own_count(p, symbol, c->entry_bar));
    trade.pnl = direction * (c->exit_value - c->entry_value) - c->commission + c->dividends;
    trade.pnl_pct = trade.pnl / trade.entry_value;
    double low = percent_from(assay_min(c->low, trade.exit_price), trade.entry_price);
    double high = percent_from(assay_max(c->high, trade.exit_price), trade.entry_price);
    trade.mae_pct = assay_min(0, c->is_short != 0 ? -high : low);
    trade.mfe_pct = assay_max(0, c->is_short != 0 ? -low : high);
    return trade;
}

assay_status assay_ledger_end_order(assay_stepper *st, assay_order *order, assay_outcome outcome,
                                    assay_error *err) {
    assay_book *b = st->book;
    bool unfilled = outcome != ASSAY_OUTCOME_FILLED && outcome != ASSAY_OUTCOME_SCALED;
    assay_recorder_set_outcome(st->recorder, order->signal,
                               unfilled && order->has_fill != 0 ? ASSAY_OUTCOME_PARTIAL : outcome);
    uint8_t *flag = assay_book_flags(b) + order->symbol;
    *flag = (uint8_t)(*flag & ~ASSAY_PENDING);
    order->done = 1;
    if (order->closing == ASSAY_NO_INDEX)
        return ASSAY_OK;
    assay_closing *closing = assay_book_closings(b) + order->closing;
    assay_trade trade = make_trade(st, order->symbol, closing);
    trade.order_id = order->id;
    trade.exit_signal = order->signal;
    closing->used = 0;
    return assay_recorder_add_trade(st->recorder, &trade, err);
}

assay_status assay_ledger_close_position(assay_stepper *st, size_t t, uint32_t symbol, double price,
                                         double reference, double commission, assay_fill_kind kind,
                                         assay_error *err) {
    return assay_ledger_close_some(st, t, symbol, assay_book_find_position(st->book, symbol)->quantity, price,
                                   reference, commission, kind, err);
}

assay_status assay_ledger_close_some(assay_stepper *st, size_t t, uint32_t symbol, double quantity,
                                     double price, double reference, double commission, assay_fill_kind kind,
                                     assay_error *err) {
    assay_book *b = st->book;
    assay_position *position = assay_book_find_position(b, symbol);
    assay_side side = position->is_short != 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL;
    double slippage = kind == ASSAY_FILL_RUIN ? fabs(price - reference) * quantity : 0;
    assay_fill fill = {.order_id = b->next_order_id++,
                       .bar = (uint32_t)t,
                       .symbol = symbol,
                       .quantity = quantity,
                       .price = price,
                       .reference_price = reference,
                       .commission = commission,
                       .slippage = slippage,
                       .strategy = assay_book_lots(b)[position->first_lot].strategy,
                       .side = (uint8_t)side,
                       .kind = (uint8_t)kind};
    assay_status status = assay_recorder_add_fill(st->recorder, &fill, err);
    if (status != ASSAY_OK)
        return status;
    b->n_fills++;
    b->cash += side == ASSAY_SIDE_SELL ? quantity * price - commission : -(quantity * price + commission);
    if (kind == ASSAY_FILL_RUIN)
        b->bar_turnover += quantity * price;
    assay_closing closing = {0};
    exit_side exit = {quantity, price, commission, slippage, (uint32_t)t, kind};
    close_part(st, position, &closing, &exit);
    assay_trade trade = make_trade(st, symbol, &closing);
    trade.order_id = fill.order_id;
    return assay_recorder_add_trade(st->recorder, &trade, err);
}

assay_status assay_ledger_add_open_trades(assay_stepper *st, assay_error *err) {
    assay_book *b = st->book;
    const assay_lot *lots = assay_book_lots(b);
    for (uint32_t i = 0; i < b->n_positions; i++) {
        const assay_position *position = assay_book_positions(b) + i;
        assay_closing c = {.low = ASSAY_INFINITY,
                           .high = -ASSAY_INFINITY,
                           .entry_bar = lots[position->first_lot].entry_bar,
                           .entry_signal = lots[position->first_lot].signal,
                           .strategy = lots[position->first_lot].strategy,
                           .exit_bar = (uint32_t)st->market->last_bar,
                           .is_short = position->is_short != 0,
                           .quantity = position->quantity,
                           .exit_value = position->quantity * position->mark};
        for (uint32_t at = position->first_lot; at != ASSAY_NO_INDEX; at = lots[at].next) {
            c.entry_value += lots[at].quantity * lots[at].price;
            c.commission += lots[at].commission;
            c.slippage += lots[at].slippage;
            c.dividends += lots[at].dividends;
            c.low = assay_min(c.low, lots[at].low);
            c.high = assay_max(c.high, lots[at].high);
        }
        assay_trade trade = make_trade(st, position->symbol, &c);
        trade.is_open = 1;
        assay_status status = assay_recorder_add_trade(st->recorder, &trade, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* --- marks and money over time --- */

/* A held symbol's next cells: rows are far apart, and nothing else reads them. */
static void prefetch_next(const assay_panel *p, size_t t, size_t symbol) {
    if (t + 1 == p->n_bars)
        return;
    for (int c = ASSAY_COLUMN_HIGH; c <= ASSAY_COLUMN_CLOSE; c++) {
        if (p->column[c] != NULL)
            __builtin_prefetch(p->column[c] + (t + 1) * p->stride + symbol);
    }
}

void assay_ledger_track_extremes(assay_stepper *st, size_t t) {
    const assay_panel *p = st->market->panel;
    assay_book *b = st->book;
    assay_lot *lots = assay_book_lots(b);
    const assay_position *position = assay_book_positions(b);
    for (uint32_t i = 0; i < b->n_positions; i++) {
        size_t s = position[i].symbol;
        double close = assay_cell(p, ASSAY_COLUMN_CLOSE, t, s);
        prefetch_next(p, t, s);
        if (isnan(close))
            continue;
        double low = p->column[ASSAY_COLUMN_LOW] == NULL ? close : assay_cell(p, ASSAY_COLUMN_LOW, t, s);
        double high = p->column[ASSAY_COLUMN_HIGH] == NULL ? close : assay_cell(p, ASSAY_COLUMN_HIGH, t, s);
        low = isnan(low) ? close : low;
        high = isnan(high) ? close : high;
        for (uint32_t at = position[i].first_lot; at != ASSAY_NO_INDEX; at = lots[at].next) {
            lots[at].low = assay_min(lots[at].low, low);
            lots[at].high = assay_max(lots[at].high, high);
        }
    }
}

void assay_ledger_finance(assay_stepper *st, size_t t) {
    const assay_settings *s = assay_stepper_settings(st);
    assay_book *b = st->book;
    if (t == st->market->first_bar || (s->borrow_fee_pct == 0 && s->cash_interest_pct == 0))
        return;
    double years = (double)(st->market->panel->day[t] - st->market->panel->day[t - 1]) / 365;
    double money = (b->previous_cash * s->cash_interest_pct - b->gross_short * s->borrow_fee_pct) * years;
    b->cash += money;
    assay_sum_add(&b->financing, money);
    assay_sum_add(&b->borrow, b->gross_short * s->borrow_fee_pct * years);
}

void assay_ledger_mark(assay_stepper *st, size_t t) {
    assay_book *b = st->book;
    assay_position *position = assay_book_positions(b);
    double equity = b->cash + b->receivable;
    b->gross_short = 0;
    for (uint32_t i = 0; i < b->n_positions; i++) {
        double close = assay_cell(st->market->panel, ASSAY_COLUMN_CLOSE, t, position[i].symbol);
        position[i].mark = isnan(close) ? position[i].mark : close;
        double value = position[i].quantity * position[i].mark;
        equity += position[i].is_short != 0 ? -value : value;
        b->gross_short += position[i].is_short != 0 ? value : 0;
    }
    b->equity = equity;
}
