#include "engine/market.h"

#include <math.h>
#include <stdlib.h>

#include "base/block.h"
#include "base/dates.h"
#include "base/number.h"
#include "market/rolling.h"

enum { IMPACT_RETURNS = 20 };

void assay_market_reset(assay_market *m) {
    free(m->silence);
    free(m->rebalance);
    assay_block_free(m->own_return_std);
    assay_signal_bars_reset(&m->signal);
    *m = (assay_market){0};
}

/* A bar's time to be compared with a limit of the period: a date means trading days, where bars have them. */
static int64_t day_time(const assay_panel *p, size_t t, int64_t limit) {
    bool is_date = limit != INT64_MIN && limit % ASSAY_US_PER_DAY == 0;
    return p->bar_end_us != NULL && is_date ? (int64_t)p->day[t] * ASSAY_US_PER_DAY : p->timestamp_us[t];
}

static assay_status find_period(assay_market *m, const assay_settings *settings, assay_error *err) {
    const assay_panel *p = m->panel;
    int64_t start = settings->start_date == ASSAY_NO_DATE ? INT64_MIN : settings->start_date;
    int64_t end = settings->end_date == ASSAY_NO_DATE ? INT64_MAX : settings->end_date;
    if (end != INT64_MAX && end % ASSAY_US_PER_DAY == 0)
        end += ASSAY_US_PER_DAY - 1; /* a date means all of its day */
    size_t first = 0, after = p->n_bars;
    while (first < p->n_bars && day_time(p, first, start) < start)
        first++;
    while (after > 0 && day_time(p, after - 1, settings->end_date) > end)
        after--;
    if (first >= after) {
        char from[32], to[32];
        assay_time_format(p->timestamp_us[0], from, sizeof from);
        assay_time_format(p->timestamp_us[p->n_bars - 1], to, sizeof to);
        return assay_error_set(
            err, ASSAY_E_DATA,
            "no bar lies in the period: the data go from %s to %s; change start_date or end_date", from, to);
    }
    m->first_bar = first;
    m->last_bar = after - 1;
    return ASSAY_OK;
}

static int compare_silences(const void *a, const void *b) {
    const assay_silence *x = a, *y = b;
    if (x->bar != y->bar)
        return x->bar < y->bar ? -1 : 1;
    if (x->symbol != y->symbol)
        return x->symbol < y->symbol ? -1 : 1;
    return (x->told_day < y->told_day) - (x->told_day > y->told_day); /* the latest told first */
}

/* The first bar, after own bar `last` and before bar `next_own`, that is more than `days` calendar days later. */
static size_t silent_bar(const assay_panel *p, size_t last, size_t next_own, int64_t days) {
    size_t low = last + 1, high = next_own;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->day[middle] - p->day[last] > days)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void add_silence(assay_market *m, size_t symbol, size_t last, size_t next_own, int64_t days) {
    size_t bar = silent_bar(m->panel, last, next_own, days);
    if (bar < next_own)
        m->silence[m->n_silences++] = (assay_silence){(uint32_t)bar, (uint32_t)symbol, ASSAY_NAN, INT32_MIN};
}

/* Told delistings take effect at the first bar of their day or later; before a symbol's first bar there is nothing to do. */
static void add_told(assay_market *m) {
    const assay_panel *p = m->panel;
    size_t t = 0;
    for (size_t i = 0; i < p->n_delistings; i++) { /* by day */
        const assay_panel_delisting *d = &p->delisting[i];
        while (t < p->n_bars && p->day[t] < d->day)
            t++;
        if (t < p->n_bars && t >= p->first_bar[d->symbol])
            m->silence[m->n_silences++] =
                (assay_silence){(uint32_t)t, d->symbol, d->delisting_return, d->day};
    }
}

