/* How much of a result is luck: statistics of Sharpe ratios that were chosen among many.
 *
 * Everywhere here: Sharpe ratios are per period (bar), not annual; kurtosis is raw (a normal distribution has 3); undefined
 * is NaN. Pure functions, thread-safe, no memory unless they say so.
 *
 * Sources: [PSR] D. Bailey, M. Lopez de Prado, "The Sharpe Ratio Efficient Frontier", J. of Risk 15(2), 2012;
 * [DSR] the same, "The Deflated Sharpe Ratio", J. of Portfolio Management 40(5), 2014; [PBO] D. Bailey, J. Borwein,
 * M. Lopez de Prado, Q. Zhu, "The Probability of Backtest Overfitting", J. of Computational Finance 20(4), 2017 (2015).
 */
#ifndef ASSAY_METRICS_OVERFIT_H
#define ASSAY_METRICS_OVERFIT_H

#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"

/* --- one track record --- */

typedef struct assay_moments {
    size_t n;
    double mean;
    double std;      /* ddof 1 */
    double sharpe;   /* mean / std, per period, without a risk-free rate */
    double skewness; /* population: m3 / m2^1.5, moments with ddof 0 */
    double kurtosis; /* population, raw: m4 / m2^2 */
} assay_moments;

/* Of n returns (NULL only if n is 0). Too few or constant ones leave NaN. Subtract a risk-free rate before, if any. */
assay_moments assay_moments_of(const double *returns, size_t n);

/* [PSR] The probability that the true Sharpe ratio is above `benchmark`, given the one observed over n periods. NaN for
 * n < 2, NaN input, or moments that no distribution has (a variance of the estimate that is not positive). */
double assay_probabilistic_sharpe(double sharpe, double benchmark, double n, double skewness,
                                  double kurtosis);

/* [PSR] The number of periods after which that probability reaches `confidence` (such as 0.95), +inf where the observed
 * Sharpe ratio is not above the benchmark. NaN where undefined or confidence lies outside (0, 1). */
double assay_min_track_record_length(double sharpe, double benchmark, double skewness, double kurtosis,
                                     double confidence);

/* --- the best of many --- */

/* [DSR] The largest Sharpe ratio expected of n_trials independent trials without any skill, whose Sharpe ratios have this
 * variance. n_trials may be fractional (assay_effective_trials); 0 for one trial or fewer. NaN for a negative variance. */
double assay_expected_max_sharpe(double variance, double n_trials);

/* [DSR] The probabilistic Sharpe ratio against that expected maximum. `sharpe` is the chosen trial's; `variance` that of the
 * Sharpe ratios of all trials (assay_sharpe_variance); n its periods. */
double assay_deflated_sharpe(double sharpe, double variance, double n_trials, double n, double skewness,
                             double kurtosis);

/* The variance (ddof 1) of the finite ones of n Sharpe ratios; *out_count (may be NULL) is how many those are. NaN of fewer
 * than two. */
double assay_sharpe_variance(const double *sharpe, size_t n, size_t *out_count);

/* [DSR, appendix] The number of independent trials that n_trials amount to whose returns have this average correlation:
 * rho + (1 - rho) n_trials, rho cut to [0, 1]. */
double assay_effective_trials(double n_trials, double average_correlation);

/* The mean correlation between the columns of a row-major n_bars x n_series matrix of returns, constant columns left out;
 * takes time n_bars x n_series. NaN of fewer than two columns. *out_correlation is written on success. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_average_correlation(const double *returns, size_t n_bars, size_t n_series,
                                                       double *out_correlation, assay_error *err);

/* --- the choice itself --- */

enum { ASSAY_PBO_MAX_BLOCKS = 20 };

typedef struct assay_overfitting {
    double
        probability; /* share of splits in which the best in sample is at or below the median out of sample */
    double median_logit; /* of the logit of its relative rank out of sample: below 0 is worse than chance */
    double loss_probability; /* share of splits in which its Sharpe ratio out of sample is below 0 */
    double slope, intercept; /* regression of its Sharpe ratio out of sample on the one in sample */
    uint64_t n_splits;       /* that have a best in sample */
} assay_overfitting;

/* [PBO] Combinatorially symmetric cross-validation: n_bars rows are cut into n_blocks blocks (equal but for a row), and for
 * each choice of half of them the series with the best Sharpe ratio in it is ranked among all in the other half. `returns`
 * is row-major n_bars x n_series. A Sharpe ratio without variance is undefined: it is never the best in sample, and ranks
 * below all others out of sample; equal ones share their mean rank; of equal bests the first counts.
 * Time: n_series x C(n_blocks, n_blocks / 2); memory: some MB for 20 blocks whatever n_series.
 * ASSAY_E_ARGUMENT: n_blocks odd or not 2 … ASSAY_PBO_MAX_BLOCKS, fewer than two series, or fewer than two rows a block;
 * ASSAY_E_DATA: a return that is not finite; ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_overfitting_probability(const double *returns, size_t n_bars,
                                                           size_t n_series, unsigned n_blocks,
                                                           assay_overfitting *out, assay_error *err);

#endif
