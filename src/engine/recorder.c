#include "engine/recorder.h"

#include <stdlib.h>

#include "base/array.h"

void assay_recorder_reset(assay_recorder *r) {
    free(r->signal);
    free(r->fill);
    free(r->trade);
    free(r->snapshot);
    *r = (assay_recorder){.keep = r->keep};
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
    assay_status status = ASSAY_RESERVE(r->fill, r->fill_capacity, r->n_fills + 1, err);
    if (status == ASSAY_OK)
        r->fill[r->n_fills++] = *fill;
    return status;
}

assay_status assay_recorder_add_trade(assay_recorder *r, const assay_trade *trade, assay_error *err) {
    assay_status status = ASSAY_RESERVE(r->trade, r->trade_capacity, r->n_trades + 1, err);
    if (status == ASSAY_OK)
        r->trade[r->n_trades++] = *trade;
    return status;
}

assay_status assay_recorder_add_snapshot(assay_recorder *r, const assay_snapshot *snapshot,
                                         assay_error *err) {
    assay_status status = ASSAY_RESERVE(r->snapshot, r->snapshot_capacity, r->n_snapshots + 1, err);
    if (status == ASSAY_OK)
        r->snapshot[r->n_snapshots++] = *snapshot;
    return status;
}
