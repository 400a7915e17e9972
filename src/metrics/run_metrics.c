/* Metrics that single runs have beside those of metrics.c: what empyrical and quantstats define, under their definitions
 * (docs/metrics.md says which), the comparison with a benchmark, and how far the result can be trusted. */
#include "metrics/run_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/elementary.h"
#include "base/number.h"
#include "base/sum.h"
#include "metrics/bootstrap.h"
#include "metrics/overfit.h"
#include "metrics/statistics.h"

enum { N_RESAMPLES = 1000 };

typedef struct extremes {
    double best, worst;
} extremes;

typedef struct runs {
    double won, lost;
} runs;

typedef struct drawdowns {
    double average, ulcer;
    double longest, longest_recovery; /* bars */
} drawdowns;

/* What the rows are made from; a value that cannot be is NaN. */
typedef struct facts {
    const assay_run_metric_input *in;
    const double *r, *sorted, *excess; /* returns; ascending; less rf / P */
    double *scratch;                   /* 2 n, for whoever needs it */
    size_t n;
    double periods, max_drawdown; /* a fraction <= 0 */
    drawdowns down;
    extremes day, month, year;
    runs bar_runs, trade_runs;
    assay_comoments with_benchmark; /* x: benchmark less rf / P, y: returns less rf / P */
    assay_moments moments;          /* of excess */
    assay_bootstrap resampled;
    double active_mean, active_std, benchmark_growth;
    double up, down_capture;
} facts;

/* --- facts --- */

static drawdowns find_drawdowns(const assay_metric_input *in) {
    drawdowns d = {ASSAY_NAN, ASSAY_NAN, 0, 0};
    assay_sum depths = {0}, squares = {0};
    double peak = in->initial_capital, deepest = 0, n_down = 0;
    size_t below = 0, since_deepest = 0;
    for (size_t i = 0; i < in->n; i++) {
        double drawdown = in->equity[i] / fmax(peak, in->equity[i]) - 1;
        drawdown = drawdown > -1e-12 ? 0 : drawdown;
        assay_sum_add(&squares, drawdown * drawdown);
        if (drawdown < 0) {
            below += 1;
            since_deepest += 1;
            if (drawdown < deepest) {
                deepest = drawdown;
                since_deepest = 0;
            }
            d.longest = fmax(d.longest, (double)below);
        } else if (below > 0) {
            assay_sum_add(&depths, deepest);
            n_down += 1;
            d.longest_recovery = fmax(d.longest_recovery, (double)since_deepest + 1);
            below = since_deepest = 0;
            deepest = 0;
        }
        peak = fmax(peak, in->equity[i]);
    }
    if (below > 0) {
        assay_sum_add(&depths, deepest);
        n_down += 1;
    }
    d.average = n_down > 0 ? assay_sum_value(&depths) / n_down : 0;
    if (in->n > 1)
        d.ulcer = sqrt(assay_sum_value(&squares) / (double)(in->n - 1));
    return d;
}

typedef int32_t period_of_day(int32_t day);

static int32_t same_day(int32_t day) {
    return day;
}

static int32_t year_of(int32_t day) {
    int32_t year = 0, month = 0, day_of_month = 0;
    assay_civil_from_day(day, &year, &month, &day_of_month);
    return year;
}

/* The best and worst compounded return of a day, month or year. */
static extremes find_extremes(const facts *f, period_of_day *number) {
    extremes e = {ASSAY_NAN, ASSAY_NAN};
    const int64_t *time_us = f->in->time_us;
    double growth = 1;
    for (size_t i = 0; time_us != NULL && i < f->n; i++) {
        growth *= 1 + f->r[i];
        int32_t now = number(assay_day_of_us(time_us[i]));
        if (i + 1 < f->n && number(assay_day_of_us(time_us[i + 1])) == now)
            continue;
        e.best = fmax(e.best, growth - 1); /* fmax passes over NaN */
        e.worst = fmin(e.worst, growth - 1);
        growth = 1;
    }
    return e;
}

static void count_run(double value, runs *now, runs *longest) {
    now->won = value > 0 ? now->won + 1 : 0;
    now->lost = value < 0 ? now->lost + 1 : 0;
    longest->won = fmax(longest->won, now->won);
    longest->lost = fmax(longest->lost, now->lost);
}

