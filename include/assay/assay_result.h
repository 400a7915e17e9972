/* A backtest: running it, and the fixed-size records that it leaves.
 *
 * Records hold numbers and ids; text (reasons, JSON parameters, dates) is made by whoever reads them. Symbols and bars are
 * indices into the panel that was run. Quantities are shares in units of the record's own date.
 */
#ifndef ASSAY_RESULT_H
#define ASSAY_RESULT_H

#include "assay/assay_config.h"
#include "assay/assay_error.h"
#include "assay/assay_panel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_result assay_result;

typedef enum assay_side { ASSAY_SIDE_BUY = 0, ASSAY_SIDE_SELL = 1 } assay_side;

typedef enum assay_signal_status {
    ASSAY_SIGNAL_HOLD = 0, /* a HOLD: nothing to decide */
    ASSAY_SIGNAL_ALREADY_ORDERED = 1,
    ASSAY_SIGNAL_NO_POSITION = 2,
    ASSAY_SIGNAL_ALREADY_HELD = 3,
    ASSAY_SIGNAL_AT_TARGET = 4,
    ASSAY_SIGNAL_BELOW_MINIMUM = 5,
    ASSAY_SIGNAL_RISK_LIMITED = 6,
    ASSAY_SIGNAL_ORDERED = 7,
    ASSAY_SIGNAL_OVERRULED = 8,       /* combine: union; another strategy's exit of this bar wins */
    ASSAY_SIGNAL_VOTED = 9,           /* combine: vote; counted, the vote decides */
    ASSAY_SIGNAL_NOT_IN_UNIVERSE = 10 /* its symbol is not in the universe at that bar */
} assay_signal_status;

typedef enum assay_outcome {
    ASSAY_OUTCOME_NONE = 0,
    ASSAY_OUTCOME_FILLED = 1,
    ASSAY_OUTCOME_PARTIAL = 2,
    ASSAY_OUTCOME_SCALED = 3,
    ASSAY_OUTCOME_EXPIRED = 4,
    ASSAY_OUTCOME_REPLACED = 5,
    ASSAY_OUTCOME_INSUFFICIENT_CASH = 6,
    ASSAY_OUTCOME_DELISTED = 7,
    ASSAY_OUTCOME_OPEN_AT_END = 8
} assay_outcome;

typedef enum assay_fill_kind {
    ASSAY_FILL_MARKET_OPEN = 0,
    ASSAY_FILL_MARKET_CLOSE = 1,
    ASSAY_FILL_DELISTING = 2,
    ASSAY_FILL_RUIN = 3,
    ASSAY_FILL_FOLD_END = 4,     /* the end of a walk-forward's test */
    ASSAY_FILL_CASH_IN_LIEU = 5, /* what a split left of a share */
    ASSAY_FILL_SPIN_OFF = 6      /* shares that a spin-off brought */
} assay_fill_kind;

enum { ASSAY_NO_SIGNAL = 0xffffffff };

typedef struct assay_signal {
    uint32_t bar;
    uint32_t symbol;
    double value;           /* what the reason shows */
    double score;           /* unscaled, ranks signals */
    double strength;        /* [0, 1] */
    double target_position; /* fraction of the full position */
    double order_quantity;  /* of the order that it made, in shares of the bar; 0: none */
    uint16_t strategy;      /* index of the strategy in the run; one behind the last: the vote */
    uint16_t kind;          /* index into the strategy's kinds */
    uint8_t action;         /* assay_action */
    uint8_t status;         /* assay_signal_status */
    uint8_t outcome;        /* assay_outcome */
    uint8_t reserved;
} assay_signal;

typedef struct assay_fill {
    uint64_t order_id; /* from 1, in order of decision; a delisting or ruin has one of its own */
    uint32_t bar;
    uint32_t symbol;
    double quantity; /* > 0 */
    double price;
    double reference_price; /* before slippage */
    double commission;      /* money */
    double slippage;        /* money, already in the price */
    uint16_t strategy;
    uint8_t side; /* assay_side */
    uint8_t kind; /* assay_fill_kind */
    uint32_t reserved;
} assay_fill;

