#include "engine/recorder.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/block.h"

void assay_recorder_reset(assay_recorder *r) {
    assay_block_free(r->signal);
    assay_block_free(r->fill);
    assay_block_free(r->trade);
    assay_block_free(r->snapshot);
    free(r->equity);
    *r = (assay_recorder){.keep = r->keep, .lean = r->lean};
}

assay_status assay_recorder_reserve_signals(assay_recorder *r, size_t n_more, assay_error *err) {
    if (r->keep != ASSAY_KEEP_ALL)
        return ASSAY_OK;
    if (r->n_signals + n_more >= ASSAY_NO_SIGNAL)
        return assay_error_set(err, ASSAY_E_DATA,
                               "more than %u signals in one run: take fewer symbols or a shorter period",
                               ASSAY_NO_SIGNAL);
    size_t needed = r->n_signals + n_more;
    if (r->signal == NULL && needed < r->first_signals)
        needed = r->first_signals;
    return ASSAY_RESERVE_ALIGNED(r->signal, r->signal_capacity, needed, err);
}

assay_status assay_recorder_add_fill(assay_recorder *r, const assay_fill *fill, assay_error *err) {
    if (r->keep != ASSAY_KEEP_ALL)
        return ASSAY_OK;
    assay_status status = ASSAY_RESERVE_BLOCK(r->fill, r->fill_capacity, r->n_fills + 1, err);
    if (status == ASSAY_OK)
        r->fill[r->n_fills++] = *fill;
    return status;
}

assay_status assay_recorder_add_trade(assay_recorder *r, const assay_trade *trade, assay_error *err) {
    assay_status status = ASSAY_RESERVE_BLOCK(r->trade, r->trade_capacity, r->n_trades + 1, err);
    if (status == ASSAY_OK)
        r->trade[r->n_trades++] = *trade;
    return status;
}

assay_status assay_recorder_add_snapshot(assay_recorder *r, const assay_snapshot *snapshot,
                                         assay_error *err) {
    assay_status status = ASSAY_RESERVE_BLOCK(r->snapshot, r->snapshot_capacity, r->n_snapshots + 1, err);
    if (status == ASSAY_OK)
        r->snapshot[r->n_snapshots++] = *snapshot;
    return status;
}

assay_status assay_recorder_add_equity(assay_recorder *r, double equity, assay_error *err) {
    assay_status status = ASSAY_RESERVE(r->equity, r->equity_capacity, r->n_equity + 1, err);
    if (status == ASSAY_OK)
        r->equity[r->n_equity++] = equity;
    return status;
}

assay_status assay_recorder_reserve_equity(assay_recorder *r, size_t n_bars, assay_error *err) {
    return ASSAY_RESERVE(r->equity, r->equity_capacity, n_bars, err);
}

static int compare_trades(const void *a, const void *b) {
    const assay_trade *x = a, *y = b;
    if (x->is_open != y->is_open)
        return x->is_open < y->is_open ? -1 : 1;
    if (x->exit_bar != y->exit_bar)
        return x->exit_bar < y->exit_bar ? -1 : 1;
    if (x->symbol != y->symbol)
        return x->symbol < y->symbol ? -1 : 1;
    if (x->is_open != 0)
        return (x->strategy > y->strategy) - (x->strategy < y->strategy);
    return (x->order_id > y->order_id) - (x->order_id < y->order_id);
}

void assay_recorder_sort_trades(assay_recorder *r) {
    size_t i = 1; /* they come in order but for ties and for orders that ended after their last fill */
    while (i < r->n_trades && compare_trades(&r->trade[i - 1], &r->trade[i]) <= 0)
        i++;
    if (i < r->n_trades)
        qsort(r->trade, r->n_trades, sizeof *r->trade, compare_trades);
}
