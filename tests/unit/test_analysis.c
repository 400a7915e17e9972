/* Objectives, constraints, best points, Pareto sets, sensitivity, plateaus; and the memory that research takes. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "metrics/overfit.h"
#include "research/analysis.h"
#include "research/objective.h"

/* --- allocations that fail (the linker routes them here: --wrap, see meson.build) --- */

static long allocations_left = -1; /* -1: none fails */

static bool fails_now(void) {
    if (allocations_left > 0)
        allocations_left--;
    else if (allocations_left == 0)
        return true;
    return false;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size) {
    return fails_now() ? NULL : __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return fails_now() ? NULL : __real_aligned_alloc(alignment, size);
}

/* --- objectives and constraints --- */

enum { MOST_METRICS = 256 };

static size_t metric_index(const char *name) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0)
            return i;
    }
    fail_msg("no metric %s", name);
    return 0;
}

static assay_objective objective_of(const char *text) {
    assay_objective objective = {0};
    assay_error err = {0};
    if (assay_objective_parse(text, &objective, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return objective;
}

static assay_constraint constraint_of(const char *text) {
    assay_constraint constraint = {0};
    assay_error err = {0};
    if (assay_constraint_parse(text, &constraint, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return constraint;
}

static void test_objectives_from_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {{"sharpe_ratio", "max:sharpe_ratio"},
                 {" max:total_return_pct ", "max:total_return_pct"},
                 {"-avg_bars_held", "min:avg_bars_held"},
                 {"min: annual_volatility_pct", "min:annual_volatility_pct"},
                 {"max_drawdown_pct", "max:max_drawdown_pct"}};
    double metrics[MOST_METRICS] = {0};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assay_objective objective = objective_of(cases[i].text);
        char text[128];
        assay_objective_format(&objective, text, sizeof text);
        assert_string_equal(text, cases[i].canonical);
        assert_int_equal(objective.metric, metric_index(cases[i].canonical + 4));
        metrics[objective.metric] = 2.5;
        double score = assay_objective_score(&objective, metrics);
        assert_number(score, cases[i].canonical[1] == 'a' ? 2.5 : -2.5);
        assert_number(assay_objective_metric(&objective, score), 2.5);
        metrics[objective.metric] = NO_VALUE;
        assert_number(assay_objective_score(&objective, metrics), NO_VALUE);
    }
}

static void test_mistakes_in_objectives(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {{"sharp_ratio", "objective 'sharp_ratio': unknown metric 'sharp_ratio': did you mean "
                                 "'sharpe_ratio'?"},
                 {"-totl_trades", "unknown metric 'totl_trades': did you mean 'total_trades'?"},
                 {"sharpe", "did you mean 'sharpe_ratio'?"},
                 {"happiness", "unknown metric 'happiness'; docs/metrics.md lists them"},
                 {"", "the name of a metric is missing"},
                 {"max:", "the name of a metric is missing"},
                 {"sharpe_ratio,total_trades", "unknown metric 'sharpe_ratio,total_trades'"},
                 {"-max_drawdown_pct", "looks for the worst loss"},
                 {"min:max_drawdown_pct", "so write max:max_drawdown_pct"}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assay_objective objective = {.metric = 77};
        assay_error err = {0};
        assert_refused(assay_objective_parse(cases[i].text, &objective, &err), ASSAY_E_CONFIG, &err,
                       cases[i].part);
        assert_int_equal(objective.metric, 77);
    }
}

static void test_constraints_from_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical;
        bool below, at, above; /* whether it holds below, at and above its bound */
    } cases[] = {{"min_trades=50", "total_trades>=50", false, true, true},
                 {"min_trades >= 50", "total_trades>=50", false, true, true},
                 {"max_drawdown_pct>-30", "max_drawdown_pct>-30", false, false, true},
                 {" win_rate_pct >= 50.0 ", "win_rate_pct>=50", false, true, true},
                 {"total_trades<1e3", "total_trades<1000", true, false, false},
                 {"avg_bars_held<=7.5", "avg_bars_held<=7.5", true, true, false}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assay_constraint constraint = constraint_of(cases[i].text);
        double metrics[MOST_METRICS] = {0};
        char text[128];
        assay_constraint_format(&constraint, text, sizeof text);
        assert_string_equal(text, cases[i].canonical);
        double *value = &metrics[constraint.metric];
        *value = constraint.bound - 1;
        assert_true(assay_constraint_holds(&constraint, metrics) == cases[i].below);
        *value = constraint.bound;
        assert_true(assay_constraint_holds(&constraint, metrics) == cases[i].at);
        *value = constraint.bound + 1;
        assert_true(assay_constraint_holds(&constraint, metrics) == cases[i].above);
        *value = NO_VALUE;
        assert_false(assay_constraint_holds(&constraint, metrics));
    }
}

