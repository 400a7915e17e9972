/* What a strategy is. The built-in strategies, plugins and bindings all are one assay_strategy descriptor.
 *
 * A strategy declares its parameters (bounds, defaults), the kinds of signals it can emit and the features it reads. The
 * engine computes every feature for the whole panel, and asks the strategy at each rebalance bar with a view as of that
 * bar; nothing after the bar can be reached through the view.
 */
#ifndef ASSAY_STRATEGY_H
#define ASSAY_STRATEGY_H

#include <stdbool.h>
#include <stdint.h>

#include "assay/assay_error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ASSAY_STRATEGY_ABI_VERSION = 2,
    ASSAY_MAX_PARAMS = 128,
    ASSAY_MAX_FEATURES = 64,
    ASSAY_MAX_KINDS = 128,
    ASSAY_MAX_MEMBERS = 64 /* strategies of an ensemble */
};

typedef enum assay_action {
    ASSAY_ACTION_HOLD = 0,
    ASSAY_ACTION_BUY = 1,
    ASSAY_ACTION_SELL = 2,
    ASSAY_ACTION_INCREASE = 3,
    ASSAY_ACTION_REDUCE = 4,
    ASSAY_ACTION_TARGET = 5
} assay_action;

typedef enum assay_param_type { ASSAY_PARAM_DOUBLE = 0, ASSAY_PARAM_INTEGER = 1 } assay_param_type;

/* One parameter: inclusive bounds; values travel as doubles. */
typedef struct assay_param {
    const char *name;
    assay_param_type type;
    double default_value;
    double min;
    double max;
    const char *unit; /* "bars", "fraction", "" … */
    const char *help; /* one line */
} assay_param;

/* One kind of signal. Reason text is made when somebody reads it: `reason_before`, then value x reason_scale with
 * reason_decimals decimals, then `reason_after`; with reason_scale 0 there is no number. A TARGET's target_position may be NaN:
 * each of its signals then gives one. */
typedef struct assay_signal_kind {
    const char *signal_type; /* "momentum_strong" */
    assay_action action;
    double target_position; /* fraction of the full position, where the strategy gives none of its own */
    const char *reason_before;
    double reason_scale;
    int reason_decimals;
    const char *reason_after;
} assay_signal_kind;

/* A feature over own bars, computed by the engine for the whole panel: at each bar a function of what is known by then. */
typedef enum assay_feature_kind {
    ASSAY_FEATURE_WINDOW_RETURN = 0, /* c[t] / c[t-(window-1)] - 1 */
    ASSAY_FEATURE_ZSCORE = 1,        /* (c[t] - mean) / (std + 1e-6), ddof 1, at the as-of raw scale */
    ASSAY_FEATURE_MARKET_BETA = 2,   /* cov / var of the last `window` returns against the market's */
    ASSAY_FEATURE_EXPRESSION = 3     /* any expression of the rule language, such as "rsi(close, lookback)" */
} assay_feature_kind;

typedef struct assay_feature {
    assay_feature_kind kind;
    uint32_t window; /* own bars, the current one included; of an expression: unused */
    const char
        *expression; /* docs/rules.md; may name the strategy's parameters. Lives as long as the strategy. */
} assay_feature;

/* The declarative form of a strategy that compares one feature with a threshold: value > threshold emits kind_above,
 * value < -threshold emits kind_below; score |value|; strength min(score / (2 threshold), 1). */
typedef struct assay_threshold_form {
    uint32_t feature;         /* index into the declared features */
    uint32_t threshold_param; /* index of the parameter */
    uint32_t kind_above;
    uint32_t kind_below;
} assay_threshold_form;

/* What a strategy sees at a bar. Opaque; valid during the call only. */
typedef struct assay_view assay_view;
/* Where a strategy puts its signals. Opaque; valid during the call only. */
typedef struct assay_signal_sink assay_signal_sink;

typedef struct assay_strategy assay_strategy;
struct assay_strategy {
    uint32_t abi_version; /* ASSAY_STRATEGY_ABI_VERSION */
    const char *name;
    const char *summary; /* one line */
    const assay_param *params;
    uint32_t n_params;
    const assay_signal_kind *kinds;
    uint32_t n_kinds;
    const void *context; /* the descriptor's own data, handed to the first three callbacks; may be NULL */
    /* Writes the features for these parameter values; returns how many (at most ASSAY_MAX_FEATURES). May be NULL. */
    uint32_t (*features)(const void *context, const double *params, assay_feature *out_features);
    /* Checks parameters together; may be NULL. A warning text (or NULL) goes to *out_warning (static storage). */
    assay_status (*check)(const void *context, const double *params, const char **out_warning,
                          assay_error *err);
    /* State of one run; both may be NULL for a strategy without state. */
    assay_status (*create)(const void *context, const double *params, size_t n_symbols, void **out_state,
                           assay_error *err);
    void (*destroy)(void *state);
    /* Called at each rebalance bar; emits signals into the sink in ascending symbol order. */
    assay_status (*on_bar)(void *state, const double *params, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err);
    /* Non-NULL: the strategy is this form, and on_bar is not called. */
    const assay_threshold_form *threshold_form;