typedef struct assay_trade {
    uint64_t order_id; /* of the closing order; 0 while open */
    uint32_t symbol;
    uint32_t entry_bar; /* of the oldest lot consumed */
    uint32_t exit_bar;  /* of the last fill; the last bar while open */
    uint32_t bars_held; /* own bars after the entry bar up to the exit bar */
    double entry_price; /* quantity-weighted, in share units of the exit date */
    double exit_price;  /* the mark while open */
    double quantity;
    double entry_value;
    double exit_value;
    double commission;     /* both sides */
    double slippage;       /* both sides */
    double dividends;      /* received (long) less paid (short) */
    double pnl;            /* net of all */
    double pnl_pct;        /* pnl / entry value: a fraction */
    double mae_pct;        /* <= 0 */
    double mfe_pct;        /* >= 0 */
    uint32_t entry_signal; /* index into the signals, or ASSAY_NO_SIGNAL */
    uint32_t exit_signal;  /* likewise; ASSAY_NO_SIGNAL for a delisting */
    uint16_t strategy;     /* who opened it: of the oldest lot consumed */
    int8_t direction;      /* +1 long, -1 short */
    uint8_t is_open;
    uint8_t exit_kind; /* assay_fill_kind of the last fill */
    uint8_t reserved[3];
} assay_trade;

typedef struct assay_snapshot {
    uint32_t bar;
    uint32_t num_positions;
    uint32_t stale_positions;
    uint32_t reserved;
    double cash;
    double receivable; /* dividends whose pay date is still to come */
    double total_value;
    double gross_value;
    double net_exposure;
    double max_position_size;
    double concentration;
    double leverage;
    double daily_return;
    double cumulative_return;
    double drawdown;
    double turnover;
} assay_snapshot;

typedef enum assay_warning {
    ASSAY_WARNING_SAME_BAR_FILL = 1u << 0,
    ASSAY_WARNING_PRICE_LEVELS = 1u << 1, /* settings that depend on price levels, data without events */
    ASSAY_WARNING_THRESHOLD_UNREACHABLE = 1u << 2, /* a z-score that can never be reached */
    ASSAY_WARNING_RUINED = 1u << 3,
    ASSAY_WARNING_NO_SIGNALS = 1u << 4,
    ASSAY_WARNING_NO_DELISTING = 1u << 5 /* no symbol ever ends: survivorship */
} assay_warning;
enum { ASSAY_N_WARNINGS = 6 };

/* Which records a run keeps. Snapshots are always kept: the metrics need them. */
typedef enum assay_keep { ASSAY_KEEP_ALL = 0, ASSAY_KEEP_METRICS = 1 } assay_keep;

/* Runs one backtest. `*out_result` belongs to the caller (assay_result_destroy); it refers to `panel` and `config`'s
 * strategy, which must outlive it. ASSAY_E_CONFIG, ASSAY_E_DATA (no bar in the period), ASSAY_E_STRATEGY, ASSAY_E_NOMEM,
 * ASSAY_E_INTERNAL (the ledger did not close; the message names the bar). Safe to call from several threads at once. */
ASSAY_API ASSAY_NODISCARD assay_status assay_run(const assay_panel *panel, const assay_config *config,
                                                 assay_keep keep, assay_result **out_result,
                                                 assay_error *err);
ASSAY_API void assay_result_destroy(assay_result *result); /* NULL: nothing */

/* The records; arrays belong to the result. Signals are in order of bar, strategy, symbol; fills in the order in which
 * they happened; trades in trade_id order (closed: exit date, symbol, decision; then the open ones in symbol order);
 * snapshots one a bar of the period. */
ASSAY_API const assay_signal *assay_result_signals(const assay_result *result, size_t *out_count);
ASSAY_API const assay_fill *assay_result_fills(const assay_result *result, size_t *out_count);
ASSAY_API const assay_trade *assay_result_trades(const assay_result *result, size_t *out_count);
ASSAY_API const assay_snapshot *assay_result_snapshots(const assay_result *result, size_t *out_count);

/* What was held at the close of each bar of the period: shares (below zero: short; splits are followed) and their value at the
 * last close, as the ledger marks it. `symbols`: numbers of the panel, n_symbols of them; both outputs: n_snapshots x n_symbols, a row
 * a bar. The values of all symbols sum to the snapshot's net_exposure. ASSAY_E_ARGUMENT (no such symbol), ASSAY_E_NOMEM. Needs
 * ASSAY_KEEP_ALL. */
ASSAY_API ASSAY_NODISCARD assay_status assay_result_positions(const assay_result *result,
                                                              const uint32_t *symbols, size_t n_symbols,
                                                              double *out_quantity, double *out_value,
                                                              assay_error *err);

