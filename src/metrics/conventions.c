/* Ratios as other tools define them. Sources: the tools' own documentation and code, in these versions: empyrical-reloaded
 * 0.5.12, quantstats 0.0.86, backtesting.py 0.6, backtrader 1.9.78, qlib 0.9, pyfolio-reloaded 0.9 (which asks empyrical). */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "assay/assay_conventions.h"
#include "base/dates.h"
#include "base/elementary.h"
#include "base/number.h"
#include "base/sum.h"
#include "metrics/metrics.h"
#include "metrics/statistics.h"

/* What the rows are made from. */
typedef struct facts {
    assay_metric_input in;
    double annual_return, mean, std0, std1;
    double downside;                     /* sqrt(mean(min(r, 0)^2)) */
    double excess_mean, excess_downside; /* of r - rf / P */
    double negative_std;                 /* std(negative r, ddof 0) */
    double geometric_mean; /* of 1 + r over one bar more, less 1: the first bar's return is told as 0 */
    double *year;          /* returns of calendar years */
    size_t n_years;
    double summed_drawdown; /* of the sum of returns */
} facts;

static double periods_root(const facts *f) {
    return sqrt(f->in.periods_per_year);
}

static double backtesting_return(const facts *f) {
    return assay_pow(1 + f->geometric_mean, f->in.periods_per_year) - 1;
}

static double backtesting_volatility(const facts *f) {
    double g = 1 + f->geometric_mean, p = f->in.periods_per_year;
    return sqrt(assay_pow(f->std1 * f->std1 + g * g, p) - assay_pow(g, 2 * p));
}

static double backtrader_sharpe(const facts *f) {
    return assay_ratio(assay_mean(f->year, f->n_years) - 0.01, assay_std(f->year, f->n_years, 0));
}

static double drawdown_pct(const facts *f) {
    return assay_max_drawdown(&f->in) * 100;
}

/* tool, measure, value, formula */
#define CONVENTIONS(ROW)                                                                                     \
    ROW("assay", "Sharpe ratio",                                                                             \
        assay_ratio(f->annual_return - f->in.risk_free_rate, f->std0 * periods_root(f)),                     \
        "(annual return - rf) / (std(r, ddof 0) x sqrt(P))")                                                 \
    ROW("empyrical", "Sharpe ratio", assay_ratio(f->excess_mean, f->std1) * periods_root(f),                 \
        "mean(r - rf / P) / std(r, ddof 1) x sqrt(P)")                                                       \
    ROW("quantstats", "Sharpe ratio", assay_ratio(f->mean, f->std1) * periods_root(f),                       \
        "mean(r - rf per bar) / std(r, ddof 1) x sqrt(P); rf is 0 unless given")                             \
    ROW("pyfolio", "Sharpe ratio", assay_ratio(f->mean, f->std1) * periods_root(f),                          \
        "empyrical's, with rf 0")                                                                            \
    ROW("backtesting.py", "Sharpe ratio",                                                                    \
        assay_ratio(backtesting_return(f) - f->in.risk_free_rate, backtesting_volatility(f)),                \
        "(annual return - rf) / volatility, both compounded (below)")                                        \
    ROW("backtrader", "Sharpe ratio", backtrader_sharpe(f),                                                  \
        "mean(returns of calendar years - 0.01) / std(those, ddof 0)")                                       \
    ROW("qlib", "Sharpe ratio", assay_ratio(f->mean, f->std1) * sqrt(238),                                   \
        "information_ratio: mean(r) / std(r, ddof 1) x sqrt(238)")                                           \
    ROW("assay", "Sortino ratio",                                                                            \
        assay_ratio(f->annual_return - f->in.risk_free_rate, f->negative_std * periods_root(f)),             \
        "(annual return - rf) / (std(negative r, ddof 0) x sqrt(P))")                                        \
    ROW("empyrical", "Sortino ratio", assay_ratio(f->excess_mean, f->excess_downside) * periods_root(f),     \
        "mean(r - rf / P) x sqrt(P) / sqrt(mean(min(r - rf / P, 0)^2))")                                     \
    ROW("quantstats", "Sortino ratio", assay_ratio(f->mean, f->downside) * periods_root(f),                  \
        "mean(r) x sqrt(P) / sqrt(sum of squares of r < 0 / n)")                                             \
    ROW("pyfolio", "Sortino ratio", assay_ratio(f->mean, f->downside) * periods_root(f),                     \
        "empyrical's, with rf 0")                                                                            \
    ROW("backtesting.py", "Sortino ratio",                                                                   \
        assay_ratio(backtesting_return(f) - f->in.risk_free_rate, f->downside * periods_root(f)),            \
        "(annual return - rf) / (sqrt(mean(min(r, 0)^2)) x sqrt(P))")                                        \
    ROW("assay", "annual return %", f->annual_return * 100,                                                  \
        "((En / E0)^(P / n) - 1) x 100; so empyrical, pyfolio")                                              \
    ROW("backtesting.py", "annual return %", backtesting_return(f) * 100,                                    \
        "(geometric mean of 1 + r over n + 1 bars)^P - 1, x 100")                                            \
    ROW("qlib", "annual return %", f->mean * 238 * 100, "mean(r) x 238 x 100: not compounded")               \
    ROW("assay", "annual volatility %", f->std0 *periods_root(f) * 100, "std(r, ddof 0) x sqrt(P) x 100")    \
    ROW("empyrical", "annual volatility %", f->std1 *periods_root(f) * 100,                                  \
        "std(r, ddof 1) x sqrt(P) x 100; so quantstats, pyfolio")                                            \
    ROW("backtesting.py", "annual volatility %", backtesting_volatility(f) * 100,                            \
        "sqrt((var(r, ddof 1) + g^2)^P - g^(2 P)) x 100, g the geometric mean of 1 + r")                     \
    ROW("assay", "maximum drawdown %", drawdown_pct(f), "of the compounded curve; so all but qlib")          \
    ROW("qlib", "maximum drawdown %", f->summed_drawdown * 100, "of the sum of r: not compounded")

