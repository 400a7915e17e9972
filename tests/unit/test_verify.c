/* The look-ahead test: it passes for everything that ships, and catches cheats.
 *
 * The cheats reach the panel behind the view, as only a test can. Each looks at the future in another way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "assay/assay_rule.h"
#include "assay/assay_verify.h"
#include "assay/assay_walkforward.h"
#include "engine/view.h"
#include "market/panel_extras.h"

/* --- cheats: the value of a symbol at a bar; above 0 buys, below 0 sells --- */

typedef double cheat(const assay_panel *p, size_t t, size_t s);

static double close_at(const assay_panel *p, size_t t, size_t s) {
    return p->column[ASSAY_COLUMN_CLOSE][t * p->stride + s];
}

static double tomorrows_close(const assay_panel *p, size_t t, size_t s) {
    return t + 1 < p->n_bars ? close_at(p, t + 1, s) - close_at(p, t, s) : 0;
}

static double full_sample_zscore(const assay_panel *p, size_t t, size_t s) {
    double sum = 0, squares = 0, n = 0;
    for (size_t i = 0; i < p->n_bars; i++) {
        double x = close_at(p, i, s);
        if (isnan(x))
            continue;
        sum += x;
        squares += x * x;
        n++;
    }
    double mean = sum / n, z = (close_at(p, t, s) - mean) / sqrt(squares / n - mean * mean + 1e-9);
    return z < -0.5 ? 1 : z > 0.5 ? -1 : 0;
}

static double centred_window(const assay_panel *p, size_t t, size_t s) {
    double sum = 0;
    if (t < 5 || t + 5 >= p->n_bars)
        return 0;
    for (size_t i = t - 5; i <= t + 5; i++)
        sum += close_at(p, i, s);
    return sum / 11 - close_at(p, t, s);
}

/* Prices divided by all splits of the data, the later ones too: a price limit then knows the winners. */
static double back_adjusted_level(const assay_panel *p, size_t t, size_t s) {
    double ratio = 1;
    for (size_t i = 0; i < p->n_events; i++)
        ratio *= p->event[i].symbol == s && p->event[i].bar > t ? p->event[i].split_ratio : 1;
    return close_at(p, t, s) / ratio < 50 ? 1 : -1;
}

static double delisting_known_early(const assay_panel *p, size_t t, size_t s) {
    return p->last_bar[s] - t < 20 && p->last_bar[s] + 1 < p->n_bars ? -1 : 1;
}

/* Only what is still there at the end is looked at. */
static double todays_universe(const assay_panel *p, size_t t, size_t s) {
    return p->last_bar[s] + 1 < p->n_bars ? 0 : t % 20 < 10 ? 1 : -1;
}

/* The best of the whole period are known from the first bar on. */
static double known_winners(const assay_panel *p, size_t t, size_t s) {
    double last = close_at(p, p->last_bar[s], s);
    (void)t;
    return last - close_at(p, p->first_bar[s], s);
}

static double honest(const assay_panel *p, size_t t, size_t s) {
    return t < 1 ? 0 : close_at(p, t, s) - close_at(p, t - 1, s);
}

