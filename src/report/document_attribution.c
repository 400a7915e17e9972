/* What a run's document says about where its gain came from: by symbol, sector and strategy in money; against the market by
 * Brinson and Fachler.
 *
 * A bar's weight of a sector is what was at work in it: the value at the previous close plus what was bought on the bar, over the
 * previous equity (a short position's value counts below zero). Its return is what that made: value now + sales + dividends -
 * what was at work. The rest of capital is cash. Fills and dividends are those of the ledger; commission, interest and fees are
 * in no sector and so come out as costs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/sum.h"
#include "market/panel.h"
#include "metrics/attribution.h"
#include "metrics/groups.h"
#include "metrics/positions.h"
#include "metrics/regression.h"
#include "report/document.h"

/* --- money --- */

typedef const char *part_name(const assay_document *d, const assay_trade *t);

static const char *symbol_part(const assay_document *d, const assay_trade *t) {
    return assay_panel_symbol(d->panel, t->symbol);
}
static const char *strategy_part(const assay_document *d, const assay_trade *t) {
    return assay_result_strategy_name(d->result, t->strategy);
}

static void put_part(assay_document *d, const char *name, double pnl, size_t n_trades) {
    assay_stream_open(&d->json, NULL, '{');
    assay_stream_text(&d->json, "name", name);
    assay_stream_number(&d->json, "pnl", pnl);
    assay_stream_rounded(&d->json, "contribution_pct", pnl / d->initial_capital * 100, 7);
    assay_stream_whole(&d->json, "n_trades", (int64_t)n_trades);
    assay_stream_close(&d->json, '{');
}

/* Parts before costs, the costs as lines of their own, and what rounding leaves: together the run's gain. */
static assay_status put_parts(assay_document *d, const char *key, part_name *name_of, assay_error *err) {
    assay_name_list names = {0};
    uint32_t *number = malloc((d->n_trades + 1) * sizeof *number);
    for (size_t i = 0; i < d->n_trades && number != NULL; i++)
        number[i] = assay_name_list_add(&names, name_of(d, &d->trade[i]));
    assay_trade_group *rows = calloc(names.n + 1, sizeof *rows);
    assay_status status = rows == NULL || number == NULL || names.is_short
                              ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an attribution")
                              : assay_trades_group(d->trade, d->n_trades, number, names.n, rows, err);
    double financing = assay_result_financing(d->result), fees = assay_result_borrow_fees(d->result);
    assay_sum left = {0}, commission = {0}, slippage = {0};
    assay_sum_add(&left, d->n == 0 ? 0 : d->equity[d->n - 1] - d->initial_capital);
    assay_stream_open(&d->json, key, '[');
    for (size_t g = 0; g < names.n && status == ASSAY_OK; g++) {
        double before_costs = rows[g].pnl + rows[g].commission + rows[g].slippage;
        put_part(d, names.name[g], before_costs, rows[g].n_closed + rows[g].n_open);
        assay_sum_add(&left, -before_costs);
        assay_sum_add(&commission, -rows[g].commission);
        assay_sum_add(&slippage, -rows[g].slippage);
    }
    const double lines[] = {assay_sum_value(&commission), assay_sum_value(&slippage), financing + fees,
                            -fees};
    static const char *const LINES[] = {"costs: commission", "costs: slippage", "interest",
                                        "costs: borrow fees"};
    for (size_t i = 0; i < 4 && status == ASSAY_OK; i++) {
        put_part(d, LINES[i], lines[i] == 0 ? 0 : lines[i], 0);
        assay_sum_add(&left, -lines[i]);
    }
    put_part(d, "rounding", assay_sum_value(&left), 0);
    assay_stream_close(&d->json, '[');
    free(rows);
    free(number);
    assay_name_list_reset(&names);
    return status;
}

/* --- against the market --- */

typedef struct holdings {
    assay_positions held;
    double *at_work, *made;                       /* by segment, of the bar at hand; money */
    double *weight, *gain, *market, *market_gain; /* n_bars x n_segments */
    uint32_t *segment_of;                         /* by symbol, of the bar at hand */
    size_t n_segments, n_symbols;
    assay_name_list name; /* of segments; the last is cash */
} holdings;