static void find_runs(facts *f) {
    runs now = {0, 0};
    for (size_t i = 0; i < f->n; i++)
        count_run(f->r[i], &now, &f->bar_runs);
    now = (runs){0, 0};
    for (size_t i = 0; i < f->in->run.n_trades; i++) {
        if (f->in->run.trade[i].is_open == 0)
            count_run(f->in->run.trade[i].pnl, &now, &f->trade_runs);
    }
}

/* Annual return of r over that of b, over the bars on which b has this sign. */
static double find_capture(const facts *f, double sign) {
    double growth = 1, benchmark_growth = 1;
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (!(f->in->benchmark[i] * sign > 0))
            continue;
        growth *= 1 + f->r[i];
        benchmark_growth *= 1 + f->in->benchmark[i];
        n++;
    }
    return assay_ratio(assay_annual_return(growth, f->periods, n),
                       assay_annual_return(benchmark_growth, f->periods, n));
}

static void compare_with_benchmark(facts *f, double *scratch) {
    const double *b = f->in->benchmark;
    f->active_mean = f->active_std = f->benchmark_growth = f->up = f->down_capture = ASSAY_NAN;
    f->with_benchmark = (assay_comoments){0, ASSAY_NAN, ASSAY_NAN, ASSAY_NAN, ASSAY_NAN, ASSAY_NAN};
    if (b == NULL)
        return;
    size_t n = 0;
    double growth = 1;
    for (size_t i = 0; i < f->n; i++) {
        if (!isnan(b[i])) {
            growth *= 1 + b[i];
            scratch[n++] = f->r[i] - b[i];
        }
    }
    if (n == 0)
        return;
    f->benchmark_growth = growth;
    f->active_mean = assay_mean(scratch, n);
    f->active_std = assay_std(scratch, n, 1);
    for (size_t i = 0; i < f->n; i++)
        scratch[i] = b[i] - f->in->run.risk_free_rate / f->periods;
    f->with_benchmark = assay_comoments_of(scratch, f->excess, f->n);
    f->up = find_capture(f, 1);
    f->down_capture = find_capture(f, -1);
}

static double sum_where(const facts *f, double sign) {
    assay_sum sum = {0};
    for (size_t i = 0; i < f->n; i++) {
        if (f->excess[i] * sign > 0)
            assay_sum_add(&sum, f->excess[i]);
    }
    return assay_sum_value(&sum);
}

/* Mean and number of the returns of one sign. */
static double mean_where(const facts *f, double sign, double *out_count) {
    assay_sum sum = {0};
    *out_count = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (f->r[i] * sign > 0) {
            assay_sum_add(&sum, f->r[i]);
            *out_count += 1;
        }
    }
    return assay_ratio(assay_sum_value(&sum), *out_count);
}

/* --- rows: ratios --- */

static double metric_sortino_arithmetic(const facts *f) {
    assay_sum squares = {0};
    for (size_t i = 0; i < f->n; i++) {
        double below = fmin(f->excess[i], 0);
        assay_sum_add(&squares, below * below);
    }
    double downside = sqrt(assay_sum_value(&squares) / (double)f->n);
    return assay_ratio(assay_mean(f->excess, f->n), downside) * sqrt(f->periods);
}

static double metric_omega_ratio(const facts *f) {
    return assay_ratio(sum_where(f, 1), -sum_where(f, -1));
}

static double metric_tail_ratio(const facts *f) {
    return fabs(assay_ratio(assay_quantile(f->sorted, f->n, 0.95), assay_quantile(f->sorted, f->n, 0.05)));
}

static double metric_stability(const facts *f) {
    double *x = f->scratch, *y = f->scratch + f->n;
    assay_sum sum = {0};
    bool is_ruined = false;
    for (size_t i = 0; i < f->n; i++) {
        is_ruined |= !(f->r[i] > -1);
        assay_sum_add(&sum, assay_log(1 + f->r[i]));
        x[i] = (double)i;
        y[i] = assay_sum_value(&sum);
    }
    assay_comoments c = assay_comoments_of(x, y, f->n);
    return is_ruined ? ASSAY_NAN : assay_ratio(c.xy * c.xy, c.xx * c.yy);
}

static double metric_recovery_factor(const facts *f) {
    return assay_ratio(assay_mean(f->r, f->n) * (double)f->n, -f->max_drawdown);
}

static double metric_payoff_ratio(const facts *f) {
    double n_won = 0, n_lost = 0;
    double won = mean_where(f, 1, &n_won), lost = mean_where(f, -1, &n_lost);
    return assay_ratio(won, -lost);
}