static void test_mistakes_in_constraints(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {{"win_rate_pct=50",
                  "constraint 'win_rate_pct=50': write METRIC>=NUMBER (or >, <=, <), such as "
                  "win_rate_pct>=50"},
                 {"win_rate_pct", "write METRIC>=NUMBER"},
                 {"", "write METRIC>=NUMBER"},
                 {"min_trades<50", "write METRIC>=NUMBER"},
                 {"win_rate_pct>=", "the bound '' must be a number"},
                 {"win_rate_pct>=5%", "the bound '5%' must be a number"},
                 {"win_rate_pct>nan", "the bound 'nan' must be a number"},
                 {"win_rate>=5", "unknown metric 'win_rate': did you mean 'win_rate_pct'?"},
                 {">=5", "the name of a metric is missing"}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assay_constraint constraint = {.metric = 77};
        assay_error err = {0};
        assert_refused(assay_constraint_parse(cases[i].text, &constraint, &err), ASSAY_E_CONFIG, &err,
                       cases[i].part);
        assert_int_equal(constraint.metric, 77);
    }
}

static void test_scores_of_many_points(void **state) {
    (void)state;
    size_t n = assay_metric_count();
    double *metrics = calloc(4 * n, sizeof *metrics), scores[4];
    assert_non_null(metrics);
    size_t sharpe = metric_index("sharpe_ratio"), trades = metric_index("total_trades");
    const double given[4][2] = {{1, 50}, {2, 49}, {3, NO_VALUE}, {NO_VALUE, 60}};
    for (size_t i = 0; i < 4; i++) {
        metrics[i * n + sharpe] = given[i][0];
        metrics[i * n + trades] = given[i][1];
    }
    assay_objective objective = objective_of("sharpe_ratio");
    assay_constraint constraint = constraint_of("min_trades=50");
    assay_objective_scores(&objective, &constraint, 1, metrics, 4, scores);
    assert_number(scores[0], 1);
    for (size_t i = 1; i < 4; i++)
        assert_number(scores[i], NO_VALUE);
    assay_objective_scores(&objective, NULL, 0, metrics, 4, scores);
    assert_number(scores[2], 3);
    free(metrics);
}

/* --- the best --- */

/* Scores with many ties and some undefined. */
static void random_scores(assay_rng *rng, double *scores, size_t n, uint64_t n_values) {
    for (size_t i = 0; i < n; i++)
        scores[i] = assay_rng_below(rng, 8) == 0 ? NO_VALUE : (double)assay_rng_below(rng, n_values) - 2;
}

/* Against the obvious way: pick the best that is left, k times. */
static void test_best_points_by_selection(void **state) {
    (void)state;
    assay_rng rng;
    assay_rng_init(&rng, 1);
    for (int round = 0; round < 200; round++) {
        double scores[40];
        uint64_t best[50];
        random_scores(&rng, scores, 40, 12);
        for (size_t k = 0; k <= 50; k += k < 5 ? 1 : 9) {
            bool taken[40] = {false};
            size_t count = 0;
            assay_best_points(scores, 40, k, best, &count);
            for (size_t i = 0; i < count; i++) {
                size_t wanted = 40;
                for (size_t j = 0; j < 40; j++) {
                    if (!taken[j] && !isnan(scores[j]) && (wanted == 40 || scores[j] > scores[wanted]))
                        wanted = j;
                }
                assert_int_equal(best[i], wanted);
                taken[wanted] = true;
            }
            size_t left = 0;
            for (size_t j = 0; j < 40; j++)
                left += !taken[j] && !isnan(scores[j]) ? 1 : 0;
            assert_true(count == k || left == 0);
        }
    }
}