static assay_status cheat_on_bar(void *state, const double *params, const assay_view *view,
                                 assay_signal_sink *sink, assay_error *err) {
    cheat *const *value = state;
    const assay_panel *p = view->st->market->panel;
    (void)params;
    for (size_t s = 0; s < p->n_symbols; s++) {
        double x = isnan(close_at(p, view->t, s)) ? 0 : (*value)(p, view->t, s);
        if (x == 0 || isnan(x))
            continue;
        assay_status status = assay_signal_emit(sink, s, x > 0 ? 0U : 1U, x, fabs(x), 1, NO_VALUE, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

static assay_status cheat_create(const void *context, const double *params, size_t n_symbols,
                                 void **out_state, assay_error *err) {
    (void)params;
    (void)n_symbols;
    cheat **copy = malloc(sizeof *copy);
    *out_state = copy;
    if (copy == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a test");
    *copy = *(cheat *const *)context;
    return ASSAY_OK;
}

static assay_strategy cheat_strategy(cheat *const *value) {
    static const assay_signal_kind kinds[] = {{"cheat_buy", ASSAY_ACTION_BUY, 1, "", 1, 2, ""},
                                              {"cheat_sell", ASSAY_ACTION_SELL, 1, "", 1, 2, ""}};
    return (assay_strategy){.abi_version = ASSAY_STRATEGY_ABI_VERSION,
                            .name = "cheat",
                            .kinds = kinds,
                            .n_kinds = 2,
                            .context = value,
                            .create = cheat_create,
                            .destroy = free,
                            .on_bar = cheat_on_bar};
}

/* --- verifying --- */

static const assay_verify_spec few_cuts = {.n_cuts = 6, .seed = 7};

static assay_verify_report verify(const assay_panel *panel, const assay_strategy *strategy,
                                  const char *const *settings) {
    assay_verify_report report;
    assay_error err = {0};
    assay_config *config = config_of(strategy, settings);
    if (assay_verify_config(panel, config, &few_cuts, &report, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assay_config_destroy(config);
    return report;
}

/* A market with gaps, splits, dividends and companies that end; sectors, a benchmark, a column. */
static assay_panel *rich_panel(void) {
    const random_spec spec = {
        .seed = 42, .n_bars = 260, .n_symbols = 16, .gap = 0.03, .event = 0.01, .listings = true};
    matrix_market market = random_market(&spec);
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR,
                                         .signal_prices = ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
    assay_panel *panel = panel_of_market(&market, &options, market.n_bars);
    const char *sectors[16];
    for (size_t s = 0; s < 16; s++)
        sectors[s] = s % 5 == 0 ? NULL : s % 2 == 0 ? "Even" : "Odd";
    assert_int_equal(assay_panel_set_sectors(panel, sectors, NULL), ASSAY_OK);
    size_t n = assay_panel_n_bars(panel) * assay_panel_n_symbols(panel);
    double *values = malloc(n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = (double)(i * 7919 % 1000) / 1000;
    assert_int_equal(assay_panel_add_column(panel, "pe_ratio", values, NULL), ASSAY_OK);
    free(values);
    free_market(&market);
    return panel;
}

static void cheats_are_caught(void **state) {
    (void)state;
    static const struct {
        const char *name;
        cheat *value;
    } cheats[] = {
        {"tomorrow's close", tomorrows_close},
        {"a z-score over the full sample", full_sample_zscore},
        {"a centred window", centred_window},
        {"back-adjusted price levels", back_adjusted_level},
        {"a delisting known early", delisting_known_early},
        {"today's universe in the past", todays_universe},
        {"known winners", known_winners},
    };
    assay_panel *panel = rich_panel();
    for (size_t i = 0; i < LENGTH(cheats); i++) {
        const assay_strategy strategy = cheat_strategy(&cheats[i].value);
        assay_verify_report report = verify(panel, &strategy, (const char *const[]){NULL});
        if (report.n_failed_runs == 0)
            fail_msg("%s is not caught", cheats[i].name);
        assert_non_null(strstr(report.first, "depends on what comes after"));
        assert_int_equal(report.n_runs, 6 * ASSAY_N_PERTURBATIONS);
    }
    cheat *fair = honest;
    const assay_strategy strategy = cheat_strategy(&fair);
    assert_int_equal(verify(panel, &strategy, (const char *const[]){NULL}).n_failed_runs, 0);
    assay_panel_destroy(panel);
}

/* --- coarser bars that strategies see --- */

/* The daily bar of a bar of the run, or the one before it, behind the view's back: today's close in the morning. */
static assay_status daily_on_bar(void *state, const double *params, const assay_view *view,
                                 assay_signal_sink *sink, assay_error *err) {
    const assay_signal_bars *signal = &view->st->market->signal;
    size_t k = signal->of_bar[view->t] - (*(cheat *const *)state == honest ? 1 : 0);
    (void)params;
    for (size_t s = 0; s < signal->panel->n_symbols && k > 0 && k < signal->panel->n_bars; s++) {
        double x = close_at(signal->panel, k, s) - close_at(signal->panel, k - 1, s);
        bool seen = !isnan(close_at(signal->panel, signal->seen[view->t], s));
        assay_status status = isnan(x) || !seen || x == 0
                                  ? ASSAY_OK
                                  : assay_signal_emit(sink, s, x > 0 ? 0U : 1U, x, fabs(x), 1, NO_VALUE, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* The bars of a random market, 5 a day from 14:00 on. */
static assay_panel *intraday_panel(void) {
    const random_spec spec = {.seed = 5, .n_bars = 400, .n_symbols = 8, .gap = 0.05, .event = 0.005};
    matrix_market market = random_market(&spec);
    for (size_t t = 0; t < market.n_bars; t++)
        market.timestamp_us[t] =
            day_us((int)(t / 25 * 7 + t / 5 % 5)) + (14 + (int64_t)(t % 5)) * INT64_C(3600000000);
    assay_panel *panel = panel_of_market(&market, NULL, market.n_bars);
    free_market(&market);
    return panel;
}

static void a_daily_close_in_the_morning_is_caught(void **state) {
    (void)state;
    assay_panel *panel = intraday_panel();
    const char *const settings[] = {"signal_frequency", "1d", NULL};
    cheat *const values[2] = {honest, tomorrows_close};
    for (int i = 0; i < 2; i++) {
        assay_strategy strategy = cheat_strategy(&values[i]);
        strategy.on_bar = daily_on_bar;
        assay_verify_report report = verify(panel, &strategy, settings);
        if ((report.n_failed_runs == 0) != (i == 0))
            fail_msg("%zu of %zu runs differ: %s", report.n_failed_runs, report.n_runs, report.first);
    }
    /* and what ships is blind, whatever it sees the days of */
    const assay_bars_spec session = {.session = "14:00-19:00 UTC"};
    assay_panel *inside = NULL;
    assay_error err = {0};
    if (assay_panel_resample(panel, &session, &inside, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    const char *const with_session[] = {"signal_frequency", "1d", "session", "14:00-19:00 UTC", NULL};
    const assay_strategy *momentum = assay_strategy_find("momentum", &err);
    assert_non_null(momentum);
    for (int i = 0; i < 2; i++) {
        assay_config *config = config_of(momentum, i == 0 ? settings : with_session);
        assay_verify_report report;
        const assay_verify_spec cuts = {.n_cuts = 20, .seed = 3};
        if (assay_config_set(config, "lookback", "5", &err) != ASSAY_OK ||
            assay_config_set(config, "threshold", "0.01", &err) != ASSAY_OK ||
            assay_verify_config(i == 0 ? panel : inside, config, &cuts, &report, &err) != ASSAY_OK)
            fail_msg("%s", err.message);
        assert_true(report.n_signals > 100);
        if (report.n_failed_runs != 0)
            fail_msg("%s", report.first);
        assay_config_destroy(config);
    }
    assay_panel_destroy(inside);
    assay_panel_destroy(panel);
}

static void expect_blind(const char *what, assay_verify_report report) {
    if (report.n_failed_runs != 0)
        fail_msg("%s: %s", what, report.first);
    if (report.n_signals < 50)
        fail_msg("%s made %zu signals: nothing is proven", what, report.n_signals);
}

static void built_in_strategies_are_blind(void **state) {
    (void)state;
    assay_panel *panel = rich_panel();
    for (size_t i = 0; i < assay_strategy_count(); i++) {
        const assay_strategy *s = assay_strategy_at(i);
        bool z = strcmp(s->name, "mean_reversion") == 0;
        const char *threshold = z ? "z_threshold" : NULL; /* ends the list for the others */
        expect_blind(s->name,
                     verify(panel, s, (const char *const[]){"lookback", "10", threshold, "1", NULL}));
        expect_blind(s->name, verify(panel, s,
                                     (const char *const[]){"lookback", "7", "fill", "close", "slippage_model",
                                                           "impact", "rebalance_frequency", "weekly",
                                                           "allow_short", "true", threshold, "0.8", NULL}));
    }
    assay_panel_destroy(panel);
}

static void ensembles_are_blind(void **state) {
    (void)state;
    assay_panel *panel = rich_panel();
    const assay_strategy *members[] = {assay_strategy_at(0), assay_strategy_at(1), assay_strategy_at(3)};
    assay_strategy *ensemble = NULL;
    assert_int_equal(assay_ensemble_create(members, 3, &ensemble, NULL), ASSAY_OK);
    static const char *const ways[] = {"union", "vote", "sleeves"};
    for (size_t i = 0; i < 3; i++)
        expect_blind(ways[i], verify(panel, ensemble,
                                     (const char *const[]){
                                         "combine", ways[i], "momentum.lookback", "8",
                                         "mean_reversion.lookback", "8", "mean_reversion.z_threshold", "1",
                                         "portfolio_beta.lookback", "15", "vote_threshold", "0.3", NULL}));
    assay_strategy_destroy(ensemble);
    assay_panel_destroy(panel);
}

static void rules_are_blind(void **state) {
    (void)state;
    assay_panel *panel = rich_panel();
    static const char *const buys[] = {
        "rsi(close, 5) < 40",
        "close > 30 and crosses_above(close, sma(close, 4))",
        "cross_rank(return(close, 6)) <= 4 or sector_zscore(close / lag(close, 3)) > 0.5",
        "obv() > lag(obv(), 5) and adx(5) > 20 and macd_histogram(close, 3, 6, 4) > 0",
        "zscore(volume, 5) > 0.5 and atr(4) / close < 0.2 and mfi(5) < 70",
        "corr(return(close, 2), market, 8) > 0 and kama(close, 6) < close",
        "pe_ratio < 0.5 and rank(close, 9) > 0.6 and best_sector(return(close, 5))",
        "sum(cross_percentile(close) > 0.5, 4) >= 2 and rolling_max(high, 10) > high",
    };
    for (size_t i = 0; i < LENGTH(buys); i++) {
        const assay_rule_line lines[] = {{"rule", "buy", buys[i]},
                                         {"rule", "sell", "bars_held > 4 or unrealised_return > 0.05"}};
        assay_strategy *rule = NULL;
        assay_error err = {0};
        if (assay_rule_create(NULL, lines, 2, &rule, NULL, &err) != ASSAY_OK)
            fail_msg("%s", err.message);
        expect_blind(buys[i], verify(panel, rule, (const char *const[]){NULL}));
        assay_strategy_destroy(rule);
    }
    assay_panel_destroy(panel);
}

/* --- walk-forward --- */

typedef struct forward {
    const assay_config *config;
    const assay_walkforward_spec *spec;
} forward;

static assay_status run_forward(void *context, const assay_panel *panel, const assay_result **out_result,
                                void **out_owner, assay_error *err) {
    const forward *f = context;
    assay_walkforward *wf = NULL;
    assay_status status = assay_walkforward_run(panel, f->config, f->spec, 1, NULL, NULL, &wf, err);
    *out_owner = wf;
    *out_result = status == ASSAY_OK ? assay_walkforward_result(wf) : NULL;
    return status;
}

static void release_forward(const assay_result *result, void *owner) {
    (void)result;
    assay_walkforward_destroy(owner);
}

static void a_walkforward_is_blind(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(20, 500, 4);
    static const char *const axes[] = {"lookback=5,10,20", "threshold=0.02,0.05"};
    for (int positions = 0; positions < 2; positions++) {
        const assay_walkforward_spec spec = {.axes = axes,
                                             .n_axes = 2,
                                             .train = "120",
                                             .test = "60",
                                             .positions = (assay_fold_positions)positions};
        assay_config *config = config_of(assay_strategy_at(0), (const char *const[]){NULL});
        forward f = {config, &spec};
        const assay_verify_run run = {run_forward, release_forward, &f};
        assay_verify_report report;
        assay_error err = {0};
        if (assay_verify(panel, &run, &few_cuts, &report, &err) != ASSAY_OK)
            fail_msg("%s", err.message);
        assert_true(report.n_skipped < 4); /* cuts before one whole fold */
        expect_blind("walk-forward", report);
        assay_config_destroy(config);
    }
    assay_panel_destroy(panel);
}

/* --- the panels that it makes --- */

static void perturbed_panels_share_the_past(void **state) {
    (void)state;
    assay_panel *panel = rich_panel();
    const size_t cut = 130;
    for (int how = 0; how < ASSAY_N_PERTURBATIONS; how++) {
        assay_panel *other = NULL;
        assert_int_equal(assay_panel_perturb(panel, cut, (assay_perturbation)how, 5, &other, NULL), ASSAY_OK);
        bool differs = false;
        for (size_t t = 0; t < other->n_bars; t++) {
            if (t <= cut)
                assert_int_equal(other->timestamp_us[t], panel->timestamp_us[t]);
            for (size_t s = 0; s < other->n_symbols; s++) {
                size_t was;
                assert_true(assay_panel_find_symbol(panel, other->name[s], &was));
                for (int c = 0; c < ASSAY_N_PRICE_COLUMNS && t <= cut; c++)
                    assert_number(other->column[c][t * other->stride + s],
                                  panel->column[c][t * panel->stride + was]);
                differs = differs || t > cut || other->n_bars < panel->n_bars;
            }
        }
        assert_true(differs || how == ASSAY_PERTURB_NOTHING);
        assay_panel_destroy(other);
    }
    assay_error err = {0};
    assay_panel *none = NULL;
    assert_refused(assay_panel_perturb(panel, 100000, ASSAY_PERTURB_NOISE, 5, &none, &err), ASSAY_E_ARGUMENT,
                   &err, "a cut at bar");
    assay_panel_destroy(panel);
}

static bool stop_at_once(void *context, size_t n_done, size_t n_runs) {
    (void)context;
    (void)n_done;
    (void)n_runs;
    return false;
}

static void refusals(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("A", 0, 10)};
    assay_panel *panel = PANEL(rows);
    assay_config *config = config_of(assay_strategy_at(0), (const char *const[]){NULL});
    assay_verify_report report;
    assay_error err = {0};
    assert_refused(assay_verify_config(panel, config, &few_cuts, &report, &err), ASSAY_E_DATA, &err,
                   "too short to be cut");
    assay_panel_destroy(panel);
    panel = panel_of_sample(3, 50, 1);
    const assay_verify_spec stopped = {.progress = stop_at_once};
    assert_refused(assay_verify_config(panel, config, &stopped, &report, &err), ASSAY_E_CANCELLED, &err,
                   "stopped after");
    assay_config_destroy(config);
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cheats_are_caught),
        cmocka_unit_test(a_daily_close_in_the_morning_is_caught),
        cmocka_unit_test(built_in_strategies_are_blind),
        cmocka_unit_test(ensembles_are_blind),
        cmocka_unit_test(rules_are_blind),
        cmocka_unit_test(a_walkforward_is_blind),
        cmocka_unit_test(perturbed_panels_share_the_past),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
