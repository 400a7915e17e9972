/* The public view and sink. A view holds a bar; no function of it takes one, so later rows cannot be reached. */
#include "engine/view.h"

#include <math.h>

#include "base/number.h"
#include "market/universe.h"

/* With signal_frequency strategies see coarser bars than those of the run. */
static const assay_panel *seen_panel(const assay_view *view) {
    return assay_market_seen(view->st->market);
}

static size_t seen_bar(const assay_view *view) {
    return assay_market_seen_bar(view->st->market, view->t);
}

static int64_t bar_length(const assay_view *view) {
    const assay_market *m = view->st->market;
    return m->signal.panel != NULL ? assay_panel_bar_length(m->signal.panel) : m->bar_length_us;
}

size_t assay_view_n_symbols(const assay_view *view) {
    return view->st->market->panel->n_symbols;
}

int64_t assay_view_timestamp_us(const assay_view *view) {
    return seen_panel(view)->timestamp_us[seen_bar(view)];
}

const double *assay_view_feature(const assay_view *view, uint32_t index) {
    return index < view->asked->n_features ? view->st->feature[view->asked->first_feature + index] : NULL;
}

const double *assay_view_close(const assay_view *view) {
    return assay_panel_row(seen_panel(view), ASSAY_COLUMN_CLOSE, seen_bar(view));
}

const double *assay_view_column(const assay_view *view, int column) {
    if (column < 0 || column >= ASSAY_N_PRICE_COLUMNS)
        return NULL;
    return assay_panel_row(seen_panel(view), column, seen_bar(view));
}

double assay_view_adjusted_close(const assay_view *view, size_t symbol, size_t lag) {
    if (symbol >= assay_view_n_symbols(view))
        return ASSAY_NAN;
    return assay_panel_adjusted_close(seen_panel(view), symbol, seen_bar(view), lag);
}

double assay_view_adjusted(const assay_view *view, int column, size_t symbol, size_t lag) {
    if (symbol >= assay_view_n_symbols(view))
        return ASSAY_NAN;
    return assay_panel_adjusted(seen_panel(view), column, symbol, seen_bar(view), lag);
}

const char *assay_view_symbol(const assay_view *view, size_t symbol) {
    return symbol < assay_view_n_symbols(view) ? view->st->market->panel->name[symbol] : NULL;
}

const uint32_t *assay_view_sectors(const assay_view *view) {
    return view->asked->strategy->needs_sectors ? assay_panel_sectors(view->st->market->panel, view->t)
                                                : NULL;
}

const uint8_t *assay_view_outside(const assay_view *view) {
    return assay_panel_outside(view->st->market->panel, view->t);
}

size_t assay_view_n_sectors(const assay_view *view) {
    return view->st->market->panel->n_sectors;
}

const char *assay_view_sector_name(const assay_view *view, uint32_t sector) {
    const assay_panel *p = view->st->market->panel;
    return sector < p->n_sectors ? p->sector_name[sector] : NULL;
}

size_t assay_view_own_bars(const assay_view *view, size_t symbol) {
    return symbol < assay_view_n_symbols(view)
               ? assay_panel_own_count(seen_panel(view), symbol, seen_bar(view))
               : 0;
}

int64_t assay_view_known_until_us(const assay_view *view) {
    const assay_panel *p = seen_panel(view);
    return assay_panel_end_of(p, seen_bar(view), bar_length(view));
}

int64_t assay_view_known_before_us(const assay_view *view) {
    const assay_panel *p = seen_panel(view);
    size_t t = seen_bar(view);
    return t == 0 ? INT64_MIN : assay_panel_end_of(p, t - 1, bar_length(view));
}

uint64_t assay_view_times_asked(const assay_view *view) {
    return view->asked->times_asked;
}

/* --- the book --- */

static const assay_position *position_of(const assay_view *view, size_t symbol) {
    return symbol < assay_view_n_symbols(view) ? assay_book_find_position(view->st->book, (uint32_t)symbol)
                                               : NULL;
}

double assay_view_quantity(const assay_view *view, size_t symbol) {
    const assay_position *position = position_of(view, symbol);
    if (position == NULL)
        return 0;
    return position->is_short != 0 ? -position->quantity : position->quantity;
}

