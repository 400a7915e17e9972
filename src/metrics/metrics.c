/* The metrics of docs/semantics.md, section 9. Sums are compensated, so that the result does not depend on luck with
 * rounding; the power is taken in extended precision, whose rounding to double does not depend on the processor. */
#include "metrics/metrics.h"

#include <math.h>

#include "base/number.h"
#include "base/sum.h"
#include "metrics/statistics.h"

void assay_returns_of(double initial_capital, const double *equity, size_t n, double *out_returns) {
    double before = initial_capital;
    for (size_t i = 0; i < n; i++) {
        double r = before <= 0 ? 0 : equity[i] / before - 1;
        out_returns[i] = fabs(r) < 1e-12 ? 0 : r;
        before = equity[i];
    }
}

/* --- statistics --- */

static double find_annual_return(const assay_metric_input *in) {
    return assay_annual_return(in->equity[in->n - 1] / in->initial_capital, in->periods_per_year, in->n);
}

static double find_annual_volatility(const assay_metric_input *in) {
    return assay_std(in->returns, in->n, 0) * sqrt(in->periods_per_year);
}

double assay_max_drawdown(const assay_metric_input *in) {
    double peak = in->initial_capital, worst = 0;
    for (size_t i = 0; i < in->n; i++) {
        peak = fmax(peak, in->equity[i]);
        worst = fmin(worst, in->equity[i] / peak - 1);
    }
    return worst > -1e-12 ? 0 : worst; /* rounding is not a drawdown, as it is not a return */
}

/* --- trades --- */

typedef struct pnl_totals {
    double n_closed, n_won, n_lost;
    double won, lost; /* lost >= 0 */
    double bars_held;
} pnl_totals;

static pnl_totals total_pnl(const assay_metric_input *in) {
    pnl_totals p = {0};
    assay_sum won = {0}, lost = {0};
    for (size_t i = 0; i < in->n_trades; i++) {
        const assay_trade *trade = &in->trade[i];
        if (trade->is_open != 0)
            continue;
        p.n_closed += 1;
        p.bars_held += trade->bars_held;
        if (trade->pnl > 0) {
            p.n_won += 1;
            assay_sum_add(&won, trade->pnl);
        } else if (trade->pnl < 0) {
            p.n_lost += 1;
            assay_sum_add(&lost, -trade->pnl);
        }
    }
    p.won = assay_sum_value(&won);
    p.lost = assay_sum_value(&lost);
    return p;
}

/* --- the rows --- */

/* What several metrics start from. */
typedef struct facts {
    const assay_metric_input *in;
    double annual_return, annual_volatility, max_drawdown;
    pnl_totals pnl;
} facts;

static double metric_total_return_pct(const facts *f) {
    return (f->in->equity[f->in->n - 1] / f->in->initial_capital - 1) * 100;
}

static double metric_annual_return_pct(const facts *f) {
    return f->annual_return * 100;
}

static double metric_annual_volatility_pct(const facts *f) {
    return f->annual_volatility * 100;
}

static double metric_sharpe_ratio(const facts *f) {
    return assay_ratio(f->annual_return - f->in->risk_free_rate, f->annual_volatility);
}

static double metric_sortino_ratio(const facts *f) {
    double downside = assay_std_of_negative(f->in->returns, f->in->n) * sqrt(f->in->periods_per_year);
    return assay_ratio(f->annual_return - f->in->risk_free_rate, downside);
}

static double metric_max_drawdown_pct(const facts *f) {
    return f->max_drawdown * 100;
}

static double metric_win_rate_pct(const facts *f) {
    return assay_ratio(f->pnl.n_won, f->pnl.n_closed) * 100;
}

static double metric_profit_factor(const facts *f) {
    if (f->pnl.n_closed == 0)
        return ASSAY_NAN;
    return f->pnl.n_lost == 0 ? ASSAY_INFINITY : f->pnl.won / f->pnl.lost;
}

static double metric_total_trades(const facts *f) {
    return f->pnl.n_closed;
}

static double metric_winning_trades(const facts *f) {
    return f->pnl.n_won;
}

static double metric_losing_trades(const facts *f) {
    return f->pnl.n_lost;
}

static double metric_avg_win_pnl(const facts *f) {
    return assay_ratio(f->pnl.won, f->pnl.n_won);
}

static double metric_avg_loss_pnl(const facts *f) {
    return assay_ratio(f->pnl.lost, f->pnl.n_lost);
}

static double metric_calmar_ratio(const facts *f) {
    return assay_ratio(f->annual_return, -f->max_drawdown);
}

static double metric_sharpe_arithmetic(const facts *f) {
    double mean = assay_mean(f->in->returns, f->in->n), std = assay_std(f->in->returns, f->in->n, 1);
    return assay_ratio(mean - f->in->risk_free_rate / f->in->periods_per_year, std) *
           sqrt(f->in->periods_per_year);
}

static double metric_avg_bars_held(const facts *f) {
    return assay_ratio(f->pnl.bars_held, f->pnl.n_closed);
}

/* --- the table --- */

typedef struct metric_row {
    assay_metric public_row;
    double (*compute)(const facts *f);
} metric_row;

static const metric_row rows[] = {
#define ASSAY_METRIC(name, group, unit, formula, source)                                                     \
    {{#name, group, unit, formula, source}, metric_##name},
#include "metrics/metrics.def"
};

size_t assay_metric_count(void) {
    return sizeof rows / sizeof *rows;
}

const assay_metric *assay_metric_at(size_t index) {
    return index < assay_metric_count() ? &rows[index].public_row : NULL;
}

void assay_metrics_compute(const assay_metric_input *in, double *out_values) {
    facts f = {.in = in};
    if (in->n != 0) {
        f.annual_return = find_annual_return(in);
        f.annual_volatility = find_annual_volatility(in);
        f.max_drawdown = assay_max_drawdown(in);
        f.pnl = total_pnl(in);
    }
    for (size_t i = 0; i < assay_metric_count(); i++)
        out_values[i] = in->n == 0 ? ASSAY_NAN : rows[i].compute(&f);
}
