/* The stationary block bootstrap: how far a result could have been otherwise.
 *
 * Source: D. Politis, J. Romano, "The Stationary Bootstrap", JASA 89(428), 1994. Blocks of consecutive returns, taken around the
 * end to the beginning, whose lengths are geometric with the mean n^(1/3); seeded, the same on every machine.
 */
#ifndef ASSAY_METRICS_BOOTSTRAP_H
#define ASSAY_METRICS_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"

typedef struct assay_interval {
    double low, high;
} assay_interval;

typedef struct assay_bootstrap {
    assay_interval sharpe_ratio; /* as metrics.def defines it */
    assay_interval total_return; /* a fraction */
} assay_bootstrap;

/* The 95 % intervals (percentiles 2.5 and 97.5 of n_resamples). NaN where there are fewer than two returns, where a return is
 * -1 or less, and for a Sharpe ratio without volatility. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_bootstrap_returns(const double *returns, size_t n, double periods_per_year,
                                                     double risk_free_rate, size_t n_resamples, uint64_t seed,
                                                     assay_bootstrap *out, assay_error *err);

#endif