double assay_view_bars_held(const assay_view *view, size_t symbol) {
    const assay_panel *p = seen_panel(view);
    const assay_signal_bars *signal = &view->st->market->signal;
    const assay_position *position = position_of(view, symbol);
    if (position == NULL)
        return ASSAY_NAN;
    size_t entry = assay_book_lots(view->st->book)[position->first_lot].entry_bar, now = seen_bar(view);
    if (signal->panel != NULL) {
        while (entry < view->t && signal->of_bar[entry] == ASSAY_NO_COARSE)
            entry++;
        entry = signal->of_bar[entry] < now ? signal->of_bar[entry] : now;
    }
    return (double)(assay_panel_own_count(p, symbol, now) - assay_panel_own_count(p, symbol, entry));
}

double assay_view_unrealised_return(const assay_view *view, size_t symbol) {
    const assay_position *position = position_of(view, symbol);
    if (position == NULL)
        return ASSAY_NAN;
    const assay_lot *lots = assay_book_lots(view->st->book);
    double paid = 0;
    for (uint32_t at = position->first_lot; at != ASSAY_NO_INDEX; at = lots[at].next)
        paid += lots[at].quantity * lots[at].price;
    double gain = position->quantity * position->mark / paid - 1;
    return position->is_short != 0 ? -gain : gain;
}

double assay_view_cash(const assay_view *view) {
    return view->st->book->cash;
}

double assay_view_equity(const assay_view *view) {
    return view->st->book->equity;
}

/* Why a signal cannot be taken; false: it can. */
static bool refuse(assay_signal_sink *sink, size_t symbol, uint32_t kind, double score, double strength,
                   double target_position) {
    const assay_market *m = sink->st->market;
    const assay_panel *p = m->panel;
    const assay_strategy *strategy = sink->asked->strategy;
    assay_error *why = &sink->reason;
    if (symbol >= p->n_symbols)
        sink->failed = assay_error_set(why, ASSAY_E_STRATEGY, "a signal names symbol %zu, but there are %zu",
                                       symbol, p->n_symbols);
    else if (symbol < sink->next_symbol)
        sink->failed =
            assay_error_set(why, ASSAY_E_STRATEGY, "signals must come in ascending symbol order; %s is late",
                            p->name[symbol]);
    else if (kind >= strategy->n_kinds)
        sink->failed = assay_error_set(why, ASSAY_E_STRATEGY, "a signal for %s has kind %u, but there are %u",
                                       p->name[symbol], kind, strategy->n_kinds);
    else if (!(strength >= 0 && strength <= 1) || isnan(score))
        sink->failed =
            assay_error_set(why, ASSAY_E_STRATEGY,
                            "the signal for %s has strength %g and score %g: strength must lie in [0, 1]",
                            p->name[symbol], strength, score);
    else if (!isnan(target_position) && !(fabs(target_position) <= 1))
        sink->failed = assay_error_set(
            why, ASSAY_E_STRATEGY,
            "the signal for %s has target_position %g: it is a fraction of the full position, "
            "at most 1 without leverage",
            p->name[symbol], target_position);
    else if (isnan(target_position) && isnan(strategy->kinds[kind].target_position))
        sink->failed = assay_error_set(why, ASSAY_E_STRATEGY,
                                       "the signal for %s has no target_position, and neither has its kind",
                                       p->name[symbol]);
    else if (isnan(assay_panel_row(assay_market_seen(m), ASSAY_COLUMN_CLOSE,
                                   assay_market_seen_bar(m, sink->t))[symbol]))
        sink->failed = assay_error_set(why, ASSAY_E_STRATEGY,
                                       "a signal for %s at a bar where it has no price", p->name[symbol]);
    return sink->failed != ASSAY_OK;
}

assay_status assay_signal_emit(assay_signal_sink *sink, size_t symbol, uint32_t kind, double value,
                               double score, double strength, double target_position, assay_error *err) {
    if (sink->failed != ASSAY_OK || refuse(sink, symbol, kind, score, strength, target_position))
        return assay_error_set(err, sink->failed, "%s", sink->reason.message);
    const assay_signal_kind *k = &sink->asked->strategy->kinds[kind];
    const assay_signal signal = {.bar = (uint32_t)sink->t,
                                 .symbol = (uint32_t)symbol,
                                 .value = value,
                                 .score = score,
                                 .strength = strength,
                                 .target_position =
                                     isnan(target_position) ? k->target_position : target_position,
                                 .strategy = (uint16_t)sink->asked->index,
                                 .kind = (uint16_t)(sink->asked->first_kind + kind),
                                 .action = (uint8_t)k->action};
    sink->next_symbol = symbol + 1;
    sink->failed = sink->accept(sink->context, &signal, &sink->reason);
    return sink->failed == ASSAY_OK ? ASSAY_OK
                                    : assay_error_set(err, sink->failed, "%s", sink->reason.message);
}
