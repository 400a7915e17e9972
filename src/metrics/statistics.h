/* Statistics of arrays that several metrics share. Sums are compensated; undefined is NaN. Pure functions, thread-safe. */
#ifndef ASSAY_METRICS_STATISTICS_H
#define ASSAY_METRICS_STATISTICS_H

#include <stddef.h>

/* NaN of none. */
double assay_mean(const double *values, size_t n);
/* Two passes; NaN of no more than `ddof` values. */
double assay_std(const double *values, size_t n, double ddof);
/* Of those below 0, ddof 0. */
double assay_std_of_negative(const double *values, size_t n);

/* part / whole, undefined where the whole is 0 or undefined. */
double assay_ratio(double part, double whole);

/* The quantile of n ascending values, linear between order statistics (type 7 of Hyndman and Fan 1996; NumPy's default); NaN
 * of none. 0 <= q <= 1. */
double assay_quantile(const double *sorted, size_t n, double q);

/* Sorts n values that are not NaN, ascending. */
void assay_sort(double *values, size_t n);

/* Sums of products of deviations from the means, of n pairs. */
typedef struct assay_comoments {
    double n, mean_x, mean_y, xx, xy, yy;
} assay_comoments;
/* Of the pairs in which neither is NaN. */
assay_comoments assay_comoments_of(const double *x, const double *y, size_t n);

/* growth^(periods / n) - 1 in extended precision, whose rounding to double does not depend on the processor; NaN of a
 * negative growth. */
double assay_annual_return(double growth, double periods_per_year, size_t n);

#endif
