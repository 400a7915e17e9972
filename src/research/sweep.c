/* Many books over one market.
 *
 * Points are sorted by what they can share: the market as the settings see it (period, delistings, rebalance bars), the
 * feature, and what shapes fill prices. A unit of work is a run of at most UNIT_POINTS such points: one worker computes
 * the feature, then steps all the unit's books bar by bar, so that a bar's rows are read from memory once and from the
 * cache for every further book. Results go to each point's own place: nothing depends on who did what when.
 */
#include "assay/assay_sweep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/parallel.h"
#include "engine/portfolio.h"
#include "engine/prefix.h"
#include "research/backtest.h"
#include "strategy/ensemble.h"

enum {
    UNIT_POINTS = 50
}; /* two workers with their books and features stay within 100 MB over a panel of 61 MB */

/* A point in the order of work. */
typedef struct planned_point {
    size_t number; /* in the caller's order */
    size_t market; /* index into the markets */
    const assay_config *config;
    uint32_t n_features;
    assay_bound_feature *feature; /* of the points that have the same, one array */
} planned_point;

typedef struct unit {
    size_t begin, end; /* of the planned points */
} unit;

/* What a worker keeps between units. */
typedef struct worker_memory {
    double *matrix[ASSAY_MAX_FEATURES];
    uint32_t n_matrices;
    const planned_point *holds; /* whose features the matrices are; NULL: nobody's */
    const assay_panel *holds_of;
} worker_memory;

typedef struct sweep {
    const assay_panel *panel;
    planned_point *point;
    size_t n_points;
    assay_bound_feature *feature; /* of all points */
    size_t n_features, feature_capacity;
    assay_market *market; /* one for each distinct set of settings that make a market */
    const assay_settings **market_settings;
    size_t n_markets;
    unit *unit;
    size_t n_units;
    worker_memory *memory;
    double *out_metrics;
    assay_sweep_progress *progress;
    void *progress_context;
    pthread_mutex_t lock;
    size_t n_done;
} sweep;

/* --- planning --- */

static bool same_dates(const assay_date_list *a, const assay_date_list *b) {
    return a->n == b->n && (a->n == 0 || memcmp(a->us, b->us, a->n * sizeof *a->us) == 0);
}

static bool same_bars(const assay_settings *a, const assay_settings *b) {
    return strcmp(a->resample, b->resample) == 0 && strcmp(a->signal_frequency, b->signal_frequency) == 0 &&
           strcmp(a->session, b->session) == 0 && same_dates(&a->early_closes, &b->early_closes) &&
           a->outside_session == b->outside_session && a->bar_label == b->bar_label;
}

static bool same_market(const assay_settings *a, const assay_settings *b) {
    return a->start_date == b->start_date && a->end_date == b->end_date &&
           a->delist_after_days == b->delist_after_days && a->rebalance_frequency == b->rebalance_frequency &&
           same_dates(&a->rebalance_dates, &b->rebalance_dates) && same_bars(a, b) &&
           (a->slippage_model == ASSAY_SLIPPAGE_IMPACT) == (b->slippage_model == ASSAY_SLIPPAGE_IMPACT);
}

static assay_status find_market(sweep *sw, const assay_settings *settings, size_t *out_market,
                                assay_error *err) {
    for (size_t i = 0; i < sw->n_markets; i++) {
        if (same_market(sw->market_settings[i], settings)) {
            *out_market = i;
            return ASSAY_OK;
        }
    }
    assay_status status = assay_market_init(&sw->market[sw->n_markets], sw->panel, settings, err);
    if (status != ASSAY_OK)
        return status;
    sw->market_settings[sw->n_markets] = settings;
    *out_market = sw->n_markets++;
    return ASSAY_OK;
}

static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int compare_numbers(double a, double b) {
    return (a > b) - (a < b);
}

/* What shapes the prices of fills: books that differ in it cannot share a prefix. */
static int compare_fills(const assay_config *a, const assay_config *b) {
    const assay_settings *x = &a->settings, *y = &b->settings;
    int order = (int)assay_prefix_possible(a) - (int)assay_prefix_possible(b);
    if (order == 0)
        order = compare_numbers((double)x->fill, (double)y->fill);
    if (order == 0)
        order = compare_numbers((double)x->slippage_model, (double)y->slippage_model);
    if (order == 0)
        order = compare_numbers(x->slippage_bps, y->slippage_bps);
    return order != 0 ? order : compare_numbers(x->max_participation, y->max_participation);
}

static int compare_features(const planned_point *x, const planned_point *y) {
    int order = compare_sizes(x->n_features, y->n_features);
    for (uint32_t i = 0; order == 0 && i < x->n_features; i++)
        order = assay_bound_feature_compare(&x->feature[i], &y->feature[i]);
    return order;
}

