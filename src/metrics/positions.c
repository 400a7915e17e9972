/* Positions from bar to bar (semantics, sections 2 and 6): splits before the bar's fills, marks at its close. */
#include "metrics/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Less than this of a fill is what rounding leaves of a closed position. */
static const double NOTHING_OF_A_FILL = 1e-9;

bool assay_positions_init(assay_positions *p, size_t n_symbols) {
    p->n_symbols = n_symbols;
    p->quantity = calloc(2 * n_symbols + 1, sizeof *p->quantity);
    p->mark = p->quantity == NULL ? NULL : p->quantity + n_symbols;
    return p->quantity != NULL;
}

void assay_positions_reset(assay_positions *p) {
    free(p->quantity);
    *p = (assay_positions){0};
}

void assay_positions_split(assay_positions *p, const assay_panel_event *event) {
    p->quantity[event->symbol] *= event->split_ratio;
    p->mark[event->symbol] /= event->split_ratio;
}

void assay_positions_fill(assay_positions *p, const assay_fill *fill) {
    double *quantity = &p->quantity[fill->symbol];
    *quantity += fill->side == ASSAY_SIDE_BUY ? fill->quantity : -fill->quantity;
    p->mark[fill->symbol] = fill->price;
    if (fabs(*quantity) < NOTHING_OF_A_FILL * fill->quantity)
        *quantity = 0;
}

void assay_positions_mark(assay_positions *p, const double *close) {
    for (size_t s = 0; s < p->n_symbols; s++)
        if (p->quantity[s] != 0 && !isnan(close[s]))
            p->mark[s] = close[s];
}

/* Position at an event that is none: the first at or after a bar. */
static size_t skip_events(const assay_panel *panel, size_t at, size_t bar) {
    while (at < panel->n_events && panel->event[at].bar < bar)
        at++;
    return at;
}

assay_status assay_result_positions(const assay_result *result, const uint32_t *symbols, size_t n_symbols,
                                    double *out_quantity, double *out_value, assay_error *err) {
    const assay_panel *panel = assay_result_panel(result);
    size_t n_bars, n_fills, fill = 0, event = 0;
    const assay_snapshot *snapshots = assay_result_snapshots(result, &n_bars);
    const assay_fill *fills = assay_result_fills(result, &n_fills);
    for (size_t k = 0; k < n_symbols; k++)
        if (symbols[k] >= assay_panel_n_symbols(panel))
            return assay_error_set(err, ASSAY_E_ARGUMENT,
                                   "positions: there is no symbol %u: the panel has %zu", symbols[k],
                                   assay_panel_n_symbols(panel));
    assay_positions p = {0};
    if (!assay_positions_init(&p, assay_panel_n_symbols(panel)))
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for positions");
    for (size_t i = 0; i < n_bars; i++) {
        size_t bar = snapshots[i].bar;
        for (event = skip_events(panel, event, bar);
             event < panel->n_events && panel->event[event].bar == bar; event++)
            assay_positions_split(&p, &panel->event[event]);
        for (; fill < n_fills && fills[fill].bar <= bar; fill++)
            assay_positions_fill(&p, &fills[fill]);
        assay_positions_mark(&p, assay_panel_row(panel, ASSAY_COLUMN_CLOSE, bar));
        for (size_t k = 0; k < n_symbols; k++) {
            double quantity = p.quantity[symbols[k]];
            out_quantity[i * n_symbols + k] = quantity;
            out_value[i * n_symbols + k] = quantity == 0 ? 0 : quantity * p.mark[symbols[k]];
        }
    }
    assay_positions_reset(&p);
    return ASSAY_OK;
}