static bool holdings_init(holdings *h, const assay_document *d) {
    h->n_symbols = assay_panel_n_symbols(d->panel);
    for (size_t i = 0; i < d->n; i++) { /* sectors may change from day to day: all that there are */
        for (size_t s = 0;
             s < h->n_symbols && (i == 0 || d->panel->n_sector_changes + d->panel->n_epochs > 0); s++) {
            const char *sector = assay_panel_sector_at(d->panel, s, d->snapshot[i].bar);
            if (sector != NULL)
                (void)assay_name_list_add(&h->name, sector);
        }
    }
    if (h->name.n == 0)
        return true;
    (void)assay_name_list_add(&h->name, "no sector");
    (void)assay_name_list_add(&h->name, "cash");
    h->n_segments = h->name.n;
    size_t cells = d->n * h->n_segments + 1;
    bool has_positions = assay_positions_init(&h->held, h->n_symbols);
    h->at_work = calloc(2 * h->n_segments, sizeof *h->at_work);
    h->made = h->at_work == NULL ? NULL : h->at_work + h->n_segments;
    h->segment_of = calloc(h->n_symbols + 1, sizeof *h->segment_of);
    h->weight = calloc(cells, sizeof *h->weight);
    h->gain = calloc(cells, sizeof *h->gain);
    h->market = calloc(cells, sizeof *h->market);
    h->market_gain = calloc(cells, sizeof *h->market_gain);
    return has_positions && h->at_work != NULL && h->segment_of != NULL && h->weight != NULL &&
           h->gain != NULL && h->market != NULL && h->market_gain != NULL && !h->name.is_short;
}

static void holdings_reset(holdings *h) {
    assay_positions_reset(&h->held);
    free(h->at_work);
    free(h->segment_of);
    free(h->weight);
    free(h->gain);
    free(h->market);
    free(h->market_gain);
    assay_name_list_reset(&h->name);
}

static void place_symbols(holdings *h, const assay_document *d, size_t bar) {
    for (size_t s = 0; s < h->n_symbols; s++) {
        const char *sector = assay_panel_sector_at(d->panel, s, bar);
        h->segment_of[s] =
            sector == NULL ? (uint32_t)h->n_segments - 2 : assay_name_list_add(&h->name, sector);
    }
}

/* Splits and dividends of a bar on what is held; spin-offs come as fills of their own. */
static void apply_events(holdings *h, const assay_panel *p, size_t bar, size_t *at) {
    while (*at < p->n_events && p->event[*at].bar < bar)
        (*at)++;
    for (; *at < p->n_events && p->event[*at].bar == bar; (*at)++) {
        const assay_panel_event *e = &p->event[*at];
        assay_positions_split(&h->held, e);
        if (e->child == ASSAY_NO_CHILD)
            h->made[h->segment_of[e->symbol]] += h->held.quantity[e->symbol] * e->dividend;
    }
}

static void apply_fill(holdings *h, const assay_fill *f) {
    double signed_quantity = f->side == ASSAY_SIDE_BUY ? f->quantity : -f->quantity;
    double value = signed_quantity * f->price;
    uint32_t segment = h->segment_of[f->symbol];
    bool is_opening = h->held.quantity[f->symbol] * signed_quantity >= 0;
    /* What opens is at work from then on; what closes has made its price. */
    if (is_opening)
        h->at_work[segment] += value;
    h->made[segment] -= value;
    assay_positions_fill(&h->held, f);
}

static void walk_bar(holdings *h, const assay_document *d, size_t i, double equity_before, size_t *event,
                     const assay_fill *fills, size_t n_fills, size_t *fill) {
    size_t bar = d->snapshot[i].bar, n = h->n_segments;
    const double *close = assay_panel_row(d->panel, ASSAY_COLUMN_CLOSE, bar);
    memset(h->at_work, 0, 2 * n * sizeof *h->at_work);
    const double *quantity = h->held.quantity, *mark = h->held.mark;
    for (size_t s = 0; s < h->n_symbols; s++) {
        if (quantity[s] != 0) {
            h->at_work[h->segment_of[s]] += quantity[s] * mark[s];
            h->made[h->segment_of[s]] -= quantity[s] * mark[s];
        }
    }
    apply_events(h, d->panel, bar, event);
    for (; *fill < n_fills && fills[*fill].bar <= bar; (*fill)++)
        apply_fill(h, &fills[*fill]);
    assay_positions_mark(&h->held, close);
    for (size_t s = 0; s < h->n_symbols; s++)
        if (quantity[s] != 0)
            h->made[h->segment_of[s]] += quantity[s] * mark[s];
    double cash = 1;
    for (size_t k = 0; k + 1 < n; k++) {
        double weight = h->at_work[k] / equity_before;
        h->weight[i * n + k] = weight;
        h->gain[i * n + k] = h->at_work[k] == 0 ? ASSAY_NAN : h->made[k] / h->at_work[k];
        cash -= weight;
    }
    h->weight[i * n + n - 1] = cash;
    h->gain[i * n + n - 1] = 0;
}

