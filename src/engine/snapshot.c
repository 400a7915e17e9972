/* The end of a bar: the ledger must close, and the row of the day is taken. */
#include <math.h>

#include "base/dates.h"
#include "base/number.h"
#include "engine/snapshot.h"

/* Pnl of the open lots at their marks, net of what they have cost and brought so far. */
static double unrealised(assay_book *b) {
    const assay_lot *lots = assay_book_lots(b);
    const assay_position *position = assay_book_positions(b);
    assay_sum sum = {0};
    for (uint32_t i = 0; i < b->n_positions; i++) {
        double direction = position[i].is_short != 0 ? -1 : 1;
        for (uint32_t at = position[i].first_lot; at != ASSAY_NO_INDEX; at = lots[at].next)
            assay_sum_add(&sum, direction * lots[at].quantity * (position[i].mark - lots[at].price) -
                                    lots[at].commission + lots[at].dividends);
    }
    return assay_sum_value(&sum);
}

assay_status assay_ledger_check(assay_stepper *st, size_t t, assay_error *err) {
    assay_book *b = st->book;
    double explained = b->initial_capital + assay_sum_value(&b->realised) + assay_sum_value(&b->financing) +
                       assay_sum_value(&b->rounding) + unrealised(b);
    /* What was won and lost again was rounded at its size. */
    double scale = assay_max(fabs(b->equity), b->peak_equity);
    if (fabs(b->equity - explained) <= 1e-9 * scale && isfinite(b->equity))
        return ASSAY_OK;
    char date[32];
    assay_time_format(st->market->panel->timestamp_us[t], date, sizeof date);
    return assay_error_set(
        err, ASSAY_E_INTERNAL,
        "the ledger does not close at bar %zu (%s): equity is %.12g, but capital, pnl and financing "
        "come to %.12g; please report this with the configuration",
        t, date, b->equity, explained);
}

static double ratio_or_zero(double part, double whole) {
    return part == 0 ? 0 : part / whole;
}

/* Adds a book's positions to the row. */
static void add_book(assay_snapshot *row, assay_stepper *st, size_t t, double *largest, double *squares) {
    assay_book *b = st->book;
    const assay_position *position = assay_book_positions(b);
    row->num_positions += b->n_positions;
    row->cash += b->cash;
    row->receivable += b->receivable;
    for (uint32_t i = 0; i < b->n_positions; i++) {
        double value = position[i].quantity * position[i].mark;
        row->gross_value += value;
        row->net_exposure += position[i].is_short != 0 ? -value : value;
        *largest = assay_max(*largest, value);
        *squares += value * value;
        row->stale_positions += assay_has_traded(st->market->panel, t, position[i].symbol) ? 0 : 1;
    }
}

assay_status assay_snapshot_take(assay_portfolio *p, size_t t, assay_error *err) {
    double equity = 0, turnover = 0, previous = p->previous_equity;
    for (uint32_t k = 0; k < p->n_books; k++) {
        assay_book *b = p->book[k].book;
        b->previous_cash = b->cash;
        b->peak_equity = assay_max(b->peak_equity, b->equity);
        equity += b->equity;
        turnover += b->bar_turnover;
    }
    p->previous_equity = equity;
    assay_status status = assay_recorder_add_equity(&p->recorder, equity, err);
    if (status != ASSAY_OK || p->recorder.lean)
        return status;
    assay_snapshot row = {.bar = (uint32_t)t, .total_value = equity};
    double largest = 0, squares = 0, initial = p->config->settings.initial_capital;
    for (uint32_t k = 0; k < p->n_books; k++)
        add_book(&row, &p->book[k], t, &largest, &squares);
    row.max_position_size = ratio_or_zero(largest, equity);
    row.concentration = row.gross_value == 0 ? 0 : squares / (row.gross_value * row.gross_value);
    row.leverage = ratio_or_zero(row.gross_value, equity);
    row.daily_return = previous <= 0 ? 0 : equity / previous - 1;
    if (fabs(row.daily_return) < 1e-12)
        row.daily_return = 0;
    row.cumulative_return = equity / initial - 1;
    p->peak_equity = assay_max(p->peak_equity, equity);
    row.drawdown = equity / p->peak_equity - 1;
    if (row.drawdown > -1e-12)
        row.drawdown = 0;
    row.turnover = turnover == 0 ? 0 : equity > 0 ? turnover / equity : ASSAY_NAN;
    return assay_recorder_add_snapshot(&p->recorder, &row, err);
}
