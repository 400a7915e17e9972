/* Nodes of the graph: their kinds, equal ones made one, constants folded. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/elementary.h"
#include "base/number.h"
#include "expression/cross.h"
#include "expression/graph.h"

void assay_graph_reset(assay_graph *g) {
    for (size_t i = 0; i < g->n_names; i++)
        free(g->name[i]);
    free(g->name);
    free(g->node);
    *g = (assay_graph){0};
}

const char *assay_graph_name(assay_graph *g, const char *name, size_t size) {
    for (size_t i = 0; i < g->n_names; i++) {
        if (strncmp(g->name[i], name, size) == 0 && g->name[i][size] == '\0')
            return g->name[i];
    }
    char *copy = strndup(name, size);
    if (copy == NULL || ASSAY_RESERVE(g->name, g->name_capacity, g->n_names + 1, NULL) != ASSAY_OK) {
        free(copy);
        return NULL;
    }
    g->name[g->n_names++] = copy;
    return copy;
}

/* --- equal nodes are one --- */

static bool same_value(double a, double b) {
    uint64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

static bool same_node(const assay_node *a, const assay_node *b) {
    if (a->op != b->op || a->n_in != b->n_in || a->n_numbers != b->n_numbers || a->number != b->number ||
        a->function != b->function || a->text != b->text || !same_value(a->value, b->value))
        return false;
    for (unsigned i = 0; i < a->n_in; i++) {
        if (a->in[i] != b->in[i])
            return false;
    }
    for (unsigned i = 0; i < a->n_numbers; i++) {
        if (a->number_in[i] != b->number_in[i])
            return false;
    }
    return true;
}

assay_status assay_graph_add(assay_graph *g, const assay_node *node, uint32_t *out_node, assay_error *err) {
    for (uint32_t i = 0; i < g->n; i++) {
        if (same_node(&g->node[i], node)) {
            *out_node = i;
            return ASSAY_OK;
        }
    }
    if (g->n == ASSAY_MOST_NODES)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "the expressions are too large: more than %d different parts",
                               ASSAY_MOST_NODES);
    size_t capacity = g->capacity;
    assay_status status = ASSAY_RESERVE(g->node, capacity, (size_t)g->n + 1, err);
    g->capacity = (uint32_t)capacity;
    if (status != ASSAY_OK)
        return status;
    g->node[g->n] = *node;
    *out_node = g->n++;
    return ASSAY_OK;
}

/* --- kinds --- */

static const char *kind_name(const assay_node *n) {
    return n->power == 1 ? "a price" : n->power == -1 ? "a volume" : n->power == 0 ? "a number" : "a product";
}

/* Zero is zero at every scale. */
static bool is_zero(const assay_node *n) {
    return n->op == ASSAY_OP_CONST && n->value == 0;
}

/* Whether a value takes the other's kind without more ado: it is 0, infinite or missing. */
static bool fits_all(const assay_node *n) {
    return is_zero(n) || (n->op == ASSAY_OP_CONST && !isfinite(n->value));
}

/* Two values that are added, compared or chosen from. */
static assay_status meet(const assay_node *a, const assay_node *b, const char *how, int8_t *out_power,
                         bool *out_raw, assay_error *err) {
    *out_power = fits_all(a) ? b->power : a->power;
    *out_raw = a->raw || b->raw;
    if (a->power == b->power || fits_all(a) || fits_all(b))
        return ASSAY_OK;
    if (a->power != 0 && b->power != 0)
        return assay_error_set(err, ASSAY_E_CONFIG, "%s and %s cannot be %s", kind_name(a), kind_name(b),
                               how);
    *out_power = a->power != 0 ? a->power : b->power;
    *out_raw = true; /* a number among prices: at the scale of the bar at which it is asked */
    return ASSAY_OK;
}

static assay_status need_number(const assay_node *a, const char *what, assay_error *err) {
    return a->power == 0
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_CONFIG,
                                 "%s of %s would change with later splits; take it of a ratio, such as "
                                 "close / lag(close, 1)",
                                 what, kind_name(a));
}

