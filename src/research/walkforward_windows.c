/* Lengths of time, and the windows that they make on a calendar.
 *
 * A boundary in calendar units is added to the origin in one go (two years and five half years after it), never to the
 * boundary before: months of different lengths and days without a bar then cannot make windows drift.
 */
#include "research/walkforward_windows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/dates.h"
#include "base/text.h"

enum { LONGEST_DAYS = 36500, LONGEST_MONTHS = 1200, LONGEST_BARS = 100000000 };

/* --- lengths --- */

assay_status assay_span_parse(const char *option, const char *text, int64_t least, assay_span *out_span,
                              assay_error *err) {
    static const struct {
        char letter;
        assay_span_unit unit;
        int64_t factor, longest;
    } UNITS[] = {{'b', ASSAY_SPAN_BARS, 1, LONGEST_BARS},
                 {'d', ASSAY_SPAN_DAYS, 1, LONGEST_DAYS},
                 {'w', ASSAY_SPAN_DAYS, 7, LONGEST_DAYS},
                 {'m', ASSAY_SPAN_MONTHS, 1, LONGEST_MONTHS},
                 {'y', ASSAY_SPAN_MONTHS, 12, LONGEST_MONTHS}};
    size_t n = strspn(text, "0123456789"), unit = 0;
    char digits[24];
    int64_t count = 0;
    while (text[n] != '\0' && unit < 5 && UNITS[unit].letter != text[n])
        unit++;
    bool understood = n > 0 && n < sizeof digits && unit < 5 && (text[n] == '\0' || text[n + 1] == '\0');
    snprintf(digits, sizeof digits, "%.*s", (int)(understood ? n : 0), text);
    understood = understood && assay_integer_parse(digits, &count) && count >= least &&
                 count <= UNITS[unit].longest / UNITS[unit].factor;
    if (!understood)
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "%s '%.40s': write a whole number of bars such as 504, or of days, weeks, months or "
            "years such as 90d, 8w, 6m or 2y, %s",
            option, text, least == 0 ? "0 or more" : "1 or more");
    *out_span = (assay_span){.count = count * UNITS[unit].factor, .unit = UNITS[unit].unit};
    return ASSAY_OK;
}

int32_t assay_day_add(int32_t day, int64_t months, int64_t days) {
    if (months != 0) {
        int32_t year, month, of_month;
        assay_civil_from_day(day, &year, &month, &of_month);
        int64_t number = (int64_t)year * 12 + (month - 1) + months;
        int64_t to_year = number / 12, to_month = number % 12;
        if (to_month < 0) {
            to_month += 12;
            to_year--;
        }
        int32_t begin = assay_day_from_civil((int32_t)to_year, (int32_t)to_month + 1, 1);
        int32_t next = to_month == 11 ? assay_day_from_civil((int32_t)to_year + 1, 1, 1)
                                      : assay_day_from_civil((int32_t)to_year, (int32_t)to_month + 2, 1);
        day = begin + (of_month <= next - begin ? of_month : next - begin) - 1;
    }
    return (int32_t)(day + days);
}

/* --- the plan --- */

static bool same_unit_and_longer(const assay_span *a, const assay_span *b) {
    return a->unit == b->unit && a->count >= b->count;
}

assay_status assay_fold_plan_init(assay_fold_plan *plan, const assay_walkforward_spec *spec,
                                  assay_error *err) {
    *plan = (assay_fold_plan){.anchored = spec->anchored};
    if (spec->train == NULL || spec->test == NULL)
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "no length of the %s: give %s, in bars (504) or calendar units (2y, 6m, 8w, 90d)",
            spec->train == NULL ? "training windows" : "test windows",
            spec->train == NULL ? "--train" : "--test");
    assay_status status = assay_span_parse("--train", spec->train, 1, &plan->train, err);
    if (status == ASSAY_OK)
        status = assay_span_parse("--test", spec->test, 1, &plan->test, err);
    if (status == ASSAY_OK)
        status =
            assay_span_parse("--step", spec->step == NULL ? spec->test : spec->step, 1, &plan->step, err);
    if (status == ASSAY_OK)
        status = assay_span_parse("--purge", spec->purge == NULL ? "0" : spec->purge, 0, &plan->purge, err);
    if (status == ASSAY_OK)
        status = assay_span_parse("--embargo", spec->embargo == NULL ? "0" : spec->embargo, 0, &plan->embargo,
                                  err);
    if (status != ASSAY_OK)
        return status;
    if (same_unit_and_longer(&plan->purge, &plan->train))
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "--purge %s leaves nothing of --train %s: the purge is taken off the end of the "
            "training window; shorten it",
            spec->purge, spec->train);
    if (plan->step.count != plan->test.count && same_unit_and_longer(&plan->test, &plan->step))
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "--step %s is shorter than --test %s: tests would overlap, and their equity could "
            "not be joined; lengthen the step or shorten the test",
            spec->step, spec->test);
    return ASSAY_OK;
}

