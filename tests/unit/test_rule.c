/* The rule language: what it reads, what it refuses and where, what it computes; rules against the built-in strategies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "built_in_rules.h"

#include "assay/assay_rule.h"
#include "assay/assay_sweep.h"
#include "expression/graph.h"
#include "market/panel_extras.h"

/* --- rules --- */

#define MAKE(lines) make_rule((lines), LENGTH(lines))
static assay_strategy *make_rule(const assay_rule_line *lines, size_t n) {
    assay_strategy *strategy = NULL;
    assay_rule_place place;
    assay_error err = {0};
    if (assay_rule_create(NULL, lines, n, &strategy, &place, &err) != ASSAY_OK)
        fail_msg("line %zu, byte %zu: %s", place.line, place.offset, err.message);
    return strategy;
}

/* A rule of one buy expression must be refused with this message at this byte. */
static void refuse_buy(const char *text, size_t offset, const char *part) {
    const assay_rule_line lines[] = {
        {"parameters", "n", "20"}, {"define", "m", "return(close, n)"}, {"rule", "buy", text}};
    assay_strategy *strategy = NULL;
    assay_rule_place place = {99, 99};
    assay_error err = {0};
    assay_status status = assay_rule_create(NULL, lines, 3, &strategy, &place, &err);
    if (status != ASSAY_E_CONFIG)
        fail_msg("'%s' is not refused", text);
    assert_refused(status, ASSAY_E_CONFIG, &err, part);
    if (place.line != 2 || place.offset != offset)
        fail_msg("'%s': the mistake is at line %zu, byte %zu, not at byte %zu: %s", text, place.line,
                 place.offset, offset, err.message);
}

static void mistakes_are_named_where_they_are(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *part;
    } mistakes[] = {
        {"", 0, "ends where a value is needed"},
        {"close >", 7, "ends where a value is needed"},
        {"close > 5 5", 10, "'5' stands where an operator is needed"},
        {"clsoe > 5", 0, "unknown name 'clsoe': did you mean 'close'?"},
        {"close > smma(close, 5)", 8, "there is no function 'smma': did you mean 'sma'?"},
        {"sma(close)", 0, "1 arguments for sma(x, n)"},
        {"sma(close, 0) > 1", 11, "n of sma is 0; it must be a whole number from 1"},
        {"sma(close, 2.5) > 1", 11, "must be a whole number"},
        {"sma(close, close) > 1", 11, "the same at every bar"},
        {"lag(close, -1) > 1", 11, "would look ahead"},
        {"lag(close, 0 - n) > 1", 0, ""}, /* found at the defaults: see below */
        {"close = 5", 6, "equality is written =="},
        {"1 < m < 2", 6, "write a < b and b < c"},
        {"(m > 1", 6, "ends where ')' is needed"},
        {"m > 1)", 5, "')' stands where an operator is needed"},
        {"m > 1e", 4, "is no number"},
        {"m > $", 4, "'$' stands where a value is needed"},
        {"close > volume", 6, "a price and a volume cannot be compared"},
        {"close + volume > 1", 6, "cannot be added"},
        {"log(close) > 1", 0, "a logarithm of a price would change with later splits"},
        {"sma(close + 1, 5) > 1", 0, "its past would change with later splits"},
        {"sma(held, 5) > 1", 0, "the state of a position has no past"},
        {"cross_rank(bars_held) > 1", 0, "cannot be compared across symbols"},
        {"and > 1", 0, "'and' stands where a value is needed"},
        {"top(m) > 1", 0, "1 arguments for top(x, n)"},
        {"if(m, 1) > 1", 0, "2 arguments for if(condition, then, else)"},
        {"market_beta(1) > 1", 12, "from 2 to 100000"},
        {"my_column > 1", 0, "a column of your own is written column(my_column)"},
    };
    for (size_t i = 0; i < LENGTH(mistakes); i++) {
        if (mistakes[i].part[0] != '\0')
            refuse_buy(mistakes[i].text, mistakes[i].offset, mistakes[i].part);
    }
}

