/* What a sweep looks for: objectives and constraints over the metrics of a point, read from text.
 *
 *   sharpe_ratio, max:sharpe_ratio        the larger the better
 *   -avg_bars_held, min:avg_bars_held     the smaller the better
 *   max_drawdown_pct>-30, win_rate_pct>=50, total_trades<1000
 *   min_trades=50                         total_trades >= 50
 *
 * A score is an objective turned so that larger is better. Invariant: an undefined (NaN) metric fails every constraint, and
 * an undefined score never wins; of equal scores the point of the lower number wins. `metrics` is always a row of
 * assay_metric_count() values in the order of the table of metrics. Pure functions, thread-safe, no memory.
 */
#ifndef ASSAY_RESEARCH_OBJECTIVE_H
#define ASSAY_RESEARCH_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "assay/assay_error.h"

typedef struct assay_objective {
    size_t metric; /* index into the table of metrics */
    bool minimise;
} assay_objective;

typedef enum assay_relation {
    ASSAY_AT_LEAST = 0, /* >= */
    ASSAY_AT_MOST = 1,  /* <= */
    ASSAY_ABOVE = 2,    /* > */
    ASSAY_BELOW = 3     /* < */
} assay_relation;

typedef struct assay_constraint {
    size_t metric;
    assay_relation relation;
    double bound; /* finite */
} assay_constraint;

/* ASSAY_E_CONFIG: an unknown metric (the message has the nearest known name), or a metric minimised that is never above 0,
 * where the larger is the better already (max_drawdown_pct: -10 is better than -30). *out is then unchanged. */
ASSAY_NODISCARD assay_status assay_objective_parse(const char *text, assay_objective *out, assay_error *err);
/* ASSAY_E_CONFIG: no relation, an unknown metric, a bound that is no number. *out is then unchanged. */
ASSAY_NODISCARD assay_status assay_constraint_parse(const char *text, assay_constraint *out,
                                                    assay_error *err);

/* Canonical text, "max:sharpe_ratio" and "total_trades>=50", cut at `size`; 128 always fit. */
void assay_objective_format(const assay_objective *objective, char *out_text, size_t size);
void assay_constraint_format(const assay_constraint *constraint, char *out_text, size_t size);

/* The score of one point, and back: the metric of a score. */
double assay_objective_score(const assay_objective *objective, const double *metrics);
double assay_objective_metric(const assay_objective *objective, double score);
bool assay_constraint_holds(const assay_constraint *constraint, const double *metrics);

/* The scores of n_points points, whose metrics are rows one after another; NaN where a constraint fails. `constraints` may be
 * NULL if n_constraints is 0. */
void assay_objective_scores(const assay_objective *objective, const assay_constraint *constraints,
                            size_t n_constraints, const double *metrics, size_t n_points, double *out_scores);

#endif