ASSAY_API const assay_panel *assay_result_panel(const assay_result *result);
ASSAY_API const assay_config *assay_result_config(const assay_result *result);
ASSAY_API uint32_t assay_result_warnings(const assay_result *result); /* assay_warning bits */
ASSAY_API size_t assay_result_delisted_positions(const assay_result *result);
ASSAY_API double
assay_result_financing(const assay_result *result); /* interest less fees: money, whole run */
ASSAY_API double assay_result_borrow_fees(const assay_result *result); /* the fees in it, >= 0 */
ASSAY_API double assay_result_periods_per_year(const assay_result *result);

/* What each strategy of an ensemble brought. closed_pnl and open_pnl of all, the run's financing and cents of rounding are
 * the run's gain. */
typedef struct assay_strategy_result {
    const char *name; /* of the member: "momentum#2" */
    size_t n_signals; /* 0 where signals are not kept */
    size_t n_trades;  /* closed */
    double closed_pnl, open_pnl;
    double capital,
        equity; /* of its sleeve, at the start and at the end; NaN where the portfolio is shared */
} assay_strategy_result;

/* One row a strategy, in the order of the configuration; a run of one strategy has one row. Belongs to the result. */
ASSAY_API const assay_strategy_result *assay_result_strategies(const assay_result *result, size_t *out_count);
/* The numbers of such a row by the names that backtest_results has for them: "pnl" (closed), "open_pnl", "trades" …; NaN where
 * there is none. */
enum {
    ASSAY_STRATEGY_PNL = 0,
    ASSAY_STRATEGY_OPEN_PNL = 1,
    ASSAY_STRATEGY_TRADES = 2,
    ASSAY_STRATEGY_SIGNALS = 3,
    ASSAY_STRATEGY_CAPITAL = 4,
    ASSAY_STRATEGY_EQUITY = 5,
    ASSAY_N_STRATEGY_FIELDS = 6
};
ASSAY_API const char *assay_strategy_field_name(size_t field);
ASSAY_API double assay_strategy_field(const assay_strategy_result *row, size_t field);
ASSAY_API void assay_strategy_set_field(assay_strategy_result *row, size_t field, double value);
/* The name of a record's `strategy`; "vote" for the one behind the last. Never NULL. */
ASSAY_API const char *assay_result_strategy_name(const assay_result *result, size_t index);

/* Metrics: rows of one table (src/metrics/metrics.def). Undefined is NaN. The first assay_metric_count() are those of every
 * run and every point of a sweep; single runs have assay_run_metric_count(), once they were analysed. */
typedef struct assay_metric {
    const char *name;
    const char *group; /* "return", "risk", "ratio", "trades", "benchmark", "honesty" */
    const char *unit;  /* "%", "ratio", "trades", "money", "bars" … */
    const char *formula;
    const char *source;
} assay_metric;
ASSAY_API size_t assay_metric_count(void);
ASSAY_API const assay_metric *assay_metric_at(size_t index); /* NULL from assay_metric_count() on */
ASSAY_API size_t assay_run_metric_count(void);
ASSAY_API const assay_metric *assay_run_metric_at(size_t index); /* the same rows, then the others */

/* Adds the metrics of single runs to a result. The benchmark is the panel's (assay_panel_set_benchmark); without one it is the
 * mean of the symbols' returns. `seed` is that of the resampling. Doing it twice changes nothing. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_result_analyse(assay_result *result, uint64_t seed,
                                                            assay_error *err);

/* In the order of the table; how many there are: assay_metric_count(), once analysed assay_run_metric_count(). */
ASSAY_API const double *assay_result_metrics(const assay_result *result);
ASSAY_API size_t assay_result_n_metrics(const assay_result *result);

/* Names as the tables have them; static storage, never NULL. */
ASSAY_API const char *assay_action_name(int action);        /* "BUY" */
ASSAY_API const char *assay_side_name(int side);            /* "BUY" */
ASSAY_API const char *assay_signal_status_name(int status); /* "ordered" */
ASSAY_API const char *assay_outcome_name(int outcome);      /* "filled"; "none" */
ASSAY_API const char *assay_fill_kind_name(int kind);       /* "market_open" … "delisting" */
ASSAY_API const char *assay_warning_name(uint32_t bit);     /* "same_bar_fill" */
ASSAY_API const char *assay_warning_text(uint32_t bit);     /* a sentence for people */

/* The reason of a signal as text, such as "Momentum: 12.34%"; cut at `size`. */
ASSAY_API void assay_signal_reason(const assay_strategy *strategy, const assay_signal *signal, char *out_text,
                                   size_t size);

#ifdef __cplusplus
}
#endif
#endif
