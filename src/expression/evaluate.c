/* A node becomes a matrix in one of the two layouts, when somebody needs it there:
 *
 *                    own time (in units of q)                      calendar (raw scale, as of each bar)
 *   close            panel->own_price                              panel->column
 *   a column         calendar_to_own                               the panel's
 *   function         its kernel, over own-time inputs              own time / factor^power, spread to the calendar
 *   cross-section    calendar_to_own                               row by row, over calendar inputs
 *   elementwise      a row program, over own-time leaves           a row program, over calendar leaves
 *
 * Matrices are kept while a later result can need them.
 */
#include "expression/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "base/simd.h"
#include "expression/cross.h"
#include "expression/names.h"
#include "expression/rows.h"
#include "indicator/market_beta.h"
#include "market/universe.h"

typedef struct evaluator {
    const assay_panel *panel;
    assay_graph *graph;
    uint32_t price[ASSAY_N_PRICE_COLUMNS]; /* nodes of the price columns */
    uint32_t *alias;                       /* of each node: itself, or what computes it */
    const double **made[2];                /* by layout and node; NULL: not made */
    double **owned[2];                     /* the same, where the evaluator must free it */
    bool *needed;                          /* by what is still to do */
    double *factors;                       /* own time; NULL: every factor is 1 */
    double *market;                        /* n_bars; NULL: not needed so far */
    assay_error *err;
} evaluator;

static assay_status make(evaluator *e, uint32_t node, assay_layout layout, const double **out);

static size_t n_cells(const evaluator *e) {
    return e->panel->n_bars * e->panel->stride;
}

static assay_status new_matrix(evaluator *e, double **out) {
    *out = assay_block_alloc(n_cells(e), sizeof(double));
    return *out != NULL ? ASSAY_OK
                        : assay_error_set(e->err, ASSAY_E_NOMEM, "out of memory for %zu bars x %zu symbols",
                                          e->panel->n_bars, e->panel->n_symbols);
}

/* --- leaves --- */

static assay_status make_column(evaluator *e, const assay_node *node, const double **out) {
    int column = assay_panel_find_column(e->panel, node->text);
    if (column < 0)
        return assay_error_set(e->err, ASSAY_E_NOT_FOUND,
                               "the data have no column '%s': the tables technical_analysis, "
                               "fundamental_analysis and prices were looked at",
                               node->text);
    *out = e->panel->extra[column - ASSAY_N_PRICE_COLUMNS].values;
    return ASSAY_OK;
}

static assay_status find_market(evaluator *e) {
    if (e->market != NULL)
        return ASSAY_OK;
    e->market = malloc((e->panel->n_bars + 1) * sizeof *e->market);
    if (e->market == NULL)
        return assay_error_set(e->err, ASSAY_E_NOMEM, "out of memory for %zu bars", e->panel->n_bars);
    if (e->panel->benchmark_return == NULL)
        return assay_equal_weight_market(e->panel, e->market, e->err);
    memcpy(e->market, e->panel->benchmark_return, e->panel->n_bars * sizeof *e->market);
    return ASSAY_OK;
}

static assay_status make_market(evaluator *e, double *out) {
    assay_status status = find_market(e);
    for (size_t t = 0; status == ASSAY_OK && t < e->panel->n_bars; t++) {
        for (size_t s = 0; s < e->panel->stride; s++)
            out[t * e->panel->stride + s] = e->market[t];
    }
    return status;
}

static void fill_nan(const evaluator *e, double *out) {
    for (size_t i = 0; i < n_cells(e); i++)
        out[i] = ASSAY_NAN;
}

/* --- functions of own bars --- */

