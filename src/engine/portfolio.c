/* The life of a portfolio: books, strategies with their state, features, one recorder. */
#include "engine/portfolio.h"

#include <stdlib.h>
#include <string.h>

#include "assay/assay_memory.h"
#include "base/block.h"
#include "base/number.h"
#include "engine/snapshot.h"
#include "strategy/ensemble.h"

static assay_status make_asked(assay_portfolio *p, const uint32_t *first_feature, assay_error *err) {
    const assay_strategy *strategy = p->config->strategy;
    const double *params = p->config->params;
    p->n_asked = assay_member_count(strategy);
    p->asked = calloc(p->n_asked, sizeof *p->asked);
    if (p->asked == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %u strategies", p->n_asked);
    for (uint32_t i = 0; i < p->n_asked; i++) {
        assay_member m = assay_member_at(strategy, i);
        p->asked[i] = (assay_asked){.strategy = m.strategy,
                                    .name = m.name,
                                    .params = params + m.first_param,
                                    .weight = m.weight_param == UINT32_MAX ? 1 : params[m.weight_param],
                                    .index = i,
                                    .first_kind = m.first_kind,
                                    .first_feature = first_feature[i],
                                    .n_features = first_feature[i + 1] - first_feature[i]};
    }
    return ASSAY_OK;
}

static assay_status make_states(assay_portfolio *p, assay_error *err) {
    for (uint32_t i = 0; i < p->n_asked; i++) {
        assay_asked *a = &p->asked[i];
        assay_error inner = {.status = ASSAY_OK};
        if (a->strategy->create == NULL)
            continue;
        assay_status status = a->strategy->create(a->strategy->context, a->params,
                                                  p->market->panel->n_symbols, &a->state, &inner);
        if (status != ASSAY_OK)
            return assay_error_set(err, status, "strategy %s: %s", a->name, inner.message);
    }
    return ASSAY_OK;
}

/* The capital of sleeve k: its weight's share. */
static assay_status share_of(const assay_portfolio *p, uint32_t k, double *out_capital, assay_error *err) {
    double all = 0, initial = p->config->settings.initial_capital;
    for (uint32_t i = 0; i < p->n_asked; i++)
        all += p->asked[i].weight;
    if (!(p->asked[k].weight > 0))
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "%s.weight is 0: its sleeve would have no capital; leave the strategy out",
                               p->asked[k].name);
    *out_capital = p->n_asked == 1 ? initial : p->asked[k].weight / all * initial;
    return ASSAY_OK;
}