static assay_status check_power(const assay_node *a, const assay_node *b, assay_node *node,
                                assay_error *err) {
    bool whole = b->op == ASSAY_OP_CONST && b->value == floor(b->value) && fabs(b->value) <= 8;
    if (a->power != 0 && !whole)
        return need_number(a, "a power", err);
    int power = a->power == 0 ? 0 : a->power * (int)b->value;
    if (power > 100 || power < -100)
        return assay_error_set(err, ASSAY_E_CONFIG, "too high a power of %s", kind_name(a));
    node->power = (int8_t)power;
    node->raw = a->raw;
    return b->power == 0 ? ASSAY_OK : need_number(b, "an exponent", err);
}

static assay_status check_product(const assay_node *a, const assay_node *b, int sign, assay_node *node,
                                  assay_error *err) {
    int power = a->power + sign * b->power;
    node->raw = a->raw || b->raw;
    if (power > 100 || power < -100)
        return assay_error_set(err, ASSAY_E_CONFIG, "a product of too many prices");
    node->power = (int8_t)power;
    return ASSAY_OK;
}

static assay_status check_elementwise(const assay_graph *g, assay_node *node, assay_error *err) {
    const assay_node *a = &g->node[node->in[0]];
    const assay_node *b = &g->node[node->in[node->n_in > 1 ? 1 : 0]]; /* of one input: that one */
    int8_t power = 0;
    bool raw = false;
    switch (node->op) {
    case ASSAY_OP_NEG:
    case ASSAY_OP_ABS:
        node->power = a->power;
        node->raw = a->raw;
        return ASSAY_OK;
    case ASSAY_OP_FLOOR:
    case ASSAY_OP_CEIL:
    case ASSAY_OP_ROUND:
        node->power = a->power;
        node->raw = a->raw || a->power != 0;
        return ASSAY_OK;
    case ASSAY_OP_SQRT:
        node->power = a->power / 2;
        node->raw = a->raw;
        return a->power % 2 == 0 ? ASSAY_OK : need_number(a, "a square root", err);
    case ASSAY_OP_LOG:
        return need_number(a, "a logarithm", err);
    case ASSAY_OP_EXP:
        return need_number(a, "an exponential", err);
    case ASSAY_OP_ADD:
    case ASSAY_OP_SUB:
        return meet(a, b, "added", &node->power, &node->raw, err);
    case ASSAY_OP_MOD:
        return meet(a, b, "divided with a rest", &node->power, &node->raw, err);
    case ASSAY_OP_MIN:
    case ASSAY_OP_MAX:
        return meet(a, b, "chosen from", &node->power, &node->raw, err);
    case ASSAY_OP_MUL:
        return check_product(a, b, 1, node, err);
    case ASSAY_OP_DIV:
        return check_product(a, b, -1, node, err);
    case ASSAY_OP_POW:
        return check_power(a, b, node, err);
    case ASSAY_OP_LT:
    case ASSAY_OP_LE:
    case ASSAY_OP_GT:
    case ASSAY_OP_GE:
    case ASSAY_OP_EQ:
    case ASSAY_OP_NE:
        return meet(a, b, "compared", &power, &raw, err);
    case ASSAY_OP_IF:
        return meet(b, &g->node[node->in[2]], "chosen from", &node->power, &node->raw, err);
    default: /* sign, isnan, not, and, or: of any kind, to a number */
        return ASSAY_OK;
    }
}

static int power_of_function(const assay_graph *g, const assay_node *node) {
    int first = node->n_in > 0 ? g->node[node->in[0]].power : 0;
    int second = node->n_in > 1 ? g->node[node->in[1]].power : 0;
    switch (node->function->power) {
    case ASSAY_POWER_OF_FIRST:
        return first;
    case ASSAY_POWER_PRICE:
        return 1;
    case ASSAY_POWER_VOLUME:
        return -1;
    case ASSAY_POWER_SQUARE:
        return 2 * first;
    case ASSAY_POWER_PRODUCT:
        return first + second;
    case ASSAY_POWER_QUOTIENT:
        return first - second;
    case ASSAY_POWER_NONE:
        break;
    }
    return 0;
}