/* The market: the symbols with a close at this bar and the one before, equally weighted. */
static void walk_market(holdings *h, const assay_document *d, size_t i) {
    size_t bar = d->snapshot[i].bar, n = h->n_segments, n_in = 0;
    double *weight = h->market + i * n, *gain = h->market_gain + i * n;
    for (size_t s = 0; s < h->n_symbols; s++) {
        double now = assay_panel_adjusted_close(d->panel, s, bar, 0);
        double before = assay_panel_adjusted_close(d->panel, s, bar, 1);
        if (isnan(now) || isnan(before) || !(before > 0) || !assay_panel_is_inside(d->panel, s, bar))
            continue;
        weight[h->segment_of[s]] += 1;
        gain[h->segment_of[s]] += now / before - 1;
        n_in++;
    }
    for (size_t k = 0; k < n; k++) {
        gain[k] = weight[k] > 0 ? gain[k] / weight[k] : ASSAY_NAN;
        weight[k] = n_in == 0 ? 0 : weight[k] / (double)n_in;
    }
    gain[n - 1] = 0;
    if (n_in == 0)
        weight[n - 1] = 1;
}

static double mean_weight(const double *weight, size_t n, size_t n_segments, size_t k) {
    assay_sum sum = {0};
    for (size_t i = 0; i < n; i++)
        assay_sum_add(&sum, weight[i * n_segments + k]);
    return assay_sum_value(&sum) / (double)n;
}

/* The segment's return compounded over the bars on which it was there. */
static double compound(const double *weight, const double *gain, size_t n, size_t n_segments, size_t k) {
    double growth = 1;
    for (size_t i = 0; i < n; i++) {
        double r = gain[i * n_segments + k];
        growth *= weight[i * n_segments + k] == 0 || isnan(r) ? 1 : 1 + r;
    }
    return growth - 1;
}

static void put_brinson(assay_document *d, const holdings *h, const assay_attribution *a,
                        const assay_attribution_effect *e) {
    assay_json_stream *s = &d->json;
    size_t n = h->n_segments;
    assay_stream_open(s, "brinson", '{');
    assay_stream_text(s, "benchmark", "equal-weight market");
    assay_stream_number(s, "portfolio_return_pct", a->portfolio_return * 100);
    assay_stream_number(s, "benchmark_return_pct", a->benchmark_return * 100);
    assay_stream_number(s, "active_pct", (a->portfolio_return - a->benchmark_return) * 100);
    assay_stream_number(s, "allocation_pct", a->allocation * 100);
    assay_stream_number(s, "selection_pct", a->selection * 100);
    assay_stream_number(s, "interaction_pct", a->interaction * 100);
    assay_stream_number(s, "costs_pct", a->other * 100);
    assay_stream_open(s, "rows", '[');
    for (size_t k = 0; k < n; k++) {
        double wp = mean_weight(h->weight, d->n, n, k), wb = mean_weight(h->market, d->n, n, k);
        if (wp == 0 && wb == 0)
            continue;
        assay_stream_open(s, NULL, '{');
        assay_stream_text(s, "sector", h->name.name[k]);
        assay_stream_rounded(s, "portfolio_weight_pct", wp * 100, 6);
        assay_stream_rounded(s, "benchmark_weight_pct", wb * 100, 6);
        assay_stream_rounded(s, "portfolio_return_pct", compound(h->weight, h->gain, d->n, n, k) * 100, 7);
        assay_stream_rounded(s, "benchmark_return_pct", compound(h->market, h->market_gain, d->n, n, k) * 100,
                             7);
        assay_stream_number(s, "allocation_pct", e[k].allocation * 100);
        assay_stream_number(s, "selection_pct", e[k].selection * 100);
        assay_stream_number(s, "interaction_pct", e[k].interaction * 100);
        assay_stream_close(s, '{');
    }
    assay_stream_close(s, '[');
    assay_stream_close(s, '{');
}