static assay_status run_kernel(evaluator *e, const assay_node *node, double *out) {
    const assay_function *f = node->function;
    assay_kernel_input in = {.panel = e->panel, .n_rows = e->panel->n_bars, .stride = e->panel->stride};
    double number[ASSAY_MAX_NUMBERS];
    for (unsigned i = 0; i < node->n_numbers; i++)
        number[i] = assay_scalar_value(e->graph, node->number_in[i], NULL);
    assay_status status = assay_check_numbers(f->name, f->number, f->n_numbers, number, e->err);
    in.number = number;
    in.power = node->n_in > 0 ? e->graph->node[node->in[0]].power : node->power;
    for (unsigned i = 0; status == ASSAY_OK && i < node->n_in; i++)
        status = make(e, node->in[i], ASSAY_OWN_TIME, &in.series[i]);
    for (unsigned i = 0; status == ASSAY_OK && i < f->n_implied; i++)
        status = make(e, e->price[f->implied[i]], ASSAY_OWN_TIME, &in.series[node->n_in + i]);
    return status == ASSAY_OK ? f->compute(&in, out, e->err) : status;
}

static assay_status run_beta(evaluator *e, const assay_node *node, double *out) {
    double window = assay_scalar_value(e->graph, node->number_in[0], NULL);
    if (!(window >= 2 && window <= 100000 && window == floor(window)))
        return assay_error_set(e->err, ASSAY_E_CONFIG,
                               "n of market_beta is %g; it must be a whole number from 2 to 100000", window);
    assay_status status = find_market(e);
    return status == ASSAY_OK ? assay_market_beta(e->panel, e->market, (size_t)window, out, e->err) : status;
}

static assay_status run_own(evaluator *e, const assay_node *node, double *out) {
    return node->op == ASSAY_OP_FUNCTION ? run_kernel(e, node, out) : run_beta(e, node, out);
}

ASSAY_SIMD static void divide_row(size_t n, const double *restrict factor, double *restrict row) {
    for (size_t i = 0; i < n; i++)
        row[i] /= factor[i];
}

ASSAY_SIMD static void multiply_row(size_t n, const double *restrict factor, double *restrict row) {
    for (size_t i = 0; i < n; i++)
        row[i] *= factor[i];
}

/* From units of q in own time to the raw scale in the calendar, in place. */
static assay_status to_calendar(evaluator *e, int power, double *values) {
    for (int k = 0; e->factors != NULL && k < abs(power); k++) {
        if (power > 0)
            divide_row(n_cells(e), e->factors, values);
        else
            multiply_row(n_cells(e), e->factors, values);
    }
    return assay_own_to_calendar(e->panel, values, e->err);
}

/* --- cross-sections --- */

static assay_status run_cross(evaluator *e, const assay_node *node, double *out) {
    const assay_panel *p = e->panel;
    const assay_cross *cross = assay_cross_at(node->number);
    double number = node->n_numbers == 0 ? 0 : assay_scalar_value(e->graph, node->number_in[0], NULL);
    const double *x = NULL;
    if (cross->by_sector && p->n_sectors == 0)
        return assay_cross_refuse_sectors(cross, e->err);
    assay_status status = make(e, node->in[0], ASSAY_CALENDAR, &x);
    if (status != ASSAY_OK)
        return status;
    assay_cross_bar bar;
    status = assay_cross_bar_init(&bar, p->n_symbols, e->err);
    for (size_t t = 0; status == ASSAY_OK && t < p->n_bars; t++) {
        size_t at = t * p->stride;
        status = assay_cross_bar_set(&bar, assay_panel_sectors(p, t), p->n_sectors, assay_panel_outside(p, t),
                                     e->err);
        if (status != ASSAY_OK)
            break;
        assay_cross_compute(cross, &bar, p->column[ASSAY_COLUMN_CLOSE] + at, x + at, number, out + at);
        for (size_t s = p->n_symbols; s < p->stride; s++)
            out[at + s] = ASSAY_NAN;
    }
    assay_cross_bar_reset(&bar);
    return status;
}

/* --- elementwise --- */

typedef struct leaf_rows {
    const double **matrix; /* of each leaf; NULL: a constant */
    double *constant;      /* ASSAY_ROW_TILE or stride values of each constant leaf */
    const double **row;
} leaf_rows;

