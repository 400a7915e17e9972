/* Exponential smoothing of a row of symbols, the step of most recursive functions. */
#ifndef ASSAY_INDICATOR_SMOOTH_H
#define ASSAY_INDICATOR_SMOOTH_H

#include <stddef.h>

/* value += weight (x - value), seeded with the mean of the first `period` values (their running mean, so that a constant
 * stays itself to the last bit). `row` is counted so that a column's first x comes at row `begin`. The result is NaN until
 * the seed is full. `value` is the state, 0 at the start. */
void assay_smooth_row(size_t n, double row, double period, double weight, const double *restrict begin,
                      const double *restrict x, double *restrict value, double *restrict out);

/* The weight of an exponential moving average of n rows. */
static inline double assay_ema_weight(double n) {
    return 2 / (n + 1);
}

#endif
