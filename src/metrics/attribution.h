/* Where a result came from: Brinson-Fachler attribution, linked over time. Pure functions.
 *
 * In a period, segment i has weight wp and return rp in the portfolio, wb and rb in the benchmark; R = sum of w r.
 *     allocation  = (wp - wb) (rb - Rb)      selection = wb (rp - rb)      interaction = (wp - wb) (rp - rb)
 * (G. Brinson, N. Fachler, "Measuring Non-US Equity Portfolio Performance", J. of Portfolio Management 11(3), 1985.)
 * Over periods the effects are linked with D. Carino's coefficients ("Combining Attribution Effects Over Time", J. of
 * Performance Measurement, Summer 1999): those of a period count k_t / k times, k_t = (ln(1 + Rp_t) - ln(1 + Rb_t)) / (Rp_t -
 * Rb_t), or 1 / (1 + R) where they are equal, k the same of the whole time. Then they sum to the difference of the compounded
 * returns.
 */
#ifndef ASSAY_METRICS_ATTRIBUTION_H
#define ASSAY_METRICS_ATTRIBUTION_H

#include <stddef.h>

#include "assay/assay_error.h"

/* Row t of n_segments values is period t. A segment that the portfolio does not hold (weight 0) has rp = rb, whatever is said;
 * one that the benchmark does not have has the return that is said, so cash earns its interest, or Rb where that is NaN. */
typedef struct assay_attribution_input {
    size_t n_periods, n_segments;
    const double *portfolio_weight, *portfolio_return;
    const double *benchmark_weight, *benchmark_return;
    const double *
        total_return; /* n_periods: of the portfolio, after costs; what its segments do not explain is "other" */
} assay_attribution_input;

typedef struct assay_attribution_effect {
    double allocation, selection, interaction;
} assay_attribution_effect;

typedef struct assay_attribution {
    double portfolio_return, benchmark_return; /* compounded */
    double allocation, selection, interaction; /* sums over the segments */
    double other;                              /* total less segments: costs, financing, rounding */
} assay_attribution;

/* Writes n_segments effects. allocation + selection + interaction + other = portfolio_return - benchmark_return. ASSAY_E_DATA:
 * a return of -1 or less, which has no logarithm (the message has the period). */
ASSAY_NODISCARD assay_status assay_attribute(const assay_attribution_input *in, assay_attribution *out,
                                             assay_attribution_effect *out_segment, assay_error *err);

#endif
