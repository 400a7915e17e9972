/* The optimizer without a database: points into configurations, rungs, promotion, scores, a strategy that cannot be swept
 * side by side. Expected values are worked by hand, or are those of single runs. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "assay/assay_optimize.h"
#include "engine/config.h"

static assay_optimizer *optimizer_of(const assay_strategy *strategy, const assay_optimize_spec *spec) {
    assay_config *config = NULL;
    assay_optimizer *optimizer = NULL;
    assay_error err = {0};
    assert_int_equal(assay_config_create(strategy, &config, &err), ASSAY_OK);
    if (assay_optimizer_create(config, spec, &optimizer, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assay_config_destroy(config);
    return optimizer;
}

static const char *const AXES[] = {"lookback=2,3", "threshold=0.01:0.04:0.01"};

static void points_are_configurations(void **state) {
    (void)state;
    const assay_optimize_spec spec = {.axes = AXES, .n_axes = 2, .shard = "2/3"};
    assay_optimizer *o = optimizer_of(assay_strategy_find("momentum", NULL), &spec);
    assert_int_equal(assay_optimizer_n_points(o), 8);
    assert_int_equal(assay_optimizer_shard_size(o), 3); /* 1, 4, 7 */
    assert_int_equal(assay_optimizer_shard_point(o, 2), 7);
    assay_config *config = NULL;
    assert_int_equal(assay_optimizer_config(o, 6, &config, NULL), ASSAY_OK);
    assert_true(assay_config_params(config)[0] == 3 && assay_config_params(config)[1] == 0.03);
    assay_config_destroy(config);
    assay_optimizer_destroy(o);
}

static void promotion_breaks_ties_by_number(void **state) {
    (void)state;
    const assay_optimize_spec spec = {.axes = AXES, .n_axes = 2, .halving = true};
    assay_optimizer *o = optimizer_of(assay_strategy_find("momentum", NULL), &spec);
    const uint64_t points[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const double metric[] = {1, NO_VALUE, 3, 2, 3, NO_VALUE, 2, 0};
    uint64_t best[4];
    assert_int_equal(assay_optimizer_promote(o, points, metric, 8, 3, best, NULL), ASSAY_OK);
    assert_true(best[0] == 2 && best[1] == 3 && best[2] == 4);
    const double nothing[] = {NO_VALUE, NO_VALUE, NO_VALUE};
    assert_int_equal(assay_optimizer_promote(o, points, nothing, 3, 2, best, NULL), ASSAY_OK);
    assert_true(best[0] == 0 && best[1] == 1);
    assay_optimizer_destroy(o);
}

static void rungs_grow_threefold_to_the_whole_period(void **state) {
    (void)state;
    static const char *const axes[] = {"threshold=0.01:0.3:0.01"};
    const assay_optimize_spec spec = {.axes = axes, .n_axes = 1, .halving = true};
    assay_optimizer *o = optimizer_of(assay_strategy_find("momentum", NULL), &spec);
    price_row rows[600];
    for (int i = 0; i < 600; i++)
        rows[i] = (price_row)FLAT("A", i, 100.0 + i % 7);
    assay_panel *panel = panel_of_rows(rows, 600);
    assay_rung rung[ASSAY_MAX_RUNGS];
    assert_int_equal(assay_optimizer_rungs(o, panel, rung), 3);
    const uint64_t points[] = {30, 10, 4};
    const size_t bars[] = {66, 200, 600};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rung[i].n_points, points[i]);
        assert_int_equal(rung[i].n_bars, bars[i]);
    }
    assert_string_equal(rung[2].start, "");
    assay_panel_destroy(panel);
    assay_optimizer_destroy(o);
}

