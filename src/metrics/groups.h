/* Trades by what they have in common. Pure functions. */
#ifndef ASSAY_METRICS_GROUPS_H
#define ASSAY_METRICS_GROUPS_H

#include "assay/assay_result.h"

/* Sums and means over a group's trades. Counts, rates and means are of closed trades; pnl, costs and dividends of all, so that
 * the groups' pnl sum to the run's. Undefined is NaN; profit_factor as in metrics.def. */
typedef struct assay_trade_group {
    uint32_t group;
    size_t n_closed, n_open, n_won, n_lost;
    double pnl, commission, slippage, dividends;
    double avg_pnl, win_rate, profit_factor, avg_bars_held, avg_mae, avg_mfe;
} assay_trade_group;

/* group[i] < n_groups is the group of trade i. Writes n_groups rows by number; ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_trades_group(const assay_trade *trades, size_t n, const uint32_t *group,
                                                size_t n_groups, assay_trade_group *out, assay_error *err);

#endif