static assay_status attribute_to_sectors(assay_document *d, holdings *h, assay_error *err) {
    size_t n_fills = 0, fill = 0, event = 0;
    const assay_fill *fills = assay_result_fills(d->result, &n_fills);
    double before = d->initial_capital;
    bool is_ruined = false;
    for (size_t i = 0; i < d->n && !is_ruined; i++) {
        place_symbols(h, d, d->snapshot[i].bar);
        walk_bar(h, d, i, before, &event, fills, n_fills, &fill);
        walk_market(h, d, i);
        before = d->equity[i];
        is_ruined = !(before > 0);
    }
    assay_attribution a;
    assay_attribution_effect *effect = calloc(h->n_segments, sizeof *effect);
    if (effect == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an attribution");
    const assay_attribution_input in = {d->n,      h->n_segments,  h->weight, h->gain,
                                        h->market, h->market_gain, d->returns};
    /* Who lost everything has no logarithm of it, and is not attributed. */
    if (!is_ruined && assay_attribute(&in, &a, effect, NULL) == ASSAY_OK)
        put_brinson(d, h, &a, effect);
    free(effect);
    return ASSAY_OK;
}

/* --- factors --- */

/* Contributions are annual: coefficient x mean of the factor x P; with alpha they sum to the mean excess return. */
static void put_factors(assay_document *d, const assay_regression *g, const char *const *names) {
    assay_json_stream *s = &d->json;
    assay_stream_open(s, "factors", '{');
    assay_stream_whole(s, "n", (int64_t)g->n);
    assay_stream_number(s, "r_squared", g->r_squared);
    assay_stream_number(s, "mean_pct", g->mean * d->periods * 100);
    assay_stream_open(s, "rows", '[');
    for (size_t i = 0; i <= g->n_factors; i++) {
        assay_stream_open(s, NULL, '{');
        assay_stream_text(s, "factor", i == 0 ? "alpha" : names[i - 1]);
        assay_stream_number(s, "coefficient", g->coefficient[i]);
        assay_stream_number(s, "std_error", g->std_error[i]);
        assay_stream_number(s, "t", g->coefficient[i] / g->std_error[i]);
        assay_stream_number(s, "contribution_pct", g->contribution[i] * d->periods * 100);
        assay_stream_close(s, '{');
    }
    assay_stream_close(s, '[');
    assay_stream_close(s, '{');
}

/* Returns less rf / P on the factors that were given (as they are), or on the benchmark less rf / P. */
static assay_status regress_on_factors(assay_document *d, assay_error *err) {
    static const char *const market[] = {"market"};
    double *excess = malloc(2 * (d->n + 1) * sizeof *excess);
    if (excess == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a regression");
    const double *columns[] = {excess + d->n};
    for (size_t i = 0; i < d->n; i++) {
        excess[i] = d->returns[i] - d->risk_free_rate / d->periods;
        excess[d->n + i] = d->benchmark[i] - d->risk_free_rate / d->periods;
    }
    bool is_given = d->spec->n_factors > 0;
    assay_regression g;
    assay_error why = {0};
    assay_status status = assay_regress(excess, is_given ? d->spec->factors : columns,
                                        is_given ? d->spec->n_factors : 1, d->n, &g, &why);
    if (status == ASSAY_OK)
        put_factors(d, &g, is_given ? d->spec->factor_names : market);
    free(excess);
    /* What nobody asked for may be missing; what was asked for may not. */
    if (status != ASSAY_OK && (is_given || status == ASSAY_E_NOMEM))
        return assay_error_set(err, status, "%s", why.message);
    return ASSAY_OK;
}

assay_status assay_document_attribution(assay_document *d, assay_error *err) {
    assay_stream_open(&d->json, "attribution", '{');
    assay_stream_number(&d->json, "total_pnl", d->n == 0 ? 0 : d->equity[d->n - 1] - d->initial_capital);
    assay_status status = put_parts(d, "symbol", symbol_part, err);
    if (status == ASSAY_OK)
        status = put_parts(d, "sector", assay_document_sector, err);
    if (status == ASSAY_OK)
        status = put_parts(d, "strategy", strategy_part, err);
    holdings h = {0};
    if (status == ASSAY_OK && d->n > 0) {
        status = holdings_init(&h, d)
                     ? ASSAY_OK
                     : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an attribution");
        if (status == ASSAY_OK && h.n_segments > 0)
            status = attribute_to_sectors(d, &h, err);
    }
    holdings_reset(&h);
    if (status == ASSAY_OK)
        status = regress_on_factors(d, err);
    assay_stream_close(&d->json, '{');
    return status;
}
