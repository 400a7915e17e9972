/* Where the engine leaves its records: arrays in memory, of fixed-size records in the order in which they happened.
 * Equity and trades are always kept, for the metrics need them; a lean recorder keeps nothing else. */
#ifndef ASSAY_ENGINE_RECORDER_H
#define ASSAY_ENGINE_RECORDER_H

#include "assay/assay_result.h"

typedef struct assay_recorder {
    assay_keep keep;
    bool lean; /* no snapshots either: one of many books of a sweep */
    size_t
        first_signals; /* how many to make room for at the first one: pages that stay untouched cost nothing */
    assay_signal scratch; /* takes signals that are not kept */
    assay_signal *signal;
    assay_fill *fill;
    assay_trade *trade;
    assay_snapshot *snapshot;
    double *equity; /* one a bar */
    size_t n_signals, n_fills, n_trades, n_snapshots, n_equity;
    size_t signal_capacity, fill_capacity, trade_capacity, snapshot_capacity, equity_capacity;
} assay_recorder;

void assay_recorder_reset(assay_recorder *recorder); /* frees what it owns */

/* Room for that many more signals (none where they are not kept). ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_recorder_reserve_signals(assay_recorder *recorder, size_t n_more,
                                                            assay_error *err);

/* Where to write the next signal; it counts once assay_recorder_keep_signal is called. Room must have been reserved. */
static inline assay_signal *assay_recorder_next_signal(assay_recorder *recorder) {
    return recorder->keep == ASSAY_KEEP_ALL ? recorder->signal + recorder->n_signals : &recorder->scratch;
}

/* The index of the signal just written, or ASSAY_NO_SIGNAL where signals are not kept. */
static inline uint32_t assay_recorder_keep_signal(assay_recorder *recorder) {
    return recorder->keep == ASSAY_KEEP_ALL ? (uint32_t)recorder->n_signals++ : ASSAY_NO_SIGNAL;
}

static inline void assay_recorder_set_outcome(assay_recorder *recorder, uint32_t signal,
                                              assay_outcome outcome) {
    if (signal != ASSAY_NO_SIGNAL)
        recorder->signal[signal].outcome = (uint8_t)outcome;
}

ASSAY_NODISCARD assay_status assay_recorder_add_fill(assay_recorder *recorder, const assay_fill *fill,
                                                     assay_error *err);
ASSAY_NODISCARD assay_status assay_recorder_add_trade(assay_recorder *recorder, const assay_trade *trade,
                                                      assay_error *err);
ASSAY_NODISCARD assay_status assay_recorder_add_snapshot(assay_recorder *recorder,
                                                         const assay_snapshot *snapshot, assay_error *err);

/* Room for the equity of that many bars. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_recorder_reserve_equity(assay_recorder *recorder, size_t n_bars,
                                                           assay_error *err);

/* Trades in trade_id order: closed ones by exit date, symbol, decision; then the open ones by symbol. */
void assay_recorder_sort_trades(assay_recorder *recorder);

ASSAY_NODISCARD assay_status assay_recorder_add_equity(assay_recorder *recorder, double equity,
                                                       assay_error *err);

#endif