size_t assay_convention_count(void) {
    size_t n = 0;
#define ROW(tool, measure, value, formula) n++;
    CONVENTIONS(ROW)
#undef ROW
    return n;
}

static void gather(facts *f, const int64_t *time_us) {
    const assay_metric_input *in = &f->in;
    assay_sum squares = {0}, excess_squares = {0}, logs = {0};
    double rate = in->risk_free_rate / in->periods_per_year, sum = 0, peak = 0, growth = 1;
    bool is_ruined = false;
    for (size_t i = 0; i < in->n; i++) {
        double r = in->returns[i], below = fmin(r, 0), excess_below = fmin(r - rate, 0);
        assay_sum_add(&squares, below * below);
        assay_sum_add(&excess_squares, excess_below * excess_below);
        assay_sum_add(&logs, assay_log(1 + r));
        is_ruined = is_ruined || !(r > -1);
        sum += r;
        /* pandas' cummax begins with the first value. */
        peak = i == 0 ? sum : fmax(peak, sum);
        f->summed_drawdown = fmin(f->summed_drawdown, sum - peak);
        growth *= 1 + r;
        int32_t year = 0, next = 0, month = 0, day = 0;
        assay_civil_from_day(assay_day_of_us(time_us[i]), &year, &month, &day);
        if (i + 1 < in->n)
            assay_civil_from_day(assay_day_of_us(time_us[i + 1]), &next, &month, &day);
        if (next != year) {
            f->year[f->n_years++] = growth - 1;
            growth = 1;
        }
    }
    double n = (double)in->n;
    f->negative_std = assay_std_of_negative(in->returns, in->n);
    f->downside = sqrt(assay_sum_value(&squares) / n);
    f->excess_downside = sqrt(assay_sum_value(&excess_squares) / n);
    f->mean = assay_mean(in->returns, in->n);
    f->excess_mean = f->mean - rate;
    f->std0 = assay_std(in->returns, in->n, 0);
    f->std1 = assay_std(in->returns, in->n, 1);
    f->annual_return =
        assay_annual_return(in->equity[in->n - 1] / in->initial_capital, in->periods_per_year, in->n);
    f->geometric_mean = is_ruined ? -1 : assay_exp(assay_sum_value(&logs) / (n + 1)) - 1;
}

assay_status assay_conventions_compute(double initial_capital, const double *equity, const int64_t *time_us,
                                       size_t n, double periods_per_year, double risk_free_rate,
                                       assay_convention *out_rows, assay_error *err) {
    double *memory = malloc(2 * (n + 1) * sizeof *memory);
    if (memory == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the conventions of %zu bars", n);
    facts all = {.in = {.initial_capital = initial_capital,
                        .equity = equity,
                        .returns = memory,
                        .n = n,
                        .periods_per_year = periods_per_year,
                        .risk_free_rate = risk_free_rate},
                 .year = memory + n},
          *f = &all;
    assay_returns_of(initial_capital, equity, n, memory);
    gather(f, time_us);
    assay_convention *row = out_rows;
#define ROW(tool, measure, value, formula) *row++ = (assay_convention){tool, measure, formula, value};
    CONVENTIONS(ROW)
#undef ROW
    free(memory);
    return ASSAY_OK;
}
