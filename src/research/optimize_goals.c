/* What a sweep looks for, and the scores and the summary of its points.
 *
 * Sources of the statistics: metrics/overfit.h, research/analysis.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "metrics/overfit.h"
#include "research/analysis.h"
#include "research/optimize.h"

struct assay_sweep_scores {
    const assay_optimizer *optimizer;
    size_t n_points; /* of the plan: scores are by the number of the point */
    double *score[ASSAY_MAX_GOALS];
    double *sharpe; /* arithmetic, annual; NaN: undefined or not run */
    uint64_t n_whole;
    size_t sharpe_metric;
};

/* --- goals --- */

assay_status assay_optimizer_read_goals(assay_optimizer *o, const assay_optimize_spec *spec,
                                        assay_error *err) {
    static const char *const DEFAULT[] = {"sharpe_ratio"};
    const char *const *objectives = spec->n_objectives == 0 ? DEFAULT : spec->objectives;
    size_t n_objectives = spec->n_objectives == 0 ? 1 : spec->n_objectives;
    if (n_objectives > ASSAY_MAX_GOALS || spec->n_constraints > ASSAY_MAX_GOALS)
        return assay_error_set(err, ASSAY_E_CONFIG, "at most %d objectives and %d constraints",
                               ASSAY_MAX_GOALS, ASSAY_MAX_GOALS);
    assay_error reason = {0};
    for (size_t i = 0; i < n_objectives; i++) {
        if (assay_objective_parse(objectives[i], &o->objective[i], &reason) != ASSAY_OK)
            return assay_error_set(err, ASSAY_E_CONFIG, "--objective: %s", reason.message);
        for (size_t j = 0; j < i; j++) {
            if (o->objective[j].metric == o->objective[i].metric)
                return assay_error_set(err, ASSAY_E_CONFIG, "--objective '%s' is given twice", objectives[i]);
        }
        o->n_objectives++;
    }
    for (size_t i = 0; i < spec->n_constraints; i++) {
        if (assay_constraint_parse(spec->constraints[i], &o->constraint[i], &reason) != ASSAY_OK)
            return assay_error_set(err, ASSAY_E_CONFIG, "--where: %s", reason.message);
        o->n_constraints++;
    }
    return ASSAY_OK;
}

size_t assay_optimizer_n_objectives(const assay_optimizer *o) {
    return o->n_objectives;
}

void assay_optimizer_objective_text(const assay_optimizer *o, size_t index, char *out_text, size_t size) {
    assay_objective_format(&o->objective[index], out_text, size);
}

size_t assay_optimizer_objective_metric(const assay_optimizer *o, size_t index) {
    return o->objective[index].metric;
}

size_t assay_optimizer_n_constraints(const assay_optimizer *o) {
    return o->n_constraints;
}

void assay_optimizer_constraint_text(const assay_optimizer *o, size_t index, char *out_text, size_t size) {
    assay_constraint_format(&o->constraint[index], out_text, size);
}

static size_t sharpe_metric(void) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, "sharpe_arithmetic") == 0)
            return i;
    }
    return 0;
}

size_t assay_optimizer_needed_metrics(const assay_optimizer *o, size_t *out_metrics, size_t size) {
    size_t n = 0;
    for (size_t m = 0; m < assay_metric_count(); m++) {
        bool is_needed = m == sharpe_metric();
        for (size_t i = 0; i < o->n_objectives; i++)
            is_needed = is_needed || o->objective[i].metric == m;
        for (size_t i = 0; i < o->n_constraints; i++)
            is_needed = is_needed || o->constraint[i].metric == m;
        if (is_needed && n++ < size)
            out_metrics[n - 1] = m;
    }
    return n;
}

/* --- scores --- */

static double *nan_array(size_t n) {
    double *values = malloc((n + 1) * sizeof *values);
    for (size_t i = 0; values != NULL && i < n; i++)
        values[i] = ASSAY_NAN;
    return values;
}

assay_status assay_sweep_scores_create(const assay_optimizer *o, assay_sweep_scores **out_scores,
                                       assay_error *err) {
    assay_sweep_scores *s = calloc(1, sizeof *s);
    size_t n_points = (size_t)assay_points_count(o->points);
    bool is_good = s != NULL;
    if (is_good) {
        *s = (assay_sweep_scores){.optimizer = o, .n_points = n_points, .sharpe_metric = sharpe_metric()};
        s->sharpe = nan_array(n_points);
        is_good = s->sharpe != NULL;
    }
    for (size_t i = 0; i < o->n_objectives && is_good; i++) {
        s->score[i] = nan_array(n_points);
        is_good = s->score[i] != NULL;
    }
    *out_scores = s;
    if (is_good)
        return ASSAY_OK;
    assay_sweep_scores_destroy(s);
    *out_scores = NULL;
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the scores of %zu points", n_points);
}

