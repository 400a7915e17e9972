/* Expressions over a whole panel. */
#ifndef ASSAY_EXPRESSION_EVALUATE_H
#define ASSAY_EXPRESSION_EVALUATE_H

#include "expression/graph.h"

/* out[i]: n_bars x stride values of roots[i] in calendar layout, prices at the as-of raw scale; the caller's, cache-line
 * aligned. Parameters must have values. A known technical column that the panel does not have is computed. ASSAY_E_NOMEM;
 * ASSAY_E_NOT_FOUND: a column that the panel does not have. May add nodes to the graph. */
ASSAY_NODISCARD assay_status assay_evaluate(const assay_panel *panel, assay_graph *graph,
                                            const uint32_t *roots, uint32_t n_roots, double *const *out,
                                            assay_error *err);

/* The same of one root into n_bars x n_symbols values, without the padding of the panel's rows. */
ASSAY_NODISCARD assay_status assay_evaluate_symbols(const assay_panel *panel, assay_graph *graph,
                                                    uint32_t root, double *out, assay_error *err);

#endif