static void deep_and_long_texts_are_refused(void **state) {
    (void)state;
    enum { DEPTH = 100000 };
    char *text = malloc(DEPTH + 2);
    memset(text, '(', DEPTH);
    text[DEPTH] = '\0';
    const assay_rule_line deep = {"rule", "buy", text};
    assay_strategy *strategy = NULL;
    assay_error err = {0};
    assert_refused(assay_rule_create(NULL, &deep, 1, &strategy, NULL, &err), ASSAY_E_CONFIG, &err,
                   "nested too deeply");
    memset(text, '-', DEPTH);
    assert_refused(assay_rule_create(NULL, &deep, 1, &strategy, NULL, &err), ASSAY_E_CONFIG, &err,
                   "nested too deeply");
    free(text);
    const assay_rule_line circle[] = {
        {"define", "a", "b + 1"}, {"define", "b", "a + 1"}, {"rule", "buy", "a > 1"}};
    assert_refused(assay_rule_create(NULL, circle, 3, &strategy, NULL, &err), ASSAY_E_CONFIG, &err,
                   "needs itself");
}

#define REFUSE(part, ...)                                                                                    \
    do {                                                                                                     \
        const assay_rule_line refused[] = {__VA_ARGS__};                                                     \
        assay_strategy *none = NULL;                                                                         \
        assay_error err = {0};                                                                               \
        assert_refused(assay_rule_create(NULL, refused, LENGTH(refused), &none, NULL, &err), ASSAY_E_CONFIG, \
                       &err, part);                                                                          \
        assert_null(none);                                                                                   \
    } while (0)

/* More than a number is read of: what stands behind must not get lost. */
#define MANY_DIGITS "1000000000000000000000000000000000000000000000000000000000000000000000000"

static void lines_that_make_no_rule(void **state) {
    (void)state;
    REFUSE("the rule does nothing", {"rule", "score", "1"});
    REFUSE("did you mean 'buy'", {"rule", "bux", "true"});
    REFUSE("no section 'engine'", {"engine", "fill", "close"}, {"rule", "buy", "true"});
    REFUSE("second time", {"rule", "buy", "true"}, {"rule", "buy", "false"});
    REFUSE("'n' is named for the second time", {"parameters", "n", "5"}, {"define", "n", "1"},
           {"rule", "buy", "true"});
    REFUSE("is no name", {"parameters", "2n", "5"}, {"rule", "buy", "true"});
    REFUSE("is no number", {"parameters", "n", "many"}, {"rule", "buy", "true"});
    REFUSE("does not lie in", {"parameters", "n", "1 in 2..5"}, {"rule", "buy", "true"});
    REFUSE("a whole number from 1", {"parameters", "n", "2.5"}, {"rule", "buy", "sma(close, n) > 1"});
    REFUSE("would look ahead", {"parameters", "n", "2"}, {"rule", "buy", "lag(close, -n) > 1"});
    REFUSE("the } to this { is missing", {"rule", "buy", "true"}, {"rule", "reason", "x {close"});
    REFUSE("a reason shows one value", {"rule", "buy", "true"}, {"rule", "reason", "{close} {open}"});
    REFUSE("formats are", {"rule", "buy", "true"}, {"rule", "reason", "{close:d}"});
    REFUSE("unknown name", {"define", "unused", "nothing_like_it"}, {"rule", "buy", "true"});
    REFUSE("'open' means something already", {"parameters", "open", "5"},
           {"rule", "buy", "sma(open_price, 3) > open"});
    REFUSE("'not' means something already", {"define", "not", "5"}, {"rule", "buy", "true"});
    REFUSE("is no number", {"parameters", "n", MANY_DIGITS}, {"rule", "buy", "true"});
    REFUSE("is no number", {"parameters", "n", "5 in 0.." MANY_DIGITS}, {"rule", "buy", "true"});
    REFUSE("is no number", {"rule", "buy", "close > " MANY_DIGITS});
    REFUSE("is no name of a strategy", {"rule", "name", "a b"}, {"rule", "buy", "true"});
}

/* --- values --- */

