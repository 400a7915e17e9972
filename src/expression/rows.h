/* Elementwise expressions, computed for a row of symbols at a time.
 *
 * A program reads leaf rows (columns, features, constants, the book) and writes result rows. It lives in one of two layouts:
 * in the calendar every value is at the as-of raw scale; in own time prices are in units of q, and where a price meets a
 * number it is divided by the factor first.
 */
#ifndef ASSAY_EXPRESSION_ROWS_H
#define ASSAY_EXPRESSION_ROWS_H

#include "expression/cross.h"
#include "expression/graph.h"

/* Symbols that are computed at once, so that all rows of a tile stay in the cache; with cross-sections among the operations, all
 * symbols of the bar. */
enum { ASSAY_ROW_TILE = 512 };

typedef struct assay_instruction {
    assay_op op;
    uint32_t out, in[ASSAY_MOST_INPUTS]; /* slots; of a cross-section: the series, then closes */
    uint32_t cross;                      /* which cross-section */
} assay_instruction;

/* A row that comes from outside. */
typedef struct assay_row_leaf {
    uint32_t node; /* ASSAY_NO_NODE: the factor */
} assay_row_leaf;

/* Slots: the leaves, then registers. */
typedef struct assay_rows {
    assay_instruction *code;
    size_t n_code, code_capacity;
    assay_row_leaf *leaf;
    size_t n_leaves, leaf_capacity;
    uint32_t *root; /* slot of each result */
    size_t n_roots;
    uint32_t n_registers;
    size_t width;      /* of a tile */
    double *registers; /* n_registers x width */
} assay_rows;

typedef enum assay_layout { ASSAY_CALENDAR, ASSAY_OWN_TIME } assay_layout;

/* Plans the rows of these nodes. `factors`: false where no symbol has one, so that both scales are the same. `raw`: results at
 * the raw scale. n_cross: 0, or the symbols of a bar, whose cheap cross-sections are then operations, not leaves (calendar
 * alone). Reset it in every case. ASSAY_E_NOMEM, ASSAY_E_CONFIG (too large). */
ASSAY_NODISCARD assay_status assay_rows_plan(assay_rows *rows, const assay_graph *graph,
                                             const uint32_t *nodes, size_t n_nodes, assay_layout layout,
                                             bool factors, bool raw, size_t n_cross, assay_error *err);
void assay_rows_reset(assay_rows *rows);

/* Computes n symbols. leaf[i]: row of leaf i; `bar`: for cross-sections, else NULL; `mask`: NULL, or results are NaN where it
 * is; out[i]: where to write result i, NULL: not wanted. */
void assay_rows_run(const assay_rows *rows, const double *const *leaf, size_t n, const assay_cross_bar *bar,
                    const double *mask, double *const *out);

#endif
