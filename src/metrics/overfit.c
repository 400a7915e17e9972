/* Probabilistic and deflated Sharpe ratios. Sums are compensated. */
#include "metrics/overfit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/number.h"
#include "base/sum.h"
#include "metrics/normal.h"

/* Rounding leaves a constant series some deviation: below this fraction of the mean there is none. */
#define NO_DEVIATION 1e-12

assay_moments assay_moments_of(const double *returns, size_t n) {
    assay_moments m = {n, ASSAY_NAN, ASSAY_NAN, ASSAY_NAN, ASSAY_NAN, ASSAY_NAN};
    assay_sum sum = {0}, second = {0}, third = {0}, fourth = {0};
    double count = (double)n;
    for (size_t i = 0; i < n; i++)
        assay_sum_add(&sum, returns[i]);
    if (n > 0)
        m.mean = assay_sum_value(&sum) / count;
    for (size_t i = 0; i < n; i++) {
        double d = returns[i] - m.mean, square = d * d;
        assay_sum_add(&second, square);
        assay_sum_add(&third, square * d);
        assay_sum_add(&fourth, square * square);
    }
    if (n < 2)
        return m;
    double m2 = assay_sum_value(&second) / count;
    m.std = sqrt(assay_sum_value(&second) / (count - 1));
    if (!(m.std > NO_DEVIATION * fabs(m.mean)))
        return m;
    m.sharpe = m.mean / m.std;
    m.skewness = assay_sum_value(&third) / count / (m2 * sqrt(m2));
    m.kurtosis = assay_sum_value(&fourth) / count / (m2 * m2);
    return m;
}

/* [PSR, equation 5] The variance of the estimate, times n - 1; NaN where it is not positive. */
static double estimate_variance(double sharpe, double skewness, double kurtosis) {
    double variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe;
    return variance > 0 ? variance : ASSAY_NAN;
}

double assay_probabilistic_sharpe(double sharpe, double benchmark, double n, double skewness,
                                  double kurtosis) {
    if (!(n >= 2))
        return ASSAY_NAN;
    double variance = estimate_variance(sharpe, skewness, kurtosis);
    return assay_normal_cdf((sharpe - benchmark) * sqrt(n - 1) / sqrt(variance));
}

double assay_min_track_record_length(double sharpe, double benchmark, double skewness, double kurtosis,
                                     double confidence) {
    double variance = estimate_variance(sharpe, skewness, kurtosis);
    if (!(confidence > 0 && confidence < 1) || isnan(variance) || isnan(benchmark))
        return ASSAY_NAN;
    if (sharpe <= benchmark)
        return (double)INFINITY;
    double errors = assay_max(assay_normal_quantile(confidence), 0) / (sharpe - benchmark);
    return 1 + variance * errors * errors;
}

double assay_expected_max_sharpe(double variance, double n_trials) {
    static const double euler_gamma = 0.57721566490153286061, e = 2.71828182845904523536;
    if (!(variance >= 0) || isnan(n_trials))
        return ASSAY_NAN;
    if (n_trials <= 1)
        return 0;
    /* Quantiles of the upper tail by symmetry: 1 - 1/N would lose the digits of 1/N. */
    double maximum = -(1 - euler_gamma) * assay_normal_quantile(1 / n_trials) -
                     euler_gamma * assay_normal_quantile(1 / (n_trials * e));
    return sqrt(variance) * assay_max(maximum, 0);
}

double assay_deflated_sharpe(double sharpe, double variance, double n_trials, double n, double skewness,
                             double kurtosis) {
    double benchmark = assay_expected_max_sharpe(variance, n_trials);
    return assay_probabilistic_sharpe(sharpe, benchmark, n, skewness, kurtosis);
}

double assay_sharpe_variance(const double *sharpe, size_t n, size_t *out_count) {
    assay_sum sum = {0}, squares = {0};
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(sharpe[i])) {
            assay_sum_add(&sum, sharpe[i]);
            count++;
        }
    }
    double mean = assay_sum_value(&sum) / (double)count;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(sharpe[i]))
            assay_sum_add(&squares, (sharpe[i] - mean) * (sharpe[i] - mean));
    }
    if (out_count != NULL)
        *out_count = count;
    return count < 2 ? ASSAY_NAN : assay_sum_value(&squares) / (double)(count - 1);
}

double assay_effective_trials(double n_trials, double average_correlation) {
    if (isnan(average_correlation) || isnan(n_trials))
        return ASSAY_NAN;
    double rho = assay_min(assay_max(average_correlation, 0), 1);
    return rho + (1 - rho) * n_trials;
}

/* Mean and 1 / (deviation x sqrt(rows)) of each column; 0 for a constant one. Returns how many are not constant. */
static size_t column_scales(const double *returns, size_t n_bars, size_t n_series, double *out_mean,
                            double *out_scale) {
    size_t varying = 0;
    for (size_t j = 0; j < n_series; j++) {
        assay_sum sum = {0}, squares = {0};
        for (size_t t = 0; t < n_bars; t++)
            assay_sum_add(&sum, returns[t * n_series + j]);
        double mean = assay_sum_value(&sum) / (double)n_bars;
        for (size_t t = 0; t < n_bars; t++) {
            double d = returns[t * n_series + j] - mean;
            assay_sum_add(&squares, d * d);
        }
        double norm = sqrt(assay_sum_value(&squares));
        bool constant = !(norm > NO_DEVIATION * fabs(mean) * sqrt((double)n_bars));
        out_mean[j] = mean;
        out_scale[j] = constant ? 0 : 1 / norm;
        varying += constant ? 0 : 1;
    }
    return varying;
}

/* With columns scaled to length 1, the sum of all correlations (the ones with themselves too) is the squared length of the
 * sum of the columns. */
assay_status assay_average_correlation(const double *returns, size_t n_bars, size_t n_series,
                                       double *out_correlation, assay_error *err) {
    double *mean = assay_aligned_alloc(2 * n_series, sizeof *mean);
    if (mean == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the correlation of %zu series",
                               n_series);
    double *scale = mean + n_series;
    double n = (double)column_scales(returns, n_bars, n_series, mean, scale);
    assay_sum squares = {0};
    for (size_t t = 0; t < n_bars; t++) {
        assay_sum row = {0};
        for (size_t j = 0; j < n_series; j++)
            assay_sum_add(&row, (returns[t * n_series + j] - mean[j]) * scale[j]);
        assay_sum_add(&squares, assay_sum_value(&row) * assay_sum_value(&row));
    }
    free(mean);
    *out_correlation = n < 2 ? ASSAY_NAN : (assay_sum_value(&squares) - n) / (n * (n - 1));
    return ASSAY_OK;
}
