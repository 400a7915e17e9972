/* Allocation number N fails, for every N, until the work succeeds: each failure must come back as ASSAY_E_NOMEM, leave
 * nothing behind (AddressSanitizer's leak check runs over this) and harm nothing. The linker routes the allocations of
 * libassay through the functions below (--wrap, see meson.build). */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "assay/assay_rule.h"
#include "assay/assay_sample.h"
#include "base/array.h"
#include "base/block.h"
#include "indicator/function.h"
#include "indicator/market_beta.h"

#define free(block) assay_block_free(block) /* a matrix may lie in a file; what malloc gave is taken, too */

static long allocations_left = -1; /* −1: none fails */

static bool fails_now(void) {
    if (allocations_left < 0)
        return false;
    if (allocations_left > 0) {
        allocations_left--;
        return false;
    }
    return true; /* and so does every later one, until it is put right */
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

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

char *__wrap_strdup(const char *text) {
    return fails_now() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size) {
    return fails_now() ? NULL : __real_strndup(text, size);
}

/* Does the work with allocation N failing, N = 0, 1, 2 … until it succeeds; `work` cleans up after itself. Returns how many
 * failures there were. */
static long fail_every_allocation(assay_status (*work)(void *state, assay_error *err), void *state) {
    for (long n = 0;; n++) {
        assay_error err = {.status = ASSAY_OK, .message = ""};
        allocations_left = n;
        assay_status status = work(state, &err);
        allocations_left = -1;
        if (status == ASSAY_OK)
            return n;
        if (status != ASSAY_E_NOMEM)
            fail_msg("allocation %ld failed, and the status is \"%s\": %s", n, assay_status_name(status),
                     err.message);
        assert_int_equal(err.status, ASSAY_E_NOMEM);
        assert_non_null(strstr(err.message, "memory"));
        assert_true(n < 100000);
    }
}

/* --- a panel --- */

/* Two blocks of rows of which the second brings a new column, versions, sources, a duplicate, splits and a table event. */
static assay_status add_everything(assay_panel_builder *b, assay_error *err) {
    uint32_t ids[4] = {0}, first_file = 0, second_file = 0;
    assay_status status = assay_panel_builder_symbol(b, "BBB", 3, &ids[0], err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_symbol(b, "AAA", 3, &ids[1], err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_source(b, "first.csv", &first_file, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_source(b, "second.csv", &second_file, err);
    if (status != ASSAY_OK)
        return status;
    const uint32_t symbol[] = {ids[0], ids[1], ids[0], ids[1]};
    const int64_t at[] = {day_us(0), day_us(0), day_us(1), day_us(3)},
                  later[] = {day_us(3), day_us(2), day_us(4), day_us(3)};
    const double close[] = {10, 20, 11, 21}, open[] = {9, 19, 10, 20}, split[] = {0, 2, 0, 0.5};
    const int64_t version[] = {1, 2, 3, 4};
    const uint32_t source[] = {first_file, second_file, first_file, second_file};
    const assay_panel_rows first = {
        .n_rows = 4, .symbol = symbol, .timestamp_us = at, .column[ASSAY_COLUMN_CLOSE] = close};
    const assay_panel_rows second = {.n_rows = 4,
                                     .symbol = symbol,
                                     .timestamp_us = later,
                                     .column[ASSAY_COLUMN_CLOSE] = close,
                                     .column[ASSAY_COLUMN_OPEN] = open,
                                     .split_ratio = split,
                                     .version_us = version,
                                     .source = source};
    status = assay_panel_builder_add_rows(b, &first, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_add_rows(b, &second, err);
    return status == ASSAY_OK ? assay_panel_builder_add_event(b, ids[0], day_us(1), 3, 0.5, err) : status;
}

static assay_status build(assay_panel **out_panel, assay_error *err) {
    assay_panel_builder *b = NULL;
    *out_panel = NULL;
    assay_status status = assay_panel_builder_create(&b, err);
    if (status == ASSAY_OK)
        status = add_everything(b, err);
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_DROP};
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(b, &options, out_panel, NULL, err);
    assay_panel_builder_destroy(b);
    return status;
}

static assay_status build_and_compare(void *state, assay_error *err) {
    assay_panel *panel;
    assay_status status = build(&panel, err);
    if (status == ASSAY_OK) {
        char hex[33];
        assay_panel_fingerprint(panel, hex);
        assert_string_equal(hex, state); /* and once it succeeds, it is the panel that it should be */
    } else {
        assert_null(panel);
    }
    assay_panel_destroy(panel);
    return status;
}

static void test_building_a_panel(void **state) {
    (void)state;
    assay_panel *panel;
    char hex[33];
    assert_int_equal(build(&panel, NULL), ASSAY_OK);
    assay_panel_fingerprint(panel, hex);
    assay_panel_destroy(panel);
    assert_true(fail_every_allocation(build_and_compare, hex) > 20);
}

static assay_status build_irregular(void *state, assay_error *err) {
    (void)state;
    assay_panel_builder *b = NULL;
    assay_panel *panel = NULL;
    assay_status status = assay_panel_builder_create(&b, err);
    uint32_t id[3] = {0};
    const int64_t at[] = {1, 5000001,
                          INT64_C(7777777777777)}; /* no unit divides these: a calendar by sorting */
    const double close[] = {1, 2, 3};
    const assay_panel_rows rows = {
        .n_rows = 3, .symbol = id, .timestamp_us = at, .column[ASSAY_COLUMN_CLOSE] = close};
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    if (status == ASSAY_OK)
        status = assay_panel_builder_symbol(b, "A", 1, &id[0], err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_add_rows(b, &rows, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(b, &options, &panel, NULL, err);
    assay_panel_builder_destroy(b);
    assay_panel_destroy(panel);
    return status;
}

static void test_building_an_irregular_panel(void **state) {
    (void)state;
    assert_true(fail_every_allocation(build_irregular, NULL) > 10);
}

static assay_status build_sample(void *state, assay_error *err) {
    (void)state;
    assay_sample_spec spec;
    assay_sample_spec_init(&spec);
    spec.n_symbols = 3;
    spec.n_bars = 40;
    assay_panel_builder *b = NULL;
    assay_status status = assay_panel_builder_create(&b, err);
    if (status == ASSAY_OK)
        status = assay_sample_build(&spec, b, err);
    assay_panel_builder_destroy(b);
    return status;
}

static void test_building_a_sample(void **state) {
    (void)state;
    assert_true(fail_every_allocation(build_sample, NULL) > 5);
}

/* What an append could not do is undone: the builder still holds what it held, and can go on. */
static void test_a_builder_survives_a_failed_append(void **state) {
    (void)state;
    for (long n = 0; n < 12; n++) {
        assay_panel_builder *b = NULL;
        assay_panel *panel = NULL;
        uint32_t id[40] = {0};
        int64_t at[40];
        double close[40];
        for (int i = 0; i < 40; i++) {
            at[i] = day_us(i);
            close[i] = 100 + i;
        }
        assert_int_equal(assay_panel_builder_create(&b, NULL), ASSAY_OK);
        assert_int_equal(assay_panel_builder_symbol(b, "A", 1, &id[0], NULL), ASSAY_OK);
        const assay_panel_rows one = {
            .n_rows = 1, .symbol = id, .timestamp_us = at, .column[ASSAY_COLUMN_CLOSE] = close};
        assay_panel_rows rest = {.n_rows = 39,
                                 .symbol = id + 1,
                                 .timestamp_us = at + 1,
                                 .column[ASSAY_COLUMN_CLOSE] = close + 1,
                                 .column[ASSAY_COLUMN_OPEN] = close + 1,
                                 .version_us = at + 1};
        assert_int_equal(assay_panel_builder_add_rows(b, &one, NULL), ASSAY_OK);
        allocations_left = n;
        assay_status status = assay_panel_builder_add_rows(b, &rest, NULL);
        allocations_left = -1;
        if (status != ASSAY_OK) {
            assert_int_equal(status, ASSAY_E_NOMEM);
            assert_int_equal(assay_panel_builder_add_rows(b, &rest, NULL), ASSAY_OK);
        }
        const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
        assert_int_equal(assay_panel_builder_finish(b, &options, &panel, NULL, NULL), ASSAY_OK);
        assert_int_equal(assay_panel_n_bars(panel), 40);
        assert_number(assay_panel_row(panel, ASSAY_COLUMN_OPEN, 0)[0], NO_VALUE);
        for (size_t t = 0; t < 40; t++)
            assert_number(assay_panel_row(panel, ASSAY_COLUMN_CLOSE, t)[0], 100 + (double)t);
        assay_panel_builder_destroy(b);
        assay_panel_destroy(panel);
    }
}

/* --- a configuration --- */

static assay_status configure(void *state, assay_error *err) {
    (void)state;
    assay_config *config = NULL, *copy = NULL;
    assay_status status = assay_config_create(assay_strategy_at(0), &config, err);
    if (status == ASSAY_OK)
        status = assay_config_set(config, "rebalance_dates", "2020-01-01,2020-02-01,2020-03-01", err);
    if (status == ASSAY_OK)
        status = assay_config_set(config, "commission_pct", "0.002", err);
    if (status == ASSAY_OK)
        status = assay_config_copy(config, &copy, err);
    char text[64] = "";
    if (status == ASSAY_OK)
        status = assay_config_get(copy, "rebalance_dates", text, sizeof text, err);
    if (status == ASSAY_OK)
        assert_string_equal(text, "2020-01-01,2020-02-01,2020-03-01");
    assay_config_destroy(config);
    assay_config_destroy(copy);
    return status;
}

static void test_a_configuration(void **state) {
    (void)state;
    assert_true(fail_every_allocation(configure, NULL) >= 4);
    /* A list of dates that could not be set leaves the old one. */
    assay_config *config =
        config_of(assay_strategy_at(0), (const char *const[]){"rebalance_dates", "2020-01-01", NULL});
    char text[64];
    assay_error err = {0};
    allocations_left = 0;
    assay_status status = assay_config_set(config, "rebalance_dates", "2021-01-01", &err);
    allocations_left = -1;
    assert_refused(status, ASSAY_E_NOMEM, &err, "memory");
    assert_int_equal(assay_config_get(config, "rebalance_dates", text, sizeof text, NULL), ASSAY_OK);
    assert_string_equal(text, "2020-01-01");
    assay_config_destroy(config);
}

/* --- a run --- */

typedef struct run_state {
    const assay_panel *panel;
    const assay_config *config;
    const assay_result *expected;
    assay_keep keep;
} run_state;

static assay_status run_and_compare(void *state, assay_error *err) {
    const run_state *s = state;
    assay_result *result = NULL;
    assay_status status = assay_run(s->panel, s->config, s->keep, &result, err);
    if (status == ASSAY_OK && s->keep == ASSAY_KEEP_ALL)
        assert_same_records(s->expected, result);
    if (status != ASSAY_OK)
        assert_null(result);
    assay_result_destroy(result);
    return status;
}

static void fail_every_allocation_of_runs(const char *const *settings) {
    const random_spec spec = {
        .seed = 3, .n_bars = 120, .n_symbols = 12, .gap = 0.05, .event = 0.02, .listings = true};
    matrix_market m = random_market(&spec);
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    for (size_t i = 0; i < 2; i++) {
        assay_config *config = config_of(assay_strategy_at(i), settings);
        assert_int_equal(
            assay_config_set(config, i == 0 ? "threshold" : "z_threshold", i == 0 ? "0.01" : "0.8", NULL),
            ASSAY_OK);
        assay_result *expected = NULL;
        assert_int_equal(assay_run(panel, config, ASSAY_KEEP_ALL, &expected, NULL), ASSAY_OK);
        assert_true(n_trades(expected) > 20);
        run_state state = {panel, config, expected, ASSAY_KEEP_ALL};
        assert_true(fail_every_allocation(run_and_compare, &state) > 15);
        state.keep = ASSAY_KEEP_METRICS;
        assert_true(fail_every_allocation(run_and_compare, &state) > 10);
        assay_result_destroy(expected);
        assay_config_destroy(config);
    }
    assay_panel_destroy(panel);
    free_market(&m);
}

static void test_runs(void **state) {
    (void)state;
    fail_every_allocation_of_runs((const char *const[]){"lookback", "4", "max_position_pct", "0.02", NULL});
    static const char dates[] = "2020-02-01,2020-02-20,2020-03-01,2020-03-10,2020-03-20,"
                                "2020-04-01,2020-04-10,2020-04-20,2020-05-01,2020-05-10";
    fail_every_allocation_of_runs((const char *const[]){
        "lookback", "4", "slippage_model", "impact", "allow_short", "true", "rebalance_dates", dates, NULL});
}

/* Strategies with a state of their own, with signals by way of the sink. */
static assay_status create_state(const void *context, const double *params, size_t n_symbols,
                                 void **out_state, assay_error *err) {
    (void)context;
    (void)params;
    *out_state = malloc(n_symbols + 1);
    return *out_state == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a test's state")
                              : ASSAY_OK;
}

static void test_a_run_of_a_scripted_strategy(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 2, 90), FLAT("A", 3, 90)};
    static const script_line lines[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {1, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    assay_strategy strategy = scripted_strategy;
    strategy.create = create_state;
    strategy.destroy = free;
    assay_panel *panel = PANEL(rows);
    SCRIPT(lines);
    assay_config *config = config_of(&strategy, (const char *const[]){NULL});
    assay_result *expected = NULL;
    assert_int_equal(assay_run(panel, config, ASSAY_KEEP_ALL, &expected, NULL), ASSAY_OK);
    run_state run = {panel, config, expected, ASSAY_KEEP_ALL};
    assert_true(fail_every_allocation(run_and_compare, &run) > 10);
    assay_result_destroy(expected);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

/* --- indicators --- */

typedef struct indicator_state {
    const assay_panel *panel;
    const assay_function *function;
    const double *series; /* every one */
    double *out;
} indicator_state;

static assay_status compute_indicator(void *state, assay_error *err) {
    const indicator_state *st = state;
    const double number[ASSAY_MAX_NUMBERS] = {5, st->function->number[1].is_window ? 3 : 0.5, 7, 0};
    const assay_kernel_input in = {.panel = st->panel,
                                   .n_rows = st->panel->n_bars,
                                   .stride = st->panel->stride,
                                   .series = {st->series, st->series, st->series, st->series},
                                   .number = number};
    return st->function->compute(&in, st->out, err);
}

/* In calendar layout the panel's closes have holes, which recursive functions close up. */
static assay_status own_matrices(void *state, assay_error *err) {
    const indicator_state *st = state;
    const assay_panel *p = st->panel;
    double *own = NULL;
    assay_status status = assay_own_factors(p, &own, err);
    free(own);
    for (int c = 0; status == ASSAY_OK && c < ASSAY_N_PRICE_COLUMNS; c++) {
        own = NULL;
        status = assay_own_column(p, c, &own, err);
        free(own);
    }
    if (status == ASSAY_OK)
        status = assay_equal_weight_market(p, st->out, err);
    return status == ASSAY_OK ? assay_market_beta(p, st->series, 5, st->out, err) : status;
}

static void test_indicators(void **state) {
    (void)state;
    const random_spec spec = {6, 40, 9, 0.2, 0.05, true};
    matrix_market m = random_market(&spec);
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    double *out = assay_aligned_alloc(panel->n_bars * panel->stride, sizeof *out);
    assert_non_null(out);
    indicator_state st = {panel, NULL, panel->column[ASSAY_COLUMN_CLOSE], out};
    long n_failures = 0;
    for (size_t i = 0; i < assay_function_count(); i++) {
        st.function = assay_function_at(i);
        n_failures += fail_every_allocation(compute_indicator, &st);
    }
    assert_true(n_failures > 80);
    assert_true(fail_every_allocation(own_matrices, &st) > 10);
    free(out);
    assay_panel_destroy(panel);
    free_market(&m);
}

/* --- strategies that are made --- */

/* A strategy is made whole or not at all: `expected` is the same one, made in peace. */
static void check_made(assay_status status, const assay_strategy *made, const assay_strategy *expected) {
    assert_true((status == ASSAY_OK) == (made != NULL));
    if (made == NULL)
        return;
    assert_string_equal(made->name, expected->name);
    assert_string_equal(made->reference, expected->reference);
    assert_int_equal(made->n_params, expected->n_params);
    for (uint32_t i = 0; i < made->n_params; i++)
        assert_string_equal(made->params[i].name, expected->params[i].name);
    for (uint32_t i = 0; i < made->n_kinds; i++)
        assert_string_equal(made->kinds[i].reason_before, expected->kinds[i].reason_before);
}

/* A run of a configuration, made to fail at every allocation; the market is small, with gaps, splits and sectors. */
static void fail_every_allocation_of_a_run(const assay_config *config) {
    const random_spec spec = {
        .seed = 8, .n_bars = 90, .n_symbols = 9, .gap = 0.05, .event = 0.02, .listings = true};
    static const char *const sectors[] = {"X", "Y", NULL, "X", "Y", "Z", "X", "Y", "Z"};
    matrix_market m = random_market(&spec);
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    assert_int_equal(assay_panel_set_sectors(panel, sectors, NULL), ASSAY_OK);
    assay_result *expected = NULL;
    assay_error err = {0};
    if (assay_run(panel, config, ASSAY_KEEP_ALL, &expected, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assert_true(n_fills(expected) > 10);
    run_state run = {panel, config, expected, ASSAY_KEEP_ALL};
    assert_true(fail_every_allocation(run_and_compare, &run) > 15);
    assay_result_destroy(expected);
    assay_panel_destroy(panel);
    free_market(&m);
}

static const assay_rule_line rule_lines[] = {
    {"parameters", "n", "4 in 2..50"},
    {"define", "trend", "ema(close, n) / lag(ema(close, n), 2) - 1"},
    {"define", "rank", "cross_rank(trend)"},
    {"rule", "buy", "trend > 0 and rank <= 4 and sector_rank(rsi(close, n)) < 3 and market_beta(10) < 5"},
    {"rule", "sell", "bars_held >= 3 or macd_histogram(close, 3, 6, 4) < 0"},
    {"rule", "score", "abs(trend)"},
    {"rule", "reason", "Trend {trend:.2%}"},
};

static assay_status make_rule(void *state, assay_error *err) {
    assay_strategy *rule = NULL;
    assay_status status = assay_rule_create(NULL, rule_lines, LENGTH(rule_lines), &rule, NULL, err);
    check_made(status, rule, state);
    assay_strategy_destroy(rule);
    return status;
}

static void test_rules(void **state) {
    (void)state;
    assay_strategy *rule = NULL;
    assert_int_equal(assay_rule_create(NULL, rule_lines, LENGTH(rule_lines), &rule, NULL, NULL), ASSAY_OK);
    assert_true(fail_every_allocation(make_rule, rule) > 30);
    assay_config *config = config_of(rule, (const char *const[]){NULL});
    fail_every_allocation_of_a_run(config);
    assay_config_destroy(config);
    assay_strategy_destroy(rule);
}

static assay_status make_ensemble(void *state, assay_error *err) {
    const assay_strategy *members[] = {assay_strategy_at(0), assay_strategy_at(1), assay_strategy_at(2)};
    assay_strategy *ensemble = NULL;
    assay_status status = assay_ensemble_create(members, 3, &ensemble, err);
    check_made(status, ensemble, state);
    assay_strategy_destroy(ensemble);
    return status;
}

static void test_ensembles(void **state) {
    (void)state;
    static const char *const ways[] = {"union", "vote", "sleeves"};
    const assay_strategy *members[] = {assay_strategy_at(0), assay_strategy_at(1), assay_strategy_at(2)};
    assay_strategy *ensemble = NULL;
    assert_int_equal(assay_ensemble_create(members, 3, &ensemble, NULL), ASSAY_OK);
    assert_true(fail_every_allocation(make_ensemble, ensemble) > 10);
    for (size_t i = 0; i < LENGTH(ways); i++) {
        assay_config *config = config_of(
            ensemble,
            (const char *const[]){"combine", ways[i], "momentum.lookback", "4", "momentum.threshold", "0.02",
                                  "mean_reversion.lookback", "5", "mean_reversion.z_threshold", "0.8",
                                  "sector_rotation.lookback", "6", "vote_threshold", "0.3", NULL});
        fail_every_allocation_of_a_run(config);
        assay_config_destroy(config);
    }
    assay_strategy_destroy(ensemble);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_building_a_panel),
        cmocka_unit_test(test_building_an_irregular_panel),
        cmocka_unit_test(test_building_a_sample),
        cmocka_unit_test(test_a_builder_survives_a_failed_append),
        cmocka_unit_test(test_a_configuration),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_a_run_of_a_scripted_strategy),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_ensembles),
        cmocka_unit_test(test_indicators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
