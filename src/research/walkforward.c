/* Walk-forward validation: windows, choice, test, and what they say together.
 *
 * Sources: R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd ed. (2008), ch. 11 (walk-forward analysis
 * and efficiency); M. Lopez de Prado, "Advances in Financial Machine Learning" (2018), ch. 7 (purging and embargo).
 */
#include "research/walkforward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/number.h"
#include "base/text.h"
#include "engine/market.h"
#include "research/objective.h"
#include "research/points.h"

/* --- before anything is run --- */

/* Keys that a fold sets itself, or that all points share. */
static const struct {
    const char *key, *reason;
} NOT_AN_AXIS[] = {
    {"start_date", "the folds set it; bound the whole period with --start"},
    {"end_date", "the folds set it; bound the whole period with --end"},
    {"initial_capital", "each test begins with what the one before has left"},
    {"on_bad_data", "it decides which rows are read, and all points share one reading"},
    {"signal_prices", "it shapes the prices that all points share"},
    {"benchmark", "it is loaded once for all points"},
    {"max_age_days", "it shapes the columns that all points share"},
    {"lag_days", "it shapes the columns that all points share"},
    {"gap_policy", "it decides which bars there are"},
    {"max_gap_bars", "it decides which bars there are"},
    {"point_in_time_universe", "the universe is loaded once for all points"},
};

enum { MOST_CHECKED_VALUES = 10000 };

static assay_status refuse_axis(const char *name, const char *reason, assay_error *err) {
    return assay_error_set(err, ASSAY_E_CONFIG, "--axis %s: %s", name, reason);
}

/* Every value of an axis (of a range: its ends) must be one that the configuration takes. */
static assay_status check_values(const assay_points *points, size_t axis, assay_config *scratch,
                                 assay_error *err) {
    const char *name = assay_points_axis_name(points, axis);
    uint64_t n = assay_points_axis_count(points, axis);
    assay_status status = ASSAY_OK;
    for (uint64_t i = 0; status == ASSAY_OK && i < (n == 0 ? 2 : n); i++) {
        char text[256];
        assay_error reason = {0};
        if (i == MOST_CHECKED_VALUES)
            i = n - 1; /* steps grow or fall all along: the last is the extreme */
        if (n == 0)
            assay_double_format(assay_points_range_number(points, axis, (double)i), text, sizeof text);
        else
            assay_points_axis_text(points, axis, i, text, sizeof text);
        status = assay_config_set(scratch, name, text, &reason);
        if (status == ASSAY_E_CONFIG)
            return refuse_axis(name, reason.message, err);
    }
    return status;
}

static assay_status check_axes(const assay_points *points, const assay_config *config, assay_error *err) {
    assay_config *scratch = NULL;
    assay_status status = assay_config_copy(config, &scratch, err);
    for (size_t axis = 0; status == ASSAY_OK && axis < assay_points_n_axes(points); axis++) {
        const char *name = assay_points_axis_name(points, axis), *reason = NULL;
        for (size_t i = 0; i < sizeof NOT_AN_AXIS / sizeof *NOT_AN_AXIS; i++)
            reason = strcmp(name, NOT_AN_AXIS[i].key) == 0 ? NOT_AN_AXIS[i].reason : reason;
        status = reason != NULL ? refuse_axis(name, reason, err) : check_values(points, axis, scratch, err);
    }
    assay_config_destroy(scratch);
    return status;
}

assay_status assay_walkforward_check(const assay_config *config, const assay_walkforward_spec *spec,
                                     assay_error *err) {
    assay_points *points = NULL;
    assay_fold_plan plan;
    assay_objective objective;
    assay_constraint constraint;
    if (spec->n_axes == 0)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "nothing to choose: give at least one --axis, such as "
                               "--axis lookback=10:100:10");
    assay_status status = assay_fold_plan_init(&plan, spec, err);
    if (status == ASSAY_OK && spec->objective != NULL)
        status = assay_objective_parse(spec->objective, &objective, err);
    for (size_t i = 0; status == ASSAY_OK && i < spec->n_where; i++)
        status = assay_constraint_parse(spec->where[i], &constraint, err);
    if (status == ASSAY_OK)
        status = assay_points_create(spec->axes, spec->n_axes, spec->sampling, &points, err);
    if (status == ASSAY_OK)
        status = check_axes(points, config, err);
    assay_points_destroy(points);
    return status;
}

/* The bars of the base's period. */
static assay_status find_period(const assay_panel *panel, const assay_config *config, size_t *out_first,
                                size_t *out_after, assay_error *err) {
    assay_market market;
    assay_settings settings = config->settings;
    settings.slippage_model = ASSAY_SLIPPAGE_NONE; /* its matrix is not needed */
    assay_status status = assay_market_init(&market, panel, &settings, err);
    if (status != ASSAY_OK)
        return status;
    *out_first = market.first_bar;
    *out_after = market.last_bar + 1;
    assay_market_reset(&market);
    return ASSAY_OK;
}