static assay_status make_leaves(evaluator *e, const assay_rows *rows, assay_layout layout, leaf_rows *l) {
    size_t stride = e->panel->stride;
    l->matrix = calloc(rows->n_leaves + 1, sizeof *l->matrix);
    l->row = calloc(rows->n_leaves + 1, sizeof *l->row);
    l->constant = assay_aligned_alloc((rows->n_leaves + 1) * stride, sizeof(double));
    if (l->matrix == NULL || l->row == NULL || l->constant == NULL)
        return assay_error_set(e->err, ASSAY_E_NOMEM, "out of memory for an expression");
    for (size_t i = 0; i < rows->n_leaves; i++) {
        uint32_t node = rows->leaf[i].node;
        if (node == ASSAY_NO_NODE) {
            l->matrix[i] = e->factors;
            continue;
        }
        if (e->graph->node[node].place != ASSAY_PLACE_SCALAR) {
            assay_status status = make(e, node, layout, &l->matrix[i]);
            if (status != ASSAY_OK)
                return status;
            continue;
        }
        double value = assay_scalar_value(e->graph, node, NULL);
        for (size_t s = 0; s < stride; s++)
            l->constant[i * stride + s] = value;
        l->row[i] = l->constant + i * stride;
    }
    return ASSAY_OK;
}

/* Where a symbol has no bar of its own there is no value, whatever the expression makes of nothing. `width`: of the rows of
 * `out`, stride or n_symbols. */
static assay_status run_rows(evaluator *e, uint32_t node, assay_layout layout, double *out, size_t width) {
    const assay_panel *p = e->panel;
    const double *own = layout == ASSAY_OWN_TIME ? p->own_price : p->column[ASSAY_COLUMN_CLOSE];
    assay_rows rows;
    leaf_rows l = {0};
    assay_status status =
        assay_rows_plan(&rows, e->graph, &node, 1, layout, e->factors != NULL, false, 0, e->err);
    if (status == ASSAY_OK)
        status = make_leaves(e, &rows, layout, &l);
    for (size_t t = 0; status == ASSAY_OK && t < p->n_bars; t++) {
        for (size_t i = 0; i < rows.n_leaves; i++) {
            if (l.matrix[i] != NULL)
                l.row[i] = l.matrix[i] + t * p->stride;
        }
        double *row = out + t * width;
        assay_rows_run(&rows, l.row, width, NULL, own + t * p->stride, &row);
    }
    free(l.matrix);
    free(l.row);
    free(l.constant);
    assay_rows_reset(&rows);
    return status;
}

/* --- a node in a layout --- */

static assay_status fill(evaluator *e, uint32_t index, assay_layout layout, double *out) {
    const assay_node node = e->graph->node[index];
    const double *other = NULL;
    assay_status status;
    switch (node.op) {
    case ASSAY_OP_FUNCTION:
    case ASSAY_OP_MARKET_BETA:
        status = run_own(e, &node, out);
        return status == ASSAY_OK && layout == ASSAY_CALENDAR ? to_calendar(e, node.power, out) : status;
    case ASSAY_OP_PRICE: /* a price column that the data do not have, or one in own time */
        fill_nan(e, out);
        return ASSAY_OK;
    case ASSAY_OP_MARKET:
        if (layout == ASSAY_CALENDAR)
            return make_market(e, out);
        break;
    case ASSAY_OP_CROSS:
        if (layout == ASSAY_CALENDAR)
            return run_cross(e, &node, out);
        break;
    case ASSAY_OP_COLUMN:
        break;
    default:
        return run_rows(e, index, layout, out, e->panel->stride);
    }
    status = make(e, index, ASSAY_CALENDAR, &other);
    if (status != ASSAY_OK)
        return status;
    return assay_calendar_to_own(e->panel, other, out, e->err);
}

