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

enum { ASSAY_STRATEGY_ABI_VERSION = 1, ASSAY_MAX_PARAMS = 32, ASSAY_MAX_FEATURES = 16, ASSAY_MAX_KINDS = 16 };

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
 * reason_decimals decimals, then `reason_after`. */
typedef struct assay_signal_kind {
    const char *signal_type; /* "momentum_strong" */
    assay_action action;
    double target_position; /* fraction of the full position, where the strategy gives none of its own */
    const char *reason_before;
    double reason_scale;
    int reason_decimals;
    const char *reason_after;
} assay_signal_kind;

/* A windowed feature over own bars: pure, bit for bit a function of the last `window` own bars. */
typedef enum assay_feature_kind {
    ASSAY_FEATURE_WINDOW_RETURN = 0, /* c[t] / c[t-(window-1)] - 1 */
    ASSAY_FEATURE_ZSCORE = 1         /* (c[t] - mean) / (std + 1e-6), ddof 1, at the as-of raw scale */
} assay_feature_kind;

typedef struct assay_feature {
    assay_feature_kind kind;
    uint32_t window; /* own bars, the current one included */
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

typedef struct assay_strategy {
    uint32_t abi_version; /* ASSAY_STRATEGY_ABI_VERSION */
    const char *name;
    const char *summary; /* one line */
    const assay_param *params;
    uint32_t n_params;
    const assay_signal_kind *kinds;
    uint32_t n_kinds;
    /* Writes the features for these parameter values; returns how many (at most ASSAY_MAX_FEATURES). */
    uint32_t (*features)(const double *params, assay_feature *out_features);
    /* Checks parameters together; may be NULL. A warning text (or NULL) goes to *out_warning (static storage). */
    assay_status (*check)(const double *params, const char **out_warning, assay_error *err);
    /* Non-NULL: the strategy is this form, and on_bar is not called. */
    const assay_threshold_form *threshold_form;
    /* State of one run; both may be NULL for a strategy without state. */
    assay_status (*create)(const double *params, size_t n_symbols, void **out_state, assay_error *err);
    void (*destroy)(void *state);
    /* Called at each rebalance bar; emits signals into the sink in ascending symbol order. */
    assay_status (*on_bar)(void *state, const double *params, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err);
} assay_strategy;

/* --- the view: what is known at the close of the bar --- */
ASSAY_API size_t assay_view_n_symbols(const assay_view *view);
ASSAY_API int64_t assay_view_timestamp_us(const assay_view *view);
/* n_symbols values of declared feature `index` at this bar; NaN = no signal possible. */
ASSAY_API const double *assay_view_feature(const assay_view *view, uint32_t index);
/* n_symbols raw closes of this bar; NaN = no bar of its own. */
ASSAY_API const double *assay_view_close(const assay_view *view);
/* The as-of split-adjusted close `lag` own bars before this one (0 = this bar); NaN where there is none. */
ASSAY_API double assay_view_adjusted_close(const assay_view *view, size_t symbol, size_t lag);
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

/* The built-in strategies, in the order of their list. */
ASSAY_API size_t assay_strategy_count(void);
ASSAY_API const assay_strategy *assay_strategy_at(size_t index);
/* NULL and an error with the nearest known name where there is none. */
ASSAY_API const assay_strategy *assay_strategy_find(const char *name, assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
