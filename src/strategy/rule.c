/* A rule at work. Its windowed parts are features, which the engine computes for the whole panel and shares; the rest is a
 * row program over them, the bar's prices, the parameters and the book, run once a bar. */
#include "strategy/rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "expression/features.h"
#include "expression/rows.h"

/* --- features --- */

static bool is_feature(assay_op op) {
    return op == ASSAY_OP_FUNCTION || op == ASSAY_OP_CROSS || op == ASSAY_OP_MARKET_BETA ||
           op == ASSAY_OP_COLUMN || op == ASSAY_OP_MARKET;
}

/* All nodes that a decision computes, each once. */
static size_t list_roots(const assay_rule *rule,
                         uint32_t out_root[ASSAY_N_RULE_ACTIONS * ASSAY_N_RULE_PARTS]) {
    size_t n = 0;
    for (int a = 0; a < ASSAY_N_RULE_ACTIONS; a++) {
        for (int part = 0; part < ASSAY_N_RULE_PARTS; part++) {
            uint32_t node = rule->node[a][part];
            size_t i = 0;
            while (i < n && out_root[i] != node)
                i++;
            if (node != ASSAY_NO_NODE && i == n)
                out_root[n++] = node;
        }
    }
    return n;
}

static assay_status plan(const assay_rule *rule, size_t n_symbols, assay_rows *out_rows, assay_error *err) {
    uint32_t root[ASSAY_N_RULE_ACTIONS * ASSAY_N_RULE_PARTS];
    size_t n = list_roots(rule, root);
    return assay_rows_plan(out_rows, &rule->graph, root, n, ASSAY_CALENDAR, false, true, n_symbols, err);
}

static assay_status add_feature(assay_rule *rule, uint32_t node, assay_error *err) {
    enum { SIZE = 1 << 16 };
    if (rule->n_features == ASSAY_MAX_FEATURES)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "the rule needs more than %d different windows and columns",
                               ASSAY_MAX_FEATURES);
    char *text = malloc(SIZE);
    if (text == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a rule");
    bool fits = assay_expression_write(&rule->graph, &rule->scope, node, text, SIZE);
    rule->feature[rule->n_features] = node;
    rule->feature_text[rule->n_features] = fits ? assay_rule_text(rule, text, strlen(text)) : NULL;
    free(text);
    if (!fits)
        return assay_error_set(err, ASSAY_E_CONFIG, "an expression within a window is too long");
    return rule->feature_text[rule->n_features++] != NULL
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a rule");
}

/* A parameter that is a window is a whole number within the function's bounds. */
static void take_bounds(assay_rule *rule, const assay_node *n) {
    static const assay_function_number whole = {"n", true, 1, 100000, 0};
    for (unsigned i = 0; i < n->n_numbers; i++) {
        const assay_node *number = &rule->graph.node[n->number_in[i]];
        const assay_function_number *bounds = n->op == ASSAY_OP_FUNCTION ? &n->function->number[i] : &whole;
        if (number->op != ASSAY_OP_PARAM)
            continue;
        assay_param *param = &rule->params[number->number];
        param->type = bounds->is_window ? ASSAY_PARAM_INTEGER : param->type;
        param->unit = bounds->is_window ? "bars" : param->unit;
        param->min = assay_max(param->min, n->op == ASSAY_OP_MARKET_BETA ? 2 : bounds->min);
        param->max = assay_min(param->max, bounds->max);
    }
}

/* Whether a node is the same for all symbols of a bar: of constants, parameters and how often the rule was asked. */
static bool is_of_bar(const assay_graph *g, uint32_t index) {
    const assay_node *n = &g->node[index];
    if (n->op == ASSAY_OP_BOOK)
        return n->number == ASSAY_BOOK_TIMES_ASKED;
    if (n->op == ASSAY_OP_CONST || n->op == ASSAY_OP_PARAM)
        return true;
    if (!assay_op_is_elementwise(n->op))
        return false;
    for (unsigned i = 0; i < n->n_in; i++) {
        if (!is_of_bar(g, n->in[i]))
            return false;
    }
    return true;
}