/* The value of an expression at one bar and symbol of a panel. */
static double *values_of(const assay_panel *panel, const char *expression) {
    double *values = malloc(assay_panel_n_bars(panel) * assay_panel_n_symbols(panel) * sizeof *values);
    assay_error err = {0};
    if (assay_expression_compute(panel, expression, values, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return values;
}

static double value_of(const assay_panel *panel, const char *expression, size_t bar, size_t symbol) {
    double *values = values_of(panel, expression);
    double value = values[bar * assay_panel_n_symbols(panel) + symbol];
    free(values);
    return value;
}

static const price_row small_rows[] = {
    FLAT("A", 0, 10), FLAT("A", 1, 12), FLAT("A", 2, 6),  FLAT("A", 3, 8),
    FLAT("B", 0, 20), FLAT("B", 2, 30), FLAT("B", 3, 40), FLAT("C", 3, 5),
};

static void arithmetic_and_logic(void **state) {
    (void)state;
    assay_panel *panel = PANEL(small_rows);
    static const struct {
        const char *text;
        double value; /* of A at bar 3, where it closes at 8 */
    } cases[] = {
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"-2 ^ 2", -4},
        {"2 ** 3 ** 2", 512},
        {"7 % 3", 1},
        {"-7 % 3", 2},
        {"1 - 2 - 3", -4},
        {"12 / 3 / 2", 2},
        {"close", 8},
        {"close - lag(close, 1)", 2},
        {"close > 7 and close < 9", 1},
        {"not close > 7", 0},
        {"close > 7 or lag(close, 9) > 1", 1},
        {"close < 7 or lag(close, 9) > 1", NO_VALUE},
        {"close < 7 and lag(close, 9) > 1", 0},
        {"isnan(lag(close, 9))", 1},
        {"if(close > 7, 1, 2)", 1},
        {"if(lag(close, 9) > 7, 1, 2)", NO_VALUE},
        {"min(close, 3)", 3},
        {"max(lag(close, 9), 3)", NO_VALUE},
        {"clip(close, 9, 10)", 9},
        {"abs(-close)", 8},
        {"sqrt(close * close)", 8},
        {"round(2.5) + floor(-0.5) + ceil(0.5) + sign(-3)", 2},
        {"sma(close, 2)", 7},
        {"rolling_max(close, 3) / rolling_min(close, 3)", 2},
        {"crosses_above(close, 7)", 1},
        {"crosses_below(close, 7)", 0},
        {"!(close == 8) || close != 8", 0},
        {"true && 1e3 == 1_000", 1},
        {"cross_rank(close)", 2},
        {"cross_percentile(close)", 2.0 / 3},
        {"top(close, 1)", 0},
        {"bottom(close, 2)", 1},
        {"cross_count(close)", 3},
        {"cross_mean(close)", (8.0 + 40 + 5) / 3},
        {"sum(close > 7, 4)", 3},
        {"dollar", NO_VALUE},
    };
    for (size_t i = 0; i + 1 < LENGTH(cases); i++) {
        double value = value_of(panel, cases[i].text, 3, 0);
        if (!(value == cases[i].value || (isnan(value) && isnan(cases[i].value))))
            fail_msg("%s is %.17g, not %.17g", cases[i].text, value, cases[i].value);
    }
    /* B has no bar at 1: its window closes up. */
    assert_number(value_of(panel, "sma(close, 2)", 2, 1), 25);
    assert_number(value_of(panel, "lag(close, 1)", 3, 1), 30);
    assert_number(value_of(panel, "cross_count(close)", 1, 0), 1);
    assert_number(value_of(panel, "close", 1, 1), NO_VALUE);
    assay_panel_destroy(panel);
}

/* A split of 4 for 1 at bar 2: prices as they were known, constants at the raw scale of the bar. */
static void prices_are_as_of_the_bar(void **state) {
    (void)state;
    const price_row rows[] = {
        {"A", 0, 100, 110, 90, 100, 10, 0, 0},
        {"A", 1, 100, 120, 90, 120, 20, 0, 0},
        {"A", 2, 30, 33, 29, 30, 80, 0, 4},
    };
    assay_panel *panel = PANEL(rows);
    assert_number(value_of(panel, "lag(close, 1)", 1, 0), 100);
    assert_number(value_of(panel, "lag(close, 2)", 2, 0), 25);
    assert_number(value_of(panel, "lag(high, 1)", 2, 0), 30);
    assert_number(value_of(panel, "lag(volume, 1)", 2, 0), 80);
    assert_number(value_of(panel, "rolling_max(high, 3)", 2, 0), 33);
    assert_number(value_of(panel, "close * volume / lag(close * volume, 1)", 2, 0), 1);
    assert_number(value_of(panel, "sum(close > 50, 3)", 2, 0), 2); /* each bar at its own scale */
    assert_number(value_of(panel, "lag(close, 1) > 50", 2, 0), 0); /* 30 as of bar 2 */
    assert_number(value_of(panel, "close / lag(close, 1)", 2, 0), 1);
    assert_number(value_of(panel, "sqrt(var(close, 3))", 2, 0), value_of(panel, "std(close, 3)", 2, 0));
    assay_panel_destroy(panel);
}

/* Every known technical column is computed where the data have none, and taken from the data where they do. */
static void columns(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(5, 300, 3);
    size_t n = assay_panel_n_bars(panel) * assay_panel_n_symbols(panel);
    for (size_t i = 0; assay_indicator_at(i) != NULL; i++) {
        double *by_name = values_of(panel, assay_indicator_at(i)->column);
        double *by_expression = values_of(panel, assay_indicator_at(i)->expression);
        assert_memory_equal(by_name, by_expression, n * sizeof *by_name);
        free(by_name);
        free(by_expression);
    }
    double *mine = malloc(n * sizeof *mine);
    for (size_t i = 0; i < n; i++)
        mine[i] = (double)i;
    assert_int_equal(assay_panel_add_column(panel, "rsi_14", mine, NULL), ASSAY_OK);
    assert_int_equal(assay_panel_add_column(panel, "own", mine, NULL), ASSAY_OK);
    assert_number(value_of(panel, "rsi_14 + column(own)", 7, 1), 2 * mine[7 * 5 + 1]);
    assay_error err = {0};
    assert_refused(assay_expression_compute(panel, "pe_ratio", mine, &err), ASSAY_E_NOT_FOUND, &err,
                   "no column 'pe_ratio'");
    assert_refused(assay_expression_compute(panel, "held > 0", mine, &err), ASSAY_E_CONFIG, &err,
                   "needs a portfolio");
    assert_refused(assay_expression_compute(panel, "sector_rank(close)", mine, &err), ASSAY_E_DATA, &err,
                   "needs sectors");
    free(mine);
    assay_panel_destroy(panel);
}

/* In a window, too, a computed column is what it would be if the data had it: over splits it keeps the scale of each bar. */
static void computed_columns_in_windows(void **state) {
    (void)state;
    assay_panel *computed = panel_of_sample(40, 400, 3), *given = panel_of_sample(40, 400, 3);
    size_t size = assay_panel_n_bars(given) * assay_panel_n_symbols(given) * sizeof(double);
    size_t n_other = 0;
    for (size_t i = 0; assay_indicator_at(i) != NULL; i++) {
        const char *name = assay_indicator_at(i)->column;
        char lagged[80], price[80], function[200];
        double *values = values_of(computed, name);
        assert_int_equal(assay_panel_add_column(given, name, values, NULL), ASSAY_OK);
        snprintf(lagged, sizeof lagged, "lag(%s, 1)", name);
        snprintf(price, sizeof price, "sma(close / %s, 3)", name);
        snprintf(function, sizeof function, "lag(%s, 1)", assay_indicator_at(i)->expression);
        double *own = values_of(computed, lagged), *other = values_of(given, lagged);
        assert_memory_equal(own, other, size);
        double *split = values_of(computed, function);
        n_other += memcmp(own, split, size) != 0;
        double *ratio = values_of(computed, price), *other_ratio = values_of(given, price);
        assert_memory_equal(ratio, other_ratio, size);
        double *const all[] = {values, own, other, split, ratio, other_ratio};
        for (size_t k = 0; k < LENGTH(all); k++)
            free(all[k]);
    }
    assert_true(n_other >= 5); /* there were splits: a price's past follows them */
    assay_panel_destroy(given);
    assay_panel_destroy(computed);
}

/* What is written of a node reads back as the same node. */
static void written_text_reads_back(void **state) {
    (void)state;
    static const char *const texts[] = {
        "1 + 2 * close - -close / 3 % 2",
        "not (close > open and volume < lag(volume, n)) or isnan(m)",
        "if(close >= 1e-7, min(m, 0.1), max(-m, sqrt(abs(m))))",
        "top(zscore(close, n, 1e-6), 3) + sector_rank(macd(close)) + market_beta(n) + market + column(x_y)",
        "held == 0 and bars_held != 3 and unrealised_return <= inf and times_asked > nan",
        "log(exp(m)) + pow(m, 2) ^ 3 + sign(m) + round(m) + ceil(m) + floor(m)",
    };
    static const assay_param params[] = {{"n", ASSAY_PARAM_INTEGER, 20, 1, 100, "", ""}};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        assay_definition definition = {"m", "return(close, n)", ASSAY_NO_NODE, false};
        const assay_scope scope = {params, 1, NULL, &definition, 1};
        assay_graph graph = {0};
        uint32_t node = 0, again = 1;
        char text[2000];
        assert_int_equal(assay_expression_read(&graph, &scope, texts[i], &node, NULL, NULL), ASSAY_OK);
        assert_true(assay_expression_write(&graph, &scope, node, text, sizeof text));
        assert_int_equal(assay_expression_read(&graph, &scope, text, &again, NULL, NULL), ASSAY_OK);
        if (again != node)
            fail_msg("%s was written as %s", texts[i], text);
        assert_false(assay_expression_write(&graph, &scope, node, text, 10));
        assay_graph_reset(&graph);
    }
}

