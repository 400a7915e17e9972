#include "metrics/groups.h"

#include <stdlib.h>

#include "base/number.h"
#include "base/sum.h"

typedef struct sums {
    assay_sum pnl, commission, slippage, dividends, closed, won, lost, bars, mae, mfe;
} sums;

static void add(const assay_trade *t, assay_trade_group *row, sums *s) {
    assay_sum_add(&s->pnl, t->pnl);
    assay_sum_add(&s->commission, t->commission);
    assay_sum_add(&s->slippage, t->slippage);
    assay_sum_add(&s->dividends, t->dividends);
    if (t->is_open != 0) {
        row->n_open++;
        return;
    }
    row->n_closed++;
    assay_sum_add(&s->closed, t->pnl);
    assay_sum_add(&s->bars, t->bars_held);
    assay_sum_add(&s->mae, t->mae_pct);
    assay_sum_add(&s->mfe, t->mfe_pct);
    if (t->pnl > 0) {
        row->n_won++;
        assay_sum_add(&s->won, t->pnl);
    } else if (t->pnl < 0) {
        row->n_lost++;
        assay_sum_add(&s->lost, -t->pnl);
    }
}

static double mean_of(const assay_sum *sum, size_t n) {
    return n == 0 ? ASSAY_NAN : assay_sum_value(sum) / (double)n;
}

static void finish(assay_trade_group *row, const sums *s) {
    row->pnl = assay_sum_value(&s->pnl);
    row->commission = assay_sum_value(&s->commission);
    row->slippage = assay_sum_value(&s->slippage);
    row->dividends = assay_sum_value(&s->dividends);
    row->avg_pnl = mean_of(&s->closed, row->n_closed);
    row->avg_bars_held = mean_of(&s->bars, row->n_closed);
    row->avg_mae = mean_of(&s->mae, row->n_closed);
    row->avg_mfe = mean_of(&s->mfe, row->n_closed);
    row->win_rate = row->n_closed == 0 ? ASSAY_NAN : (double)row->n_won / (double)row->n_closed;
    row->profit_factor = row->n_closed == 0 ? ASSAY_NAN
                         : row->n_lost == 0 ? ASSAY_INFINITY
                                            : assay_sum_value(&s->won) / assay_sum_value(&s->lost);
}

assay_status assay_trades_group(const assay_trade *trades, size_t n, const uint32_t *group, size_t n_groups,
                                assay_trade_group *out, assay_error *err) {
    sums *all = calloc(n_groups + 1, sizeof *all);
    if (all == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu groups of trades", n_groups);
    for (size_t g = 0; g < n_groups; g++)
        out[g] = (assay_trade_group){.group = (uint32_t)g};
    for (size_t i = 0; i < n; i++)
        add(&trades[i], &out[group[i]], &all[group[i]]);
    for (size_t g = 0; g < n_groups; g++)
        finish(&out[g], &all[g]);
    free(all);
    return ASSAY_OK;
}