/* Calendar lengths count from the period's first day: its start where the data reach back so far. */
static int32_t origin_of(const assay_panel *panel, const assay_config *config) {
    int64_t start = config->settings.start_date;
    int32_t day = start == ASSAY_NO_DATE ? panel->day[0] : assay_day_of_us(start);
    return day > panel->day[0] ? day : panel->day[0];
}

static assay_status make_folds(assay_walkforward *wf, const assay_walkforward_spec *spec, assay_error *err) {
    assay_fold_plan plan;
    assay_fold_window *window = NULL;
    size_t first = 0, after = 0, n = 0, n_metrics = assay_metric_count();
    assay_status status = assay_fold_plan_init(&plan, spec, err);
    if (status == ASSAY_OK)
        status = find_period(wf->panel, wf->base, &first, &after, err);
    if (status == ASSAY_OK)
        status = assay_fold_windows(&plan, wf->panel->timestamp_us, first, after,
                                    origin_of(wf->panel, wf->base), &window, &n, err);
    if (status != ASSAY_OK)
        return status;
    wf->fold = calloc(n, sizeof *wf->fold);
    for (; wf->fold != NULL && wf->n_folds < n; wf->n_folds++) {
        assay_fold_state *state = &wf->fold[wf->n_folds];
        const assay_fold_window *w = &window[wf->n_folds];
        state->in_sample = malloc(2 * n_metrics * sizeof(double));
        if (state->in_sample == NULL)
            break;
        for (size_t i = 0; i < 2 * n_metrics; i++)
            state->in_sample[i] = ASSAY_NAN;
        state->out_of_sample = state->in_sample + n_metrics;
        state->shown = (assay_fold){.train_first = w->train_first,
                                    .train_last = w->train_after - 1,
                                    .test_first = w->test_first,
                                    .test_last = w->test_after - 1,
                                    .is_partial = w->is_partial,
                                    .objective = ASSAY_NAN,
                                    .in_sample = state->in_sample,
                                    .out_of_sample = state->out_of_sample};
    }
    free(window);
    return wf->n_folds == n ? ASSAY_OK
                            : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu folds", n);
}

static assay_status check_carry(const assay_walkforward *wf, assay_error *err) {
    for (size_t k = 1; wf->positions == ASSAY_FOLD_CARRY && k < wf->n_folds; k++) {
        if (wf->fold[k].shown.test_first != wf->fold[k - 1].shown.test_last + 1)
            return assay_error_set(
                err, ASSAY_E_CONFIG,
                "positions cannot be carried from test %zu to test %zu: bars lie between them; "
                "leave --step out, or use --positions flatten",
                k, k + 1);
    }
    return ASSAY_OK;
}

/* --- life --- */

void assay_walkforward_destroy(assay_walkforward *wf) {
    if (wf == NULL)
        return;
    for (size_t k = 0; k < wf->n_folds; k++) {
        assay_result_destroy(wf->fold[k].result);
        assay_config_destroy(wf->fold[k].config);
        free(wf->fold[k].in_sample);
    }
    free(wf->fold);
    assay_result_destroy(wf->joined);
    assay_points_destroy(wf->points);
    assay_config_destroy(wf->base);
    free(wf->objective);
    free(wf);
}

static assay_status run_folds(assay_walkforward *wf, const assay_walkforward_spec *spec, unsigned n_threads,
                              assay_sweep_progress *progress, void *progress_context, assay_error *err) {
    assay_status status = assay_walkforward_check(wf->base, spec, err);
    if (status == ASSAY_OK)
        status = assay_points_create(spec->axes, spec->n_axes, spec->sampling, &wf->points, err);
    if (status == ASSAY_OK)
        status = make_folds(wf, spec, err);
    if (status == ASSAY_OK)
        status = check_carry(wf, err);
    if (status == ASSAY_OK)
        status = assay_walkforward_choose(wf, spec, n_threads, progress, progress_context, err);
    if (status != ASSAY_OK)
        return status;
    if (wf->positions == ASSAY_FOLD_CARRY)
        status = assay_walkforward_test_carried(wf, err);
    else
        status = assay_walkforward_test_flat(wf, err);
    if (status == ASSAY_OK && wf->positions == ASSAY_FOLD_FLATTEN)
        status = assay_walkforward_join(wf, err);
    for (size_t k = 0; k < wf->n_folds; k++)
        wf->fold[k].shown.config = wf->fold[k].config;
    return status;
}