/* --- the built-in strategies as rules --- */

static void set_sectors(assay_panel *panel) {
    static const char *const names[] = {"Energy", "Banks", NULL, "Tech"};
    const char *sectors[200];
    for (size_t s = 0; s < assay_panel_n_symbols(panel); s++)
        sectors[s] = names[s * 7 % 4];
    assert_int_equal(assay_panel_set_sectors(panel, sectors, NULL), ASSAY_OK);
}

/* Kinds are numbered otherwise in a rule: what they are called and show must be the same. */
static void assert_same_signals(const assay_result *a, const assay_result *b) {
    const assay_strategy *x = assay_config_strategy(assay_result_config(a));
    const assay_strategy *y = assay_config_strategy(assay_result_config(b));
    assert_int_equal(n_signals(a), n_signals(b));
    assert_true(n_signals(a) > 100);
    for (size_t i = 0; i < n_signals(a); i++) {
        assay_signal one = signal_at(a, i), two = signal_at(b, i);
        char text[2][300];
        assay_signal_reason(x, &one, text[0], sizeof text[0]);
        assay_signal_reason(y, &two, text[1], sizeof text[1]);
        assert_string_equal(text[0], text[1]);
        assert_string_equal(x->kinds[one.kind].signal_type, y->kinds[two.kind].signal_type);
        one.kind = two.kind = 0;
        if (isnan(one.value) && isnan(two.value))
            one.value = two.value = 0;
        assert_memory_equal(&one, &two, sizeof one);
    }
}