/* Against the definition, pair by pair. */
static void check_pareto(const double *const *scores, size_t n_objectives, size_t n) {
    uint64_t *set = NULL;
    size_t count = 0, next = 0;
    assert_int_equal(assay_pareto_set(scores, n_objectives, n, &set, &count, NULL), ASSAY_OK);
    for (size_t i = 0; i < n; i++) {
        bool in_set = true;
        for (size_t j = 0; j < n && in_set; j++) {
            bool as_good = true, better = false, defined = true;
            for (size_t o = 0; o < n_objectives; o++) {
                as_good = as_good && scores[o][j] >= scores[o][i];
                better = better || scores[o][j] > scores[o][i];
                defined = defined && !isnan(scores[o][i]);
            }
            in_set = defined && !(as_good && (better || j < i));
        }
        bool listed = next < count && set[next] == i;
        assert_true(listed == in_set);
        next += listed ? 1 : 0;
    }
    assert_int_equal(next, count);
    free(set);
}

static void test_pareto_set_by_definition(void **state) {
    (void)state;
    assay_rng rng;
    assay_rng_init(&rng, 2);
    for (int round = 0; round < 400; round++) {
        double table[4][60];
        const double *const scores[] = {table[0], table[1], table[2], table[3]};
        for (size_t o = 0; o < 4; o++)
            random_scores(&rng, table[o], 60, round % 2 == 0 ? 6 : 1000);
        for (size_t n_objectives = 1; n_objectives <= 4; n_objectives++)
            check_pareto(scores, n_objectives, (size_t)(round % 61));
    }
    assay_error err = {0};
    uint64_t *set = NULL;
    size_t count = 0;
    assert_refused(assay_pareto_set(NULL, 0, 5, &set, &count, &err), ASSAY_E_ARGUMENT, &err, "an objective");
}

/* --- sensitivity --- */

