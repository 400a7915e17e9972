/* Least squares of returns on factors. Pure functions. */
#ifndef ASSAY_METRICS_REGRESSION_H
#define ASSAY_METRICS_REGRESSION_H

#include <stddef.h>

#include "assay/assay_error.h"

enum { ASSAY_MAX_FACTORS = 16 };

/* y = alpha + sum of beta x + residual. Index 0 is alpha. Classical standard errors. */
typedef struct assay_regression {
    size_t n; /* rows without a NaN */
    size_t n_factors;
    double coefficient[ASSAY_MAX_FACTORS + 1];
    double std_error[ASSAY_MAX_FACTORS + 1];
    double
        contribution[ASSAY_MAX_FACTORS + 1]; /* coefficient x mean of the factor; they sum to the mean of y */
    double mean, r_squared;
} assay_regression;

/* factor[k] has n values. By Householder's QR, so that near collinearity costs no more digits than it must. ASSAY_E_DATA: fewer
 * rows than coefficients + 1, or a factor that is a combination of those before it (the message has its number from 1).
 * ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_regress(const double *y, const double *const *factor, size_t n_factors,
                                           size_t n, assay_regression *out, assay_error *err);

#endif