static assay_status make_books(assay_portfolio *p, const assay_shared *shared, assay_error *err) {
    const assay_settings *s = &p->config->settings;
    bool sleeves = s->combine == ASSAY_SLEEVES && p->n_asked > 1;
    uint32_t n = sleeves ? p->n_asked : 1;
    p->book = calloc(n, sizeof *p->book);
    if (p->book == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %u portfolios", n);
    for (; p->n_books < n; p->n_books++) {
        uint32_t k = p->n_books;
        double capital = s->initial_capital;
        assay_status status = sleeves ? share_of(p, k, &capital, err) : ASSAY_OK;
        if (status == ASSAY_OK)
            status = assay_stepper_init(&p->book[k], p->market, p->config, capital, err);
        if (status != ASSAY_OK) {
            assay_stepper_reset(&p->book[k]);
            return status;
        }
        p->book[k].asked = p->asked + (sleeves ? k : 0);
        p->book[k].n_asked = sleeves ? 1 : p->n_asked;
        p->book[k].prefix = shared == NULL ? NULL : shared->prefix;
    }
    return ASSAY_OK;
}

/* A symbol's volume is counted where two orders can meet one bar of it: with fill: close the rest of an old order and a new
 * one, in sleeves those of different books. */
static assay_status make_volumes(assay_portfolio *p, assay_error *err) {
    if (p->config->settings.fill != ASSAY_THIS_CLOSE && p->n_books == 1)
        return ASSAY_OK;
    p->volume_used = calloc(p->market->panel->n_symbols, sizeof *p->volume_used);
    p->volume_bar = calloc(p->market->panel->n_symbols, sizeof *p->volume_bar);
    return p->volume_used != NULL && p->volume_bar != NULL
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the volumes of a portfolio");
}

static assay_status open_features(assay_portfolio *p, const assay_bound_feature *feature, uint32_t n,
                                  const assay_shared *shared, assay_error *err) {
    if (shared != NULL && shared->prefix != NULL)
        return ASSAY_OK; /* the prefix has the row */
    if (shared != NULL && shared->features != NULL)
        return assay_features_share(&p->features, assay_market_seen(p->market), shared->features, n, err);
    return assay_features_open(&p->features, assay_market_seen(p->market), feature, n, err);
}

/* What the books borrow; again after the portfolio has moved. */
static void lend(assay_portfolio *p) {
    for (uint32_t k = 0; k < p->n_books; k++) {
        p->book[k].recorder = &p->recorder;
        p->book[k].feature = p->features.row;
        p->book[k].volume_used = p->volume_used;
        p->book[k].volume_bar = p->volume_bar;
    }
}

assay_status assay_portfolio_init(assay_portfolio *p, const assay_market *market, const assay_config *config,
                                  assay_keep keep, bool lean, const assay_shared *shared, assay_error *err) {
    const size_t most = (size_t)1 << 22;
    size_t n_bars = market->last_bar - market->first_bar + 1, guess = market->panel->n_symbols * n_bars / 4;
    double initial = config->settings.initial_capital;
    assay_bound_feature feature[ASSAY_MAX_FEATURES];
    uint32_t first_feature[ASSAY_MAX_MEMBERS + 1];
    *p = (assay_portfolio){
        .market = market,
        .config = config,
        .previous_equity = initial,
        .peak_equity = initial,
        .recorder = {.keep = keep, .lean = lean, .first_signals = guess < most ? guess : most}};
    assay_status status = assay_features_list(config->strategy, config->params, feature, first_feature, err);
    if (status == ASSAY_OK)
        status = make_asked(p, first_feature, err);
    if (status == ASSAY_OK)
        status = make_books(p, shared, err);
    if (status == ASSAY_OK)
        status = make_volumes(p, err);
    if (status == ASSAY_OK)
        status = make_states(p, err);
    if (status == ASSAY_OK)
        status = open_features(p, feature, first_feature[p->n_asked], shared, err);
    if (status == ASSAY_OK)
        status = assay_recorder_reserve_equity(&p->recorder, n_bars, err);
    return status;
}

void assay_portfolio_reset(assay_portfolio *p) {
    for (uint32_t k = 0; k < p->n_books; k++)
        assay_stepper_reset(&p->book[k]);
    for (uint32_t i = 0; i < p->n_asked && p->asked != NULL; i++) {
        if (p->asked[i].strategy != NULL && p->asked[i].strategy->destroy != NULL)
            p->asked[i].strategy->destroy(p->asked[i].state);
    }
    assay_features_close(&p->features);
    assay_recorder_reset(&p->recorder);
    free(p->asked);
    free(p->book);
    free(p->volume_used);
    free(p->volume_bar);
    *p = (assay_portfolio){0};
}

assay_status assay_portfolio_step(assay_portfolio *p, size_t t, assay_error *err) {
    lend(p);
    if (p->market->rebalance[t] != 0 && p->features.n != 0)
        assay_features_at(&p->features, assay_market_seen_bar(p->market, t));
    for (uint32_t k = 0; k < p->n_books; k++) {
        if (k > 0) /* ids count on through all books */
            p->book[k].book->next_order_id = p->book[k - 1].book->next_order_id;
        else if (p->n_books > 1)
            p->book[0].book->next_order_id = p->book[p->n_books - 1].book->next_order_id;
        assay_status status = assay_stepper_step(&p->book[k], t, err);
        if (status != ASSAY_OK)
            return status;
    }
    return assay_snapshot_take(p, t, err);
}

enum { WATCHED_BARS = 64 }; /* a run is asked whether to go on before each so many */

static bool goes_on(const assay_portfolio *p, size_t t) {
    const assay_config *config = p->config;
    return config->go_on == NULL || (t - p->market->first_bar) % WATCHED_BARS != 0 ||
           config->go_on(config->go_on_context);
}

assay_status assay_portfolio_run(assay_portfolio *p, assay_error *err) {
    const size_t block = assay_memory_used().block_bars; /* 0: what is behind goes back by itself (block.h) */
    size_t until = block == 0 ? SIZE_MAX : p->market->first_bar + block;
    for (size_t t = p->market->first_bar; t <= p->market->last_bar; t++) {
        if (!goes_on(p, t))
            return assay_error_set(err, ASSAY_E_CANCELLED, "the run was stopped");
        assay_status status = assay_portfolio_step(p, t, err);
        if (status != ASSAY_OK)
            return status;
        if (t + 1 == until) {
            assay_block_give_back();
            until += block;
        }
    }
    return assay_portfolio_end(p, err);
}

assay_status assay_portfolio_end(assay_portfolio *p, assay_error *err) {
    lend(p);
    for (uint32_t k = 0; k < p->n_books; k++) {
        assay_status status = assay_stepper_end(&p->book[k], err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

void assay_portfolio_take_over(assay_portfolio *p, assay_portfolio *from) {
    for (uint32_t k = 0; k < p->n_books; k++) {
        assay_book *book = p->book[k].book;
        p->book[k].book = from->book[k].book;
        from->book[k].book = book;
        assay_dues dues = p->book[k].dues;
        p->book[k].dues = from->book[k].dues;
        from->book[k].dues = dues;
    }
    for (uint32_t i = 0; i < p->n_asked; i++)
        p->asked[i].times_asked = from->asked[i].times_asked;
    assay_recorder records = p->recorder;
    p->recorder = from->recorder;
    from->recorder = records;
    p->previous_equity = from->previous_equity;
    p->peak_equity = from->peak_equity;
}