static assay_points *create_points(const char *sampling, const char *const *axes, size_t n_axes) {
    assay_error err = {0};
    assay_points *points = NULL;
    if (assay_points_create(axes, n_axes, sampling, &points, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return points;
}

/* numpy 2.4.6: count, mean, median, min, max of each value's scores, and between-group by total sum of squares. */
static void test_sensitivity_against_numpy(void **state) {
    (void)state;
    static const struct {
        size_t axis, count;
        double mean, median, min, max;
    } wanted[] = {
        {0, 7, 0.3839132225798215, 0.31345034205715455, -0.027133263228214632, 0.9002935135929024},
        {0, 8, 0.9015227394380895, 0.8542232866376374, 0.4360005965398209, 1.2887184341115443},
        {0, 7, 1.3607133694986284, 1.3060541737069418, 0.8730251184108553, 1.798890257808589},
        {1, 10, 1.080231482665015, 1.1011707830561168, 0.31345034205715455, 1.798890257808589},
        {1, 12, 0.7185211027836428, 0.6960253822620063, -0.027133263228214632, 1.6357002481992946},
        {2, 6, 0.8431395249382639, 0.8424556894402554, -0.027133263228214632, 1.798890257808589},
        {2, 5, 0.7551905586560924, 0.8910624550614454, 0.11643910878148489, 1.2879932117902724},
        {2, 6, 0.9832010543395517, 1.0507520420996703, 0.4360005965398209, 1.5194251558635596},
        {2, 5, 0.9381143582213017, 1.098436145401347, 0.0351458585811506, 1.6357002481992946},
    };
    static const double share[] = {0.6120392742091322, 0.1306218476713087, 0.030500812805988226};
    const char *axes[] = {"k=10,20,50", "m=a,b", "x=0.1:0.4:0.1"};
    assay_points *points = create_points("grid", axes, 3);
    double scores[24];
    assay_rng rng;
    assay_rng_init(&rng, 3);
    for (uint64_t i = 0; i < 24; i++) {
        bool is_b = assay_points_value_index(points, i, 1) == 1;
        scores[i] = i == 3 || i == 17 ? NO_VALUE
                                      : assay_rng_uniform(&rng) +
                                            0.02 * assay_points_value_number(points, i, 0) - (is_b ? 0.3 : 0);
    }
    size_t row = 0;
    for (size_t axis = 0; axis < 3; axis++) {
        assay_sensitivity s;
        assert_int_equal(assay_sensitivity_init(points, axis, scores, 24, &s, NULL), ASSAY_OK);
        assert_int_equal(s.n_levels, assay_points_axis_count(points, axis));
        assert_false(s.parts);
        assert_near(s.mean, 0.8829349118206302, 1e-14);
        assert_near(s.variance_share, share[axis], 1e-12);
        for (size_t l = 0; l < s.n_levels; l++, row++) {
            assert_int_equal(wanted[row].axis, axis);
            assert_int_equal(s.level[l].index, l);
            assert_int_equal(s.level[l].count, wanted[row].count);
            assert_near(s.level[l].mean, wanted[row].mean, 1e-14);
            assert_near(s.level[l].median, wanted[row].median, 1e-14);
            assert_near(s.level[l].min, wanted[row].min, 1e-14);
            assert_near(s.level[l].max, wanted[row].max, 1e-14);
            assert_number(s.level[l].begin, assay_points_axis_number(points, axis, l));
        }
        assay_sensitivity_reset(&s);
    }
    assay_points_destroy(points);
}

/* A score that one axis makes alone is explained by that axis, and by no other, on a full grid. */
static void test_sensitivity_of_one_cause(void **state) {
    (void)state;
    const char *axes[] = {"a=1:7:1", "b=1:5:1"};
    assay_points *points = create_points("grid", axes, 2);
    double scores[35], equal[35], infinite[35];
    for (uint64_t i = 0; i < 35; i++) {
        double a = assay_points_value_number(points, i, 0);
        scores[i] = a * a;
        equal[i] = 0.1;
        infinite[i] = i == 0 ? (double)INFINITY : NO_VALUE;
    }
    assay_sensitivity s;
    assert_int_equal(assay_sensitivity_init(points, 0, scores, 35, &s, NULL), ASSAY_OK);
    assert_number(s.variance_share, 1);
    assay_sensitivity_reset(&s);
    assert_int_equal(assay_sensitivity_init(points, 1, scores, 35, &s, NULL), ASSAY_OK);
    assert_true(s.variance_share < 1e-20);
    assay_sensitivity_reset(&s);
    assert_int_equal(assay_sensitivity_init(points, 0, equal, 35, &s, NULL), ASSAY_OK);
    assert_number(s.variance_share, NO_VALUE);
    assay_sensitivity_reset(&s);
    assert_int_equal(assay_sensitivity_init(points, 0, infinite, 35, &s, NULL), ASSAY_OK);
    assert_number(s.variance_share, NO_VALUE);
    assert_number(s.level[0].mean, (double)INFINITY);
    assert_number(s.level[0].median, (double)INFINITY);
    assert_number(s.level[1].mean, NO_VALUE);
    assert_int_equal(s.level[1].count, 0);
    assay_sensitivity_reset(&s);
    assay_error err = {0};
    assert_refused(assay_sensitivity_init(points, 2, scores, 35, &s, &err), ASSAY_E_ARGUMENT, &err,
                   "an axis");
    assert_refused(assay_sensitivity_init(points, 0, scores, 34, &s, &err), ASSAY_E_ARGUMENT, &err,
                   "a score");
    assay_points_destroy(points);
}

/* Ranges and long axes come in parts, each point in the part that has its value. */
static void test_sensitivity_in_parts(void **state) {
    (void)state;
    const char *axes[] = {"x=0.0..2", "k=1..3", "n=1:5000:1", "y=log:1.0..1024", "w=0..99"};
    static const size_t n_parts[] = {10, 3, 10, 10, 10};
    assay_points *points = create_points("random:2000:4", axes, 5);
    double scores[2000];
    for (size_t axis = 0; axis < 5; axis++) {
        for (uint64_t i = 0; i < 2000; i++)
            scores[i] = assay_points_value_number(points, i, axis);
        assay_sensitivity s;
        assert_int_equal(assay_sensitivity_init(points, axis, scores, 2000, &s, NULL), ASSAY_OK);
        assert_int_equal(s.n_levels, n_parts[axis]);
        assert_true(s.parts);
        size_t count = 0;
        for (size_t l = 0; l < s.n_levels; l++) {
            bool last = l + 1 == s.n_levels;
            count += s.level[l].count;
            assert_true(s.level[l].count > 2000 / n_parts[axis] / 2);
            assert_true(s.level[l].min >= s.level[l].begin);
            assert_true(last ? s.level[l].max <= s.level[l].end : s.level[l].max < s.level[l].end);
        }
        assert_int_equal(count, 2000);
        assay_sensitivity_reset(&s);
    }
    assay_points_destroy(points);
}

/* --- plateaus --- */

static void test_peak_and_plateau(void **state) {
    (void)state;
    const char *axes[] = {"a=1:5:1", "b=1:5:1"};
    assay_points *points = create_points("grid", axes, 2);
    double scores[25];
    for (size_t i = 0; i < 25; i++)
        scores[i] = 0.9;
    scores[12] = 1; /* the middle */
    assay_plateau plateau;
    assay_plateau_at(points, scores, 12, &plateau);
    assert_int_equal(plateau.n_neighbours, 4);
    assert_int_equal(plateau.n_scored, 4);
    assert_number(plateau.ratio, 0.9);
    scores[7] = 0.1;
    scores[11] = 0.2;
    scores[13] = 0.4;
    scores[17] = NO_VALUE;
    assay_plateau_at(points, scores, 12, &plateau);
    assert_int_equal(plateau.n_neighbours, 4);
    assert_int_equal(plateau.n_scored, 3);
    assert_number(plateau.median, 0.2);
    assert_number(plateau.ratio, 0.2);
    scores[0] = -10; /* a corner; losses: -20 around it keeps half */
    scores[1] = -15;
    scores[5] = -25;
    assay_plateau_at(points, scores, 0, &plateau);
    assert_int_equal(plateau.n_neighbours, 2);
    assert_number(plateau.median, -20);
    assert_number(plateau.ratio, 0.5);
    scores[1] = scores[5] = NO_VALUE;
    assay_plateau_at(points, scores, 0, &plateau);
    assert_number(plateau.ratio, NO_VALUE);
    assay_points_destroy(points);
}

/* --- memory --- */

static assay_status do_everything(const double *scores, const double *returns) {
    const char *axes[] = {"a=1,2,3", "b=0.0..1"};
    const double *const objectives[] = {scores, scores + 20};
    assay_points *points = NULL;
    assay_sensitivity s = {0};
    uint64_t *set = NULL;
    size_t count = 0;
    double correlation = 0;
    assay_overfitting pbo;
    assay_status status = assay_points_create(axes, 2, "sobol:20:1", &points, NULL);
    if (status == ASSAY_OK)
        status = assay_sensitivity_init(points, 0, scores, 20, &s, NULL);
    if (status == ASSAY_OK)
        status = assay_pareto_set(objectives, 2, 20, &set, &count, NULL);
    if (status == ASSAY_OK)
        status = assay_average_correlation(returns, 16, 2, &correlation, NULL);
    if (status == ASSAY_OK)
        status = assay_overfitting_probability(returns, 16, 2, 4, &pbo, NULL);
    assay_sensitivity_reset(&s);
    assay_points_destroy(points);
    free(set);
    return status;
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    double scores[40], returns[32];
    assay_rng rng;
    assay_rng_init(&rng, 6);
    for (size_t i = 0; i < 40; i++)
        scores[i] = assay_rng_uniform(&rng);
    for (size_t i = 0; i < 32; i++)
        returns[i] = assay_rng_uniform(&rng) - 0.5;
    long n = 0;
    assay_status status = ASSAY_E_NOMEM;
    for (; n < 1000 && status == ASSAY_E_NOMEM; n++) {
        allocations_left = n;
        status = do_everything(scores, returns);
        allocations_left = -1;
    }
    assert_int_equal(status, ASSAY_OK);
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objectives_from_text),     cmocka_unit_test(test_mistakes_in_objectives),
        cmocka_unit_test(test_constraints_from_text),    cmocka_unit_test(test_mistakes_in_constraints),
        cmocka_unit_test(test_scores_of_many_points),    cmocka_unit_test(test_best_points_by_selection),
        cmocka_unit_test(test_pareto_set_by_definition), cmocka_unit_test(test_sensitivity_against_numpy),
        cmocka_unit_test(test_sensitivity_of_one_cause), cmocka_unit_test(test_sensitivity_in_parts),
        cmocka_unit_test(test_peak_and_plateau),         cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