/* A part of an "and" that is the same for all symbols: where it is 0, nothing else needs to be computed. */
static uint32_t find_guard(const assay_rule *rule, uint32_t index) {
    if (index == ASSAY_NO_NODE || is_of_bar(&rule->graph, index))
        return index;
    const assay_node *n = &rule->graph.node[index];
    if (n->op != ASSAY_OP_AND)
        return ASSAY_NO_NODE;
    uint32_t left = find_guard(rule, n->in[0]);
    return left != ASSAY_NO_NODE ? left : find_guard(rule, n->in[1]);
}

assay_status assay_rule_bind(assay_rule *rule, assay_error *err) {
    assay_rows rows;
    const assay_node price = {
        .op = ASSAY_OP_PRICE, .place = ASSAY_PLACE_SERIES, .power = 1, .number = ASSAY_COLUMN_CLOSE};
    uint32_t unused; /* cross-sections look for it */
    assay_status status = assay_graph_add(&rule->graph, &price, &unused, err);
    if (status != ASSAY_OK)
        return status;
    status = plan(rule, 1, &rows, err);
    for (size_t i = 0; status == ASSAY_OK && i < rows.n_leaves; i++) {
        if (is_feature(rule->graph.node[rows.leaf[i].node].op))
            status = add_feature(rule, rows.leaf[i].node, err);
    }
    for (size_t i = 0; i < rows.n_code; i++) {
        if (rows.code[i].op == ASSAY_OP_CROSS && assay_cross_at(rows.code[i].cross)->by_sector)
            rule->decides_by_sector = assay_cross_at(rows.code[i].cross);
    }
    assay_rows_reset(&rows);
    for (uint32_t i = 0; i < rule->graph.n; i++) {
        const assay_node *node = &rule->graph.node[i];
        take_bounds(rule, node);
        rule->needs_sectors =
            rule->needs_sectors || (node->op == ASSAY_OP_CROSS && assay_cross_at(node->number)->by_sector);
    }
    for (int a = 0; a < ASSAY_N_RULE_ACTIONS; a++)
        rule->guard[a] = find_guard(rule, rule->node[a][ASSAY_RULE_CONDITION]);
    return status;
}

/* The features that built-in strategies share, where a node is one of them. */
static bool is_shared_feature(const assay_rule *rule, const assay_node *node, const double *params,
                              assay_feature *out) {
    double number[ASSAY_MAX_NUMBERS] = {0};
    for (unsigned i = 0; i < node->n_numbers; i++)
        number[i] = assay_scalar_value(&rule->graph, node->number_in[i], params);
    *out = (assay_feature){.window = (uint32_t)number[0]};
    if (node->op == ASSAY_OP_MARKET_BETA) {
        out->kind = ASSAY_FEATURE_MARKET_BETA;
        return true;
    }
    if (node->op != ASSAY_OP_FUNCTION || node->n_in != 1)
        return false;
    const assay_node *in = &rule->graph.node[node->in[0]];
    if (in->op != ASSAY_OP_PRICE || in->number != ASSAY_COLUMN_CLOSE)
        return false;
    out->kind = ASSAY_FEATURE_WINDOW_RETURN;
    if (strcmp(node->function->name, "return") == 0)
        return true;
    out->kind = ASSAY_FEATURE_ZSCORE;
    return strcmp(node->function->name, "zscore") == 0 && number[1] == 1e-6;
}

uint32_t assay_rule_features(const void *context, const double *params, assay_feature *out_features) {
    const assay_rule *rule = context;
    for (uint32_t i = 0; i < rule->n_features; i++) {
        if (!is_shared_feature(rule, &rule->graph.node[rule->feature[i]], params, &out_features[i]))
            out_features[i] =
                (assay_feature){.kind = ASSAY_FEATURE_EXPRESSION, .expression = rule->feature_text[i]};
    }
    return rule->n_features;
}