/* What needs no computing: the panel has it. */
static assay_status borrow(evaluator *e, const assay_node *node, assay_layout layout, const double **out) {
    *out = NULL;
    if (node->op == ASSAY_OP_COLUMN && layout == ASSAY_CALENDAR)
        return make_column(e, node, out);
    if (node->op != ASSAY_OP_PRICE)
        return ASSAY_OK;
    if (layout == ASSAY_CALENDAR)
        *out = e->panel->column[node->number];
    else if (node->number == ASSAY_COLUMN_CLOSE)
        *out = e->panel->own_price;
    return ASSAY_OK;
}

static assay_status make(evaluator *e, uint32_t index, assay_layout layout, const double **out) {
    uint32_t at = e->alias[index];
    /* A column is a number, also one that is computed of prices: in own time it is what the calendar shows. */
    if (layout == ASSAY_OWN_TIME && e->graph->node[at].power != e->graph->node[index].power)
        at = index;
    const assay_node *node = &e->graph->node[at];
    if (e->made[layout][at] == NULL) {
        assay_status status = borrow(e, node, layout, &e->made[layout][at]);
        double *matrix = NULL;
        if (status == ASSAY_OK && e->made[layout][at] == NULL) {
            if (node->op == ASSAY_OP_PRICE && layout == ASSAY_OWN_TIME &&
                e->panel->column[node->number] != NULL) {
                status = assay_own_column(e->panel, (int)node->number, &matrix, e->err);
            } else {
                status = new_matrix(e, &matrix);
                if (status == ASSAY_OK)
                    status = fill(e, at, layout, matrix);
            }
            e->owned[layout][at] = matrix;
            e->made[layout][at] = matrix;
        }
        if (status != ASSAY_OK)
            return status;
    }
    *out = e->made[layout][at];
    return ASSAY_OK;
}

/* --- all of it --- */

/* Known technical columns that the panel does not have stand for the expressions that compute them; prices that functions
 * read without being given them get a node. Nothing is added to the graph after this. */