static assay_status check_window(const assay_graph *g, assay_node *node, assay_error *err) {
    for (unsigned i = 0; i < node->n_in; i++) {
        const assay_node *in = &g->node[node->in[i]];
        if (in->place == ASSAY_PLACE_BOOK)
            return assay_error_set(err, ASSAY_E_CONFIG,
                                   "the state of a position has no past that %s could look at",
                                   node->function->name);
        if (in->raw)
            return assay_error_set(
                err, ASSAY_E_CONFIG,
                "%s of a price and a number added or chosen from: its past would change with "
                "later splits; take %s of the price alone, or of a ratio",
                node->function->name, node->function->name);
    }
    int power = power_of_function(g, node);
    if (power > 100 || power < -100)
        return assay_error_set(err, ASSAY_E_CONFIG, "a product of too many prices");
    node->power = (int8_t)power;
    node->place = ASSAY_PLACE_SERIES;
    return ASSAY_OK;
}

static assay_status check_cross(const assay_graph *g, assay_node *node, assay_error *err) {
    const assay_node *in = &g->node[node->in[0]];
    const assay_cross *cross = assay_cross_at(node->number);
    if (in->place == ASSAY_PLACE_BOOK)
        return assay_error_set(err, ASSAY_E_CONFIG, "positions cannot be compared across symbols by %s",
                               cross->name);
    node->power = cross->same_power ? in->power : 0;
    node->raw = cross->same_power && in->power != 0; /* other symbols' splits are in it */
    node->place = ASSAY_PLACE_SERIES;
    return ASSAY_OK;
}

static void place_leaf(assay_node *node) {
    switch (node->op) {
    case ASSAY_OP_PRICE:
        node->place = ASSAY_PLACE_SERIES;
        node->power = node->number == ASSAY_COLUMN_VOLUME ? -1 : 1;
        break;
    case ASSAY_OP_BOOK:
        node->place = ASSAY_PLACE_BOOK;
        break;
    case ASSAY_OP_CONST:
    case ASSAY_OP_PARAM:
        node->place = ASSAY_PLACE_SCALAR;
        break;
    default:
        node->place = ASSAY_PLACE_SERIES;
        break;
    }
}

/* An operation on constants is a constant. */
static void fold(const assay_graph *g, assay_node *node) {
    double in[ASSAY_MOST_INPUTS] = {0};
    for (unsigned i = 0; i < node->n_in; i++) {
        if (g->node[node->in[i]].op != ASSAY_OP_CONST)
            return;
        in[i] = g->node[node->in[i]].value;
    }
    *node = (assay_node){.op = ASSAY_OP_CONST, .value = assay_op_value(node->op, in[0], in[1], in[2])};
}

assay_status assay_graph_check(assay_graph *g, assay_node *node, assay_error *err) {
    if (node->op == ASSAY_OP_FUNCTION)
        return check_window(g, node, err);
    if (node->op == ASSAY_OP_CROSS)
        return check_cross(g, node, err);
    if (!assay_op_is_elementwise(node->op)) {
        place_leaf(node);
        return ASSAY_OK;
    }
    for (unsigned i = 0; i < node->n_in; i++) {
        uint8_t place = g->node[node->in[i]].place;
        node->place = place > node->place ? place : node->place;
    }
    assay_status status = check_elementwise(g, node, err);
    if (status == ASSAY_OK)
        fold(g, node);
    return status;
}

/* --- scalars --- */

static double truth(double a) {
    return isnan(a) ? ASSAY_NAN : a != 0 ? 1 : 0;
}

