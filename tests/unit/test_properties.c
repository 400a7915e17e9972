/* What must hold on any market: seeded random ones with gaps, listings, splits, dividends, missing opens and thin volume,
 * and the sample market. Nothing here knows a number of ours; runs are compared with runs, or with sums over records. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { N_MARKETS = 24, N_SETTINGS = 6 };

static matrix_market market_number(uint64_t number) {
    const random_spec spec = {.seed = 1000 + number,
                              .n_bars = 60 + number * 7 % 90,
                              .n_symbols = 1 + number * 5 % 13,
                              .gap = number % 3 == 0 ? 0 : 0.06,
                              .event = number % 4 == 0 ? 0 : 0.02,
                              .listings = number % 2 == 1};
    return random_market(&spec);
}

/* Settings that between them use every rule of the core. */
static const char *const settings[N_SETTINGS][18] = {
    {"lookback", "5", "max_position_pct", "0.3", NULL},
    {"lookback", "3", "max_position_pct", "0.5", "fill", "next_close", "allow_short", "true", "lot_method",
     "lifo", "borrow_fee_pct", "0.05", NULL},
    {"lookback", "8", "fill", "close", "max_participation", "0.01", "lot_method", "average", "commission_min",
     "4", NULL},
    {"lookback", "4", "slippage_model", "impact", "max_participation", "0.02", "insufficient_cash", "skip",
     "max_position_pct", "0.6", NULL},
    {"lookback", "6", "allow_short", "true", "max_position_pct", "1", "rebalance_frequency", "weekly",
     "serve_order", "symbol", "max_participation", "0", NULL},
    {"lookback", "5", "lot_size", "10", "delist_after_days", "3", "delisting_return", "-0.3",
     "target_scaled_by_strength", "true", "max_pending_days", "2", "max_participation", "0.05", NULL},
};

static assay_config *config_number(size_t number) {
    const assay_strategy *strategy = assay_strategy_at(number % 2);
    assay_config *config = config_of(strategy, settings[number % N_SETTINGS]);
    assert_int_equal(assay_config_set(config, number % 2 == 0 ? "threshold" : "z_threshold",
                                      number % 2 == 0 ? "0.02" : "0.9", NULL),
                     ASSAY_OK);
    return config;
}

