#include "metrics/rolling.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/dates.h"
#include "base/number.h"
#include "metrics/statistics.h"

static double drawdown_of(const double *returns, size_t n) {
    double growth = 1, peak = 1, worst = 0;
    for (size_t i = 0; i < n; i++) {
        growth *= 1 + returns[i];
        peak = fmax(peak, growth);
        worst = fmin(worst, growth / peak - 1);
    }
    return worst > -1e-12 ? 0 : worst;
}

void assay_rolling_compute(const double *returns, const double *benchmark, size_t n, size_t window,
                           double periods_per_year, double risk_free_rate, assay_rolling *out) {
    for (size_t i = 0; i < n; i++) {
        bool is_full = i + 1 >= window;
        const double *r = is_full ? returns + (i + 1 - window) : NULL;
        double std = is_full ? assay_std(r, window, 1) : ASSAY_NAN;
        double excess = is_full ? assay_mean(r, window) - risk_free_rate / periods_per_year : ASSAY_NAN;
        out->volatility[i] = std * sqrt(periods_per_year);
        out->sharpe[i] = assay_ratio(excess, std) * sqrt(periods_per_year);
        out->max_drawdown[i] = is_full ? drawdown_of(r, window) : ASSAY_NAN;
        if (out->beta != NULL && benchmark != NULL && is_full) {
            assay_comoments c = assay_comoments_of(benchmark + (i + 1 - window), r, window);
            out->beta[i] = c.n < 2 ? ASSAY_NAN : assay_ratio(c.xy, c.xx);
        } else if (out->beta != NULL) {
            out->beta[i] = ASSAY_NAN;
        }
    }
}

void assay_period_numbers(const int64_t *time_us, size_t n, assay_period_kind kind, int32_t *out_numbers) {
    for (size_t i = 0; i < n; i++) {
        int32_t day = assay_day_of_us(time_us[i]), year = 0, month = 0, of_month = 0;
        assay_civil_from_day(day, &year, &month, &of_month);
        switch (kind) {
        case ASSAY_PERIOD_YEAR:
            out_numbers[i] = year;
            break;
        case ASSAY_PERIOD_QUARTER:
            out_numbers[i] = year * 4 + (month - 1) / 3;
            break;
        case ASSAY_PERIOD_MONTH:
            out_numbers[i] = year * 12 + month - 1;
            break;
        default:
            out_numbers[i] = ((day + 3) % 7 + 7) % 7; /* day 0 was a Thursday */
            break;
        }
    }
}

/* --- periods --- */

static assay_period_row describe(int32_t number, const double *r, const double *b, size_t n, double periods,
                                 double rate) {
    double growth = 1, benchmark_growth = 1, n_won = 0, n_lost = 0;
    bool has_benchmark = false;
    assay_period_row row = {.number = number, .n_bars = n, .best = ASSAY_NAN, .worst = ASSAY_NAN};
    for (size_t i = 0; i < n; i++) {
        growth *= 1 + r[i];
        row.best = fmax(row.best, r[i]);
        row.worst = fmin(row.worst, r[i]);
        n_won += r[i] > 0;
        n_lost += r[i] < 0;
        if (b != NULL && !isnan(b[i])) {
            benchmark_growth *= 1 + b[i];
            has_benchmark = true;
        }
    }
    double std = assay_std(r, n, 1);
    row.total_return = growth - 1;
    row.benchmark_return = has_benchmark ? benchmark_growth - 1 : ASSAY_NAN;
    row.volatility = std * sqrt(periods);
    row.sharpe = assay_ratio(assay_mean(r, n) - rate / periods, std) * sqrt(periods);
    row.max_drawdown = drawdown_of(r, n);
    row.win_rate = assay_ratio(n_won, n_won + n_lost);
    return row;
}

typedef struct numbered {
    int32_t number;
    uint32_t place;
} numbered;

static int compare_numbered(const void *a, const void *b) {
    const numbered *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

assay_status assay_periods_compute(const double *returns, const double *benchmark, const int32_t *numbers,
                                   size_t n, double periods_per_year, double risk_free_rate,
                                   assay_period_row **out_rows, size_t *out_n, assay_error *err) {
    numbered *order = malloc((n + 1) * sizeof *order);
    double *r = malloc(2 * (n + 1) * sizeof *r);
    assay_period_row *rows = malloc((n + 1) * sizeof *rows);
    *out_rows = NULL;
    *out_n = 0;
    if (order == NULL || r == NULL || rows == NULL) {
        free(order);
        free(r);
        free(rows);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the periods of %zu bars", n);
    }
    double *b = r + n;
    size_t used = 0, n_rows = 0;
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] >= 0)
            order[used++] = (numbered){numbers[i], (uint32_t)i};
    }
    if (used > 1)
        qsort(order, used, sizeof *order, compare_numbered);
    for (size_t i = 0; i < used; i++) {
        r[i] = returns[order[i].place];
        b[i] = benchmark == NULL ? ASSAY_NAN : benchmark[order[i].place];
    }
    for (size_t from = 0; from < used;) {
        size_t to = from + 1;
        while (to < used && order[to].number == order[from].number)
            to++;
        rows[n_rows++] =
            describe(order[from].number, r + from, b + from, to - from, periods_per_year, risk_free_rate);
        from = to;
    }
    free(order);
    free(r);
    *out_rows = rows;
    *out_n = n_rows;
    return ASSAY_OK;
}

assay_status assay_regimes_of(const double *benchmark, size_t n, size_t window, int32_t *out_numbers,
                              assay_error *err) {
    double *curve = malloc(3 * (n + 1) * sizeof *curve);
    if (curve == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the regimes of %zu bars", n);
    double *volatility = curve + n, *sorted = volatility + n, growth = 1;
    size_t n_full = 0;
    for (size_t i = 0; i < n; i++) {
        growth *= 1 + (isnan(benchmark[i]) ? 0 : benchmark[i]);
        curve[i] = growth;
        volatility[i] = ASSAY_NAN;
        if (i + 1 >= window) {
            double known[2] = {0, 0}; /* sum, sum of squares: a standard deviation of what is known */
            size_t n_known = 0;
            for (size_t j = i + 1 - window; j <= i; j++) {
                if (!isnan(benchmark[j])) {
                    known[0] += benchmark[j];
                    n_known++;
                }
            }
            double mean = known[0] / (double)n_known;
            for (size_t j = i + 1 - window; j <= i; j++)
                known[1] += isnan(benchmark[j]) ? 0 : (benchmark[j] - mean) * (benchmark[j] - mean);
            volatility[i] = n_known > 1 ? sqrt(known[1] / (double)(n_known - 1)) : 0;
            sorted[n_full++] = volatility[i];
        }
    }
    assay_sort(sorted, n_full);
    double median = assay_quantile(sorted, n_full, 0.5);
    for (size_t i = 0; i < n; i++) {
        bool is_full = i + 1 >= window;
        double mean = is_full ? assay_mean(curve + (i + 1 - window), window) : 0;
        out_numbers[i] = !is_full ? -1 : (curve[i] >= mean ? 1 : 0) + (volatility[i] > median ? 2 : 0);
    }
    free(curve);
    return ASSAY_OK;
}