assay_status assay_rule_check(const void *context, const double *params, const char **out_warning,
                              assay_error *err) {
    static const assay_function_number whole = {"n", true, 1, 100000, 0};
    const assay_rule *rule = context;
    *out_warning = NULL;
    for (uint32_t i = 0; i < rule->graph.n; i++) {
        const assay_node *n = &rule->graph.node[i];
        double number[ASSAY_MAX_NUMBERS];
        for (unsigned k = 0; k < n->n_numbers; k++)
            number[k] = assay_scalar_value(&rule->graph, n->number_in[k], params);
        const char *name = n->op == ASSAY_OP_FUNCTION ? n->function->name : "a cross-section or market_beta";
        assay_status status = assay_check_numbers(
            name, n->op == ASSAY_OP_FUNCTION ? n->function->number : &whole, n->n_numbers, number, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* --- state --- */

typedef struct rule_state {
    const assay_rule *rule;
    assay_rows rows;
    size_t n, stride;
    double *constants;  /* n_leaves x stride: those of constant leaves, and of the book */
    const double **row; /* of each leaf */
    double *results;    /* n_roots x stride */
    double **result;    /* of each root */
    assay_cross_bar cross;
    const double *part[ASSAY_N_RULE_ACTIONS][ASSAY_N_RULE_PARTS]; /* results; NULL: its default */
} rule_state;

void assay_rule_destroy_state(void *state) {
    rule_state *st = state;
    if (st == NULL)
        return;
    assay_rows_reset(&st->rows);
    assay_cross_bar_reset(&st->cross);
    free(st->constants);
    free(st->row);
    free(st->results);
    free(st->result);
    free(st);
}

/* Constants and parameters do not change while a run lasts. */
static void fill_constants(rule_state *st, const double *params) {
    for (size_t i = 0; i < st->rows.n_leaves; i++) {
        const assay_node *node = &st->rule->graph.node[st->rows.leaf[i].node];
        double *row = st->constants + i * st->stride;
        st->row[i] = row;
        double value = node->place == ASSAY_PLACE_SCALAR
                           ? assay_scalar_value(&st->rule->graph, st->rows.leaf[i].node, params)
                           : ASSAY_NAN;
        for (size_t s = 0; s < st->stride; s++)
            row[s] = value;
    }
}

/* Which result is which part of which action. */
static void find_parts(rule_state *st) {
    uint32_t root[ASSAY_N_RULE_ACTIONS * ASSAY_N_RULE_PARTS];
    size_t n = list_roots(st->rule, root);
    for (size_t i = 0; i < n; i++)
        st->result[i] = st->results + i * st->stride;
    for (int a = 0; a < ASSAY_N_RULE_ACTIONS; a++) {
        for (int part = 0; part < ASSAY_N_RULE_PARTS; part++) {
            for (size_t i = 0; i < n; i++) {
                if (root[i] == st->rule->node[a][part])
                    st->part[a][part] = st->result[i];
            }
        }
    }
}

assay_status assay_rule_create_state(const void *context, const double *params, size_t n_symbols,
                                     void **out_state, assay_error *err) {
    rule_state *st = calloc(1, sizeof *st);
    *out_state = st;
    if (st == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a rule");
    st->rule = context;
    st->n = n_symbols;
    st->stride = (n_symbols + 7) / 8 * 8;
    assay_status status = plan(st->rule, n_symbols, &st->rows, err);
    if (status == ASSAY_OK)
        status = assay_cross_bar_init(&st->cross, n_symbols, err);
    if (status != ASSAY_OK)
        return status;
    st->constants = assay_aligned_alloc((st->rows.n_leaves + 1) * st->stride, sizeof(double));
    st->results = assay_aligned_alloc((st->rows.n_roots + 1) * st->stride, sizeof(double));
    st->row = calloc(st->rows.n_leaves + 1, sizeof *st->row);
    st->result = calloc(st->rows.n_roots + 1, sizeof *st->result);
    if (st->constants == NULL || st->results == NULL || st->row == NULL || st->result == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a rule over %zu symbols", n_symbols);
    fill_constants(st, params);
    find_parts(st);
    return ASSAY_OK;
}

/* --- a bar --- */

static double book_value(const assay_view *view, uint32_t what, size_t symbol) {
    double quantity;
    switch (what) {
    case ASSAY_BOOK_HELD:
        quantity = assay_view_quantity(view, symbol);
        return (quantity > 0) - (quantity < 0);
    case ASSAY_BOOK_BARS_HELD:
        return assay_view_bars_held(view, symbol);
    case ASSAY_BOOK_UNREALISED:
        return assay_view_unrealised_return(view, symbol);
    default:
        return (double)assay_view_times_asked(view);
    }
}

/* Rows of this bar; constants stay. */
static void set_leaves(rule_state *st, const assay_view *view) {
    uint32_t feature = 0;
    for (size_t i = 0; i < st->rows.n_leaves; i++) {
        const assay_node *node = &st->rule->graph.node[st->rows.leaf[i].node];
        double *own = st->constants + i * st->stride;
        if (is_feature(node->op)) {
            st->row[i] = assay_view_feature(view, feature++);
        } else if (node->op == ASSAY_OP_PRICE) {
            const double *column = assay_view_column(view, (int)node->number);
            st->row[i] = column == NULL ? own : column; /* NaN where the data have no such column */
        } else if (node->op == ASSAY_OP_BOOK) {
            for (size_t s = 0; s < st->n; s++)
                own[s] = book_value(view, node->number, s);
        }
    }
}

static double part_of(const rule_state *st, int action, int part, size_t s, double otherwise) {
    const double *row = st->part[action][part];
    return row == NULL ? otherwise : row[s];
}

/* The value of a node that is the same for all symbols of the bar. */
static double bar_value(const assay_graph *g, uint32_t index, const double *params, uint64_t times_asked) {
    const assay_node *n = &g->node[index];
    if (n->op == ASSAY_OP_BOOK)
        return (double)times_asked;
    if (n->place == ASSAY_PLACE_SCALAR)
        return assay_scalar_value(g, index, params);
    double in[ASSAY_MOST_INPUTS] = {0};
    for (unsigned i = 0; i < n->n_in; i++)
        in[i] = bar_value(g, n->in[i], params, times_asked);
    return assay_op_value(n->op, in[0], in[1], in[2]);
}

static bool can_hold(const rule_state *st, int action, const double *params, uint64_t times_asked) {
    uint32_t guard = st->rule->guard[action];
    if (guard == ASSAY_NO_NODE || action == ASSAY_RULE_TARGET)
        return true;
    return bar_value(&st->rule->graph, guard, params, times_asked) !=
           0; /* NaN is not 0: the rows will tell */
}

/* Whether an action's condition holds; of target: whether there is a weight. */
static bool holds(const rule_state *st, int action, size_t s) {
    double value = st->part[action][ASSAY_RULE_CONDITION][s];
    return action == ASSAY_RULE_TARGET ? !isnan(value) : !isnan(value) && value != 0;
}

/* Emits the signal of an action, unless a part of it is undefined: then there are too few bars for it. */
static assay_status emit(const rule_state *st, int action, size_t s, assay_signal_sink *sink,
                         assay_error *err) {
    double strength = part_of(st, action, ASSAY_RULE_STRENGTH, s, 1);
    double score = part_of(st, action, ASSAY_RULE_SCORE, s, strength);
    const double *position =
        st->part[action][action == ASSAY_RULE_TARGET ? ASSAY_RULE_CONDITION : ASSAY_RULE_POSITION];
    double target = position == NULL ? ASSAY_NAN : position[s];
    if (isnan(strength) || isnan(score) || (position != NULL && isnan(target)))
        return ASSAY_OK;
    return assay_signal_emit(sink, s, st->rule->kind[action],
                             part_of(st, action, ASSAY_RULE_VALUE, s, ASSAY_NAN), score, strength, target,
                             err);
}

assay_status assay_rule_on_bar(void *state, const double *params, const assay_view *view,
                               assay_signal_sink *sink, assay_error *err) {
    rule_state *st = state;
    const double *close = assay_view_close(view);
    int action[ASSAY_N_RULE_ACTIONS], n_actions = 0;
    for (int a = 0; a < ASSAY_N_RULE_ACTIONS; a++) {
        if (st->part[a][ASSAY_RULE_CONDITION] != NULL &&
            can_hold(st, a, params, assay_view_times_asked(view)))
            action[n_actions++] = a;
    }
    if (n_actions == 0)
        return ASSAY_OK;
    assay_status ready = assay_cross_bar_set(&st->cross, assay_view_sectors(view), assay_view_n_sectors(view),
                                             assay_view_outside(view), err);
    if (ready != ASSAY_OK)
        return ready;
    if (st->rule->decides_by_sector != NULL && st->cross.sector == NULL)
        return assay_cross_refuse_sectors(st->rule->decides_by_sector, err);
    set_leaves(st, view);
    assay_rows_run(&st->rows, st->row, st->n, &st->cross, NULL, st->result);
    for (size_t s = 0; s < st->n; s++) {
        for (int i = 0; i < n_actions; i++) {
            if (!holds(st, action[i], s) || isnan(close[s]))
                continue;
            assay_status status = emit(st, action[i], s, sink, err);
            if (status != ASSAY_OK)
                return status;
            break;
        }
    }
    return ASSAY_OK;
}
