/* Ready signals, checked and sorted. Internal to the strategy of signals. */
#ifndef ASSAY_STRATEGY_SIGNAL_ROWS_H
#define ASSAY_STRATEGY_SIGNAL_ROWS_H

#include "assay/assay_signals.h"
#include "market/symbol_table.h"

typedef struct assay_ready_signal {
    int64_t timestamp_us;
    double strength, score, target_position; /* NaN: the kind's own */
    uint32_t symbol;                         /* rank of its name among those of the rows */
    uint32_t number;                         /* of the row, from 1 */
    uint16_t kind;
} assay_ready_signal;

typedef struct assay_ready_signals {
    assay_ready_signal *row; /* by timestamp, symbol, number */
    size_t n_rows;
    assay_symbol_table symbols, types, reasons; /* texts, owned */
    const char **symbol;                        /* names in byte order */
    size_t n_symbols;
    assay_signal_kind kinds[ASSAY_MAX_KINDS];
    uint32_t n_kinds;
} assay_ready_signals;

/* Checks, copies and sorts. `source` begins messages. Reset it in every case. ASSAY_E_DATA, ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_ready_signals_init(assay_ready_signals *out, const assay_signal_rows *rows,
                                                      const char *source, assay_error *err);
void assay_ready_signals_reset(assay_ready_signals *signals);

#endif