static double metric_kelly_fraction(const facts *f) {
    double n_won = 0, n_lost = 0;
    double won = mean_where(f, 1, &n_won), lost = mean_where(f, -1, &n_lost);
    double share = n_won / (n_won + n_lost);
    return share - assay_ratio(1 - share, assay_ratio(won, -lost));
}

/* --- rows: risk --- */

static double metric_var_95_pct(const facts *f) {
    return assay_quantile(f->sorted, f->n, 0.05) * 100;
}

static double metric_var_99_pct(const facts *f) {
    return assay_quantile(f->sorted, f->n, 0.01) * 100;
}

static double metric_cvar_95_pct(const facts *f) {
    return assay_mean(f->sorted, (size_t)((double)(f->n - 1) * 0.05) + 1) * 100;
}

/* The moments of the returns themselves: those of `excess` are the same but for rounding. */
static double metric_skew(const facts *f) {
    double n = (double)f->n;
    return n < 3 ? ASSAY_NAN : f->moments.skewness * sqrt(n * (n - 1)) / (n - 2);
}

static double metric_excess_kurtosis(const facts *f) {
    double n = (double)f->n;
    if (n < 4)
        return ASSAY_NAN;
    return ((n + 1) * (f->moments.kurtosis - 3) + 6) * (n - 1) / ((n - 2) * (n - 3));
}

static double metric_ulcer_index(const facts *f) {
    return f->down.ulcer;
}

static double metric_avg_drawdown_pct(const facts *f) {
    return f->down.average * 100;
}

static double metric_longest_drawdown_bars(const facts *f) {
    return f->down.longest;
}

static double metric_longest_recovery_bars(const facts *f) {
    return f->down.longest_recovery;
}

static double metric_time_in_market_pct(const facts *f) {
    double n = 0;
    for (size_t i = 0; i < f->n && f->in->snapshot != NULL; i++)
        n += f->in->snapshot[i].num_positions > 0;
    return f->in->snapshot == NULL ? ASSAY_NAN : n / (double)f->n * 100;
}

/* --- rows: returns --- */

static double metric_best_day_pct(const facts *f) {
    return f->day.best * 100;
}

static double metric_worst_day_pct(const facts *f) {
    return f->day.worst * 100;
}

static double metric_best_month_pct(const facts *f) {
    return f->month.best * 100;
}

static double metric_worst_month_pct(const facts *f) {
    return f->month.worst * 100;
}

static double metric_best_year_pct(const facts *f) {
    return f->year.best * 100;
}

static double metric_worst_year_pct(const facts *f) {
    return f->year.worst * 100;
}

static double metric_longest_win_run_bars(const facts *f) {
    return f->bar_runs.won;
}

static double metric_longest_loss_run_bars(const facts *f) {
    return f->bar_runs.lost;
}

/* --- rows: trades --- */

static double metric_annual_turnover(const facts *f) {
    assay_sum sum = {0};
    for (size_t i = 0; i < f->n && f->in->snapshot != NULL; i++)
        assay_sum_add(&sum, f->in->snapshot[i].turnover);
    return f->in->snapshot == NULL ? ASSAY_NAN : assay_sum_value(&sum) / (double)f->n * f->periods;
}

static double metric_expectancy(const facts *f) {
    assay_sum sum = {0};
    double n = 0;
    for (size_t i = 0; i < f->in->run.n_trades; i++) {
        if (f->in->run.trade[i].is_open == 0) {
            assay_sum_add(&sum, f->in->run.trade[i].pnl);
            n += 1;
        }
    }
    return assay_ratio(assay_sum_value(&sum), n);
}

static double metric_longest_win_run_trades(const facts *f) {
    return f->trade_runs.won;
}

static double metric_longest_loss_run_trades(const facts *f) {
    return f->trade_runs.lost;
}

/* --- rows: benchmark --- */

static double metric_benchmark_return_pct(const facts *f) {
    return (f->benchmark_growth - 1) * 100;
}

static double metric_beta(const facts *f) {
    return assay_ratio(f->with_benchmark.xy, f->with_benchmark.xx);
}

static double metric_alpha(const facts *f) {
    const assay_comoments *c = &f->with_benchmark;
    double growth = 1 + c->mean_y - metric_beta(f) * c->mean_x;
    return growth >= 0 ? assay_annual_return(growth, f->periods, 1) : ASSAY_NAN;
}

static double metric_information_ratio(const facts *f) {
    return assay_ratio(f->active_mean, f->active_std) * sqrt(f->periods);
}