/* --- windows --- */

/* The calendar, the period, and where the first test begins: at a bar, or at a day. */
typedef struct window_maker {
    const assay_fold_plan *plan;
    const int64_t *timestamp_us;
    size_t first, after;
    int32_t origin_day;
} window_maker;

/* The first bar of the period on or after a day; `after` where there is none. */
static size_t bar_at_day(const window_maker *m, int32_t day) {
    size_t low = m->first, high = m->after;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (assay_day_of_us(m->timestamp_us[middle]) < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t months_of(const assay_span *span) {
    return span->unit == ASSAY_SPAN_MONTHS ? span->count : 0;
}

static int64_t days_of(const assay_span *span) {
    return span->unit == ASSAY_SPAN_DAYS ? span->count : 0;
}

/* The bar a span before (direction -1) or after another; the day of `bar` counts where the span is of the calendar. */
static size_t moved(const window_maker *m, size_t bar, int direction, const assay_span *span) {
    if (span->unit != ASSAY_SPAN_BARS)
        return bar_at_day(m, assay_day_add(assay_day_of_us(m->timestamp_us[bar]), direction * months_of(span),
                                           direction * days_of(span)));
    size_t n = (size_t)span->count;
    if (direction < 0)
        return bar - m->first < n ? m->first : bar - n;
    return m->after - bar < n ? m->after : bar + n;
}

/* A boundary of fold k that lies on the calendar: the origin and `base`, k steps and `more`, added in one go. */
static int32_t nominal_day(const window_maker *m, const assay_span *base, size_t k, const assay_span *more) {
    const assay_span *step = &m->plan->step;
    int64_t n = (int64_t)k;
    int64_t months =
        n * months_of(step) + (base == NULL ? 0 : months_of(base)) + (more == NULL ? 0 : months_of(more));
    int64_t days =
        n * days_of(step) + (base == NULL ? 0 : days_of(base)) + (more == NULL ? 0 : days_of(more));
    return assay_day_add(m->origin_day, months, days);
}

/* Bars, not days, tell where tests begin: the training is in bars, or the steps are. */
static bool has_calendar(const assay_span *span) {
    return span->unit != ASSAY_SPAN_BARS;
}

/* A maker whose origin is the first test of a training in bars: calendar steps count from its day. */
static window_maker after_training_bars(const window_maker *m) {
    window_maker moved_maker = *m;
    size_t bar = moved(m, m->first, 1, &m->plan->train);
    if (bar < m->after)
        moved_maker.origin_day = assay_day_of_us(m->timestamp_us[bar]);
    return moved_maker;
}

static size_t test_begin(const window_maker *m, size_t k) {
    const assay_fold_plan *plan = m->plan;
    if (has_calendar(&plan->step)) {
        if (has_calendar(&plan->train))
            return bar_at_day(m, nominal_day(m, &plan->train, k, NULL));
        window_maker from_bar = after_training_bars(m);
        return moved(m, m->first, 1, &plan->train) == m->after
                   ? m->after
                   : bar_at_day(m, nominal_day(&from_bar, NULL, k, NULL));
    }
    size_t begin = has_calendar(&plan->train) ? bar_at_day(m, nominal_day(m, &plan->train, 0, NULL))
                                              : moved(m, m->first, 1, &plan->train);
    const assay_span steps = {.count = (int64_t)k * plan->step.count, .unit = ASSAY_SPAN_BARS};
    return moved(m, begin, 1, &steps);
}

/* Where the test ends, and whether the data go on so far (as far as the calendar can tell). */
static size_t test_end(const window_maker *m, size_t k, size_t begin, bool *out_whole) {
    const assay_fold_plan *plan = m->plan;
    if (!has_calendar(&plan->test)) {
        *out_whole = m->after - begin >= (size_t)plan->test.count;
        return moved(m, begin, 1, &plan->test);
    }
    int32_t day =
        assay_day_add(assay_day_of_us(m->timestamp_us[begin]), months_of(&plan->test), days_of(&plan->test));
    if (has_calendar(&plan->step)) {
        window_maker from_bar = after_training_bars(m);
        day = has_calendar(&plan->train) ? nominal_day(m, &plan->train, k, &plan->test)
                                         : nominal_day(&from_bar, NULL, k, &plan->test);
    }
    size_t end = bar_at_day(m, day);
    /* A weekend or a holiday may lie between the last bar and the end: a test that ends within 4 days is whole. */
    *out_whole = end < m->after || day - 1 - assay_day_of_us(m->timestamp_us[m->after - 1]) <= 4;
    return end;
}

static size_t train_begin(const window_maker *m, size_t k, size_t test_first) {
    const assay_fold_plan *plan = m->plan;
    if (plan->anchored)
        return m->first;
    if (has_calendar(&plan->train) && has_calendar(&plan->step))
        return bar_at_day(m, nominal_day(m, NULL, k, NULL));
    return moved(m, test_first, -1, &plan->train);
}

/* Bars behind an earlier test within the embargo are left out at either end of a training window. */
static void lay_embargo(const window_maker *m, const assay_fold_window *windows, size_t k,
                        assay_fold_window *w) {
    for (size_t i = 0; i < k && m->plan->embargo.count != 0; i++) {
        size_t end = windows[i].test_after, until = moved(m, end, 1, &m->plan->embargo);
        if (end <= w->train_first && w->train_first < until)
            w->train_first = until;
    }
    for (size_t i = k; i-- > 0 && m->plan->embargo.count != 0;) {
        size_t end = windows[i].test_after, until = moved(m, end, 1, &m->plan->embargo);
        if (end < w->train_after && w->train_after <= until)
            w->train_after = end;
    }
}

static void days_of_window(const window_maker *m, size_t begin, size_t end, char *out_from, char *out_to) {
    size_t last = m->after - 1;
    assay_time_format(m->timestamp_us[begin < last ? begin : last], out_from, 32);
    assay_time_format(m->timestamp_us[end == 0 || end > last ? last : end], out_to, 32);
}

static assay_status refuse_empty(const window_maker *m, size_t k, const char *what, size_t begin, size_t end,
                                 const char *advice, assay_error *err) {
    char from[32], to[32];
    days_of_window(m, begin, end, from, to);
    return assay_error_set(err, ASSAY_E_CONFIG, "fold %zu has no bar in its %s (between %s and %s): %s",
                           k + 1, what, from, to, advice);
}

static assay_status refuse_short(const window_maker *m, assay_error *err) {
    char from[32], to[32];
    days_of_window(m, m->first, m->after, from, to);
    return assay_error_set(
        err, ASSAY_E_CONFIG,
        "training and test are longer than the data: the period has %zu bars, from %s to %s, and one "
        "whole fold does not fit; shorten --train or --test, or lengthen the period",
        m->after - m->first, from, to);
}

static assay_status check_window(const window_maker *m, const assay_fold_window *windows, size_t k,
                                 const assay_fold_window *w, assay_error *err) {
    if (w->test_after <= w->test_first)
        return refuse_empty(m, k, "test window", w->test_first, w->test_after,
                            "the test is shorter than the gaps of the calendar; lengthen --test", err);
    if (w->train_after <= w->train_first)
        return refuse_empty(m, k, "training window", w->train_first, w->train_after,
                            "purge and embargo leave nothing of it; lengthen --train or shorten them", err);
    if (k > 0 && w->test_first < windows[k - 1].test_after)
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "the tests of folds %zu and %zu overlap: --step is shorter than --test; lengthen it", k, k + 1);
    return ASSAY_OK;
}

assay_status assay_fold_windows(const assay_fold_plan *plan, const int64_t *timestamp_us, size_t first,
                                size_t after, int32_t origin_day, assay_fold_window **out_windows,
                                size_t *out_count, assay_error *err) {
    const window_maker m = {plan, timestamp_us, first, after, origin_day};
    assay_fold_window *windows = NULL;
    size_t n = 0, capacity = 0;
    assay_status status = ASSAY_OK;
    *out_windows = NULL;
    *out_count = 0;
    for (;; n++) {
        assay_fold_window w = {.test_first = test_begin(&m, n)};
        bool whole = false;
        if (w.test_first >= after)
            break;
        w.test_after = test_end(&m, n, w.test_first, &whole);
        w.is_partial = !whole;
        if (n == 0 && w.is_partial)
            break;
        w.train_first = train_begin(&m, n, w.test_first);
        w.train_after = plan->purge.count == 0 ? w.test_first : moved(&m, w.test_first, -1, &plan->purge);
        lay_embargo(&m, windows, n, &w);
        status = check_window(&m, windows, n, &w, err);
        if (status == ASSAY_OK)
            status = ASSAY_RESERVE(windows, capacity, n + 1, err);
        if (status != ASSAY_OK)
            break;
        windows[n] = w;
    }
    if (status == ASSAY_OK && n == 0)
        status = refuse_short(&m, err);
    if (status != ASSAY_OK) {
        free(windows);
        return status;
    }
    *out_windows = windows;
    *out_count = n;
    return ASSAY_OK;
}
