/* What each fold chooses: every point on every training window, through the sweep.
 *
 * Points of all folds go into the same call, so that the sweep computes a feature once for all of them. Invariant: the
 * winner of a fold follows from the metrics of its own training window alone; of equals the point with the lowest number
 * wins, so the order of the work does not matter.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "research/objective.h"
#include "research/points.h"
#include "research/walkforward.h"

/* Configurations that one call of the sweep gets, about; and folds a call where a market is as large as the panel. */
enum { CALL_POINTS = 65536, FOLDS_WITH_IMPACT = 4 };

typedef struct choice {
    assay_walkforward *wf;
    assay_objective objective;
    assay_constraint *constraint;
    size_t n_constraints;
    assay_sweep_progress *progress;
    void *progress_context;
    size_t n_before; /* of the calls before */
} choice;

static bool count_on(void *context, size_t n_done) {
    const choice *c = context;
    return c->progress(c->progress_context, c->n_before + n_done);
}

/* --- configurations --- */

assay_status assay_walkforward_point(const assay_walkforward *wf, uint64_t point, assay_config **out_config,
                                     assay_error *err) {
    assay_config *config = NULL;
    assay_status status = assay_config_copy(wf->base, &config, err);
    for (size_t axis = 0; status == ASSAY_OK && axis < assay_points_n_axes(wf->points); axis++) {
        char text[256];
        assay_error reason = {0};
        assay_points_value_text(wf->points, point, axis, text, sizeof text);
        status = assay_config_set(config, assay_points_axis_name(wf->points, axis), text, &reason);
        if (status != ASSAY_OK)
            (void)assay_error_set(err, status, "axis '%s': %s", assay_points_axis_name(wf->points, axis),
                                  reason.message);
    }
    if (status == ASSAY_OK)
        status = assay_config_check(config, err);
    if (status != ASSAY_OK) {
        assay_config_destroy(config);
        config = NULL;
    }
    *out_config = config;
    return status;
}

void assay_walkforward_set_period(const assay_panel *panel, assay_config *config, size_t first, size_t last) {
    int64_t end = panel->timestamp_us[last];
    /* Midnight as an end means all of its day: not where further bars of that day follow. */
    if (last + 1 < panel->n_bars && panel->day[last + 1] == panel->day[last])
        end = panel->timestamp_us[last + 1] - 1;
    config->settings.start_date = panel->timestamp_us[first];
    config->settings.end_date = end;
}

static void destroy_configs(assay_config **configs, size_t n) {
    for (size_t i = 0; configs != NULL && i < n; i++)
        assay_config_destroy(configs[i]);
    free(configs);
}

/* Points [first, first + n_points) on the training windows of folds [fold, fold + n_folds), fold after fold. */
static assay_status make_configs(const assay_walkforward *wf, uint64_t first, size_t n_points, size_t fold,
                                 size_t n_folds, assay_config **out_configs, assay_error *err) {
    for (size_t i = 0; i < n_points; i++) {
        assay_status status = assay_walkforward_point(wf, first + i, &out_configs[i], err);
        for (size_t f = 1; status == ASSAY_OK && f < n_folds; f++)
            status = assay_config_copy(out_configs[i], &out_configs[f * n_points + i], err);
        if (status != ASSAY_OK)
            return status;
        for (size_t f = 0; f < n_folds; f++) {
            const assay_fold *shown = &wf->fold[fold + f].shown;
            assay_walkforward_set_period(wf->panel, out_configs[f * n_points + i], shown->train_first,
                                         shown->train_last);
        }
    }
    return ASSAY_OK;
}

/* --- winners --- */

static void note_winners(const choice *c, uint64_t first, size_t n_points, size_t fold, size_t n_folds,
                         const double *metrics, double *scores) {
    size_t n_metrics = assay_metric_count();
    for (size_t f = 0; f < n_folds; f++) {
        assay_fold_state *state = &c->wf->fold[fold + f];
        const double *rows = metrics + f * n_points * n_metrics;
        assay_objective_scores(&c->objective, c->constraint, c->n_constraints, rows, n_points, scores);
        for (size_t i = 0; i < n_points; i++) {
            if (isnan(scores[i]) || (state->shown.has_winner && !(scores[i] > state->score)))
                continue;
            state->shown.has_winner = true;
            state->shown.point = first + i;
            state->shown.objective = rows[i * n_metrics + c->objective.metric];
            state->score = scores[i];
            memcpy(state->in_sample, rows + i * n_metrics, n_metrics * sizeof *rows);
        }
    }
}

