/* Corporate actions of coarser bars.
 *
 * All of a bar's are at its begin: one split, the product of the ratios; then what its dividends come to for a share as of the
 * bar's end; then its spin-offs. q shares from before the bar are q R after it, R the product of its ratios, of which u had come
 * when a dividend d was paid: q u d in cash, u d / R a share of the end.
 */
#include <math.h>
#include <stdlib.h>

#include "base/dates.h"
#include "market/resample.h"

/* An event, and the coarser bar at which it takes effect. */
typedef struct moved_event {
    uint32_t bar, symbol;
    uint32_t order; /* among the events of the source */
    const assay_panel_event *event;
} moved_event;

static int compare_moved(const void *a, const void *b) {
    const moved_event *x = a, *y = b;
    if (x->bar != y->bar)
        return x->bar < y->bar ? -1 : 1;
    if (x->symbol != y->symbol)
        return x->symbol < y->symbol ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* The first coarser bar that holds a row at or after `bar`; ASSAY_NO_COARSE: none. */
static uint32_t coarse_bar_from(const assay_coarse *c, const assay_panel *p, size_t bar) {
    while (bar < p->n_bars && c->of_bar[bar] == ASSAY_NO_COARSE)
        bar++;
    return bar == p->n_bars ? ASSAY_NO_COARSE : c->of_bar[bar];
}

/* New shares count as of the bar's end: by the child's splits after the spin-off. (Those of the bar itself do not touch shares
 * that come in it, semantics.md section 11.) */
static double child_scale(const moved_event *moved, size_t n, const moved_event *spin_off) {
    double scale = 1;
    for (size_t i = 0; i < n && moved[i].bar <= spin_off->bar; i++) {
        if (moved[i].bar == spin_off->bar && moved[i].symbol == spin_off->event->child &&
            moved[i].order > spin_off->order)
            scale *= moved[i].event->split_ratio;
    }
    return scale;
}

static int64_t pay_us(const assay_panel_event *e) {
    return e->pay_day == INT32_MIN ? INT64_MIN : (int64_t)e->pay_day * ASSAY_US_PER_DAY;
}

/* Events of one bar and symbol: a bar's split comes before its dividends, and spin-offs come last. */
static assay_status add_group(const moved_event *all, size_t n_all, const moved_event *group, size_t n,
                              const assay_coarse *c, assay_panel_builder *builder, assay_error *err) {
    int64_t time = c->label_us[group[0].bar];
    double split = 1, on_ex_date = 0, so_far = 1;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n; i++)
        split *= group[i].event->split_ratio;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        const assay_panel_event *e = group[i].event;
        so_far *= e->split_ratio;
        double a_share = e->dividend * (so_far / split);
        if (e->child == ASSAY_NO_CHILD && e->pay_day == INT32_MIN) {
            on_ex_date += a_share;
            continue;
        }
        assay_corporate_action action = {
            .symbol = e->symbol, .ex_date_us = time, .split_ratio = 1, .pay_date_us = pay_us(e)};
        if (e->child == ASSAY_NO_CHILD) {
            action.cash_dividend = a_share;
        } else {
            action.new_symbol = e->child;
            action.new_ratio = e->child_ratio * (so_far / split) * child_scale(all, n_all, &group[i]);
        }
        status = assay_panel_builder_add_action(builder, &action, err);
    }
    if (status == ASSAY_OK && (split != 1 || on_ex_date != 0)) {
        const assay_corporate_action action = {.symbol = group[0].symbol,
                                               .ex_date_us = time,
                                               .split_ratio = split,
                                               .cash_dividend = on_ex_date,
                                               .pay_date_us = INT64_MIN};
        status = assay_panel_builder_add_action(builder, &action, err);
    }
    return status;
}

assay_status assay_coarse_add_events(const assay_coarse *c, const assay_panel *p,
                                     assay_panel_builder *builder, assay_error *err) {
    moved_event *moved = malloc((p->n_events + 1) * sizeof *moved);
    size_t n = 0;
    assay_status status = ASSAY_OK;
    if (moved == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu corporate actions", p->n_events);
    for (size_t i = 0; i < p->n_events; i++) {
        uint32_t bar = coarse_bar_from(c, p, p->event[i].bar);
        if (bar != ASSAY_NO_COARSE)
            moved[n++] = (moved_event){bar, p->event[i].symbol, (uint32_t)i, &p->event[i]};
    }
    moved[n] = (moved_event){ASSAY_NO_COARSE, 0, 0, NULL};
    if (n > 1)
        qsort(moved, n, sizeof *moved, compare_moved);
    for (size_t i = 0, after; i < n && status == ASSAY_OK; i = after) {
        for (after = i + 1; moved[after].bar == moved[i].bar && moved[after].symbol == moved[i].symbol;)
            after++;
        status = add_group(moved, n, moved + i, after - i, c, builder, err);
    }
    free(moved);
    return status;
}