static double comparison(assay_op op, double a, double b) {
    if (isnan(a) || isnan(b))
        return ASSAY_NAN;
    switch (op) {
    case ASSAY_OP_LT:
        return a < b;
    case ASSAY_OP_LE:
        return a <= b;
    case ASSAY_OP_GT:
        return a > b;
    case ASSAY_OP_GE:
        return a >= b;
    case ASSAY_OP_EQ:
        return a == b;
    default:
        return a != b;
    }
}

/* The rest has the sign of the divisor, as in Python. */
static double modulo(double a, double b) {
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double assay_op_value(assay_op op, double a, double b, double c) {
    switch (op) {
    case ASSAY_OP_NEG:
        return -a;
    case ASSAY_OP_NOT:
        return isnan(a) ? ASSAY_NAN : a == 0;
    case ASSAY_OP_ABS:
        return fabs(a);
    case ASSAY_OP_SQRT:
        return sqrt(a);
    case ASSAY_OP_FLOOR:
        return floor(a);
    case ASSAY_OP_CEIL:
        return ceil(a);
    case ASSAY_OP_ROUND:
        return a < 0 ? -floor(-a + 0.5) : floor(a + 0.5);
    case ASSAY_OP_SIGN:
        return isnan(a) ? ASSAY_NAN : (double)((a > 0) - (a < 0));
    case ASSAY_OP_LOG:
        return assay_log(a);
    case ASSAY_OP_EXP:
        return assay_exp(a);
    case ASSAY_OP_ISNAN:
        return isnan(a) ? 1 : 0;
    case ASSAY_OP_ADD:
        return a + b;
    case ASSAY_OP_SUB:
        return a - b;
    case ASSAY_OP_MUL:
        return a * b;
    case ASSAY_OP_DIV:
        return a / b;
    case ASSAY_OP_MOD:
        return modulo(a, b);
    case ASSAY_OP_POW:
        return assay_pow(a, b);
    case ASSAY_OP_MIN:
        return isnan(a) || isnan(b) ? ASSAY_NAN : assay_min(a, b);
    case ASSAY_OP_MAX:
        return isnan(a) || isnan(b) ? ASSAY_NAN : assay_max(a, b);
    case ASSAY_OP_AND:
        return a == 0 || b == 0 ? 0 : isnan(a) || isnan(b) ? ASSAY_NAN : 1;
    case ASSAY_OP_OR:
        return truth(a) == 1 || truth(b) == 1 ? 1 : isnan(a) || isnan(b) ? ASSAY_NAN : 0;
    case ASSAY_OP_IF:
        return isnan(a) ? ASSAY_NAN : a != 0 ? b : c;
    default:
        return comparison(op, a, b);
    }
}

double assay_scalar_value(const assay_graph *g, uint32_t index, const double *param) {
    const assay_node *node = &g->node[index];
    if (node->op == ASSAY_OP_CONST)
        return node->value;
    if (node->op == ASSAY_OP_PARAM)
        return param == NULL ? ASSAY_NAN : param[node->number];
    double in[ASSAY_MOST_INPUTS] = {0};
    for (unsigned i = 0; i < node->n_in; i++)
        in[i] = assay_scalar_value(g, node->in[i], param);
    return assay_op_value(node->op, in[0], in[1], in[2]);
}

assay_status assay_check_numbers(const char *function, const assay_function_number *number, uint32_t n,
                                 const double *value, assay_error *err) {
    for (uint32_t i = 0; i < n; i++) {
        bool whole = !number[i].is_window || value[i] == floor(value[i]);
        if (whole && value[i] >= number[i].min && value[i] <= number[i].max)
            continue;
        if (number[i].is_window && value[i] < 0 && strcmp(function, "lag") == 0)
            return assay_error_set(err, ASSAY_E_CONFIG,
                                   "lag(x, %g) would look ahead; a lag is 0 or more bars back", value[i]);
        return assay_error_set(
            err, ASSAY_E_CONFIG, "%s of %s is %g; it must be %s from %g to %g", number[i].name, function,
            value[i], number[i].is_window ? "a whole number" : "a number", number[i].min, number[i].max);
    }
    return ASSAY_OK;
}
