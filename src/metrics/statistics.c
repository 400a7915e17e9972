#include "metrics/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/sum.h"

double assay_mean(const double *values, size_t n) {
    assay_sum sum = {0};
    for (size_t i = 0; i < n; i++)
        assay_sum_add(&sum, values[i]);
    return n == 0 ? ASSAY_NAN : assay_sum_value(&sum) / (double)n;
}

double assay_std(const double *values, size_t n, double ddof) {
    if ((double)n <= ddof || n == 0)
        return ASSAY_NAN;
    double mean = assay_mean(values, n);
    assay_sum squares = {0};
    for (size_t i = 0; i < n; i++)
        assay_sum_add(&squares, (values[i] - mean) * (values[i] - mean));
    return sqrt(assay_sum_value(&squares) / ((double)n - ddof));
}

double assay_std_of_negative(const double *values, size_t n) {
    assay_sum sum = {0}, squares = {0};
    double count = 0;
    for (size_t i = 0; i < n; i++) {
        if (values[i] < 0) {
            assay_sum_add(&sum, values[i]);
            count += 1;
        }
    }
    double mean = assay_sum_value(&sum) / count;
    for (size_t i = 0; i < n; i++) {
        if (values[i] < 0)
            assay_sum_add(&squares, (values[i] - mean) * (values[i] - mean));
    }
    return count > 0 ? sqrt(assay_sum_value(&squares) / count) : ASSAY_NAN;
}

double assay_ratio(double part, double whole) {
    return whole == 0 || isnan(whole) ? ASSAY_NAN : part / whole;
}

double assay_quantile(const double *sorted, size_t n, double q) {
    if (n == 0)
        return ASSAY_NAN;
    double place = q * (double)(n - 1);
    size_t below = (size_t)place;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (place - (double)below);
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void assay_sort(double *values, size_t n) {
    if (n > 1)
        qsort(values, n, sizeof *values, compare_doubles);
}

assay_comoments assay_comoments_of(const double *x, const double *y, size_t n) {
    assay_comoments c = {0};
    assay_sum sum_x = {0}, sum_y = {0}, xx = {0}, xy = {0}, yy = {0};
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]) || isnan(y[i]))
            continue;
        c.n += 1;
        assay_sum_add(&sum_x, x[i]);
        assay_sum_add(&sum_y, y[i]);
    }
    c.mean_x = assay_sum_value(&sum_x) / c.n;
    c.mean_y = assay_sum_value(&sum_y) / c.n;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]) || isnan(y[i]))
            continue;
        double dx = x[i] - c.mean_x, dy = y[i] - c.mean_y;
        assay_sum_add(&xx, dx * dx);
        assay_sum_add(&xy, dx * dy);
        assay_sum_add(&yy, dy * dy);
    }
    c.xx = assay_sum_value(&xx);
    c.xy = assay_sum_value(&xy);
    c.yy = assay_sum_value(&yy);
    return c;
}

double assay_annual_return(double growth, double periods_per_year, size_t n) {
    if (!(growth >= 0) || n == 0)
        return ASSAY_NAN;
    return (double)(powl((long double)growth, (long double)periods_per_year / (long double)n) - 1);
}
