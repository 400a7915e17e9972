/* Symbols that are not in the universe: nothing is opened in them, and what is held is closed (docs/semantics.md, section 2). */
#include "engine/stepper.h"
#include "market/universe.h"

static double signed_side(const assay_order *order) {
    return order->side == ASSAY_SIDE_BUY ? 1 : -1;
}

/* Shares of a position that an order can close; 0: it opens or raises. */
static double closable(const assay_position *position, const assay_order *order) {
    if (position == NULL || (position->is_short != 0 ? -1 : 1) == signed_side(order))
        return 0;
    return position->quantity;
}

assay_status assay_universe_drop_openings(assay_stepper *st, size_t t, assay_error *err) {
    const uint8_t *outside = assay_panel_outside(st->market->panel, t);
    assay_order *order = assay_book_orders(st->book);
    for (uint32_t i = 0; outside != NULL && i < st->book->n_orders; i++) {
        if (outside[order[i].symbol] == 0)
            continue;
        double closes = closable(assay_book_find_position(st->book, order[i].symbol), &order[i]);
        if (order[i].remaining <= closes * (1 + ASSAY_RESIDUE))
            continue;
        assay_status status = assay_ledger_end_order(st, &order[i], ASSAY_OUTCOME_EXPIRED, err);
        if (status != ASSAY_OK)
            return status;
    }
    assay_book_sweep_orders(st->book);
    return ASSAY_OK;
}

static assay_order *pending_order(assay_book *b, uint32_t symbol) {
    assay_order *order = assay_book_orders(b);
    for (uint32_t i = 0; i < b->n_orders; i++) {
        if (order[i].symbol == symbol && order[i].done == 0)
            return &order[i];
    }
    return NULL;
}

assay_status assay_universe_leave(assay_stepper *st, size_t t, bool *out_some, assay_error *err) {
    const uint8_t *outside = assay_panel_outside(st->market->panel, t);
    assay_book *b = st->book;
    *out_some = false;
    for (uint32_t i = 0; outside != NULL && i < b->n_positions; i++) {
        const assay_position *position = assay_book_positions(b) + i;
        uint32_t symbol = position->symbol;
        if (outside[symbol] == 0)
            continue;
        const assay_order *pending = pending_order(b, symbol);
        if (pending != NULL && pending->remaining >= closable(position, pending) * (1 - ASSAY_RESIDUE) &&
            closable(position, pending) > 0)
            continue;
        assay_status status = pending == NULL ? ASSAY_OK : assay_cancel_pending(st, symbol, err);
        if (status != ASSAY_OK)
            return status;
        assay_add_order(st, t, symbol, position->is_short != 0 ? ASSAY_SIDE_BUY : ASSAY_SIDE_SELL, true,
                        position->quantity, 0, ASSAY_NO_SIGNAL);
        assay_book_orders(b)[b->n_orders - 1].strategy = assay_book_lots(b)[position->first_lot].strategy;
        *out_some = true;
    }
    assay_book_sweep_orders(b);
    return ASSAY_OK;
}
