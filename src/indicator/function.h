/* Windowed and recursive functions of a symbol's own bars: moving averages, oscillators, statistics.
 *
 * A function is one row of the table in functions.def and one kernel. A kernel works on matrices in own time
 * (market/panel.h): row r holds all symbols side by side, a symbol's own bars are consecutive rows, and rows before its first
 * own bar and after its last one are NaN. It computes all rows at once and never reads row r' > r for row r.
 *
 *   windowed    bit for bit a function of the last W = warm_up + 1 rows; a NaN within them makes the result NaN (lag, mom,
 *               roc and return read the two ends only)
 *   recursive   a function of all rows since the symbol's first finite input; an input that is not finite gives NaN at its
 *               row and leaves the state as it was
 *
 * A quotient 0 / 0 (the rsi of a constant price) is NaN.
 *
 * Each symbol (column) has its own fixed order of operations, so every vector width gives the same bits. Only + - x / and
 * sqrt are used, and what base/elementary.h offers: no exp, log or pow of the C library.
 */
#ifndef ASSAY_INDICATOR_FUNCTION_H
#define ASSAY_INDICATOR_FUNCTION_H

#include "market/panel.h"

enum { ASSAY_MAX_SERIES = 4, ASSAY_MAX_NUMBERS = 4 };

/* How a result scales with a later split, from the powers of the inputs (price 1, volume -1, number 0). */
typedef enum assay_power_rule {
    ASSAY_POWER_OF_FIRST = 0, /* as the first series: sma, min, slope */
    ASSAY_POWER_NONE = 1,     /* a pure number: rsi, zscore, correlation */
    ASSAY_POWER_PRICE = 2,    /* as a price: atr */
    ASSAY_POWER_VOLUME = 3,   /* as a volume: obv */
    ASSAY_POWER_SQUARE = 4,   /* twice the first: variance */
    ASSAY_POWER_PRODUCT = 5,  /* the first and the second: covariance */
    ASSAY_POWER_QUOTIENT = 6  /* the first less the second: beta */
} assay_power_rule;

/* A number that a function takes behind its series. */
typedef struct assay_function_number {
    const char *name;
    bool is_window; /* a whole number of own bars */
    double min, max;
    double default_value; /* NaN: it must be given */
} assay_function_number;

typedef struct assay_kernel_input {
    const assay_panel *panel;
    size_t n_rows, stride; /* of every matrix; stride >= n_symbols, a multiple of a cache line */
    const double
        *series[ASSAY_MAX_SERIES]; /* the given ones, then the implied columns; aligned as a panel's */
    const double *number;          /* checked against the table */
    int power;                     /* of the first series */
} assay_kernel_input;

/* Writes n_rows x stride values to `out`, which is none of the inputs. ASSAY_E_NOMEM (scratch). */
typedef assay_status assay_kernel(const assay_kernel_input *in, double *out, assay_error *err);

typedef struct assay_function {
    const char *name;
    const char *series[ASSAY_MAX_SERIES]; /* names of the series that are given: "x", "y" */
    uint32_t n_series;
    int implied[ASSAY_MAX_SERIES]; /* ASSAY_COLUMN_*: columns of the panel that it reads besides, in order */
    uint32_t n_implied;
    assay_function_number number[ASSAY_MAX_NUMBERS];
    uint32_t n_numbers;
    assay_power_rule power;
    bool is_recursive;
    assay_kernel *compute;
    /* Rows from a symbol's first own bar to the first result that is not NaN, on finite inputs: sma(x, 20) has 19. */
    size_t (*warm_up)(const double *number);
    const char *formula; /* one line, for docs/indicators.md */
    const char *source;  /* paper, book, or the definition's best-known implementation */
} assay_function;

size_t assay_function_count(void);
const assay_function *assay_function_at(size_t index);
/* NULL where there is none of that name. */
const assay_function *assay_function_find(const char *name);

#endif
