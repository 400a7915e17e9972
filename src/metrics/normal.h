/* The standard normal distribution. Pure functions, thread-safe. */
#ifndef ASSAY_METRICS_NORMAL_H
#define ASSAY_METRICS_NORMAL_H

/* The probability of a value below x: 0 and 1 at the infinities, NaN for NaN. Relative error below 1e-15 in both tails. */
double assay_normal_cdf(double x);

/* The x with that probability below it: -inf at 0, +inf at 1, NaN outside [0, 1] and for NaN. Relative error below 1e-14. */
double assay_normal_quantile(double probability);

#endif
