/* The public view and sink. A view holds a bar; no function of it takes one, so later rows cannot be reached. */
#include "engine/view.h"

#include <math.h>

#include "base/number.h"

size_t assay_view_n_symbols(const assay_view *view) {
    return view->st->market->panel->n_symbols;
}

int64_t assay_view_timestamp_us(const assay_view *view) {
    return view->st->market->panel->timestamp_us[view->t];
}

const double *assay_view_feature(const assay_view *view, uint32_t index) {
    return index < view->st->n_features ? view->st->feature[index] : NULL;
}

const double *assay_view_close(const assay_view *view) {
    return assay_panel_row(view->st->market->panel, ASSAY_COLUMN_CLOSE, view->t);
}

double assay_view_adjusted_close(const assay_view *view, size_t symbol, size_t lag) {
    if (symbol >= assay_view_n_symbols(view))
        return ASSAY_NAN;
    return assay_panel_adjusted_close(view->st->market->panel, symbol, view->t, lag);
}

double assay_view_quantity(const assay_view *view, size_t symbol) {
    if (symbol >= assay_view_n_symbols(view))
        return 0;
    const assay_position *position = assay_book_find_position(view->st->book, (uint32_t)symbol);
    if (position == NULL)
        return 0;
    return position->is_short != 0 ? -position->quantity : position->quantity;
}

double assay_view_cash(const assay_view *view) {
    return view->st->book->cash;
}

double assay_view_equity(const assay_view *view) {
    return view->st->book->equity;
}

assay_status assay_signal_emit(assay_signal_sink *sink, size_t symbol, uint32_t kind, double value,
                               double score, double strength, double target_position, assay_error *err) {
    const assay_panel *p = sink->st->market->panel;
    const assay_strategy *strategy = sink->st->config->strategy;
    if (symbol >= p->n_symbols)
        sink->failed = assay_error_set(err, ASSAY_E_STRATEGY, "a signal names symbol %zu, but there are %zu",
                                       symbol, p->n_symbols);
    else if (symbol < sink->next_symbol)
        sink->failed =
            assay_error_set(err, ASSAY_E_STRATEGY, "signals must come in ascending symbol order; %s is late",
                            p->name[symbol]);
    else if (kind >= strategy->n_kinds)
        sink->failed = assay_error_set(err, ASSAY_E_STRATEGY, "a signal for %s has kind %u, but there are %u",
                                       p->name[symbol], kind, strategy->n_kinds);
    else if (!(strength >= 0 && strength <= 1) || isnan(score))
        sink->failed =
            assay_error_set(err, ASSAY_E_STRATEGY,
                            "the signal for %s has strength %g and score %g: strength must lie in [0, 1]",
                            p->name[symbol], strength, score);
    else if (!isnan(target_position) && !(fabs(target_position) <= 1))
        sink->failed = assay_error_set(
            err, ASSAY_E_STRATEGY,
            "the signal for %s has target_position %g: it is a fraction of the full position, "
            "at most 1 without leverage",
            p->name[symbol], target_position);
    else if (isnan(p->column[ASSAY_COLUMN_CLOSE][sink->t * p->stride + symbol]))
        sink->failed = assay_error_set(err, ASSAY_E_STRATEGY,
                                       "a signal for %s at a bar where it has no price", p->name[symbol]);
    if (sink->failed != ASSAY_OK)
        return sink->failed;
    const assay_signal_kind *k = &strategy->kinds[kind];
    assay_signal signal = {.bar = (uint32_t)sink->t,
                           .symbol = (uint32_t)symbol,
                           .value = value,
                           .score = score,
                           .strength = strength,
                           .target_position = isnan(target_position) ? k->target_position : target_position,
                           .kind = (uint16_t)kind,
                           .action = (uint8_t)k->action};
    sink->next_symbol = symbol + 1;
    sink->failed = sink->accept(sink->context, &signal, err);
    return sink->failed;
}