static void built_in_strategies_as_rules(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(60, 700, 11);
    set_sectors(panel);
    for (size_t i = 0; i < N_BUILT_IN_RULES; i++) {
        assay_strategy *rule = make_rule(built_in_rules[i].line, built_in_rules[i].n_lines);
        assay_result *a =
            run_with(panel, assay_strategy_find(built_in_rules[i].name, NULL), built_in_rules[i].settings);
        assay_result *b = run_with(panel, rule, built_in_rules[i].settings);
        assert_same_signals(a, b);
        assert_int_equal(n_fills(a), n_fills(b));
        assert_number(metric_of(a, "total_return_pct"), metric_of(b, "total_return_pct"));
        assay_result_destroy(a);
        assay_result_destroy(b);
        assay_strategy_destroy(rule);
    }
    assay_panel_destroy(panel);
}

/* --- rules of all sorts --- */

static const assay_rule_line own_lines[] = {
    {"parameters", "fast", "5"},
    {"parameters", "slow", "20"},
    {"parameters", "stop", "0.05"},
    {"define", "trend", "ema(close, fast) / ema(close, slow) - 1"},
    {"rule", "name", "trend_stop"},
    {"rule", "buy",
     "crosses_above(ema(close, fast), ema(close, slow)) and cross_rank(trend) <= 10 and held == 0"},
    {"rule", "sell", "unrealised_return < -stop or bars_held >= 30 or trend < 0"},
    {"rule", "reduce", "trend > 0.2"},
    {"rule", "reduce_target", "0.5"},
    {"rule", "score", "trend"},
    {"rule", "reason", "Trend {trend:.1%}"},
};

static void a_rule_with_positions(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(40, 600, 5);
    assay_strategy *rule = MAKE(own_lines);
    assert_string_equal(rule->name, "trend_stop");
    assert_int_equal(rule->n_params, 3);
    assert_int_equal(rule->params[0].type, ASSAY_PARAM_INTEGER);
    assert_int_equal(rule->params[2].type, ASSAY_PARAM_DOUBLE);
    assay_result *result = run_with(panel, rule, (const char *const[]){NULL});
    assert_true(n_trades(result) > 20);
    for (size_t i = 0; i < n_trades(result); i++)
        assert_true(trade_at(result, i).bars_held <= 40);
    assay_result_destroy(result);
    assay_strategy_destroy(rule);
    assay_panel_destroy(panel);
}

