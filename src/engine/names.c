/* Names of the enumerations as the tables have them, and the text of reasons and warnings. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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
    static const char *const names[] = {"hold",      "already_ordered", "no_position",    "already_held",
                                        "at_target", "below_minimum",   "risk_limited",   "ordered",
                                        "overruled", "voted",           "not_in_universe"};
    return NAME_AT(names, status);
}

const char *assay_outcome_name(int outcome) {
    static const char *const names[] = {"none",       "filled",   "partial",           "scaled",
                                        "expired",    "replaced", "insufficient_cash", "delisted",
                                        "open_at_end"};
    return NAME_AT(names, outcome);
}

const char *assay_fill_kind_name(int kind) {
    static const char *const names[] = {"market_open", "market_close", "delisting", "ruin",
                                        "fold_end",    "cash_in_lieu", "spin_off"};
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

/* A number with up to 6 decimals, rounded half up in magnitude; a run writes hundreds of thousands of them. Returns the
 * length, or 0 where it is too large for this. */
static size_t write_decimal(double value, int decimals, char *out) {
    static const double scale[] = {1, 10, 100, 1000, 1e4, 1e5, 1e6};
    if (decimals < 0 || decimals > 6 || !(fabs(value) < 1e12))
        return 0;
    uint64_t units = (uint64_t)(fabs(value) * scale[decimals] + 0.5);
    char digits[24];
    size_t n = 0, length = 0;
    do {
        digits[n++] = (char)('0' + units % 10);
        units /= 10;
        if (n == (size_t)decimals)
            digits[n++] = '.';
    } while (units != 0 || n <= (size_t)decimals + (decimals > 0));
    if (value < 0)
        out[length++] = '-';
    while (n > 0)
        out[length++] = digits[--n];
    return length;
}

/* Appends a text as far as it fits, with room for the NUL. */
static size_t append(char *out_text, size_t size, size_t used, const char *text, size_t length) {
    size_t fits = used + 1 >= size ? 0 : size - used - 1;
    size_t n = length < fits ? length : fits;
    memcpy(out_text + used, text, n);
    return used + n;
}

void assay_signal_reason(const assay_strategy *strategy, const assay_signal *signal, char *out_text,
                         size_t size) {
    const assay_signal_kind *kind = &strategy->kinds[signal->kind];
    char number[64];
    if (size == 0)
        return;
    double shown = signal->value * kind->reason_scale;
    size_t length = kind->reason_scale == 0 ? 0 : write_decimal(shown, kind->reason_decimals, number);
    if (length == 0 && kind->reason_scale != 0)
        length = (size_t)snprintf(number, sizeof number, "%.6g", shown);
    size_t used = append(out_text, size, 0, kind->reason_before, strlen(kind->reason_before));
    used = append(out_text, size, used, number, length);
    used = append(out_text, size, used, kind->reason_after, strlen(kind->reason_after));
    out_text[used] = '\0';
}