static assay_status run_points(choice *c, uint64_t first, size_t n_points, size_t fold, size_t n_folds,
                               unsigned n_threads, assay_error *err) {
    size_t n = n_points * n_folds;
    assay_config **configs = calloc(n, sizeof *configs);
    double *metrics = malloc(n * assay_metric_count() * sizeof *metrics);
    double *scores = malloc(n_points * sizeof *scores);
    assay_status status = configs == NULL || metrics == NULL || scores == NULL
                              ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu points", n)
                              : make_configs(c->wf, first, n_points, fold, n_folds, configs, err);
    if (status == ASSAY_OK)
        status = assay_sweep_run(c->wf->panel, (const assay_config *const *)configs, n, n_threads,
                                 c->progress == NULL ? NULL : count_on, c, metrics, err);
    if (status == ASSAY_OK)
        note_winners(c, first, n_points, fold, n_folds, metrics, scores);
    destroy_configs(configs, n);
    free(metrics);
    free(scores);
    c->n_before += n;
    return status;
}

/* A market with slippage by impact holds a matrix of the panel's size: few folds at once. */
static size_t folds_at_once(const assay_walkforward *wf) {
    bool impact = wf->base->settings.slippage_model == ASSAY_SLIPPAGE_IMPACT;
    for (size_t i = 0; i < assay_points_n_axes(wf->points); i++)
        impact = impact || strcmp(assay_points_axis_name(wf->points, i), "slippage_model") == 0;
    return impact && wf->n_folds > FOLDS_WITH_IMPACT ? FOLDS_WITH_IMPACT : wf->n_folds;
}

/* Reads objective and constraints; the constraints are the caller's to free. */
static assay_status read_objective(choice *c, const assay_walkforward_spec *spec, assay_error *err) {
    char text[128];
    assay_status status =
        assay_objective_parse(spec->objective == NULL ? "sharpe_ratio" : spec->objective, &c->objective, err);
    if (status != ASSAY_OK)
        return status;
    assay_objective_format(&c->objective, text, sizeof text);
    c->wf->objective = strdup(text);
    c->constraint = calloc(spec->n_where + 1, sizeof *c->constraint);
    if (c->wf->objective == NULL || c->constraint == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu constraints", spec->n_where);
    for (; status == ASSAY_OK && c->n_constraints < spec->n_where; c->n_constraints++)
        status = assay_constraint_parse(spec->where[c->n_constraints], &c->constraint[c->n_constraints], err);
    return status;
}

/* The winner's configuration, or the base's. */
static assay_status keep_config(const assay_walkforward *wf, assay_fold_state *state, assay_error *err) {
    if (state->shown.has_winner)
        return assay_walkforward_point(wf, state->shown.point, &state->config, err);
    return assay_config_copy(wf->base, &state->config, err);
}

assay_status assay_walkforward_choose(assay_walkforward *wf, const assay_walkforward_spec *spec,
                                      unsigned n_threads, assay_sweep_progress *progress,
                                      void *progress_context, assay_error *err) {
    choice c = {.wf = wf, .progress = progress, .progress_context = progress_context};
    assay_status status = read_objective(&c, spec, err);
    uint64_t n_points = assay_points_count(wf->points);
    size_t n_folds = folds_at_once(wf), n_at_once = CALL_POINTS / n_folds == 0 ? 1 : CALL_POINTS / n_folds;
    for (uint64_t first = 0; status == ASSAY_OK && first < n_points; first += n_at_once) {
        size_t n = n_points - first < n_at_once ? (size_t)(n_points - first) : n_at_once;
        for (size_t f = 0; status == ASSAY_OK && f < wf->n_folds; f += n_folds)
            status = run_points(&c, first, n, f, wf->n_folds - f < n_folds ? wf->n_folds - f : n_folds,
                                n_threads, err);
    }
    for (size_t f = 0; status == ASSAY_OK && f < wf->n_folds; f++)
        status = keep_config(wf, &wf->fold[f], err);
    free(c.constraint);
    return status;
}
