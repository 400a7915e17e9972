/* gap_policy: forward_fill. A bar that a symbol lacks is made of its last close, for a while after its last own bar and whether
 * or not it ever trades again, so that nothing of the future is in it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/block.h"
#include "base/number.h"
#include "market/builder.h"

/* Every price of the bar is the last close; the volume is 0. */
static void fill_cell(assay_panel *p, size_t cell, double price) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        if (p->column[c] != NULL)
            p->column[c][cell] = c == ASSAY_COLUMN_VOLUME ? 0 : price;
    }
    p->filled[cell] = 1;
}

assay_status assay_panel_fill_gaps(assay_panel *p, size_t most, assay_error *err) {
    size_t n_cells = p->n_bars * p->stride, next = 0;
    double *last = malloc((p->n_symbols + 1) * sizeof *last); /* in share units of the bar at hand */
    size_t *since = calloc(p->n_symbols + 1, sizeof *since);
    p->filled = assay_block_alloc(n_cells, 1);
    assay_status status = ASSAY_OK;
    if (last == NULL || since == NULL || p->filled == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for gaps of %zu bars x %zu symbols",
                                 p->n_bars, p->n_symbols);
    } else {
        memset(p->filled, 0, n_cells);
        for (size_t s = 0; s < p->n_symbols; s++)
            last[s] = ASSAY_NAN;
        p->fill_gap_bars = most;
    }
    for (size_t t = 0; t < p->n_bars && status == ASSAY_OK; t++) {
        for (; next < p->n_events && p->event[next].bar == t; next++)
            last[p->event[next].symbol] /= p->event[next].split_ratio;
        for (size_t s = 0; s < p->n_symbols; s++) {
            size_t cell = t * p->stride + s;
            double close = p->column[ASSAY_COLUMN_CLOSE][cell];
            since[s] = isnan(close) ? since[s] + 1 : 0;
            if (!isnan(close))
                last[s] = close;
            else if (!isnan(last[s]) && since[s] <= most)
                fill_cell(p, cell, last[s]);
        }
    }
    free(last);
    free(since);
    return status;
}
