/* What a portfolio holds from bar to bar, by its fills and the splits between them. */
#ifndef ASSAY_METRICS_POSITIONS_H
#define ASSAY_METRICS_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "assay/assay_error.h"
#include "assay/assay_result.h"
#include "market/panel.h"

/* Shares of each symbol of a panel (below zero: short), and the price at which a share counts. Zero-initialise; `positions_reset`
 * frees. */
typedef struct assay_positions {
    double *quantity, *mark; /* by symbol of the panel */
    size_t n_symbols;
} assay_positions;

bool assay_positions_init(assay_positions *p, size_t n_symbols); /* false: no memory */
void assay_positions_reset(assay_positions *p);
/* A split on the morning of a bar, before its fills. */
void assay_positions_split(assay_positions *p, const assay_panel_event *event);
void assay_positions_fill(assay_positions *p, const assay_fill *fill);
/* The close of a bar; a symbol without one keeps its price. `close` is a row of the panel. */
void assay_positions_mark(assay_positions *p, const double *close);

#endif
