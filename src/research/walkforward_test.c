/* The tests of a walk-forward: what each fold chose, on bars that it has not seen.
 *
 * Flat: runs of their own; a test equals assay_run with its configuration byte for byte. Carried: one book is stepped
 * through all tests, and at a border the stepper is exchanged under it; a carried walk-forward whose choice never changes
 * equals one run over all tests byte for byte. A fold without a winner is stepped without being asked for decisions: what
 * is held or ordered goes on, nothing new begins.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "engine/result.h"
#include "metrics/metrics.h"
#include "research/backtest.h"
#include "research/walkforward.h"

/* Capital below which there is nothing to invest: the least that initial_capital can be. */
static const double least_capital = 1e-6;

static void undefined_metrics(double *out_values) {
    for (size_t i = 0; i < assay_metric_count(); i++)
        out_values[i] = ASSAY_NAN;
}

/* --- flat --- */

/* A run that is never asked for decisions: cash, and what it earns. */
static assay_status run_idle(const assay_panel *panel, const assay_config *config, assay_result **out_result,
                             assay_error *err) {
    assay_market market;
    assay_status status = assay_market_init(&market, panel, &config->settings, err);
    if (status != ASSAY_OK)
        return status;
    memset(market.rebalance, 0, panel->n_bars);
    assay_portfolio portfolio;
    status = assay_portfolio_init(&portfolio, &market, config, ASSAY_KEEP_ALL, false, NULL, err);
    if (status == ASSAY_OK)
        status = assay_portfolio_run(&portfolio, err);
    if (status == ASSAY_OK)
        status = assay_result_create(&portfolio, out_result, err);
    assay_portfolio_reset(&portfolio);
    assay_market_reset(&market);
    if (status != ASSAY_OK)
        return status;
    assay_result *r = *out_result;
    r->metrics = malloc(assay_metric_count() * sizeof *r->metrics);
    if (r->metrics == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for metrics");
    return assay_recorder_metrics(&r->recorder, &r->config->settings, r->periods_per_year, r->metrics, err);
}

/* Cash over bars first to last, with its interest. */
static double grown(const assay_walkforward *wf, double cash, size_t first, size_t last) {
    for (size_t t = first; t <= last; t++)
        cash += assay_walkforward_interest(wf, cash, t);
    return cash;
}

static assay_status test_fold(const assay_walkforward *wf, assay_fold_state *state, double capital,
                              assay_error *err) {
    assay_fold *fold = &state->shown;
    fold->start_equity = fold->end_equity = capital;
    fold->is_broke = capital < least_capital;
    undefined_metrics(state->out_of_sample);
    assay_walkforward_set_period(wf->panel, state->config, fold->test_first, fold->test_last);
    if (fold->is_broke) {
        fold->end_equity = grown(wf, capital, fold->test_first + 1, fold->test_last);
        return ASSAY_OK;
    }
    state->config->settings.initial_capital = capital;
    assay_status status = fold->has_winner
                              ? assay_run(wf->panel, state->config, ASSAY_KEEP_ALL, &state->result, err)
                              : run_idle(wf->panel, state->config, &state->result, err);
    if (status != ASSAY_OK)
        return status;
    assay_walkforward_warn(wf->panel, fold->test_last + 1, state->result);
    const assay_recorder *r = &state->result->recorder;
    fold->end_equity = r->equity[r->n_equity - 1];
    fold->result = fold->has_winner ? state->result : NULL;
    memcpy(state->out_of_sample, state->result->metrics, assay_metric_count() * sizeof(double));
    return ASSAY_OK;
}

assay_status assay_walkforward_test_flat(assay_walkforward *wf, assay_error *err) {
    double capital = wf->base->settings.initial_capital;
    for (size_t k = 0; k < wf->n_folds; k++) {
        if (k > 0) /* cash until the first bar of the next test, its interest included */
            capital = grown(wf, wf->fold[k - 1].shown.end_equity, wf->fold[k - 1].shown.test_last + 1,
                            wf->fold[k].shown.test_first);
        assay_status status = test_fold(wf, &wf->fold[k], capital, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* --- carried --- */

/* The period of all tests, so that rebalance bars fall where they would in one run. */
static assay_status make_market(const assay_walkforward *wf, const assay_fold_state *state,
                                assay_market *out_market, assay_error *err) {
    assay_walkforward_set_period(wf->panel, state->config, assay_walkforward_first_bar(wf),
                                 assay_walkforward_last_bar(wf));
    assay_status status = assay_market_init(out_market, wf->panel, &state->config->settings, err);
    if (status == ASSAY_OK && !state->shown.has_winner)
        memset(out_market->rebalance, 0, wf->panel->n_bars);
    return status;
}

/* Exchanges the portfolio under the books: records and positions go on with another configuration. */
static assay_status enter_fold(assay_portfolio *p, const assay_market *market, const assay_config *config,
                               assay_error *err) {
    assay_portfolio next;
    assay_status status = assay_portfolio_init(&next, market, config, ASSAY_KEEP_ALL, false, NULL, err);
    if (status != ASSAY_OK) {
        assay_portfolio_reset(&next);
        return status;
    }
    if (p->n_books != 0) {
        assay_portfolio_take_over(&next, p);
        assay_portfolio_reset(p);
    }
    *p = next;
    return ASSAY_OK;
}

/* The fold's metrics: equity of its bars on the equity before, and the trades closed in it. Trades are sorted by exit. */
static assay_status measure_fold(assay_walkforward *wf, size_t k, assay_error *err) {
    assay_fold_state *state = &wf->fold[k];
    assay_fold *fold = &state->shown;
    const assay_recorder *r = &wf->joined->recorder;
    size_t first = fold->test_first - assay_walkforward_first_bar(wf),
           n = fold->test_last - fold->test_first + 1;
    size_t begin = 0, end;
    while (begin < r->n_trades && r->trade[begin].is_open == 0 && r->trade[begin].exit_bar < fold->test_first)
        begin++;
    for (end = begin;
         end < r->n_trades && r->trade[end].is_open == 0 && r->trade[end].exit_bar <= fold->test_last;)
        end++;
    fold->start_equity = first == 0 ? wf->base->settings.initial_capital : r->equity[first - 1];
    fold->end_equity = r->equity[first + n - 1];
    fold->is_broke = fold->start_equity <= 0;
    undefined_metrics(state->out_of_sample);
    if (fold->is_broke)
        return ASSAY_OK;
    assay_recorder slice = {.equity = r->equity + first,
                            .n_equity = n,
                            .trade = r->trade == NULL ? NULL : r->trade + begin,
                            .n_trades = end - begin};
    assay_settings settings = state->config->settings;
    settings.initial_capital = fold->start_equity;
    return assay_recorder_metrics(&slice, &settings, wf->joined->periods_per_year, state->out_of_sample, err);
}

static assay_status finish_carried(assay_walkforward *wf, assay_portfolio *p, const assay_config *config,
                                   assay_error *err) {
    p->config = config;
    assay_status status = assay_result_create(p, &wf->joined, err);
    if (status != ASSAY_OK)
        return status;
    assay_result *r = wf->joined;
    r->metrics = malloc(assay_metric_count() * sizeof *r->metrics);
    status = r->metrics == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for metrics")
                                : assay_recorder_metrics(&r->recorder, &r->config->settings,
                                                         r->periods_per_year, r->metrics, err);
    for (size_t k = 0; status == ASSAY_OK && k < wf->n_folds; k++)
        status = measure_fold(wf, k, err);
    return status;
}

static assay_status step_fold(assay_portfolio *p, const assay_fold *fold, assay_error *err) {
    for (size_t t = fold->test_first; t <= fold->test_last; t++) {
        assay_status status = assay_portfolio_step(p, t, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

assay_status assay_walkforward_test_carried(assay_walkforward *wf, assay_error *err) {
    assay_portfolio p = {.config = wf->base};
    assay_config *joined = NULL;
    assay_market *market = calloc(wf->n_folds, sizeof *market);
    assay_status status =
        market == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu folds", wf->n_folds)
                       : assay_config_copy(wf->base, &joined, err);
    for (size_t k = 0; status == ASSAY_OK && k < wf->n_folds; k++) {
        assay_fold_state *state = &wf->fold[k];
        status = make_market(wf, state, &market[k], err);
        if (status == ASSAY_OK)
            status = enter_fold(&p, &market[k], state->config, err);
        if (status == ASSAY_OK)
            status = step_fold(&p, &state->shown, err);
        if (k > 0)
            assay_market_reset(&market[k - 1]);
    }
    if (status == ASSAY_OK)
        status = assay_portfolio_end(&p, err);
    if (status == ASSAY_OK) {
        assay_walkforward_set_period(wf->panel, joined, assay_walkforward_first_bar(wf),
                                     assay_walkforward_last_bar(wf));
        status = finish_carried(wf, &p, joined, err);
    }
    assay_portfolio_reset(&p);
    for (size_t k = 0; market != NULL && k < wf->n_folds; k++)
        assay_market_reset(&market[k]);
    free(market);
    assay_config_destroy(joined);
    for (size_t k = 0; k < wf->n_folds; k++)
        assay_walkforward_set_period(wf->panel, wf->fold[k].config, wf->fold[k].shown.test_first,
                                     wf->fold[k].shown.test_last);
    return status;
}
