/* A strategy made of ready signals: rows that say when, which symbol and what.
 *
 * A row is decided at the bar at which its timestamp becomes known: one stamped on a day at that day's close, one stamped on a
 * weekend at the next bar. With rebalance_frequency other than daily the rows of bars that are not asked have no effect. What
 * is stamped before the first bar of the data counts at that bar, of each symbol the last row.
 */
#ifndef ASSAY_SIGNALS_H
#define ASSAY_SIGNALS_H

#include "assay/assay_panel.h"
#include "assay/assay_strategy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Arrays of n_rows, in any order, read during the call only. */
typedef struct assay_signal_rows {
    size_t n_rows;
    const char *source; /* what messages call them, such as a file's name; NULL: the strategy's name */
    const int64_t *timestamp_us;
    const char *const *symbol;
    const char *const
        *action;            /* BUY, SELL, HOLD, INCREASE, REDUCE, TARGET, in any case; NULL: all are TARGET */
    const double *strength; /* [0, 1]; NULL: 1 */
    const double *score;    /* NaN or NULL: the strength */
    const double *
        target_position; /* [-1, 1], below 0 for TARGET alone; NaN or NULL: 0 for REDUCE, else 1; TARGET needs one */
    const char *const *signal_type; /* NULL, or NULL in a row: "signal" */
    const char *const *reason;      /* likewise */
} assay_signal_rows;

/* Makes a strategy of rows. `name` and `reference` (what names it in a configuration) are copied. Reasons come back as they
 * are while all rows together have at most 64 kinds of action, signal_type and reason; beyond that a kind is action and
 * signal_type, and its reason "signal" unless all its rows have the same. Two rows of one symbol that are decided at one bar
 * stop the run. Destroy it with assay_strategy_destroy. ASSAY_E_DATA (source, row from 1, value), ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_signals_create(const char *name, const assay_signal_rows *rows,
                                                            const char *reference,
                                                            assay_strategy **out_strategy, assay_error *err);

/* Rows that a run over a panel passes over, whatever its period. */
typedef struct assay_signals_report {
    size_t n_rows;
    size_t n_unknown_symbol; /* the panel does not have it */
    size_t n_without_bar;    /* the symbol has no bar of its own where the row would be decided */
    size_t n_after_end;      /* stamped after the panel's last bar */
} assay_signals_report;

/* False where the strategy is not made of signals. */
ASSAY_API bool assay_signals_check(const assay_strategy *strategy, const assay_panel *panel,
                                   assay_signals_report *out_report);

#ifdef __cplusplus
}
#endif
#endif