/* Momentum, said in its own words instead of by the threshold form. */
static assay_status momentum_on_bar(void *memory, const double *params, const assay_view *view,
                                    assay_signal_sink *sink, assay_error *err) {
    const double *value = assay_view_feature(view, 0);
    (void)memory;
    for (size_t i = 0; i < assay_view_n_symbols(view); i++) {
        if (!(fabs(value[i]) > params[1]))
            continue;
        double score = fabs(value[i]), strength = assay_min(score / (2 * params[1]), 1);
        assay_status status =
            assay_signal_emit(sink, i, value[i] > 0 ? 0u : 1u, value[i], score, strength, NO_VALUE, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* Without its threshold form a strategy is run point by point, with the same result. */
static void a_strategy_without_threshold_form(void **state) {
    (void)state;
    const assay_strategy *momentum = assay_strategy_find("momentum", NULL);
    assay_strategy plain = *momentum;
    plain.threshold_form = NULL;
    plain.on_bar = momentum_on_bar;
    const assay_optimize_spec spec = {.axes = AXES, .n_axes = 2};
    assay_optimizer *fast = optimizer_of(momentum, &spec), *slow = optimizer_of(&plain, &spec);
    price_row rows[200];
    for (int i = 0; i < 200; i++)
        rows[i] = (price_row)FLAT(i % 2 == 0 ? "A" : "B", i / 2, 100.0 + (i * 37) % 23);
    assay_panel *panel = panel_of_rows(rows, 200);
    const uint64_t points[] = {0, 1, 2, 3, 4, 5, 6, 7};
    size_t n = 8 * assay_metric_count();
    double *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b);
    assert_int_equal(assay_optimizer_run(fast, panel, NULL, points, 8, 2, NULL, NULL, a, NULL), ASSAY_OK);
    assert_int_equal(assay_optimizer_run(slow, panel, NULL, points, 8, 2, NULL, NULL, b, NULL), ASSAY_OK);
    assert_true(a[0] > 0 || a[0] < 0); /* something was traded */
    for (size_t i = 0; i < n; i++)
        assert_true((a[i] <= b[i] && a[i] >= b[i]) || (isnan(a[i]) && isnan(b[i])));
    free(a);
    free(b);
    assay_panel_destroy(panel);
    assay_optimizer_destroy(fast);
    assay_optimizer_destroy(slow);
}

static void scores_know_constraints(void **state) {
    (void)state;
    static const char *const objectives[] = {"total_return_pct", "min:total_trades"}, *const where[] = {
                                                                                          "min_trades=2"};
    const assay_optimize_spec spec = {.axes = AXES,
                                      .n_axes = 2,
                                      .objectives = objectives,
                                      .n_objectives = 2,
                                      .constraints = where,
                                      .n_constraints = 1};
    assay_optimizer *o = optimizer_of(assay_strategy_find("momentum", NULL), &spec);
    assay_sweep_scores *scores = NULL;
    assert_int_equal(assay_sweep_scores_create(o, &scores, NULL), ASSAY_OK);
    size_t n = assay_metric_count(), of_return = assay_optimizer_objective_metric(o, 0),
           of_trades = assay_optimizer_objective_metric(o, 1);
    double *row = calloc(n, sizeof *row);
    const double returns[] = {5, 9, 7, 7}, trades[] = {2, 1, 3, 4};
    for (uint64_t p = 0; p < 4; p++) {
        row[of_return] = returns[p];
        row[of_trades] = trades[p];
        assay_sweep_scores_add(scores, p, row);
    }
    assay_sweep_summary s;
    assert_int_equal(assay_sweep_summary_init(o, scores, 10, 0, 252, &s, NULL), ASSAY_OK);
    assert_true(s.n_tried == 4 && s.n_scored == 3 && s.n_best == 3);
    assert_true(s.best[0].point == 2 && s.best[1].point == 3 && s.best[2].point == 0);
    assert_true(s.n_pareto == 2 && s.pareto[0].point == 0 && s.pareto[1].point == 2);
    assert_true(isnan(s.luck.dsr) && s.luck.n_trials == 4);
    assay_sweep_summary_reset(&s);
    assay_sweep_scores_destroy(scores);
    assay_optimizer_destroy(o);
    free(row);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_configurations),
        cmocka_unit_test(promotion_breaks_ties_by_number),
        cmocka_unit_test(rungs_grow_threefold_to_the_whole_period),
        cmocka_unit_test(a_strategy_without_threshold_form),
        cmocka_unit_test(scores_know_constraints),
    };
    return cmocka_run_group_tests_name("optimize", tests, NULL, NULL);
}