static double metric_tracking_error_pct(const facts *f) {
    return f->active_std * sqrt(f->periods) * 100;
}

static double metric_r_squared(const facts *f) {
    const assay_comoments *c = &f->with_benchmark;
    return assay_ratio(c->xy * c->xy, c->xx * c->yy);
}

static double metric_up_capture(const facts *f) {
    return f->up;
}

static double metric_down_capture(const facts *f) {
    return f->down_capture;
}

/* --- rows: honesty --- */

static double metric_psr(const facts *f) {
    const assay_moments *m = &f->moments;
    return assay_probabilistic_sharpe(m->sharpe, 0, (double)m->n, m->skewness, m->kurtosis);
}

static double metric_dsr(const facts *f) {
    const assay_moments *m = &f->moments;
    if (!(f->in->n_trials > 1))
        return metric_psr(f);
    return assay_deflated_sharpe(m->sharpe, f->in->trial_variance, f->in->n_trials, (double)m->n, m->skewness,
                                 m->kurtosis);
}

static double metric_min_track_record_bars(const facts *f) {
    const assay_moments *m = &f->moments;
    return assay_min_track_record_length(m->sharpe, 0, m->skewness, m->kurtosis, 0.95);
}

static double metric_sharpe_ratio_low(const facts *f) {
    return f->resampled.sharpe_ratio.low;
}

static double metric_sharpe_ratio_high(const facts *f) {
    return f->resampled.sharpe_ratio.high;
}

static double metric_total_return_low_pct(const facts *f) {
    return f->resampled.total_return.low * 100;
}

static double metric_total_return_high_pct(const facts *f) {
    return f->resampled.total_return.high * 100;
}

/* --- the table --- */

typedef struct metric_row {
    assay_metric public_row;
    double (*compute)(const facts *f);
} metric_row;

static const metric_row rows[] = {
#define ASSAY_RUN_METRIC(name, group, unit, formula, source)                                                 \
    {{#name, group, unit, formula, source}, metric_##name},
#include "metrics/metrics.def"
};
enum { N_ROWS = sizeof rows / sizeof *rows };

size_t assay_run_metric_count(void) {
    return assay_metric_count() + N_ROWS;
}

const assay_metric *assay_run_metric_at(size_t index) {
    size_t n = assay_metric_count();
    if (index < n)
        return assay_metric_at(index);
    return index - n < N_ROWS ? &rows[index - n].public_row : NULL;
}

static assay_status gather(facts *f, double *scratch, assay_error *err) {
    const assay_run_metric_input *in = f->in;
    double rate = in->run.risk_free_rate / f->periods;
    double *sorted = scratch, *excess = scratch + f->n;
    memcpy(sorted, f->r, f->n * sizeof *sorted);
    assay_sort(sorted, f->n);
    for (size_t i = 0; i < f->n; i++)
        excess[i] = f->r[i] - rate;
    f->sorted = sorted;
    f->excess = excess;
    f->down = find_drawdowns(&in->run);
    f->day = find_extremes(f, same_day);
    f->month = find_extremes(f, assay_month_number);
    f->year = find_extremes(f, year_of);
    f->moments = assay_moments_of(excess, f->n);
    find_runs(f);
    f->scratch = scratch + 2 * f->n;
    compare_with_benchmark(f, f->scratch);
    return assay_bootstrap_returns(f->r, f->n, f->periods, in->run.risk_free_rate, N_RESAMPLES, in->seed,
                                   &f->resampled, err);
}

assay_status assay_run_metrics_compute(const assay_run_metric_input *in, double *out_values,
                                       assay_error *err) {
    size_t n_core = assay_metric_count(), n = in->run.n;
    assay_metrics_compute(&in->run, out_values);
    if (n == 0) {
        for (size_t i = 0; i < N_ROWS; i++)
            out_values[n_core + i] = ASSAY_NAN;
        return ASSAY_OK;
    }
    double *scratch = malloc(4 * n * sizeof *scratch);
    if (scratch == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the metrics of %zu bars", n);
    facts f = {.in = in, .r = in->run.returns, .n = n, .periods = in->run.periods_per_year};
    f.max_drawdown = assay_max_drawdown(&in->run);
    assay_status status = gather(&f, scratch, err);
    for (size_t i = 0; i < N_ROWS && status == ASSAY_OK; i++)
        out_values[n_core + i] = rows[i].compute(&f);
    free(scratch);
    return status;
}