/* A silence begins in a gap, or after the last own bar: at most one for every run of gaps. */
static assay_status find_silences(assay_market *m, int64_t days, assay_error *err) {
    const assay_panel *p = m->panel;
    m->silence = malloc((p->n_symbols + p->gap_begin[p->n_symbols] + p->n_delistings) * sizeof *m->silence);
    if (m->silence == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", p->n_symbols);
    for (size_t s = 0; s < p->n_symbols; s++) {
        if (p->first_bar[s] == p->n_bars)
            continue;
        for (size_t g = p->gap_begin[s]; g < p->gap_begin[s + 1];) {
            size_t begin = p->gap_bar[g], end = begin;
            for (; g < p->gap_begin[s + 1] && p->gap_bar[g] == end; g++)
                end++;
            add_silence(m, s, begin - 1, end, days);
        }
        add_silence(m, s, p->last_bar[s], p->n_bars, days);
    }
    add_told(m);
    if (m->n_silences != 0)
        qsort(m->silence, m->n_silences, sizeof *m->silence, compare_silences);
    return ASSAY_OK;
}

static assay_status find_rebalance_bars(assay_market *m, const assay_settings *settings, assay_error *err) {
    const assay_panel *p = m->panel;
    m->rebalance = calloc(p->n_bars, 1);
    if (m->rebalance == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars", p->n_bars);
    if (m->signal.panel != NULL) {
        assay_signal_bars_rebalance(&m->signal, settings, m->first_bar, m->last_bar, m->rebalance);
        return ASSAY_OK;
    }
    const assay_date_list *dates = &settings->rebalance_dates;
    if (dates->n != 0) {
        size_t t = m->first_bar;
        for (size_t i = 0; i < dates->n; i++) {
            while (t <= m->last_bar && day_time(p, t, dates->us[i]) < dates->us[i])
                t++;
            if (t <= m->last_bar)
                m->rebalance[t] = 1;
        }
        return ASSAY_OK;
    }
    for (size_t t = m->first_bar; t <= m->last_bar; t++)
        m->rebalance[t] = settings->rebalance_frequency == ASSAY_DAILY || t == m->first_bar ||
                          assay_calendar_period(p->day[t], settings->rebalance_frequency) !=
                              assay_calendar_period(p->day[t - 1], settings->rebalance_frequency);
    return ASSAY_OK;
}

static int compare_int32(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The middle of the sorted values; 0 of none. Sorts them. */
static int32_t median(int32_t *values, size_t n) {
    if (n == 0)
        return 0;
    qsort(values, n, sizeof *values, compare_int32);
    return values[n / 2];
}

/* By the gaps of the calendar. */
static assay_status find_periods_per_year(assay_market *m, assay_error *err) {
    size_t n = m->last_bar - m->first_bar + 1, n_days = 0;
    int32_t *gap = malloc(n * sizeof *gap), *bars = malloc(n * sizeof *bars);
    if (gap == NULL || bars == NULL) {
        free(gap);
        free(bars);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars", n);
    }
    const int32_t *day = m->panel->day + m->first_bar;
    for (size_t t = 0; t < n; t++) {
        if (t == 0 || day[t] != day[t - 1]) {
            bars[n_days] = 1;
            gap[n_days] = t == 0 ? 0 : day[t] - day[t - 1];
            n_days++;
        } else {
            bars[n_days - 1]++;
        }
    }
    int32_t days_between = n_days > 1 ? median(gap + 1, n_days - 1) : 1;
    double a_day = (double)median(bars, n_days);
    m->periods_per_year = days_between >= 300  ? 1
                          : days_between >= 80 ? 4
                          : days_between >= 21 ? 12
                          : days_between >= 5  ? 52
                          : days_between >= 2  ? 365.25 / days_between
                                               : 252 * a_day;
    free(gap);
    free(bars);
    return ASSAY_OK;
}

double assay_market_periods_per_year(const assay_market *m, const assay_settings *settings) {
    return settings->periods_per_year != 0 ? settings->periods_per_year : m->periods_per_year;
}

assay_status assay_market_init(assay_market *m, const assay_panel *panel, const assay_settings *settings,
                               assay_error *err) {
    *m = (assay_market){.panel = panel, .bar_length_us = assay_panel_bar_length(panel)};
    assay_status status = assay_signal_bars_init(&m->signal, panel, settings, err);
    if (status == ASSAY_OK)
        status = find_period(m, settings, err);
    if (status == ASSAY_OK)
        status = find_silences(m, settings->delist_after_days, err);
    if (status == ASSAY_OK)
        status = find_rebalance_bars(m, settings, err);
    if (status == ASSAY_OK)
        status = find_periods_per_year(m, err);
    if (status == ASSAY_OK && settings->slippage_model == ASSAY_SLIPPAGE_IMPACT)
        status = assay_own_return_std(panel, IMPACT_RETURNS, &m->own_return_std, err);
    if (status != ASSAY_OK)
        assay_market_reset(m);
    return status;
}
