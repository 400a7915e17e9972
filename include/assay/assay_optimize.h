/* Searching a strategy's parameters and settings: a plan of points, their metrics in batches, and what they say.
 *
 * An optimizer binds a plan (axes, sampling, shard, objectives, constraints) to a configuration. The caller runs batches of
 * points, hands their metrics to scores, and makes a summary: best points, sensitivity, plateau, Pareto set, and how much of
 * the best is luck. Nothing here touches files; only scores grow with the number of points (8 bytes a point and objective).
 */
#ifndef ASSAY_OPTIMIZE_H
#define ASSAY_OPTIMIZE_H

#include "assay/assay_sweep.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_optimizer assay_optimizer;

#define ASSAY_OPTIMIZE_MAX_POINTS UINT64_C(100000000)
enum { ASSAY_MAX_GOALS = 16, ASSAY_MAX_RUNGS = 16 };

/* A sweep as text; docs/optimize.md says what may be written. Read during the call only. */
typedef struct assay_optimize_spec {
    const char *const *axes; /* "lookback=5:100:5" */
    size_t n_axes;
    const char *sampling;          /* NULL: grid */
    const char *shard;             /* "k/n"; NULL: everything */
    const char *const *objectives; /* none: sharpe_ratio */
    size_t n_objectives;
    const char *const *constraints; /* "min_trades=50" */
    size_t n_constraints;
    bool halving;
} assay_optimize_spec;

/* ASSAY_E_CONFIG: a mistake in the spec (the message has the text, the place and what to do), a value out of its bounds, a
 * key that cannot be swept. ASSAY_E_NOMEM. `base`'s strategy must outlive the optimizer; `base` is copied. */
ASSAY_API ASSAY_NODISCARD assay_status assay_optimizer_create(const assay_config *base,
                                                              const assay_optimize_spec *spec,
                                                              assay_optimizer **out_optimizer,
                                                              assay_error *err);
ASSAY_API void assay_optimizer_destroy(assay_optimizer *optimizer); /* NULL: nothing */

/* Points of the whole plan; those of the shard, and the j-th of them, ascending; index and count of the shard. */
ASSAY_API uint64_t assay_optimizer_n_points(const assay_optimizer *optimizer);
ASSAY_API uint64_t assay_optimizer_shard_size(const assay_optimizer *optimizer);
ASSAY_API uint64_t assay_optimizer_shard_point(const assay_optimizer *optimizer, uint64_t j);
ASSAY_API void assay_optimizer_shard(const assay_optimizer *optimizer, uint64_t *out_index,
                                     uint64_t *out_count);

ASSAY_API size_t assay_optimizer_n_axes(const assay_optimizer *optimizer);
ASSAY_API const char *assay_optimizer_axis_name(const assay_optimizer *optimizer, size_t axis);
/* A point's canonical value on an axis, cut at `size`. */
ASSAY_API void assay_optimizer_value_text(const assay_optimizer *optimizer, uint64_t point, size_t axis,
                                          char *out_text, size_t size);

/* Objectives and constraints as canonical text ("max:sharpe_ratio", "total_trades>=50"), cut at `size`. */
ASSAY_API size_t assay_optimizer_n_objectives(const assay_optimizer *optimizer);
ASSAY_API void assay_optimizer_objective_text(const assay_optimizer *optimizer, size_t index, char *out_text,
                                              size_t size);
ASSAY_API size_t assay_optimizer_n_constraints(const assay_optimizer *optimizer);
ASSAY_API void assay_optimizer_constraint_text(const assay_optimizer *optimizer, size_t index, char *out_text,
                                               size_t size);
/* Index of an objective's metric in the table of metrics. */
ASSAY_API size_t assay_optimizer_objective_metric(const assay_optimizer *optimizer, size_t index);
/* The metrics that scores need (indices into the table of metrics); returns how many, at most `size` are written. */
ASSAY_API size_t assay_optimizer_needed_metrics(const assay_optimizer *optimizer, size_t *out_metrics,
                                                size_t size);

/* The configuration of a point; the caller destroys it. */
ASSAY_API ASSAY_NODISCARD assay_status assay_optimizer_config(const assay_optimizer *optimizer,
                                                              uint64_t point, assay_config **out_config,
                                                              assay_error *err);

/* The portfolio's period in a panel. */
typedef struct assay_period {
    int64_t start_us, end_us; /* first and last bar */
    size_t n_bars;
    double initial_capital;
} assay_period;
ASSAY_API ASSAY_NODISCARD assay_status assay_optimizer_period(const assay_optimizer *optimizer,
                                                              const assay_panel *panel, uint64_t point,
                                                              assay_period *out_period, assay_error *err);
/* Periods per year and annual risk-free rate, which no axis changes. */
ASSAY_API ASSAY_NODISCARD assay_status assay_optimizer_annual(const assay_optimizer *optimizer,
                                                              const assay_panel *panel, uint64_t point,
                                                              double *out_periods, double *out_risk_free,
                                                              assay_error *err);