static assay_status prepare(evaluator *e, assay_error *err) {
    const assay_scope nothing = {0};
    assay_status status = ASSAY_OK;
    for (uint32_t c = 0; status == ASSAY_OK && c < ASSAY_N_PRICE_COLUMNS; c++) {
        assay_node price = {.op = ASSAY_OP_PRICE, .number = c};
        status = assay_graph_check(e->graph, &price, err);
        if (status == ASSAY_OK)
            status = assay_graph_add(e->graph, &price, &e->price[c], err);
    }
    uint32_t n = e->graph->n;
    uint32_t *computed = malloc((n + 1) * sizeof *computed);
    if (computed == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an expression");
    for (uint32_t i = 0; status == ASSAY_OK && i < n; i++) {
        computed[i] = i;
        const char *name = e->graph->node[i].op == ASSAY_OP_COLUMN ? e->graph->node[i].text : NULL;
        const char *text = name == NULL ? NULL : assay_column_expression(name);
        if (text != NULL && assay_panel_find_column(e->panel, name) < 0)
            status = assay_expression_read(e->graph, &nothing, text, &computed[i], NULL, err);
    }
    e->alias = malloc((e->graph->n + 1) * sizeof *e->alias);
    if (status == ASSAY_OK && e->alias == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an expression");
    for (uint32_t i = 0; status == ASSAY_OK && i < e->graph->n; i++)
        e->alias[i] = i < n ? computed[i] : i;
    free(computed);
    return status;
}

static assay_status begin(evaluator *e, assay_error *err) {
    assay_status status = prepare(e, err);
    for (int l = 0; status == ASSAY_OK && l < 2; l++) {
        e->made[l] = calloc(e->graph->n + 1, sizeof *e->made[l]);
        e->owned[l] = calloc(e->graph->n + 1, sizeof *e->owned[l]);
        if (e->made[l] == NULL || e->owned[l] == NULL)
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an expression");
    }
    e->needed = calloc(e->graph->n + 1, sizeof *e->needed);
    if (status == ASSAY_OK && e->needed == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an expression");
    return status == ASSAY_OK ? assay_own_factors(e->panel, &e->factors, err) : status;
}

static void end(evaluator *e) {
    for (int l = 0; l < 2; l++) {
        for (uint32_t i = 0; e->owned[l] != NULL && i < e->graph->n; i++)
            assay_block_free(e->owned[l][i]);
        free(e->owned[l]);
        free(e->made[l]);
    }
    free(e->alias);
    free(e->needed);
    assay_block_free(e->factors);
    free(e->market);
}

static void mark_needed(evaluator *e, uint32_t index) {
    uint32_t at = e->alias[index];
    const assay_node *node = &e->graph->node[at];
    if (at != index)
        e->needed[index] = true;
    if (e->needed[at])
        return;
    e->needed[at] = true;
    for (unsigned i = 0; i < node->n_in; i++)
        mark_needed(e, node->in[i]);
    for (unsigned i = 0; node->op == ASSAY_OP_FUNCTION && i < node->function->n_implied; i++)
        mark_needed(e, e->price[node->function->implied[i]]);
}

/* Frees what none of the roots from `first` on can need. */
static void forget(evaluator *e, const uint32_t *roots, uint32_t first, uint32_t n_roots) {
    memset(e->needed, 0, e->graph->n * sizeof *e->needed);
    for (uint32_t i = first; i < n_roots; i++)
        mark_needed(e, roots[i]);
    for (int l = 0; l < 2; l++) {
        for (uint32_t i = 0; i < e->graph->n; i++) {
            if (e->needed[i] || e->owned[l][i] == NULL)
                continue;
            assay_block_free(e->owned[l][i]);
            e->owned[l][i] = NULL;
            e->made[l][i] = NULL;
        }
    }
}

/* A root that nobody else has needed so far goes straight to its place. */
static assay_status make_root(evaluator *e, uint32_t root, double *out) {
    uint32_t at = e->alias[root];
    const double *made = NULL;
    assay_op op = e->graph->node[at].op;
    bool direct = e->made[ASSAY_CALENDAR][at] == NULL && e->made[ASSAY_OWN_TIME][at] == NULL &&
                  op != ASSAY_OP_PRICE && op != ASSAY_OP_COLUMN;
    if (direct)
        return fill(e, at, ASSAY_CALENDAR, out);
    assay_status status = make(e, at, ASSAY_CALENDAR, &made);
    if (status == ASSAY_OK)
        memcpy(out, made, n_cells(e) * sizeof *out);
    return status;
}

assay_status assay_evaluate(const assay_panel *panel, assay_graph *graph, const uint32_t *roots,
                            uint32_t n_roots, double *const *out, assay_error *err) {
    evaluator e = {.panel = panel, .graph = graph, .err = err};
    assay_status status = begin(&e, err);
    for (uint32_t i = 0; status == ASSAY_OK && i < n_roots; i++) {
        status = make_root(&e, roots[i], out[i]);
        if (status == ASSAY_OK)
            forget(&e, roots, i + 1, n_roots);
    }
    end(&e);
    return status;
}

/* An operation is written row by row to where it belongs; what else a root can be is a matrix first. */
assay_status assay_evaluate_symbols(const assay_panel *panel, assay_graph *graph, uint32_t root, double *out,
                                    assay_error *err) {
    evaluator e = {.panel = panel, .graph = graph, .err = err};
    assay_status status = begin(&e, err);
    uint32_t at = status == ASSAY_OK ? e.alias[root] : root;
    const double *matrix = NULL;
    if (status == ASSAY_OK && assay_op_is_elementwise(graph->node[at].op)) {
        status = run_rows(&e, at, ASSAY_CALENDAR, out, panel->n_symbols);
    } else if (status == ASSAY_OK) {
        status = make(&e, root, ASSAY_CALENDAR, &matrix);
        for (size_t t = 0; status == ASSAY_OK && t < panel->n_bars; t++)
            memcpy(out + t * panel->n_symbols, matrix + t * panel->stride, panel->n_symbols * sizeof *out);
    }
    end(&e);
    return status;
}