    bool needs_sectors; /* it asks for sectors, which are then loaded; without it the view has none */

    /* The rest is for strategies that are made while the program runs; leave it out. */
    const char *reference; /* what names it in a configuration; NULL: its name */
    const struct assay_ensemble *ensemble;
    void (*release)(assay_strategy *strategy);
};

/* Frees a strategy that was made (a rule, a plugin, signals, an ensemble). NULL and static ones: nothing. */
ASSAY_API void assay_strategy_destroy(assay_strategy *strategy);

/* --- the view: what is known at the close of the bar --- */
ASSAY_API size_t assay_view_n_symbols(const assay_view *view);
ASSAY_API int64_t assay_view_timestamp_us(const assay_view *view);
/* n_symbols values of declared feature `index` at this bar; NaN = no signal possible. */
ASSAY_API const double *assay_view_feature(const assay_view *view, uint32_t index);
/* n_symbols raw closes of this bar; NaN = no bar of its own. */
ASSAY_API const double *assay_view_close(const assay_view *view);
/* n_symbols raw values of a price column at this bar (ASSAY_COLUMN_* of assay_panel.h); NULL where the data have none. */
ASSAY_API const double *assay_view_column(const assay_view *view, int column);
/* The as-of split-adjusted close `lag` own bars before this one (0 = this bar); NaN where there is none. */
ASSAY_API double assay_view_adjusted_close(const assay_view *view, size_t symbol, size_t lag);
/* The name of a symbol; owned by the panel. */
ASSAY_API const char *assay_view_symbol(const assay_view *view, size_t symbol);
/* Sectors, of a strategy that needs_sectors. They are numbered in byte order of their names. n_symbols numbers, ASSAY_VIEW_NO_SECTOR for a symbol without one; NULL
 * where no symbol has a sector. */
#define ASSAY_VIEW_NO_SECTOR UINT32_MAX
ASSAY_API const uint32_t *assay_view_sectors(const assay_view *view);
/* One byte a symbol: 1 where it is not in the point-in-time universe at this bar; NULL: every symbol is. */
ASSAY_API const uint8_t *assay_view_outside(const assay_view *view);
ASSAY_API size_t assay_view_n_sectors(const assay_view *view);
ASSAY_API const char *assay_view_sector_name(const assay_view *view, uint32_t sector); /* NULL: no such */
/* Own bars of a symbol up to and including this one. */
ASSAY_API size_t assay_view_own_bars(const assay_view *view, size_t symbol);
/* The same column (ASSAY_COLUMN_* of assay_panel.h), as of this bar, `lag` own bars before; NaN where there is none. */
ASSAY_API double assay_view_adjusted(const assay_view *view, int column, size_t symbol, size_t lag);
/* Everything stamped before this is known at this bar, and what is stamped before the other was known at the bar before
 * (INT64_MIN at the first bar of the data). */
ASSAY_API int64_t assay_view_known_until_us(const assay_view *view);
ASSAY_API int64_t assay_view_known_before_us(const assay_view *view);
/* How often the strategy was asked before in this run. */
ASSAY_API uint64_t assay_view_times_asked(const assay_view *view);
/* Own bars since the entry of the position's oldest lot, and its mark over what was paid, less 1, in the position's
 * direction; NaN where the symbol is not held. */
ASSAY_API double assay_view_bars_held(const assay_view *view, size_t symbol);
ASSAY_API double assay_view_unrealised_return(const assay_view *view, size_t symbol);
/* Signed quantity held by this strategy's book, in shares of this bar. */
ASSAY_API double assay_view_quantity(const assay_view *view, size_t symbol);
ASSAY_API double assay_view_cash(const assay_view *view);
ASSAY_API double assay_view_equity(const assay_view *view);

/* Emits one signal. `kind` indexes the descriptor's kinds; `value` fills the reason; score ranks; strength in [0, 1];
 * target_position NaN: the kind's own. ASSAY_E_STRATEGY on nonsense (NaN or out-of-range strength, unknown symbol or kind,
 * symbols not ascending); the run then stops with the strategy's name. */
ASSAY_API ASSAY_NODISCARD assay_status assay_signal_emit(assay_signal_sink *sink, size_t symbol,
                                                         uint32_t kind, double value, double score,
                                                         double strength, double target_position,
                                                         assay_error *err);

/* Several strategies as one, over one portfolio or a sleeve each (setting `combine`): its parameters are the members',
 * named MEMBER.PARAMETER, and MEMBER.weight. A strategy that is named twice becomes NAME and NAME#2. The members must
 * outlive it. ASSAY_E_CONFIG: too many of them, or of their parameters. Destroy it with assay_strategy_destroy. */
ASSAY_API ASSAY_NODISCARD assay_status assay_ensemble_create(const assay_strategy *const *members, size_t n,
                                                             assay_strategy **out_strategy, assay_error *err);

/* The built-in strategies, in the order of their list. */
ASSAY_API size_t assay_strategy_count(void);
ASSAY_API const assay_strategy *assay_strategy_at(size_t index);
/* NULL and an error with the nearest known name where there is none. */
ASSAY_API const assay_strategy *assay_strategy_find(const char *name, assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