assay_status assay_walkforward_run(const assay_panel *panel, const assay_config *config,
                                   const assay_walkforward_spec *spec, unsigned n_threads,
                                   assay_sweep_progress *progress, void *progress_context,
                                   assay_walkforward **out_walkforward, assay_error *err) {
    *out_walkforward = NULL;
    assay_walkforward *wf = calloc(1, sizeof *wf);
    if (wf == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a walk-forward");
    wf->panel = panel;
    wf->positions = spec->positions;
    assay_status status = assay_config_copy(config, &wf->base, err);
    if (status == ASSAY_OK)
        status = run_folds(wf, spec, n_threads, progress, progress_context, err);
    if (status != ASSAY_OK) {
        assay_walkforward_destroy(wf);
        return status;
    }
    *out_walkforward = wf;
    return ASSAY_OK;
}

/* --- reading --- */

size_t assay_walkforward_n_folds(const assay_walkforward *wf) {
    return wf->n_folds;
}

const assay_fold *assay_walkforward_fold(const assay_walkforward *wf, size_t index) {
    return index < wf->n_folds ? &wf->fold[index].shown : NULL;
}

uint64_t assay_walkforward_n_points(const assay_walkforward *wf) {
    return assay_points_count(wf->points);
}

const char *assay_walkforward_objective(const assay_walkforward *wf) {
    return wf->objective;
}

assay_fold_positions assay_walkforward_positions(const assay_walkforward *wf) {
    return wf->positions;
}

size_t assay_walkforward_n_axes(const assay_walkforward *wf) {
    return assay_points_n_axes(wf->points);
}

const assay_result *assay_walkforward_result(const assay_walkforward *wf) {
    return wf->joined;
}

void assay_walkforward_choice(const assay_walkforward *wf, size_t fold, size_t axis, char *out_text,
                              size_t size) {
    out_text[0] = '\0';
    if (wf->fold[fold].shown.has_winner)
        assay_points_value_text(wf->points, wf->fold[fold].shown.point, axis, out_text, size);
}

/* --- efficiency and drift --- */

static double metric_of(const double *metrics, const char *name) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0)
            return metrics[i];
    }
    return ASSAY_NAN;
}

double assay_fold_efficiency(const assay_fold *fold, const char *metric) {
    double in = metric_of(fold->in_sample, metric), out = metric_of(fold->out_of_sample, metric);
    return isfinite(in) && isfinite(out) && in > 0 ? out / in : ASSAY_NAN;
}

static double mean_efficiency(const assay_walkforward *wf, const char *metric, size_t *out_count) {
    double sum = 0;
    *out_count = 0;
    for (size_t k = 0; k < wf->n_folds; k++) {
        double value = assay_fold_efficiency(&wf->fold[k].shown, metric);
        if (isnan(value) || wf->fold[k].shown.is_partial)
            continue;
        sum += value;
        ++*out_count;
    }
    return *out_count == 0 ? ASSAY_NAN : sum / (double)*out_count;
}

assay_walkforward_efficiency assay_walkforward_efficiency_of(const assay_walkforward *wf) {
    assay_walkforward_efficiency e = {0};
    e.annual_return = mean_efficiency(wf, "annual_return_pct", &e.n_annual_return);
    e.sharpe_ratio = mean_efficiency(wf, "sharpe_ratio", &e.n_sharpe_ratio);
    return e;
}

/* Whether two folds chose the same value of an axis: by its text, so that ranges have an answer too. */
static bool same_choice(const assay_walkforward *wf, size_t axis, size_t a, size_t b) {
    char x[256], y[256];
    assay_walkforward_choice(wf, a, axis, x, sizeof x);
    assay_walkforward_choice(wf, b, axis, y, sizeof y);
    return strcmp(x, y) == 0;
}

static size_t count_distinct(const assay_walkforward *wf, size_t axis) {
    size_t n = 0;
    for (size_t k = 0; k < wf->n_folds; k++) {
        bool is_new = wf->fold[k].shown.has_winner;
        for (size_t before = 0; is_new && before < k; before++)
            is_new = !wf->fold[before].shown.has_winner || !same_choice(wf, axis, before, k);
        n += is_new;
    }
    return n;
}

assay_axis_drift assay_walkforward_drift(const assay_walkforward *wf, size_t axis) {
    assay_axis_drift d = {.axis = assay_points_axis_name(wf->points, axis),
                          .n_distinct = count_distinct(wf, axis),
                          .mean_steps = ASSAY_NAN,
                          .max_steps = ASSAY_NAN};
    double sum = 0, most = 0;
    for (size_t k = 1; k < wf->n_folds; k++) {
        const assay_fold *before = &wf->fold[k - 1].shown, *now = &wf->fold[k].shown;
        if (!before->has_winner || !now->has_winner)
            continue;
        double from = (double)assay_points_value_index(wf->points, before->point, axis);
        double to = (double)assay_points_value_index(wf->points, now->point, axis);
        sum += fabs(to - from);
        most = assay_max(most, fabs(to - from));
        d.n_pairs++;
        d.n_changes += !same_choice(wf, axis, k - 1, k);
    }
    if (d.n_pairs > 0 && assay_points_axis_count(wf->points, axis) > 0) {
        d.mean_steps = sum / (double)d.n_pairs;
        d.max_steps = most;
    }
    return d;
}
