/* Metrics: pure functions of equity and trades. One row in metrics.def and one function each. */
#ifndef ASSAY_METRICS_METRICS_H
#define ASSAY_METRICS_METRICS_H

#include "assay/assay_result.h"

/* What a metric may look at. */
typedef struct assay_metric_input {
    double initial_capital;
    const double *equity;  /* n values, one a bar */
    const double *returns; /* n values: equity[i] / equity[i-1] - 1 with equity[-1] = initial capital */
    size_t n;
    double periods_per_year;
    double risk_free_rate;    /* annual fraction */
    const assay_trade *trade; /* open ones included; metrics count the closed ones */
    size_t n_trades;
} assay_metric_input;

/* Fills `returns` (n values) from equity: 0 once the equity before is not positive; |r| < 1e-12 counts as 0. */
void assay_returns_of(double initial_capital, const double *equity, size_t n, double *out_returns);

/* The deepest fall from a running peak: a fraction <= 0. */
double assay_max_drawdown(const assay_metric_input *in);

/* Writes assay_metric_count() values. Undefined is NaN. */
void assay_metrics_compute(const assay_metric_input *in, double *out_values);

#endif