/* By the features first, which are dear to compute, then by what else a unit shares. */
static int compare_points(const void *a, const void *b) {
    const planned_point *x = a, *y = b;
    int order = compare_features(x, y);
    if (order == 0)
        order = compare_sizes(x->market, y->market);
    if (order == 0)
        order = strcmp(x->config->strategy->name, y->config->strategy->name);
    if (order == 0)
        order = compare_fills(x->config, y->config);
    return order != 0 ? order : compare_sizes(x->number, y->number);
}

static bool share_unit(const planned_point *a, const planned_point *b) {
    return a->market == b->market && a->config->strategy == b->config->strategy &&
           compare_features(a, b) == 0 &&
           assay_prefix_possible(a->config) == assay_prefix_possible(b->config) &&
           assay_prefix_compatible(a->config, b->config);
}

/* A point's features, in the sweep's one array. */
static assay_status list_features(sweep *sw, planned_point *point, assay_error *err) {
    assay_bound_feature feature[ASSAY_MAX_FEATURES];
    uint32_t first[ASSAY_MAX_MEMBERS + 1];
    assay_status status =
        assay_features_list(point->config->strategy, point->config->params, feature, first, err);
    if (status != ASSAY_OK)
        return status;
    point->n_features = first[assay_member_count(point->config->strategy)];
    status = ASSAY_RESERVE(sw->feature, sw->feature_capacity, sw->n_features + point->n_features, err);
    if (status != ASSAY_OK)
        return status;
    memcpy(sw->feature + sw->n_features, feature, point->n_features * sizeof *feature);
    sw->n_features += point->n_features;
    return ASSAY_OK;
}

static assay_status plan_points(sweep *sw, const assay_config *const *configs, assay_error *err) {
    for (size_t i = 0; i < sw->n_points; i++) {
        planned_point *point = &sw->point[i];
        *point = (planned_point){.number = i, .config = configs[i]};
        assay_status status = assay_config_check(configs[i], err);
        if (status == ASSAY_OK)
            status = list_features(sw, point, err);
        if (status == ASSAY_OK)
            status = find_market(sw, &configs[i]->settings, &point->market, err);
        if (status != ASSAY_OK)
            return status;
    }
    for (size_t i = 0, at = 0; i < sw->n_points; at += sw->point[i++].n_features)
        sw->point[i].feature = sw->feature + at; /* the array no longer moves */
    qsort(sw->point, sw->n_points, sizeof *sw->point, compare_points);
    for (size_t i = 0; i < sw->n_points; i++) {
        unit *next = sw->unit + sw->n_units;
        if (sw->n_units > 0 && next[-1].end - next[-1].begin < UNIT_POINTS &&
            share_unit(&sw->point[next[-1].begin], &sw->point[i])) {
            next[-1].end = i + 1;
        } else {
            *next = (unit){i, i + 1};
            sw->n_units++;
        }
    }
    return ASSAY_OK;
}

/* --- one unit --- */

static assay_status need_features(const sweep *sw, worker_memory *memory, const planned_point *point,
                                  assay_error *err) {
    const assay_panel *seen = assay_market_seen(&sw->market[point->market]);
    if (memory->holds != NULL && memory->holds_of == seen && compare_features(memory->holds, point) == 0)
        return ASSAY_OK;
    memory->holds = NULL;
    for (; memory->n_matrices < point->n_features; memory->n_matrices++) {
        double *matrix = assay_block_alloc(sw->panel->n_bars * sw->panel->stride, sizeof *matrix);
        if (matrix == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM,
                                   "out of memory for a feature of %zu bars x %zu symbols", sw->panel->n_bars,
                                   sw->panel->n_symbols);
        memory->matrix[memory->n_matrices] = matrix;
    }
    assay_status status =
        assay_features_compute(seen, point->feature, point->n_features, memory->matrix, err);
    if (status == ASSAY_OK) {
        memory->holds = point;
        memory->holds_of = seen;
    }
    return status;
}

static double lowest_threshold(const planned_point *point, size_t n) {
    uint32_t param = point->config->strategy->threshold_form->threshold_param;
    double lowest = point[0].config->params[param];
    for (size_t i = 1; i < n; i++)
        lowest = point[i].config->params[param] < lowest ? point[i].config->params[param] : lowest;
    return lowest;
}

static assay_status step_books(assay_portfolio *p, size_t n, assay_prefix *prefix, assay_error *err) {
    const assay_market *market = p[0].market;
    for (size_t t = market->first_bar; t <= market->last_bar; t++) {
        if (prefix != NULL)
            assay_prefix_begin_bar(prefix, t);
        for (size_t i = 0; i < n; i++) {
            assay_status status = assay_portfolio_step(&p[i], t, err);
            if (status != ASSAY_OK)
                return status;
        }
    }
    return ASSAY_OK;
}