/* Successive halving: every rung but the last has a later start and more points than the next. Without halving there is one. */
typedef struct assay_rung {
    uint64_t n_points;
    size_t n_bars;  /* the last so many of the period */
    char start[32]; /* their start_date; "": the period's own */
} assay_rung;
ASSAY_API size_t assay_optimizer_rungs(const assay_optimizer *optimizer, const assay_panel *panel,
                                       assay_rung out_rungs[ASSAY_MAX_RUNGS]);
/* The n_wanted best of n points by the first objective, constraints aside (a short period cannot meet them); ties to the
 * lower number, undefined ones last. `metrics`: n values of that objective's metric. *out_points ascend. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_optimizer_promote(const assay_optimizer *optimizer,
                                                               const uint64_t *points, const double *metrics,
                                                               size_t n_points, size_t n_wanted,
                                                               uint64_t *out_points, assay_error *err);

/* Runs a batch of points (rung NULL: the whole period); see assay_sweep_run. */
ASSAY_API ASSAY_NODISCARD assay_status assay_optimizer_run(const assay_optimizer *optimizer,
                                                           const assay_panel *panel, const assay_rung *rung,
                                                           const uint64_t *points, size_t n_points,
                                                           unsigned n_threads, assay_sweep_progress *progress,
                                                           void *progress_context, double *out_metrics,
                                                           assay_error *err);

/* --- what the points say --- */

typedef struct assay_sweep_scores assay_sweep_scores;
ASSAY_API ASSAY_NODISCARD assay_status assay_sweep_scores_create(const assay_optimizer *optimizer,
                                                                 assay_sweep_scores **out_scores,
                                                                 assay_error *err);
ASSAY_API void assay_sweep_scores_destroy(assay_sweep_scores *scores); /* NULL: nothing */
/* Adds a point of the whole period: assay_metric_count() values, of which the needed ones are read. */
ASSAY_API void assay_sweep_scores_add(assay_sweep_scores *scores, uint64_t point, const double *metrics);
/* The best points by the first objective, among those that meet the constraints; returns how many, at most k. */
ASSAY_API size_t assay_sweep_scores_best(const assay_sweep_scores *scores, size_t k, uint64_t *out_points);

/* The points that share a value (or a part) of an axis; numbers are of the first objective's metric. */
typedef struct assay_sweep_level {
    char text[72];
    size_t n; /* points that count; 0: the rest is NaN */
    double mean, median, min, max;
} assay_sweep_level;

typedef struct assay_sweep_axis {
    char *name;
    double
        variance_share; /* of the objective's variance, that the axis explains alone; NaN: it does not vary */
    bool parts;         /* levels are parts of the axis, not values */
    assay_sweep_level *level;
    size_t n_levels;
} assay_sweep_axis;

/* A point in a list. Metrics are filled by the caller, who has them: NaN until then. */
typedef struct assay_sweep_entry {
    uint64_t point;
    double *metrics; /* assay_metric_count() values */
} assay_sweep_entry;

/* How much of the best is luck. Sharpe ratios are per bar, arithmetic (mean / std of returns over the risk-free rate). */
typedef struct assay_sweep_luck {
    double n_trials;        /* points that were tried */
    size_t n_sharpes;       /* of those, with a Sharpe ratio */
    double sharpe_variance; /* of those, ddof 1 */
    double expected_max_sharpe;
    double periods_per_year; /* x its square root: annual */
    size_t n_returns;        /* of the best point; 0: not known, and NaN below */
    double sharpe, skewness, kurtosis;
    double psr; /* probability that its true Sharpe ratio is above 0 */
    double dsr; /* that it is above the expected maximum of luck alone */
} assay_sweep_luck;

typedef struct assay_sweep_summary {
    uint64_t n_plan;   /* points of the whole plan */
    uint64_t n_tried;  /* run, on any rung */
    uint64_t n_whole;  /* run over the whole period */
    uint64_t n_scored; /* of those, meet the constraints and have a first objective */
    assay_sweep_entry *best;
    size_t n_best;
    assay_sweep_entry *pareto; /* several objectives only */
    size_t n_pareto;           /* listed */
    size_t n_pareto_all;
    assay_sweep_axis *axis;
    size_t n_axes;
    bool is_grid;
    size_t n_neighbours, n_scored_neighbours; /* of the best point */
    double neighbour_median, plateau_ratio;   /* of the first objective's metric; NaN: none */
    assay_sweep_luck luck;
} assay_sweep_summary;

/* Fills *out_summary from scores, with up to k best and k Pareto points; n_tried is what halving tried on shorter periods
 * (0: the scores' own). Free with assay_sweep_summary_reset. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_sweep_summary_init(const assay_optimizer *optimizer,
                                                                const assay_sweep_scores *scores, size_t k,
                                                                uint64_t n_tried, double periods_per_year,
                                                                assay_sweep_summary *out_summary,
                                                                assay_error *err);
ASSAY_API void assay_sweep_summary_reset(assay_sweep_summary *summary);
/* Adds what the returns of the best point say (NULL, 0: not known). */
ASSAY_API void assay_sweep_summary_returns(assay_sweep_summary *summary, const double *returns,
                                           size_t n_returns, double risk_free_rate);

#ifdef __cplusplus
}
#endif
#endif
