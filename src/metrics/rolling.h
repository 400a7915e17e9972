/* Metrics over windows that move bar by bar, and over calendar periods. Pure functions of returns; undefined is NaN. */
#ifndef ASSAY_METRICS_ROLLING_H
#define ASSAY_METRICS_ROLLING_H

#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"

/* Arrays of n values, NaN before a window is full; each value is a function of its window's returns alone. */
typedef struct assay_rolling {
    double *sharpe;       /* mean(r - rf / P) / std(r, ddof 1) x sqrt(P) */
    double *volatility;   /* std(r, ddof 1) x sqrt(P) */
    double *beta;         /* to the benchmark, over the pairs that it has; NULL where there is no benchmark */
    double *max_drawdown; /* <= 0, of the window's own curve */
} assay_rolling;

/* 2 <= window. The arrays are the caller's; beta may be NULL. Time n x window. */
void assay_rolling_compute(const double *returns, const double *benchmark, size_t n, size_t window,
                           double periods_per_year, double risk_free_rate, assay_rolling *out);

typedef enum assay_period_kind {
    ASSAY_PERIOD_YEAR = 0,
    ASSAY_PERIOD_QUARTER = 1,
    ASSAY_PERIOD_MONTH = 2,
    ASSAY_PERIOD_WEEKDAY = 3, /* 0 Monday … 6 Sunday */
    ASSAY_PERIOD_REGIME = 4   /* of the benchmark: see assay_regimes_of */
} assay_period_kind;
enum { ASSAY_N_PERIOD_KINDS = 5 };

/* What one year, quarter, month, weekday or regime brought. Returns of bars that are not neighbours (weekdays, regimes) are
 * compounded as if they were. */
typedef struct assay_period_row {
    int32_t number; /* year; year x 4 + quarter from 0; year x 12 + month from 0; weekday; regime */
    size_t n_bars;
    double total_return;     /* fraction, compounded */
    double benchmark_return; /* NaN: none */
    double volatility;       /* std(r, ddof 1) x sqrt(P) */
    double sharpe;           /* mean(r - rf / P) / std(r, ddof 1) x sqrt(P) */
    double max_drawdown;     /* <= 0 */
    double best, worst;      /* returns of a bar */
    double win_rate;         /* share of r > 0 among r != 0 */
} assay_period_row;

/* Number of a bar in its kind: numbers[n], ascending for years, quarters and months. Weekdays and regimes may be in any order;
 * negative: in none. Rows come out by number; free *out_rows with free(). ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_periods_compute(const double *returns, const double *benchmark,
                                                   const int32_t *numbers, size_t n, double periods_per_year,
                                                   double risk_free_rate, assay_period_row **out_rows,
                                                   size_t *out_n, assay_error *err);

/* Numbers of bars by kind of calendar period. */
void assay_period_numbers(const int64_t *time_us, size_t n, assay_period_kind kind, int32_t *out_numbers);

/* Regimes of the benchmark: bit 0: its curve is at least its mean over the last `window` bars (bull, else bear); bit 1: its
 * volatility over them is above the median of all such volatilities (high, else low). -1 until a window is full. The median
 * is of the whole run: a regime describes the past and is nothing to trade on. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_regimes_of(const double *benchmark, size_t n, size_t window,
                                              int32_t *out_numbers, assay_error *err);

#endif