void assay_sweep_scores_destroy(assay_sweep_scores *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < ASSAY_MAX_GOALS; i++)
        free(s->score[i]);
    free(s->sharpe);
    free(s);
}

void assay_sweep_scores_add(assay_sweep_scores *s, uint64_t point, const double *metrics) {
    const assay_optimizer *o = s->optimizer;
    for (size_t i = 0; i < o->n_objectives; i++)
        assay_objective_scores(&o->objective[i], o->constraint, o->n_constraints, metrics, 1,
                               &s->score[i][point]);
    s->sharpe[point] = metrics[s->sharpe_metric];
    s->n_whole++;
}

size_t assay_sweep_scores_best(const assay_sweep_scores *s, size_t k, uint64_t *out_points) {
    size_t n = 0;
    assay_best_points(s->score[0], s->n_points, k, out_points, &n);
    return n;
}

/* --- the summary --- */

static assay_status out_of_memory(assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the summary of a sweep");
}

static assay_status make_entries(const uint64_t *points, size_t n, assay_sweep_entry **out_entries,
                                 size_t *out_n, assay_error *err) {
    *out_entries = calloc(n + 1, sizeof **out_entries);
    if (*out_entries == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < n; i++) {
        (*out_entries)[i] =
            (assay_sweep_entry){.point = points[i], .metrics = nan_array(assay_metric_count())};
        *out_n = i + 1;
        if ((*out_entries)[i].metrics == NULL)
            return out_of_memory(err);
    }
    return ASSAY_OK;
}

static assay_status add_best(const assay_sweep_scores *s, size_t k, assay_sweep_summary *out,
                             assay_error *err) {
    uint64_t *points = malloc((k + 1) * sizeof *points);
    if (points == NULL)
        return out_of_memory(err);
    size_t n = assay_sweep_scores_best(s, k, points);
    assay_status status = make_entries(points, n, &out->best, &out->n_best, err);
    free(points);
    return status;
}

static assay_status add_pareto(const assay_sweep_scores *s, size_t k, assay_sweep_summary *out,
                               assay_error *err) {
    if (s->optimizer->n_objectives < 2)
        return ASSAY_OK;
    uint64_t *points = NULL;
    assay_status status = assay_pareto_set((const double *const *)s->score, s->optimizer->n_objectives,
                                           s->n_points, &points, &out->n_pareto_all, err);
    if (status == ASSAY_OK)
        status = make_entries(points, out->n_pareto_all < k ? out->n_pareto_all : k, &out->pareto,
                              &out->n_pareto, err);
    free(points);
    return status;
}

/* The name of a level: its value, or the ends of its part. */
static void name_level(const assay_optimizer *o, size_t axis, const assay_sensitivity *of,
                       const assay_axis_level *level, assay_sweep_level *out) {
    char begin[32], end[32];
    if (!of->parts) {
        assay_points_axis_text(o->points, axis, level->index, out->text, sizeof out->text);
        return;
    }
    assay_double_format(level->begin, begin, sizeof begin);
    assay_double_format(level->end, end, sizeof end);
    snprintf(out->text, sizeof out->text, "%s to %s", begin, end);
}

/* Scores are larger is better; people want the metric. */
static void turn_level(const assay_objective *objective, const assay_axis_level *level,
                       assay_sweep_level *out) {
    double low = assay_objective_metric(objective, level->min),
           high = assay_objective_metric(objective, level->max);
    out->n = level->count;
    out->mean = assay_objective_metric(objective, level->mean);
    out->median = assay_objective_metric(objective, level->median);
    out->min = objective->minimise ? high : low;
    out->max = objective->minimise ? low : high;
}

static assay_status add_axis(const assay_sweep_scores *s, size_t axis, assay_sweep_axis *out,
                             assay_error *err) {
    const assay_optimizer *o = s->optimizer;
    assay_sensitivity of;
    out->name = strdup(assay_points_axis_name(o->points, axis));
    if (out->name == NULL)
        return out_of_memory(err);
    assay_status status = assay_sensitivity_init(o->points, axis, s->score[0], s->n_points, &of, err);
    if (status != ASSAY_OK)
        return status;
    out->variance_share = of.variance_share;
    out->parts = of.parts;
    out->level = calloc(of.n_levels + 1, sizeof *out->level);
    for (size_t i = 0; i < of.n_levels && out->level != NULL; i++) {
        name_level(o, axis, &of, &of.level[i], &out->level[i]);
        turn_level(&o->objective[0], &of.level[i], &out->level[i]);
        out->n_levels = i + 1;
    }
    assay_sensitivity_reset(&of);
    return out->level == NULL ? out_of_memory(err) : ASSAY_OK;
}

