/* Names of the enumerations as the tables have them, and the text of reasons and warnings. */
#include <math.h>
#include <stdio.h>

#include "assay/assay_result.h"

#define NAME_AT(names, index)                                                                                \
    ((index) >= 0 && (size_t)(index) < sizeof(names) / sizeof *(names) ? (names)[index] : "?")

const char *assay_action_name(int action) {
    static const char *const names[] = {"HOLD", "BUY", "SELL", "INCREASE", "REDUCE", "TARGET"};
    return NAME_AT(names, action);
}

const char *assay_side_name(int side) {
    static const char *const names[] = {"BUY", "SELL"};
    return NAME_AT(names, side);
}

const char *assay_signal_status_name(int status) {
    static const char *const names[] = {"hold",      "already_ordered", "no_position",  "already_held",
                                        "at_target", "below_minimum",   "risk_limited", "ordered"};
    return NAME_AT(names, status);
}

const char *assay_outcome_name(int outcome) {
    static const char *const names[] = {"none",       "filled",   "partial",           "scaled",
                                        "expired",    "replaced", "insufficient_cash", "delisted",
                                        "open_at_end"};
    return NAME_AT(names, outcome);
}

const char *assay_fill_kind_name(int kind) {
    static const char *const names[] = {"market_open", "market_close", "delisting", "ruin"};
    return NAME_AT(names, kind);
}

typedef struct warning_text {
    const char *name, *text;
} warning_text;

static const warning_text warnings[ASSAY_N_WARNINGS] = {
    {"same_bar_fill", "orders fill at the very close that decided them, which nobody could have traded at"},
    {"price_levels",
     "commission_per_share or lot_size depend on price levels, but the data carry no splits: if they are "
     "adjusted, past price levels know later splits"},
    {"threshold_unreachable", "the threshold can never be reached with this lookback: no signal is possible"},
    {"ruined", "equity fell to 0 or below: everything was closed and nothing was opened any more"},
    {"no_signals", "the strategy made no signal in the period"},
    {"survivorship",
     "no symbol ends before the data do: the market may hold survivors only, which flatters results"},
};

static const warning_text *find_warning(uint32_t bit) {
    static const warning_text unknown = {"?", "unknown warning"};
    for (int i = 0; i < ASSAY_N_WARNINGS; i++) {
        if (bit == 1u << i)
            return &warnings[i];
    }
    return &unknown;
}

const char *assay_warning_name(uint32_t bit) {
    return find_warning(bit)->name;
}

const char *assay_warning_text(uint32_t bit) {
    return find_warning(bit)->text;
}

void assay_signal_reason(const assay_strategy *strategy, const assay_signal *signal, char *out_text,
                         size_t size) {
    const assay_signal_kind *kind = &strategy->kinds[signal->kind];
    snprintf(out_text, size, "%s%.*f%s", kind->reason_before, kind->reason_decimals,
             signal->value * kind->reason_scale, kind->reason_after);
}
