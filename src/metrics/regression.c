#include "metrics/regression.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/sum.h"
#include "metrics/statistics.h"

enum { MOST = ASSAY_MAX_FACTORS + 1 };

/* Columns of the design (the first is 1) and y behind them, n values each, of the rows without NaN. */
static size_t collect(const double *y, const double *const *factor, size_t k, size_t n, double *column) {
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_whole = !isnan(y[i]);
        for (size_t f = 0; f < k; f++)
            is_whole = is_whole && !isnan(factor[f][i]);
        if (!is_whole)
            continue;
        column[used] = 1;
        for (size_t f = 0; f < k; f++)
            column[(f + 1) * n + used] = factor[f][i];
        column[(k + 1) * n + used] = y[i];
        used++;
    }
    return used;
}

static double dot(const double *a, const double *b, size_t n) {
    assay_sum sum = {0};
    for (size_t i = 0; i < n; i++)
        assay_sum_add(&sum, a[i] * b[i]);
    return assay_sum_value(&sum);
}

/* Turns column j into a multiple of the j-th axis by a reflection, which all columns behind it undergo; false: it is (nearly) in
 * the space of those before it. */
static bool reflect(double *column, size_t stride, size_t n, size_t j, size_t n_columns,
                    double r[MOST + 1][MOST + 1]) {
    double *v = column + j * stride;
    double whole = dot(v, v, n), length = sqrt(dot(v + j, v + j, n - j));
    for (size_t i = 0; i < j; i++)
        r[i][j] = v[i];
    if (!(length > 1e-10 * sqrt(whole)))
        return false;
    r[j][j] = v[j] > 0 ? -length : length;
    v[j] -= r[j][j];
    double size = dot(v + j, v + j, n - j);
    for (size_t c = j + 1; c < n_columns; c++) {
        double *other = column + c * stride, factor = 2 * dot(v + j, other + j, n - j) / size;
        for (size_t i = j; i < n; i++)
            other[i] -= factor * v[i];
    }
    return true;
}

/* Diagonal of (R'R)^-1: rows of the inverse of R. */
static void standard_errors(double r[MOST + 1][MOST + 1], size_t m, double variance, double *out) {
    double inverse[MOST][MOST] = {{0}};
    for (size_t c = 0; c < m; c++) {
        for (size_t i = c + 1; i-- > 0;) {
            double sum = i == c ? 1 : 0;
            for (size_t k = i + 1; k <= c; k++)
                sum -= r[i][k] * inverse[k][c];
            inverse[i][c] = sum / r[i][i];
        }
    }
    for (size_t i = 0; i < m; i++)
        out[i] = sqrt(variance * dot(inverse[i], inverse[i], m));
}

assay_status assay_regress(const double *y, const double *const *factor, size_t k, size_t n,
                           assay_regression *out, assay_error *err) {
    size_t m = k + 1;
    if (k > ASSAY_MAX_FACTORS)
        return assay_error_set(err, ASSAY_E_DATA, "a regression has at most %d factors, not %zu",
                               ASSAY_MAX_FACTORS, k);
    double *column = malloc(((m + 1) * n + 1) * sizeof *column);
    if (column == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a regression on %zu bars", n);
    *out = (assay_regression){.n_factors = k, .n = collect(y, factor, k, n, column)};
    assay_status status = ASSAY_OK;
    double r[MOST + 1][MOST + 1] = {{0}}, mean[MOST] = {1}, total = 0;
    if (out->n < m + 1)
        status = assay_error_set(
            err, ASSAY_E_DATA, "a regression on %zu factors needs %zu bars that have them all; there are %zu",
            k, m + 1, out->n);
    if (status == ASSAY_OK) {
        for (size_t f = 1; f < m; f++)
            mean[f] = assay_mean(column + f * n, out->n);
        out->mean = assay_mean(column + m * n, out->n);
        double std = assay_std(column + m * n, out->n, 0);
        total = std * std * (double)out->n;
    }
    for (size_t j = 0; j < m && status == ASSAY_OK; j++) {
        if (!reflect(column, n, out->n, j, m + 1, r))
            status = assay_error_set(
                err, ASSAY_E_DATA, "factor %zu is constant or a combination of those before it: leave it out",
                j);
    }
    if (status == ASSAY_OK) {
        const double *q = column + m * n; /* Q'y */
        double residual = dot(q + m, q + m, out->n - m);
        for (size_t i = m; i-- > 0;) {
            double sum = q[i];
            for (size_t c = i + 1; c < m; c++)
                sum -= r[i][c] * out->coefficient[c];
            out->coefficient[i] = sum / r[i][i];
            out->contribution[i] = out->coefficient[i] * mean[i];
        }
        standard_errors(r, m, residual / (double)(out->n - m), out->std_error);
        out->r_squared = total > 0 ? 1 - residual / total : ASSAY_NAN;
    }
    free(column);
    return status;
}
