/* Several strategies in one run: what they are together, and what becomes of their signals (union, vote, sleeves).
 *
 * The markets are worked by hand: full positions are 10 % of 100,000 unless a test says otherwise, and nothing costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "assay/assay_rule.h"
#include "assay/assay_sweep.h"

/* --- members that replay a script each --- */

typedef struct member_script {
    const script_line *line;
    size_t n;
} member_script;
#define SCRIPTED(name, lines) scripted_member((name), &(const member_script){(lines), LENGTH(lines)})

static assay_status take_script(const void *context, const double *params, size_t n_symbols, void **out_state,
                                assay_error *err) {
    (void)params;
    (void)n_symbols;
    (void)err;
    *out_state = (void *)(uintptr_t)context;
    return ASSAY_OK;
}

static assay_status replay(void *state, const double *params, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    const member_script *script = state;
    set_script(script->line, script->n);
    return scripted_strategy.on_bar(NULL, params, view, sink, err);
}

static assay_strategy scripted_member(const char *name, const member_script *script) {
    assay_strategy member = scripted_strategy;
    member.name = name;
    member.context = script;
    member.create = take_script;
    member.on_bar = replay;
    return member;
}

static assay_strategy *ensemble_of(const assay_strategy *const *members, size_t n) {
    assay_strategy *ensemble = NULL;
    assay_error err = {0};
    if (assay_ensemble_create(members, n, &ensemble, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return ensemble;
}

/* A run of two members without costs; `settings` "key", "value" … NULL. */
typedef struct pair {
    assay_strategy first, second, *both;
    assay_result *result;
} pair;

static void run_pair(pair *p, const assay_panel *panel, const char *const *settings) {
    p->both = ensemble_of((const assay_strategy *const[]){&p->first, &p->second}, 2);
    assay_config *config =
        config_of(p->both, (const char *const[]){"commission_pct", "0", "slippage_model", "none", NULL});
    assay_error err = {0};
    for (; *settings != NULL; settings += 2)
        assert_int_equal(assay_config_set(config, settings[0], settings[1], NULL), ASSAY_OK);
    if (assay_run(panel, config, ASSAY_KEEP_ALL, &p->result, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assay_config_destroy(config);
}
#define RUN_PAIR(pair, panel, ...) run_pair((pair), (panel), (const char *const[]){__VA_ARGS__, NULL})

static void free_pair(pair *p) {
    assay_result_destroy(p->result);
    assay_strategy_destroy(p->both);
}

static void expect_signal(const assay_result *r, size_t index, size_t strategy, assay_action action,
                          assay_signal_status status) {
    assay_signal s = signal_at(r, index);
    if (s.strategy != strategy || s.action != action || s.status != status)
        fail_msg("signal %zu is %s of %s: %s", index, assay_action_name(s.action),
                 assay_result_strategy_name(r, s.strategy), assay_signal_status_name(s.status));
}

static void expect_fill(const assay_result *r, size_t index, uint32_t bar, size_t strategy, assay_side side,
                        double quantity) {
    assay_fill f = fill_at(r, index);
    if (f.bar != bar || f.strategy != strategy || f.side != side)
        fail_msg("fill %zu is at bar %u, of strategy %u, %s", index, f.bar, f.strategy,
                 assay_side_name(f.side));
    assert_money(f.quantity, quantity);
}

/* --- what an ensemble is --- */

static void an_ensemble_is_one_descriptor(void **state) {
    (void)state;
    const assay_strategy *momentum = assay_strategy_find("momentum", NULL);
    const assay_strategy *reversion = assay_strategy_find("mean_reversion", NULL);
    assay_strategy *e = ensemble_of((const assay_strategy *const[]){momentum, reversion, momentum}, 3);
    assert_string_equal(e->name, "momentum+mean_reversion+momentum#2");
    assert_string_equal(e->reference, "momentum\nmean_reversion\nmomentum");
    static const char *const names[] = {
        "momentum.lookback",       "momentum.threshold",         "momentum.weight",
        "mean_reversion.lookback", "mean_reversion.z_threshold", "mean_reversion.weight",
        "momentum#2.lookback",     "momentum#2.threshold",       "momentum#2.weight"};
    assert_int_equal(e->n_params, LENGTH(names));
    for (size_t i = 0; i < LENGTH(names); i++)
        assert_string_equal(e->params[i].name, names[i]);
    assert_number(e->params[2].default_value, 1);
    assert_number(e->params[2].min, 0);
    assert_number(e->params[4].max, reversion->params[1].max);
    assert_int_equal(e->n_kinds, 8);
    assert_string_equal(e->kinds[2].signal_type, reversion->kinds[0].signal_type);
    assert_string_equal(e->kinds[6].signal_type, "vote_buy");
    assert_string_equal(e->kinds[7].signal_type, "vote_sell");
    assert_false(e->needs_sectors);
    assay_config *config = config_of(e, (const char *const[]){"momentum#2.lookback", "33", NULL});
    assert_number(assay_config_params(config)[6], 33);
    assert_number(assay_config_params(config)[0], 20);
    assay_error err = {0};
    assert_refused(assay_config_set(config, "momentum.lookbak", "5", &err), ASSAY_E_CONFIG, &err,
                   "did you mean 'momentum.lookback'?");
    assert_refused(assay_config_set(config, "momentum.weight", "-1", &err), ASSAY_E_CONFIG, &err,
                   "from 0 to");
    assay_config_destroy(config);
    assay_strategy_destroy(e);
}

/* What is asked of one member is asked of all. */
static void members_say_what_they_need(void **state) {
    (void)state;
    const assay_rule_line lines[] = {{"parameters", "n", "5"}, {"rule", "buy", "close > sma(close, n)"}};
    assay_strategy *rule = NULL;
    assert_int_equal(assay_rule_create("own", lines, 2, &rule, NULL, NULL), ASSAY_OK);
    const assay_strategy *members[] = {rule, assay_strategy_find("sector_rotation", NULL)};
    assay_strategy *e = ensemble_of(members, 2);
    assert_true(e->needs_sectors);
    assert_int_equal(strncmp(e->reference, rule->reference, strlen(rule->reference)), 0);
    assert_string_equal(e->reference + strlen(rule->reference), "\nsector_rotation");
    assay_strategy_destroy(e);
    assay_strategy_destroy(rule);
    /* A member's warning is the ensemble's. */
    const assay_strategy *reversion = assay_strategy_find("mean_reversion", NULL);
    e = ensemble_of((const assay_strategy *const[]){assay_strategy_at(0), reversion}, 2);
    assay_panel *panel = panel_of_sample(5, 60, 1);
    assay_result *r = run_with(
        panel, e,
        (const char *const[]){"mean_reversion.lookback", "4", "mean_reversion.z_threshold", "3", NULL});
    assert_true((assay_result_warnings(r) & ASSAY_WARNING_THRESHOLD_UNREACHABLE) != 0);
    assay_result_destroy(r);
    assay_panel_destroy(panel);
    assay_strategy_destroy(e);
}

static void refuse_ensemble(const assay_strategy *const *members, size_t n, const char *part) {
    assay_strategy *e = (assay_strategy *)&n; /* anything */
    assay_error err = {0};
    assert_refused(assay_ensemble_create(members, n, &e, &err), ASSAY_E_CONFIG, &err, part);
    assert_null(e);
}

static void limits_are_said(void **state) {
    (void)state;
    const assay_strategy *members[ASSAY_MAX_MEMBERS + 1];
    for (size_t i = 0; i < LENGTH(members); i++)
        members[i] = &scripted_strategy;
    refuse_ensemble(members, 0, "0 strategies in one run; at most 64");
    refuse_ensemble(members, 65, "65 strategies in one run; at most 64");
    refuse_ensemble(members, 22, "22 parameters and 134 kinds of signals together; at most 128 and 128");
    assay_strategy *e = ensemble_of(members, 21);
    refuse_ensemble((const assay_strategy *const[]){e}, 1, "an ensemble cannot be a member");
    assay_strategy_destroy(e);
    for (size_t i = 0; i < LENGTH(members); i++)
        members[i] = assay_strategy_at(0);
    refuse_ensemble(members, 43, "129 parameters and 88 kinds");
    assay_strategy_destroy(ensemble_of(members, 42));
}

static void too_many_features_stop_a_run(void **state) {
    (void)state;
    char text[4000] = "close > 0";
    for (int n = 2; n < 42; n++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " and close > sma(close, %d)", n);
    const assay_rule_line line = {"rule", "buy", text};
    assay_strategy *rule = NULL;
    assert_int_equal(assay_rule_create("wide", &line, 1, &rule, NULL, NULL), ASSAY_OK);
    assay_strategy *e = ensemble_of((const assay_strategy *const[]){rule, rule}, 2);
    assay_panel *panel = panel_of_sample(3, 50, 1);
    assay_config *config = config_of(e, (const char *const[]){NULL});
    assay_result *r = NULL;
    assay_error err = {0};
    assert_refused(assay_run(panel, config, ASSAY_KEEP_ALL, &r, &err), ASSAY_E_STRATEGY, &err,
                   "strategy wide#2 declares 40 features; at most 64 in one run");
    assay_config_destroy(config);
    assay_panel_destroy(panel);
    assay_strategy_destroy(e);
    assay_strategy_destroy(rule);
}

static void an_ensemble_of_one_is_its_member(void **state) {
    (void)state;
    static const char *const ways[] = {"union", "vote", "sleeves"};
    assay_panel *panel = panel_of_sample(20, 300, 4);
    assay_strategy *alone = ensemble_of((const assay_strategy *const[]){assay_strategy_at(0)}, 1);
    assay_result *plain = run_with(panel, assay_strategy_at(0), (const char *const[]){NULL});
    assert_true(n_trades(plain) > 20);
    for (size_t i = 0; i < LENGTH(ways); i++) {
        assay_result *r =
            run_with(panel, alone, (const char *const[]){"combine", ways[i], "momentum.weight", "3", NULL});
        assert_same_records(plain, r);
        assay_result_destroy(r);
    }
    assay_result_destroy(plain);
    assay_strategy_destroy(alone);
    assay_panel_destroy(panel);
}

/* --- union --- */

static const price_row flat_rows[] = {
    FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 2, 100), FLAT("A", 3, 100), FLAT("A", 4, 100),
    FLAT("B", 0, 50),  FLAT("B", 1, 50),  FLAT("B", 2, 50),  FLAT("B", 3, 50),  FLAT("B", 4, 50),
};

/* One pending order per symbol, whoever made it; who opened a position has its trade, who closed it the closing fill. */
static void a_union_shares_one_book(void **state) {
    (void)state;
    static const script_line first[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {0, 1, ASSAY_ACTION_HOLD, 1, 1, 0}};
    static const script_line second[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                         {0, 1, ASSAY_ACTION_BUY, 1, 1, 0},
                                         {2, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(flat_rows);
    RUN_PAIR(&p, panel, "combine", "union");
    const assay_result *r = p.result;
    assert_int_equal(n_signals(r), 5);
    expect_signal(r, 0, 0, ASSAY_ACTION_BUY, ASSAY_SIGNAL_ORDERED);
    expect_signal(r, 1, 0, ASSAY_ACTION_HOLD, ASSAY_SIGNAL_HOLD);
    expect_signal(r, 2, 1, ASSAY_ACTION_BUY, ASSAY_SIGNAL_ALREADY_ORDERED);
    expect_signal(r, 3, 1, ASSAY_ACTION_BUY, ASSAY_SIGNAL_ORDERED); /* a HOLD stands against nothing */
    expect_signal(r, 4, 1, ASSAY_ACTION_SELL, ASSAY_SIGNAL_ORDERED);
    assert_int_equal(n_fills(r), 3);
    expect_fill(r, 0, 1, 0, ASSAY_SIDE_BUY, 100);
    expect_fill(r, 1, 1, 1, ASSAY_SIDE_BUY, 200);
    expect_fill(r, 2, 3, 1, ASSAY_SIDE_SELL, 100);
    assert_int_equal(n_trades(r), 2);
    assert_int_equal(trade_at(r, 0).strategy, 0);
    assert_int_equal(trade_at(r, 0).exit_signal, 4);
    assert_int_equal(trade_at(r, 1).strategy, 1);
    assert_int_equal(trade_at(r, 1).is_open, 1);
    size_t n;
    const assay_strategy_result *row = assay_result_strategies(r, &n);
    assert_int_equal(n, 2);
    assert_string_equal(row[0].name, "first");
    assert_int_equal(row[0].n_signals, 2);
    assert_int_equal(row[1].n_signals, 3);
    assert_int_equal(row[0].n_trades, 1);
    assert_int_equal(row[1].n_trades, 0);
    assert_number(row[0].capital, NO_VALUE);
    assert_number(row[1].equity, NO_VALUE);
    free_pair(&p);
    assay_panel_destroy(panel);
}

/* Opposite signals for one symbol in one bar: the exit wins, whichever strategy it comes from. */
static void the_exit_wins(void **state) {
    (void)state;
    static const script_line first[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_INCREASE, 1, 1, 0},
                                        {2, 1, ASSAY_ACTION_SELL, 1, 1, 0}};
    static const script_line second[] = {{2, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                         {2, 1, ASSAY_ACTION_BUY, 1, 1, 0}};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(flat_rows);
    RUN_PAIR(&p, panel, "combine", "union");
    expect_signal(p.result, 1, 0, ASSAY_ACTION_INCREASE, ASSAY_SIGNAL_OVERRULED);
    expect_signal(p.result, 2, 0, ASSAY_ACTION_SELL, ASSAY_SIGNAL_NO_POSITION);
    expect_signal(p.result, 3, 1, ASSAY_ACTION_SELL, ASSAY_SIGNAL_ORDERED);
    expect_signal(p.result, 4, 1, ASSAY_ACTION_BUY, ASSAY_SIGNAL_OVERRULED);
    assert_int_equal(signal_at(p.result, 4).outcome, ASSAY_OUTCOME_NONE);
    assert_number(signal_at(p.result, 4).order_quantity, 0);
    assert_int_equal(n_fills(p.result), 2);
    expect_fill(p.result, 1, 3, 1, ASSAY_SIDE_SELL, 100);
    free_pair(&p);
    assay_panel_destroy(panel);
}

/* Of a short the exit is the buy; a flat symbol is sold rather than bought. */
static void the_exit_of_a_short_wins(void **state) {
    (void)state;
    static const script_line first[] = {{0, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                        {2, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                        {2, 1, ASSAY_ACTION_BUY, 1, 1, 0}};
    static const script_line second[] = {{2, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                         {2, 1, ASSAY_ACTION_SELL, 1, 1, 0}};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(flat_rows);
    RUN_PAIR(&p, panel, "combine", "union", "allow_short", "true");
    expect_signal(p.result, 1, 0, ASSAY_ACTION_SELL, ASSAY_SIGNAL_OVERRULED);
    expect_signal(p.result, 2, 0, ASSAY_ACTION_BUY, ASSAY_SIGNAL_OVERRULED);
    expect_signal(p.result, 3, 1, ASSAY_ACTION_BUY, ASSAY_SIGNAL_ORDERED);
    expect_signal(p.result, 4, 1, ASSAY_ACTION_SELL, ASSAY_SIGNAL_ORDERED);
    assert_int_equal(n_fills(p.result), 3);
    expect_fill(p.result, 0, 1, 0, ASSAY_SIDE_SELL, 100);
    expect_fill(p.result, 1, 3, 1, ASSAY_SIDE_BUY, 100);
    expect_fill(p.result, 2, 3, 1, ASSAY_SIDE_SELL, 200);
    free_pair(&p);
    assay_panel_destroy(panel);
}

/* Two exits: the second finds the order of the first. A TARGET's side is where it leads from what is held. */
static void the_same_side_is_ordered_once(void **state) {
    (void)state;
    static const script_line first[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                        {0, 1, ASSAY_ACTION_TARGET, 0.5, 1, 0},
                                        {2, 0, ASSAY_ACTION_REDUCE, 0.5, 1, 0},
                                        {2, 1, ASSAY_ACTION_TARGET, 0.25, 1, 0}};
    static const script_line second[] = {{2, 0, ASSAY_ACTION_SELL, 1, 1, 0},
                                         {2, 1, ASSAY_ACTION_TARGET, 1, 1, 0}};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(flat_rows);
    RUN_PAIR(&p, panel, "combine", "union");
    expect_signal(p.result, 2, 0, ASSAY_ACTION_REDUCE, ASSAY_SIGNAL_ORDERED);
    expect_signal(p.result, 3, 0, ASSAY_ACTION_TARGET, ASSAY_SIGNAL_ORDERED);
    expect_signal(p.result, 4, 1, ASSAY_ACTION_SELL, ASSAY_SIGNAL_ALREADY_ORDERED);
    expect_signal(p.result, 5, 1, ASSAY_ACTION_TARGET, ASSAY_SIGNAL_OVERRULED);
    expect_fill(p.result, 2, 3, 0, ASSAY_SIDE_SELL, 50);
    expect_fill(p.result, 3, 3, 0, ASSAY_SIDE_SELL, 50);
    free_pair(&p);
    assay_panel_destroy(panel);
}

#define SMALL_VOLUME(symbol, day, price, volume)                                                             \
    { symbol, day, price, price, price, price, volume, 0, 0 }

/* A member's signal of the other side ends the rest of another member's order. */
static void a_pending_order_is_everybodys(void **state) {
    (void)state;
    static const price_row rows[] = {SMALL_VOLUME("A", 0, 100, 300), SMALL_VOLUME("A", 1, 100, 300),
                                     SMALL_VOLUME("A", 2, 100, 300), SMALL_VOLUME("A", 3, 100, 300)};
    static const script_line first[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0}};
    static const script_line second[] = {{1, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(rows);
    RUN_PAIR(&p, panel, "combine", "union", "max_participation", "0.1");
    assert_int_equal(n_fills(p.result), 2);
    expect_fill(p.result, 0, 1, 0, ASSAY_SIDE_BUY, 30);
    expect_fill(p.result, 1, 2, 1, ASSAY_SIDE_SELL, 30);
    assert_int_equal(signal_at(p.result, 0).outcome, ASSAY_OUTCOME_PARTIAL);
    assert_int_equal(signal_at(p.result, 1).outcome, ASSAY_OUTCOME_FILLED);
    assert_int_equal(trade_at(p.result, 0).strategy, 0);
    free_pair(&p);
    assay_panel_destroy(panel);
}

/* --- vote --- */

static void votes_are_counted(void **state) {
    (void)state;
    static const script_line first[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0.4},
                                        {0, 1, ASSAY_ACTION_BUY, 1, 1, 0.9},
                                        {2, 0, ASSAY_ACTION_REDUCE, 0.5, 1, 0.6},
                                        {2, 1, ASSAY_ACTION_HOLD, 1, 1, 1}};
    static const script_line second[] = {{0, 0, ASSAY_ACTION_INCREASE, 1, 1, 0.5},
                                         {0, 1, ASSAY_ACTION_SELL, 1, 1, 0.5},
                                         {2, 0, ASSAY_ACTION_TARGET, -0.2, 1, 0.25},
                                         {2, 1, ASSAY_ACTION_BUY, 1, 1, 0.5}};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(flat_rows);
    RUN_PAIR(&p, panel, "combine", "vote", "vote_threshold", "0.5");
    const assay_result *r = p.result;
    /* A: 0.4 + 0.5; B: 0.9 - 0.5 is too little. Two days later A: -0.6 - 0.25; B: 0.5 is not more than 0.5. */
    assert_int_equal(n_signals(r), 10);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(signal_at(r, i).status, ASSAY_SIGNAL_VOTED);
    expect_signal(r, 4, 2, ASSAY_ACTION_BUY, ASSAY_SIGNAL_ORDERED);
    assert_money(signal_at(r, 4).score, 0.9);
    assert_money(signal_at(r, 4).strength, 0.45); /* of what the weights come to */
    expect_signal(r, 6, 0, ASSAY_ACTION_HOLD, ASSAY_SIGNAL_HOLD);
    expect_signal(r, 9, 2, ASSAY_ACTION_SELL, ASSAY_SIGNAL_ORDERED);
    assert_money(signal_at(r, 9).value, -0.85);
    char reason[40];
    assay_signal sell = signal_at(r, 9);
    assay_signal_reason(p.both, &sell, reason, sizeof reason);
    assert_string_equal(reason, "Vote: -0.85");
    assert_string_equal(p.both->kinds[sell.kind].signal_type, "vote_sell");
    assert_int_equal(n_fills(r), 2);
    expect_fill(r, 0, 1, 2, ASSAY_SIDE_BUY, 100);
    expect_fill(r, 1, 3, 2, ASSAY_SIDE_SELL, 100);
    size_t n;
    const assay_strategy_result *row = assay_result_strategies(r, &n);
    assert_int_equal(n, 3);
    assert_string_equal(row[2].name, "vote");
    assert_string_equal(assay_result_strategy_name(r, trade_at(r, 0).strategy), "vote");
    assert_int_equal(row[0].n_signals, 4);
    assert_int_equal(row[2].n_signals, 2);
    assert_int_equal(row[0].n_trades + row[1].n_trades, 0);
    assert_int_equal(row[2].n_trades, 1);
    free_pair(&p);
    assay_panel_destroy(panel);
}

static void weights_are_voices(void **state) {
    (void)state;
    static const script_line first[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0.3},
                                        {0, 1, ASSAY_ACTION_BUY, 1, 1, 1}};
    static const script_line second[] = {{0, 0, ASSAY_ACTION_SELL, 1, 1, 1},
                                         {0, 1, ASSAY_ACTION_SELL, 1, 1, 1}};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(flat_rows);
    RUN_PAIR(&p, panel, "combine", "vote", "first.weight", "10", "second.weight", "2", "vote_threshold",
             "0.99");
    assert_int_equal(n_signals(p.result), 6);
    assert_money(signal_at(p.result, 4).score, 1);
    assert_money(signal_at(p.result, 5).score, 8);
    assert_money(signal_at(p.result, 5).strength, 8.0 / 12);
    free_pair(&p);
    /* Without a voice there is no vote, and nobody divides by nothing. */
    RUN_PAIR(&p, panel, "combine", "vote", "first.weight", "0", "second.weight", "0", "vote_threshold", "0");
    assert_int_equal(n_signals(p.result), 4);
    assert_int_equal(n_fills(p.result), 0);
    free_pair(&p);
    assay_panel_destroy(panel);
}

/* --- sleeves --- */

static void sleeves_have_their_share(void **state) {
    (void)state;
    static const script_line first[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0}, {0, 1, ASSAY_ACTION_BUY, 1, 1, 0}};
    static const script_line second[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0},
                                         {1, 1, ASSAY_ACTION_SELL, 1, 1, 0},
                                         {2, 0, ASSAY_ACTION_SELL, 1, 1, 0}};
    static const price_row rows[] = {FLAT("A", 0, 100), FLAT("A", 1, 100), FLAT("A", 2, 100),
                                     FLAT("A", 3, 120), FLAT("B", 0, 50),  FLAT("B", 1, 50),
                                     FLAT("B", 2, 50),  FLAT("B", 3, 40)};
    pair p = {.first = SCRIPTED("first", first), .second = SCRIPTED("second", second)};
    assay_panel *panel = PANEL(rows);
    RUN_PAIR(&p, panel, "combine", "sleeves", "first.weight", "3");
    const assay_result *r = p.result;
    expect_fill(r, 0, 1, 0, ASSAY_SIDE_BUY, 75); /* a tenth of 75,000, of 25,000 */
    expect_fill(r, 1, 1, 0, ASSAY_SIDE_BUY, 150);
    expect_fill(r, 2, 1, 1, ASSAY_SIDE_BUY, 25);
    expect_fill(r, 3, 3, 1, ASSAY_SIDE_SELL, 25);
    assert_int_equal(n_fills(r), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(fill_at(r, i).order_id, i + 1);
    expect_signal(r, 3, 1, ASSAY_ACTION_SELL, ASSAY_SIGNAL_NO_POSITION); /* the other one's is not its own */
    assay_snapshot held = snapshot_at(r, 1), end = snapshot_at(r, 3);
    assert_money(held.cash, 100000 - 7500 - 7500 - 2500);
    assert_money(held.gross_value, 17500);
    assert_money(held.total_value, 100000);
    assert_int_equal(held.num_positions, 3);
    assert_money(end.total_value, 100000 + 75 * 20 - 150 * 10 + 25 * 20);
    size_t n;
    const assay_strategy_result *row = assay_result_strategies(r, &n);
    assert_int_equal(n, 2);
    assert_money(row[0].capital, 75000);
    assert_money(row[1].capital, 25000);
    assert_money(row[0].equity, 75000);
    assert_money(row[1].equity, 25500);
    assert_money(row[1].closed_pnl, 500);
    assert_near(row[0].open_pnl, 0, 1e-9);
    free_pair(&p);
    assay_panel_destroy(panel);
}

/* 10 % of 400 shares a day are for all sleeves together: the first is served first. */
static void sleeves_share_the_volume(void **state) {
    (void)state;
    static const price_row rows[] = {SMALL_VOLUME("A", 0, 100, 400), SMALL_VOLUME("A", 1, 100, 400),
                                     SMALL_VOLUME("A", 2, 100, 400), SMALL_VOLUME("A", 3, 100, 400)};
    static const script_line buy[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0}};
    pair p = {.first = SCRIPTED("first", buy), .second = SCRIPTED("second", buy)};
    assay_panel *panel = PANEL(rows);
    RUN_PAIR(&p, panel, "combine", "sleeves", "max_participation", "0.1");
    expect_fill(p.result, 0, 1, 0, ASSAY_SIDE_BUY, 40);
    expect_fill(p.result, 1, 2, 0, ASSAY_SIDE_BUY, 10);
    expect_fill(p.result, 2, 2, 1, ASSAY_SIDE_BUY, 30);
    expect_fill(p.result, 3, 3, 1, ASSAY_SIDE_BUY, 20);
    assert_int_equal(n_fills(p.result), 4);
    free_pair(&p);
    assay_panel_destroy(panel);
}

static void a_sleeve_needs_capital(void **state) {
    (void)state;
    static const script_line buy[] = {{0, 0, ASSAY_ACTION_BUY, 1, 1, 0}};
    pair p = {.first = SCRIPTED("first", buy), .second = SCRIPTED("second", buy)};
    assay_strategy *e = ensemble_of((const assay_strategy *const[]){&p.first, &p.second}, 2);
    assay_panel *panel = PANEL(flat_rows);
    assay_config *config =
        config_of(e, (const char *const[]){"combine", "sleeves", "second.weight", "0", NULL});
    assay_result *r = NULL;
    assay_error err = {0};
    assert_refused(assay_run(panel, config, ASSAY_KEEP_ALL, &r, &err), ASSAY_E_CONFIG, &err,
                   "second.weight is 0: its sleeve would have no capital");
    assert_null(r);
    assay_config_destroy(config);
    assay_panel_destroy(panel);
    assay_strategy_destroy(e);
}

/* --- what holds of every ensemble --- */

/* No two orders share an id, though every sleeve makes its own. */
static void check_order_ids(const assay_result *r) {
    const assay_fill none = {0};
    size_t n = n_fills(r), most = 0;
    for (size_t i = 0; i < n; i++)
        most = fill_at(r, i).order_id > most ? (size_t)fill_at(r, i).order_id : most;
    assay_fill *of_order = malloc((most + 1) * sizeof *of_order);
    for (size_t i = 0; i <= most; i++)
        of_order[i] = none;
    for (size_t i = 0; i < n; i++) {
        assay_fill f = fill_at(r, i), *first = &of_order[f.order_id];
        assert_true(f.order_id > 0);
        if (first->order_id == 0)
            *first = f;
        assert_int_equal(first->symbol, f.symbol);
        assert_int_equal(first->side, f.side);
        assert_int_equal(first->strategy, f.strategy);
    }
    free(of_order);
}

static void check_sums(const assay_result *r, double capital) {
    size_t n, n_closed = 0, n_own_signals = 0;
    const assay_strategy_result *row = assay_result_strategies(r, &n);
    double pnl = assay_result_financing(r), sleeves = 0, equity = 0;
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(row[i].name, assay_result_strategy_name(r, i));
        pnl += row[i].closed_pnl + row[i].open_pnl;
        n_closed += row[i].n_trades;
        n_own_signals += row[i].n_signals;
        sleeves += row[i].capital;
        equity += row[i].equity;
    }
    assay_snapshot end = snapshot_at(r, n_snapshots(r) - 1);
    assert_near(pnl / capital, end.total_value / capital - 1, 1e-9);
    assert_number((double)n_closed, metric_of(r, "total_trades"));
    assert_int_equal(n_own_signals, n_signals(r));
    if (!isnan(sleeves)) {
        assert_near(sleeves, capital, 1e-12);
        assert_near(equity, end.total_value, 1e-12);
    }
    for (size_t t = 0; t < n_snapshots(r); t++) {
        assay_snapshot s = snapshot_at(r, t);
        assert_near(s.cash + s.net_exposure, s.total_value, 1e-9);
        assert_true(s.concentration <= 1 + 1e-9);
    }
}

static void everything_adds_up(void **state) {
    (void)state;
    static const char *const ways[] = {"union", "vote", "sleeves"};
    static const char *const more[][9] = {
        {NULL},
        {"allow_short", "true", "cash_interest_pct", "0.03", "borrow_fee_pct", "0.02", "fill", "close", NULL},
        {"insufficient_cash", "scale", "max_participation", "0.02", "lot_method", "average", NULL}};
    const assay_strategy *members[] = {assay_strategy_at(0), assay_strategy_at(1), assay_strategy_at(3),
                                       assay_strategy_at(0)};
    assay_strategy *e = ensemble_of(members, 4);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const random_spec spec = {
            .seed = seed, .n_bars = 200, .n_symbols = 12, .gap = 0.05, .event = 0.01, .listings = true};
        matrix_market m = random_market(&spec);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        for (size_t i = 0; i < LENGTH(ways) * LENGTH(more); i++) {
            assay_config *config = config_of(
                e, (const char *const[]){"combine", ways[i % 3], "momentum.lookback", "6",
                                         "momentum#2.weight", "2.5", "mean_reversion.z_threshold", "1",
                                         "portfolio_beta.lookback", "20", "vote_threshold", "0.4", NULL});
            for (const char *const *s = more[i / 3]; *s != NULL; s += 2) {
                assay_error err = {0};
                if (assay_config_set(config, s[0], s[1], &err) != ASSAY_OK)
                    fail_msg("%s", err.message);
            }
            assay_result *r = NULL;
            assay_error err = {0};
            if (assay_run(panel, config, ASSAY_KEEP_ALL, &r, &err) != ASSAY_OK)
                fail_msg("%s", err.message);
            assert_true(n_trades(r) > 30);
            check_sums(r, 100000);
            check_order_ids(r);
            assay_result_destroy(r);
            assay_config_destroy(config);
        }
        assay_panel_destroy(panel);
        free_market(&m);
    }
    assay_strategy_destroy(e);
}

/* Points of a sweep are single runs, byte for byte. */
static void ensembles_sweep(void **state) {
    (void)state;
    enum { POINTS = 6 };
    static const char *const ways[] = {"union", "vote", "sleeves"};
    assay_panel *panel = panel_of_sample(20, 300, 6);
    assay_strategy *e =
        ensemble_of((const assay_strategy *const[]){assay_strategy_at(0), assay_strategy_at(1)}, 2);
    assay_config *config[POINTS];
    size_t n = assay_metric_count();
    double *swept = malloc(POINTS * n * sizeof *swept);
    for (size_t i = 0; i < POINTS; i++)
        config[i] = config_of(e, (const char *const[]){"combine", ways[i % 3], "momentum.threshold",
                                                       i < 3 ? "0.05" : "0.08", NULL});
    assert_int_equal(
        assay_sweep_run(panel, (const assay_config *const *)config, POINTS, 2, NULL, NULL, swept, NULL),
        ASSAY_OK);
    for (size_t i = 0; i < POINTS; i++) {
        assay_result *single = NULL;
        assert_int_equal(assay_run(panel, config[i], ASSAY_KEEP_METRICS, &single, NULL), ASSAY_OK);
        assert_memory_equal(swept + i * n, assay_result_metrics(single), n * sizeof *swept);
        assay_result_destroy(single);
        assay_config_destroy(config[i]);
    }
    free(swept);
    assay_strategy_destroy(e);
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ensemble_is_one_descriptor),
        cmocka_unit_test(members_say_what_they_need),
        cmocka_unit_test(limits_are_said),
        cmocka_unit_test(too_many_features_stop_a_run),
        cmocka_unit_test(an_ensemble_of_one_is_its_member),
        cmocka_unit_test(a_union_shares_one_book),
        cmocka_unit_test(the_exit_wins),
        cmocka_unit_test(the_exit_of_a_short_wins),
        cmocka_unit_test(the_same_side_is_ordered_once),
        cmocka_unit_test(a_pending_order_is_everybodys),
        cmocka_unit_test(votes_are_counted),
        cmocka_unit_test(weights_are_voices),
        cmocka_unit_test(sleeves_have_their_share),
        cmocka_unit_test(sleeves_share_the_volume),
        cmocka_unit_test(a_sleeve_needs_capital),
        cmocka_unit_test(everything_adds_up),
        cmocka_unit_test(ensembles_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