static void set_to(assay_config *config, const char *key, const char *value) {
    assay_error err = {0};
    if (assay_config_set(config, key, value, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
}

static assay_result *run_of(const assay_panel *panel, const assay_config *config, assay_keep keep) {
    assay_result *result = NULL;
    assay_error err = {0};
    if (assay_run(panel, config, keep, &result, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return result;
}

/* --- money is made of powers of two --- */

/* A market with every price and dividend x 2^k. */
static matrix_market scaled(const matrix_market *m, int k) {
    matrix_market copy = copy_market(m);
    for (size_t i = 0; i < m->n_bars * m->n_symbols; i++) {
        for (int c = 0; c <= ASSAY_COLUMN_CLOSE; c++)
            copy.column[c][i] = ldexp(copy.column[c][i], k);
        copy.dividend[i] = ldexp(copy.dividend[i], k);
    }
    return copy;
}

static void expect_scaled_fills(const assay_result *plain, const assay_result *big, int k) {
    assert_int_equal(n_fills(plain), n_fills(big));
    for (size_t i = 0; i < n_fills(plain); i++) {
        assay_fill a = fill_at(plain, i), b = fill_at(big, i);
        a.price = ldexp(a.price, k);
        a.reference_price = ldexp(a.reference_price, k);
        a.commission = ldexp(a.commission, k);
        a.slippage = ldexp(a.slippage, k);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void expect_scaled_trades(const assay_result *plain, const assay_result *big, int k) {
    assert_int_equal(n_trades(plain), n_trades(big));
    for (size_t i = 0; i < n_trades(plain); i++) {
        assay_trade a = trade_at(plain, i), b = trade_at(big, i);
        double *money[] = {&a.entry_price, &a.exit_price, &a.entry_value, &a.exit_value,
                           &a.commission,  &a.slippage,   &a.dividends,   &a.pnl};
        for (size_t j = 0; j < LENGTH(money); j++)
            *money[j] = ldexp(*money[j], k);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void expect_scaled_snapshots(const assay_result *plain, const assay_result *big, int k) {
    assert_int_equal(n_snapshots(plain), n_snapshots(big));
    for (size_t i = 0; i < n_snapshots(plain); i++) {
        assay_snapshot a = snapshot_at(plain, i), b = snapshot_at(big, i);
        a.cash = ldexp(a.cash, k);
        a.total_value = ldexp(a.total_value, k);
        a.gross_value = ldexp(a.gross_value, k);
        a.net_exposure = ldexp(a.net_exposure, k);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

/* All prices, the capital and the least commission x 2^k: every amount of money x 2^k to the bit, no share and no signal
 * different. (Momentum only: the 1e-6 in the z-score is money that does not scale.) */
static void test_money_scales_by_powers_of_two(void **state) {
    (void)state;
    static const int powers[] = {-3, 1, 10};
    for (uint64_t number = 0; number < N_MARKETS; number += 2) { /* even: momentum */
        matrix_market m = market_number(number);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        assay_config *config = config_number(number);
        assay_result *plain = run_of(panel, config, ASSAY_KEEP_ALL);
        for (size_t p = 0; p < LENGTH(powers); p++) {
            int k = powers[p];
            char text[32];
            matrix_market bigger = scaled(&m, k);
            assay_panel *big_panel = panel_of_market(&bigger, NULL, m.n_bars);
            assay_config *big_config = config_number(number);
            snprintf(text, sizeof text, "%.17g", ldexp(100000, k));
            set_to(big_config, "initial_capital", text);
            if (number % N_SETTINGS == 2) {
                snprintf(text, sizeof text, "%.17g", ldexp(4, k));
                set_to(big_config, "commission_min", text);
            }
            assay_result *big = run_of(big_panel, big_config, ASSAY_KEEP_ALL);
            size_t n;
            const assay_signal *signals = assay_result_signals(plain, &n);
            assert_int_equal(n, n_signals(big));
            if (n != 0)
                assert_memory_equal(signals, assay_result_signals(big, &n), n * sizeof *signals);
            expect_scaled_fills(plain, big, k);
            expect_scaled_trades(plain, big, k);
            expect_scaled_snapshots(plain, big, k);
            assay_result_destroy(big);
            assay_config_destroy(big_config);
            assay_panel_destroy(big_panel);
            free_market(&bigger);
        }
        assay_result_destroy(plain);
        assay_config_destroy(config);
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

/* --- the same again --- */

static void test_the_same_run_gives_the_same_bytes(void **state) {
    (void)state;
    size_t n_records = 0;
    for (uint64_t number = 0; number < N_MARKETS; number++) {
        matrix_market m = market_number(number);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars),
                    *again = panel_of_market(&m, NULL, m.n_bars);
        assay_config *config = config_number(number);
        assay_result *a = run_of(panel, config, ASSAY_KEEP_ALL), *b = run_of(again, config, ASSAY_KEEP_ALL);
        assert_same_records(a, b);
        n_records += n_fills(a);
        assay_result_destroy(b);
        b = run_of(panel, config, ASSAY_KEEP_METRICS); /* and what is not kept changes no metric */
        assert_int_equal(n_signals(b), 0);
        assert_int_equal(n_fills(b), 0);
        assert_memory_equal(assay_result_metrics(a), assay_result_metrics(b),
                            assay_metric_count() * sizeof(double));
        assert_int_equal(n_snapshots(a), n_snapshots(b));
        assay_result_destroy(a);
        assay_result_destroy(b);
        assay_config_destroy(config);
        assay_panel_destroy(panel);
        assay_panel_destroy(again);
        free_market(&m);
    }
    assert_true(n_records > 1000); /* or the settings trade too little to test anything */
}

/* --- the future --- */

/* Records up to and including bar `last` of both: the same bytes; what the future may still decide (a signal's outcome)
 * aside. */
static void expect_same_past(const assay_result *a, const assay_result *b, size_t last) {
    size_t i;
    for (i = 0; i < n_signals(a) && signal_at(a, i).bar <= last; i++) {
        assay_signal x = signal_at(a, i), y = signal_at(b, i);
        x.outcome = y.outcome = 0;
        assert_memory_equal(&x, &y, sizeof x);
    }
    assert_true(i == n_signals(b) || signal_at(b, i).bar > last);
    for (i = 0; i < n_fills(a) && fill_at(a, i).bar <= last; i++) {
        assay_fill x = fill_at(a, i), y = fill_at(b, i);
        assert_memory_equal(&x, &y, sizeof x);
    }
    assert_true(i == n_fills(b) || fill_at(b, i).bar > last);
    for (i = 0; i <= last; i++) {
        assay_snapshot x = snapshot_at(a, i), y = snapshot_at(b, i);
        assert_memory_equal(&x, &y, sizeof x);
    }
}

/* Everything after bar `last` becomes something else: prices, volumes, gaps, splits, dividends. */
static void change_future(matrix_market *m, size_t last, uint64_t seed) {
    assay_rng rng;
    assay_rng_init(&rng, seed);
    for (size_t i = (last + 1) * m->n_symbols; i < m->n_bars * m->n_symbols; i++) {
        double close = assay_rng_uniform(&rng) < 0.3 ? NO_VALUE : 1 + 999 * assay_rng_uniform(&rng);
        for (int c = 0; c <= ASSAY_COLUMN_CLOSE; c++)
            m->column[c][i] = close;
        m->column[ASSAY_COLUMN_VOLUME][i] = 1e5 * assay_rng_uniform(&rng);
        m->split[i] = assay_rng_uniform(&rng) < 0.2 ? 2 : NO_VALUE;
        m->dividend[i] = assay_rng_uniform(&rng) < 0.2 ? 0.5 : NO_VALUE;
    }
}

static void test_the_future_cannot_matter(void **state) {
    (void)state;
    for (uint64_t number = 0; number < N_MARKETS; number++) {
        matrix_market m = market_number(number);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        assay_config *config = config_number(number);
        assay_result *whole = run_of(panel, config, ASSAY_KEEP_ALL);
        for (size_t part = 1; part < 4; part++) {
            size_t last = assay_panel_n_bars(panel) * part / 4;
            /* In the panel all bars of the matrix are there as long as any symbol has one; random markets may have bars
             * that nobody has, so that panel bars are counted by time. */
            size_t row = 0;
            while (m.timestamp_us[row] != assay_panel_timestamps(panel)[last])
                row++;
            assay_panel *cut = panel_of_market(&m, NULL, row + 1);
            if (assay_panel_n_symbols(cut) == assay_panel_n_symbols(panel)) {
                assay_result *r = run_of(cut, config, ASSAY_KEEP_ALL);
                expect_same_past(whole, r, last);
                assay_result_destroy(r);
            }
            assay_panel_destroy(cut);
            matrix_market other = copy_market(&m);
            change_future(&other, row, number);
            assay_panel *changed = panel_of_market(&other, NULL, m.n_bars);
            assay_result *r = run_of(changed, config, ASSAY_KEEP_ALL);
            expect_same_past(whole, r, last);
            assay_result_destroy(r);
            assay_panel_destroy(changed);
            free_market(&other);
        }
        assay_result_destroy(whole);
        assay_config_destroy(config);
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

/* --- bystanders --- */

/* A symbol that never moves never signals: whatever its place in the order of symbols, nothing else changes. */
static void test_a_silent_symbol_changes_nothing(void **state) {
    (void)state;
    for (uint64_t number = 0; number < N_MARKETS; number++) {
        matrix_market m = market_number(number);
        matrix_market more = empty_market(m.n_bars, m.n_symbols + 1);
        memcpy(more.timestamp_us, m.timestamp_us, m.n_bars * sizeof *m.timestamp_us);
        size_t at = number % (m.n_symbols + 1); /* before this symbol */
        for (size_t s = 0; s <= m.n_symbols; s++)
            snprintf(more.name[s], sizeof more.name[s], s == at ? "S%06uX" : "S%06u",
                     (unsigned)(s < at    ? s
                                : s == at ? s == 0 ? 0 : s - 1
                                          : s - 1));
        if (at == 0)
            snprintf(more.name[0], sizeof more.name[0], "A");
        for (size_t t = 0; t < m.n_bars; t++) {
            bool anyone = false;
            for (size_t s = 0; s < m.n_symbols; s++) {
                size_t from = t * m.n_symbols + s, to = t * more.n_symbols + s + (s >= at ? 1 : 0);
                for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
                    more.column[c][to] = m.column[c][from];
                more.split[to] = m.split[from];
                more.dividend[to] = m.dividend[from];
                anyone = anyone || !isnan(m.column[ASSAY_COLUMN_CLOSE][from]) || !isnan(m.split[from]) ||
                         !isnan(m.dividend[from]);
            }
            for (int c = 0; c < ASSAY_N_PRICE_COLUMNS && anyone; c++) /* on the others' calendar */
                more.column[c][t * more.n_symbols + at] = 42;
        }
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        assay_panel *wider = panel_of_market(&more, NULL, m.n_bars);
        assay_config *config = config_number(number);
        assay_result *a = run_of(panel, config, ASSAY_KEEP_ALL), *b = run_of(wider, config, ASSAY_KEEP_ALL);
        assert_int_equal(n_fills(a), n_fills(b));
        assert_int_equal(n_signals(a), n_signals(b));
        assert_int_equal(n_trades(a), n_trades(b));
        for (size_t i = 0; i < n_fills(a); i++) {
            assay_fill x = fill_at(a, i), y = fill_at(b, i);
            x.symbol += x.symbol >= at ? 1 : 0;
            assert_memory_equal(&x, &y, sizeof x);
        }
        for (size_t i = 0; i < n_trades(a); i++) {
            assay_trade x = trade_at(a, i), y = trade_at(b, i);
            x.symbol += x.symbol >= at ? 1 : 0;
            assert_memory_equal(&x, &y, sizeof x);
        }
        for (size_t t = 0; t < n_snapshots(a); t++) {
            assay_snapshot x = snapshot_at(a, t), y = snapshot_at(b, t);
            assert_memory_equal(&x, &y, sizeof x);
        }
        assay_result_destroy(a);
        assay_result_destroy(b);
        assay_config_destroy(config);
        assay_panel_destroy(panel);
        assay_panel_destroy(wider);
        free_market(&m);
        free_market(&more);
    }
}

/* --- money from the fills alone --- */

/* What the fills of a symbol make of cash and shares, with splits and dividends from the market's own matrices. */
static void replay(const matrix_market *m, const assay_panel *panel, const assay_result *r, double *out_cash,
                   double *out_value) {
    double cash = 100000, value = 0;
    for (size_t s = 0; s < m->n_symbols; s++) {
        double quantity = 0, mark = 0;
        size_t next = 0;
        for (size_t row = 0, t = 0; row < m->n_bars && t < assay_panel_n_bars(panel); row++) {
            if (m->timestamp_us[row] != assay_panel_timestamps(panel)[t])
                continue;
            size_t i = row * m->n_symbols + s;
            quantity *= isnan(m->split[i]) ? 1 : m->split[i];
            mark /= isnan(m->split[i]) ? 1 : m->split[i];
            cash += quantity * (isnan(m->dividend[i]) ? 0 : m->dividend[i]);
            for (; next < n_fills(r) && fill_at(r, next).bar <= t; next++) {
                assay_fill fill = fill_at(r, next);
                if (fill.symbol != s)
                    continue;
                double sign = fill.side == ASSAY_SIDE_BUY ? 1 : -1;
                quantity += sign * fill.quantity;
                cash -= sign * fill.quantity * fill.price + fill.commission;
            }
            mark = isnan(m->column[ASSAY_COLUMN_CLOSE][i]) ? mark : m->column[ASSAY_COLUMN_CLOSE][i];
            t++;
        }
        value += quantity * mark;
    }
    *out_cash = cash;
    *out_value = value;
}

/* Positions followed from fills and splits are the ledger's: their number and their sum, on every bar. */
static void test_positions_are_the_ledgers(void **state) {
    (void)state;
    for (uint64_t number = 0; number < N_MARKETS; number++) {
        matrix_market m = market_number(number);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        assay_config *config = config_number(number);
        assay_result *r = run_of(panel, config, ASSAY_KEEP_ALL);
        size_t n = assay_panel_n_symbols(panel);
        uint32_t *symbols = calloc(n, sizeof *symbols);
        double *quantity = calloc(n_snapshots(r) * n, sizeof *quantity);
        double *value = calloc(n_snapshots(r) * n, sizeof *value);
        assert_non_null(symbols);
        assert_non_null(quantity);
        assert_non_null(value);
        for (size_t s = 0; s < n; s++)
            symbols[s] = (uint32_t)s;
        assert_int_equal(assay_result_positions(r, symbols, n, quantity, value, NULL), ASSAY_OK);
        for (size_t t = 0; t < n_snapshots(r); t++) {
            assay_snapshot snapshot = snapshot_at(r, t);
            double net = 0, gross = 0;
            size_t n_held = 0;
            for (size_t s = 0; s < n; s++) {
                assert_int_equal(quantity[t * n + s] == 0, value[t * n + s] == 0);
                net += value[t * n + s];
                gross += fabs(value[t * n + s]);
                n_held += quantity[t * n + s] != 0;
            }
            assert_int_equal(n_held, snapshot.num_positions);
            assert_true(fabs(net - snapshot.net_exposure) <= 1e-9 * 100000);
            assert_true(fabs(gross - snapshot.gross_value) <= 1e-9 * 100000);
        }
        assay_error err = {0};
        symbols[0] = (uint32_t)n;
        assert_int_equal(assay_result_positions(r, symbols, 1, quantity, value, &err), ASSAY_E_ARGUMENT);
        assert_non_null(strstr(err.message, "no symbol"));
        free(symbols);
        free(quantity);
        free(value);
        assay_result_destroy(r);
        assay_config_destroy(config);
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

static void test_money_is_conserved(void **state) {
    (void)state;
    for (uint64_t number = 0; number < N_MARKETS; number++) {
        matrix_market m = market_number(number);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        assay_config *config = config_number(number);
        assay_result *r = run_of(panel, config, ASSAY_KEEP_ALL);
        double cash, value, pnl = 0;
        replay(&m, panel, r, &cash, &value);
        assay_snapshot last = snapshot_at(r, n_snapshots(r) - 1);
        double financing = assay_result_financing(r);
        assert_true(fabs(cash + financing - last.cash) <= 1e-9 * 100000);
        assert_true(fabs(cash + financing + value - last.total_value) <= 1e-9 * 100000);
        assert_true(fabs(value - last.net_exposure) <= 1e-9 * 100000);
        for (size_t i = 0; i < n_trades(r); i++)
            pnl += trade_at(r, i).pnl;
        assert_true(fabs(100000 + pnl + financing - last.total_value) <= 1e-9 * 100000);
        for (size_t t = 0; t < n_snapshots(r); t++) {
            assay_snapshot s = snapshot_at(r, t);
            assert_true(fabs(s.cash + s.net_exposure - s.total_value) <= 1e-9 * 100000);
            if (number % N_SETTINGS != 1 && number % N_SETTINGS != 4)
                assert_true(s.cash >= 0); /* long only: never on credit */
        }
        assay_result_destroy(r);
        assay_config_destroy(config);
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

/* A volume limit is one limit a symbol and bar, whatever fills. Delistings are no trades on the market. */
static void test_volume_is_never_exceeded(void **state) {
    (void)state;
    static const double limits[N_SETTINGS] = {0.1, 0.1, 0.01, 0.02, 0, 0.05};
    for (uint64_t number = 0; number < N_MARKETS; number++) {
        double limit = limits[number % N_SETTINGS];
        matrix_market m = market_number(number);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        assay_config *config = config_number(number);
        assay_result *r = run_of(panel, config, ASSAY_KEEP_ALL);
        size_t n_cells = assay_panel_n_bars(panel) * assay_panel_n_symbols(panel);
        double *traded = calloc(n_cells, sizeof *traded);
        assert_non_null(traded);
        for (size_t i = 0; i < n_fills(r) && limit != 0; i++) {
            assay_fill fill = fill_at(r, i);
            if (fill.kind == ASSAY_FILL_DELISTING || fill.kind == ASSAY_FILL_RUIN)
                continue;
            double *sum = &traded[fill.bar * assay_panel_n_symbols(panel) + fill.symbol];
            *sum += fill.quantity;
            double volume = assay_panel_row(panel, ASSAY_COLUMN_VOLUME, fill.bar)[fill.symbol];
            assert_true(*sum <=
                        limit * volume * (1 + 1e-8)); /* a residue of 1e-9 of the order may be taken along */
        }
        free(traded);
        assay_result_destroy(r);
        assay_config_destroy(config);
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

/* --- costs --- */

/* The same fills at higher costs end poorer. Sizes must not follow equity (sizing_basis: initial) and cash must not bind
 * (positions of 2 % of the initial capital). */
static void test_costs_cost(void **state) {
    (void)state;
    static const char *const cheap[] = {"commission_pct", "0", "slippage_bps", "0", NULL};
    static const char *const dearer[][5] = {{"commission_pct", "0.001", "slippage_bps", "0", NULL},
                                            {"commission_pct", "0", "slippage_bps", "10", NULL},
                                            {"commission_pct", "0.004", "slippage_bps", "25", NULL}};
    for (uint64_t number = 0; number < N_MARKETS; number++) {
        matrix_market m = market_number(number);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        double cheap_end = 0;
        size_t cheap_fills = 0;
        for (size_t level = 0; level <= LENGTH(dearer); level++) {
            assay_config *config = config_of(assay_strategy_at(0), level == 0 ? cheap : dearer[level - 1]);
            set_to(config, "sizing_basis", "initial");
            set_to(config, "max_position_pct", "0.02");
            set_to(config, "lookback", "4");
            set_to(config, "threshold", "0.02");
            assay_result *r = run_of(panel, config, ASSAY_KEEP_ALL);
            double end = snapshot_at(r, n_snapshots(r) - 1).total_value;
            if (level == 0) {
                cheap_end = end;
                cheap_fills = n_fills(r);
            } else {
                assert_int_equal(n_fills(r), cheap_fills);
                assert_true(cheap_fills == 0 ? end == cheap_end : end < cheap_end);
            }
            assay_result_destroy(r);
            assay_config_destroy(config);
        }
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

/* --- the sample market --- */

static void test_the_sample_market_conserves_money(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(60, 500, 7);
    for (size_t number = 0; number < 2 * N_SETTINGS; number++) {
        assay_config *config = config_number(number);
        assay_result *r = run_of(panel, config, ASSAY_KEEP_ALL),
                     *again = run_of(panel, config, ASSAY_KEEP_ALL);
        assert_same_records(r, again);
        double pnl = 0;
        for (size_t i = 0; i < n_trades(r); i++)
            pnl += trade_at(r, i).pnl;
        double end = snapshot_at(r, n_snapshots(r) - 1).total_value;
        assert_true(fabs(100000 + pnl + assay_result_financing(r) - end) <= 1e-9 * fmax(100000, end));
        assay_result_destroy(r);
        assay_result_destroy(again);
        assay_config_destroy(config);
    }
    assay_panel_destroy(panel);
}

/* --- threads --- */

typedef struct job {
    const assay_panel *panel;
    assay_config *config;
    assay_result *result;
    assay_status status;
    assay_error err;
} job;

static void *work(void *argument) {
    job *j = argument;
    j->status = assay_run(j->panel, j->config, ASSAY_KEEP_ALL, &j->result, &j->err);
    return NULL;
}

enum { N_THREADS = 4 };

/* One panel, read by all; two configurations, each run by two threads at once. */
static void test_threads_share_a_panel(void **state) {
    (void)state;
    assay_panel *panel = panel_of_sample(40, 400, 3);
    for (size_t number = 0; number < 4; number += 2) {
        pthread_t thread[N_THREADS];
        job jobs[N_THREADS];
        for (size_t i = 0; i < N_THREADS; i++) {
            jobs[i] = (job){.panel = panel, .config = config_number(number + i % 2)};
            assert_int_equal(pthread_create(&thread[i], NULL, work, &jobs[i]), 0);
        }
        for (size_t i = 0; i < N_THREADS; i++) {
            assert_int_equal(pthread_join(thread[i], NULL), 0);
            assert_int_equal(jobs[i].status, ASSAY_OK);
        }
        for (size_t i = 0; i < N_THREADS; i++) {
            assay_result *alone = run_of(panel, jobs[i].config, ASSAY_KEEP_ALL);
            assert_same_records(alone, jobs[i].result);
            assay_result_destroy(alone);
            assay_result_destroy(jobs[i].result);
            assay_config_destroy(jobs[i].config);
        }
    }
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_money_scales_by_powers_of_two),
        cmocka_unit_test(test_the_same_run_gives_the_same_bytes),
        cmocka_unit_test(test_the_future_cannot_matter),
        cmocka_unit_test(test_a_silent_symbol_changes_nothing),
        cmocka_unit_test(test_positions_are_the_ledgers),
        cmocka_unit_test(test_money_is_conserved),
        cmocka_unit_test(test_volume_is_never_exceeded),
        cmocka_unit_test(test_costs_cost),
        cmocka_unit_test(test_the_sample_market_conserves_money),
        cmocka_unit_test(test_threads_share_a_panel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
