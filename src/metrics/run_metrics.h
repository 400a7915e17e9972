/* The metrics of single runs: all rows of metrics.def. Needs memory, unlike metrics.h, and more time. */
#ifndef ASSAY_METRICS_RUN_METRICS_H
#define ASSAY_METRICS_RUN_METRICS_H

#include "metrics/metrics.h"

/* What they look at besides. Arrays have a value a bar. */
typedef struct assay_run_metric_input {
    assay_metric_input run;
    const int64_t *time_us;         /* NULL: no best and worst days, months and years */
    const double *benchmark;        /* returns, NaN = none; NULL: no benchmark */
    const assay_snapshot *snapshot; /* NULL: no time in market, no turnover */
    double n_trials;                /* how many runs this one is the best of; 1 alone */
    double trial_variance;          /* of their Sharpe ratios per bar; not looked at for one trial */
    uint64_t seed;                  /* of the resampling */
} assay_run_metric_input;

/* Writes assay_run_metric_count() values, the first of which are those of assay_metrics_compute. Undefined is NaN.
 * ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_run_metrics_compute(const assay_run_metric_input *in, double *out_values,
                                                       assay_error *err);

#endif