static assay_status finish_books(const sweep *sw, const planned_point *point, assay_portfolio *p, size_t n,
                                 assay_error *err) {
    for (size_t i = 0; i < n; i++) {
        assay_status status = assay_portfolio_end(&p[i], err);
        if (status != ASSAY_OK)
            return status;
        const assay_settings *settings = &point[i].config->settings;
        assay_recorder_sort_trades(&p[i].recorder);
        status = assay_recorder_metrics(&p[i].recorder, settings,
                                        assay_market_periods_per_year(p[i].market, settings),
                                        sw->out_metrics + point[i].number * assay_metric_count(), err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

static assay_status run_books(const sweep *sw, const planned_point *point, size_t n, double *const *features,
                              assay_error *err) {
    const assay_market *market = &sw->market[point->market];
    bool pruned = assay_prefix_possible(point->config) && assay_prefix_suits(sw->panel);
    assay_prefix prefix = {0};
    assay_shared shared = {.prefix = pruned ? &prefix : NULL, .features = features};
    assay_portfolio *p = calloc(n, sizeof *p);
    size_t n_made = 0;
    assay_status status = ASSAY_OK;
    if (p == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu portfolios", n);
    else if (pruned)
        status = assay_prefix_init(&prefix, market, point->config, lowest_threshold(point, n),
                                   features[point->config->strategy->threshold_form->feature], err);
    for (; status == ASSAY_OK && n_made < n; n_made++)
        status = assay_portfolio_init(&p[n_made], market, point[n_made].config, ASSAY_KEEP_METRICS, true,
                                      &shared, err);
    if (status == ASSAY_OK)
        status = step_books(p, n, pruned ? &prefix : NULL, err);
    if (status == ASSAY_OK)
        status = finish_books(sw, point, p, n, err);
    for (size_t i = 0; i < n_made; i++)
        assay_portfolio_reset(&p[i]);
    free(p);
    if (pruned)
        assay_prefix_reset(&prefix);
    return status;
}

static assay_status report_progress(sweep *sw, size_t n_more, assay_error *err) {
    pthread_mutex_lock(&sw->lock);
    sw->n_done += n_more;
    bool go_on = sw->progress == NULL || sw->progress(sw->progress_context, sw->n_done);
    pthread_mutex_unlock(&sw->lock);
    return go_on ? ASSAY_OK : assay_error_set(err, ASSAY_E_CANCELLED, "stopped after %zu points", sw->n_done);
}

static assay_status run_unit(void *context, unsigned worker, size_t number, assay_error *err) {
    sweep *sw = context;
    const planned_point *point = sw->point + sw->unit[number].begin;
    size_t n = sw->unit[number].end - sw->unit[number].begin;
    worker_memory *memory = &sw->memory[worker];
    assay_status status = need_features(sw, memory, point, err);
    if (status == ASSAY_OK)
        status = run_books(sw, point, n, memory->matrix, err);
    return status == ASSAY_OK ? report_progress(sw, n, err) : status;
}

assay_status assay_sweep_run(const assay_panel *panel, const assay_config *const *configs, size_t n_points,
                             unsigned n_threads, assay_sweep_progress *progress, void *progress_context,
                             double *out_metrics, assay_error *err) {
    if (n_points == 0)
        return ASSAY_OK;
    unsigned n_workers = assay_thread_count(n_threads);
    sweep sw = {.panel = panel,
                .n_points = n_points,
                .out_metrics = out_metrics,
                .progress = progress,
                .progress_context = progress_context};
    sw.point = malloc(n_points * sizeof *sw.point);
    sw.unit = malloc(n_points * sizeof *sw.unit);
    sw.market = malloc(n_points * sizeof *sw.market);
    sw.market_settings = malloc(n_points * sizeof *sw.market_settings);
    sw.memory = calloc(n_workers, sizeof *sw.memory);
    pthread_mutex_init(&sw.lock, NULL);
    assay_status status = ASSAY_OK;
    if (sw.point == NULL || sw.unit == NULL || sw.market == NULL || sw.market_settings == NULL ||
        sw.memory == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu points", n_points);
    if (status == ASSAY_OK)
        status = plan_points(&sw, configs, err);
    if (status == ASSAY_OK)
        status = assay_parallel_for(n_workers, sw.n_units, run_unit, &sw, err);
    for (size_t i = 0; i < sw.n_markets; i++)
        assay_market_reset(&sw.market[i]);
    for (unsigned i = 0; sw.memory != NULL && i < n_workers; i++) {
        for (uint32_t k = 0; k < sw.memory[i].n_matrices; k++)
            assay_block_free(sw.memory[i].matrix[k]);
    }
    pthread_mutex_destroy(&sw.lock);
    free(sw.point);
    free(sw.feature);
    free(sw.unit);
    free(sw.market);
    free(sw.market_settings);
    free(sw.memory);
    return status;
}
