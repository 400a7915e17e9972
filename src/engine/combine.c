/* Several strategies decide for one book (docs/semantics.md, section 8): their signals are collected first, then combined.
 *
 * union: all of them, in order of strategy and symbol; where both sides are wanted of a symbol, the exit wins.
 * vote: one signal for each symbol whose weighted strengths add up to more than the threshold.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "engine/stepper.h"
#include "strategy/ensemble.h"

enum { WANTS_BUY = 1, WANTS_SELL = 2 };

static assay_status collect(void *context, const assay_signal *signal, assay_error *err) {
    assay_signal_list *list = context;
    assay_status status = ASSAY_RESERVE(list->signal, list->capacity, list->n + 1, err);
    if (status == ASSAY_OK)
        list->signal[list->n++] = *signal;
    return status;
}

/* --- union --- */

static bool takes_part(const assay_signal *signal) {
    return signal->action != ASSAY_ACTION_HOLD;
}

static uint8_t wanted_side(assay_stepper *st, const assay_decision_bar *bar, const assay_signal *signal) {
    return assay_signal_side(st, bar, signal, signal->target_position) == ASSAY_SIDE_BUY ? WANTS_BUY
                                                                                         : WANTS_SELL;
}

static assay_status decide_union(assay_stepper *st, const assay_decision_bar *bar, assay_error *err) {
    const assay_signal_list *list = &st->emitted;
    uint8_t *sides = st->beyond; /* the scan is over */
    for (size_t i = 0; i < list->n; i++)
        sides[list->signal[i].symbol] = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (takes_part(&list->signal[i]))
            sides[list->signal[i].symbol] |= wanted_side(st, bar, &list->signal[i]);
    }
    /* Who loses is settled by what is held before any of this bar's decisions: sides[] keeps the winner alone. */
    for (size_t i = 0; i < list->n; i++) {
        uint32_t s = list->signal[i].symbol;
        if (sides[s] == (WANTS_BUY | WANTS_SELL))
            sides[s] = (assay_book_flags(st->book)[s] & ASSAY_HELD_SHORT) != 0 ? WANTS_BUY : WANTS_SELL;
    }
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < list->n && status == ASSAY_OK; i++) {
        const assay_signal *signal = &list->signal[i];
        bool loses = takes_part(signal) && wanted_side(st, bar, signal) != sides[signal->symbol];
        status = loses ? assay_record_signal(st, signal, ASSAY_SIGNAL_OVERRULED, err)
                       : assay_decide_signal(st, bar, signal, err);
    }
    return status;
}

/* --- vote --- */

/* +1 for more, -1 for less. */
static double direction_of(const assay_signal *signal) {
    switch (signal->action) {
    case ASSAY_ACTION_BUY:
    case ASSAY_ACTION_INCREASE:
        return 1;
    case ASSAY_ACTION_TARGET:
        return signal->target_position > 0 ? 1 : -1;
    default:
        return -1;
    }
}

static assay_status record_members(assay_stepper *st, assay_error *err) {
    const assay_signal_list *list = &st->emitted;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < list->n && status == ASSAY_OK; i++) {
        const assay_signal *signal = &list->signal[i];
        if (takes_part(signal))
            st->vote[signal->symbol] +=
                st->asked[signal->strategy].weight * direction_of(signal) * signal->strength;
        status =
            assay_record_signal(st, signal, takes_part(signal) ? ASSAY_SIGNAL_VOTED : ASSAY_SIGNAL_HOLD, err);
    }
    return status;
}

static assay_status decide_vote(assay_stepper *st, const assay_decision_bar *bar, assay_error *err) {
    const assay_strategy *ensemble = st->config->strategy;
    double threshold = st->config->settings.vote_threshold, weights = 0;
    size_t n = st->market->panel->n_symbols;
    for (size_t s = 0; s < n; s++)
        st->vote[s] = 0;
    for (uint32_t i = 0; i < st->n_asked; i++)
        weights += st->asked[i].weight;
    assay_status status = record_members(st, err);
    for (size_t s = 0; s < n && status == ASSAY_OK; s++) {
        double vote = st->vote[s];
        if (!(fabs(vote) > threshold))
            continue;
        uint32_t kind = vote > 0 ? assay_vote_buy_kind(ensemble) : assay_vote_sell_kind(ensemble);
        const assay_signal signal = {.bar = (uint32_t)bar->t,
                                     .symbol = (uint32_t)s,
                                     .value = vote,
                                     .score = fabs(vote),
                                     .strength = assay_min(fabs(vote) / weights, 1),
                                     .target_position = ensemble->kinds[kind].target_position,
                                     .strategy = (uint16_t)st->n_asked,
                                     .kind = (uint16_t)kind,
                                     .action = (uint8_t)ensemble->kinds[kind].action};
        status = assay_decide_signal(st, bar, &signal, err);
    }
    return status;
}

assay_status assay_combine_signals(assay_stepper *st, const assay_decision_bar *bar, assay_error *err) {
    st->emitted.n = 0;
    for (uint32_t i = 0; i < st->n_asked; i++) {
        assay_status status = assay_ask(st, bar, &st->asked[i], collect, &st->emitted, err);
        if (status != ASSAY_OK)
            return status;
    }
    return st->config->settings.combine == ASSAY_VOTE ? decide_vote(st, bar, err)
                                                      : decide_union(st, bar, err);
}