/* Points of a sweep over a rule are single runs, byte for byte, whatever the number of threads. */
static void rules_sweep(void **state) {
    (void)state;
    enum { POINTS = 12 };
    assay_panel *panel = panel_of_sample(30, 400, 9);
    assay_strategy *rule = MAKE(own_lines);
    assay_config *config[POINTS];
    size_t n = assay_metric_count();
    double *swept = malloc(POINTS * n * sizeof *swept);
    for (size_t i = 0; i < POINTS; i++) {
        char fast[8], stop[16];
        snprintf(fast, sizeof fast, "%zu", 3 + i % 3);
        snprintf(stop, sizeof stop, "0.%02zu", 3 + i / 3);
        config[i] = config_of(rule, (const char *const[]){"fast", fast, "stop", stop, NULL});
    }
    for (unsigned threads = 1; threads <= 3; threads++) {
        assert_int_equal(assay_sweep_run(panel, (const assay_config *const *)config, POINTS, threads, NULL,
                                         NULL, swept, NULL),
                         ASSAY_OK);
        for (size_t i = 0; i < POINTS; i++) {
            assay_result *result = NULL;
            assert_int_equal(assay_run(panel, config[i], ASSAY_KEEP_METRICS, &result, NULL), ASSAY_OK);
            assert_memory_equal(assay_result_metrics(result), swept + i * n, n * sizeof *swept);
            assay_result_destroy(result);
        }
    }
    for (size_t i = 0; i < POINTS; i++)
        assay_config_destroy(config[i]);
    free(swept);
    assay_strategy_destroy(rule);
    assay_panel_destroy(panel);
}

static void targets_and_nonsense(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 10), FLAT("A", 1, 10), FLAT("A", 2, 12), FLAT("A", 3, 12)};
    assay_panel *panel = PANEL(rows);
    const assay_rule_line weights[] = {{"rule", "target", "if(close > 11, 0.5, lag(close, 1) / close)"}};
    assay_strategy *rule = MAKE(weights);
    assay_result *result = run_with(panel, rule, (const char *const[]){"max_participation", "0", NULL});
    assert_int_equal(n_signals(result), 3); /* at the first bar there is no lag */
    assert_number(signal_at(result, 0).target_position, 1);
    assert_number(signal_at(result, 2).target_position, 0.5);
    assert_int_equal(signal_at(result, 0).action, ASSAY_ACTION_TARGET);
    assay_result_destroy(result);
    assay_strategy_destroy(rule);
    const assay_rule_line strong[] = {{"rule", "buy", "true"}, {"rule", "strength", "close"}};
    rule = MAKE(strong);
    assay_config *config = config_of(rule, (const char *const[]){NULL});
    assay_error err = {0};
    assert_refused(assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err), ASSAY_E_STRATEGY, &err,
                   "strategy rule: the signal for A has strength 10");
    assay_config_destroy(config);
    assay_strategy_destroy(rule);
    assay_panel_destroy(panel);
}

static void note_name(void *context, const char *name) {
    char *names = context;
    size_t n = strlen(names);
    assert_true(n + strlen(name) + 2 < 100);
    snprintf(names + n, 100 - n, "%s ", name);
}

static void what_a_rule_reads(void **state) {
    (void)state;
    const assay_rule_line lines[] = {
        {"rule", "buy", "rsi_14 < 30 and pe_ratio < 15 and column(mine) > close"}};
    assay_strategy *rule = MAKE(lines);
    char names[100] = "";
    assert_int_equal(assay_strategy_columns(rule, note_name, names, NULL), ASSAY_OK);
    assert_string_equal(names, "rsi_14 pe_ratio mine ");
    names[0] = '\0';
    assert_int_equal(assay_strategy_columns(assay_strategy_at(0), note_name, names, NULL), ASSAY_OK);
    assert_string_equal(names, "");
    assert_string_equal(
        rule->reference,
        "rule:{\"rule\": {\"buy\": \"rsi_14 < 30 and pe_ratio < 15 and column(mine) > close\"}}");
    assay_strategy_destroy(rule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named_where_they_are),
        cmocka_unit_test(deep_and_long_texts_are_refused),
        cmocka_unit_test(lines_that_make_no_rule),
        cmocka_unit_test(arithmetic_and_logic),
        cmocka_unit_test(prices_are_as_of_the_bar),
        cmocka_unit_test(columns),
        cmocka_unit_test(computed_columns_in_windows),
        cmocka_unit_test(written_text_reads_back),
        cmocka_unit_test(built_in_strategies_as_rules),
        cmocka_unit_test(a_rule_with_positions),
        cmocka_unit_test(rules_sweep),
        cmocka_unit_test(targets_and_nonsense),
        cmocka_unit_test(what_a_rule_reads),
    };
    return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