static assay_status add_axes(const assay_sweep_scores *s, assay_sweep_summary *out, assay_error *err) {
    size_t n = assay_points_n_axes(s->optimizer->points);
    out->axis = calloc(n + 1, sizeof *out->axis);
    if (out->axis == NULL)
        return out_of_memory(err);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        out->n_axes = i + 1;
        status = add_axis(s, i, &out->axis[i], err);
    }
    return status;
}

static void add_plateau(const assay_sweep_scores *s, assay_sweep_summary *out) {
    out->is_grid = assay_points_is_grid(s->optimizer->points);
    out->neighbour_median = out->plateau_ratio = ASSAY_NAN;
    if (out->n_best == 0 || !out->is_grid)
        return;
    assay_plateau plateau;
    assay_plateau_at(s->optimizer->points, s->score[0], out->best[0].point, &plateau);
    out->n_neighbours = plateau.n_neighbours;
    out->n_scored_neighbours = plateau.n_scored;
    out->neighbour_median = assay_objective_metric(&s->optimizer->objective[0], plateau.median);
    out->plateau_ratio = plateau.ratio;
}

static void add_luck(const assay_sweep_scores *s, double periods_per_year, assay_sweep_summary *out) {
    size_t n_sharpes = 0;
    double variance = assay_sharpe_variance(s->sharpe, s->n_points, &n_sharpes) / periods_per_year;
    out->luck =
        (assay_sweep_luck){.n_trials = (double)out->n_tried,
                           .n_sharpes = n_sharpes,
                           .sharpe_variance = variance,
                           .expected_max_sharpe = assay_expected_max_sharpe(variance, (double)out->n_tried),
                           .periods_per_year = periods_per_year};
    assay_sweep_summary_returns(out, NULL, 0, 0);
}

assay_status assay_sweep_summary_init(const assay_optimizer *o, const assay_sweep_scores *s, size_t k,
                                      uint64_t n_tried, double periods_per_year, assay_sweep_summary *out,
                                      assay_error *err) {
    *out = (assay_sweep_summary){.n_plan = assay_points_count(o->points), .n_whole = s->n_whole};
    out->n_tried = n_tried == 0 ? s->n_whole : n_tried;
    for (size_t i = 0; i < s->n_points; i++)
        out->n_scored += isnan(s->score[0][i]) ? 0 : 1;
    assay_status status = add_best(s, k, out, err);
    if (status == ASSAY_OK)
        status = add_pareto(s, k, out, err);
    if (status == ASSAY_OK)
        status = add_axes(s, out, err);
    if (status != ASSAY_OK) {
        assay_sweep_summary_reset(out);
        return status;
    }
    add_plateau(s, out);
    add_luck(s, periods_per_year, out);
    return ASSAY_OK;
}

void assay_sweep_summary_returns(assay_sweep_summary *out, const double *returns, size_t n,
                                 double risk_free_rate) {
    assay_sweep_luck *luck = &out->luck;
    luck->n_returns = n;
    luck->sharpe = luck->skewness = luck->kurtosis = luck->psr = luck->dsr = ASSAY_NAN;
    if (n == 0)
        return;
    assay_moments moments = assay_moments_of(returns, n);
    luck->sharpe = (moments.mean - risk_free_rate / luck->periods_per_year) / moments.std;
    luck->skewness = moments.skewness;
    luck->kurtosis = moments.kurtosis;
    luck->psr = assay_probabilistic_sharpe(luck->sharpe, 0, (double)n, moments.skewness, moments.kurtosis);
    luck->dsr = assay_deflated_sharpe(luck->sharpe, luck->sharpe_variance, luck->n_trials, (double)n,
                                      moments.skewness, moments.kurtosis);
}

static void free_entries(assay_sweep_entry *entries, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(entries[i].metrics);
    free(entries);
}

void assay_sweep_summary_reset(assay_sweep_summary *summary) {
    free_entries(summary->best, summary->n_best);
    free_entries(summary->pareto, summary->n_pareto);
    for (size_t i = 0; i < summary->n_axes; i++) {
        free(summary->axis[i].name);
        free(summary->axis[i].level);
    }
    free(summary->axis);
    *summary = (assay_sweep_summary){0};
}
