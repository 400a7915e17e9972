#include "expression/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "base/simd.h"

/* --- planning --- */

typedef struct planner {
    assay_rows *rows;
    const assay_graph *graph;
    bool scaled;        /* q and raw differ */
    bool has_cross;     /* cheap cross-sections are operations */
    uint32_t *slot[2];  /* of each node at the scale of q, and at the raw one; ASSAY_NO_NODE: not yet */
    uint32_t n_virtual; /* registers before they are shared; slots VIRTUAL + i */
    assay_status status;
    assay_error *err;
} planner;

enum { VIRTUAL = 1 << 20, MOST_SLOTS = 1024 };

static uint32_t add_leaf(planner *p, uint32_t node) {
    assay_rows *r = p->rows;
    for (size_t i = 0; i < r->n_leaves; i++) {
        if (r->leaf[i].node == node)
            return (uint32_t)i;
    }
    if (p->status == ASSAY_OK)
        p->status = ASSAY_RESERVE(r->leaf, r->leaf_capacity, r->n_leaves + 1, p->err);
    if (p->status != ASSAY_OK)
        return 0;
    r->leaf[r->n_leaves].node = node;
    return (uint32_t)r->n_leaves++;
}

static uint32_t add_code(planner *p, assay_op op, const uint32_t *in, unsigned n_in) {
    assay_rows *r = p->rows;
    if (p->status == ASSAY_OK)
        p->status = ASSAY_RESERVE(r->code, r->code_capacity, r->n_code + 1, p->err);
    if (p->status != ASSAY_OK)
        return 0;
    assay_instruction *code = &r->code[r->n_code++];
    *code = (assay_instruction){.op = op, .out = VIRTUAL + p->n_virtual++};
    for (unsigned i = 0; i < ASSAY_MOST_INPUTS; i++)
        code->in[i] = in[i < n_in ? i : 0];
    return code->out;
}

/* q^power to the raw scale: divided by the factor as often as the power says. */
static uint32_t scale(planner *p, uint32_t slot, int power) {
    uint32_t in[2] = {slot, add_leaf(p, ASSAY_NO_NODE)};
    for (int i = 0; i < abs(power); i++)
        in[0] = add_code(p, power > 0 ? ASSAY_OP_DIV : ASSAY_OP_MUL, in, 2);
    return in[0];
}

static uint32_t plan_node(planner *p, uint32_t index, bool raw);

static bool is_comparison(assay_op op) {
    return op >= ASSAY_OP_LT && op <= ASSAY_OP_NE;
}

static bool fits_all(const assay_node *n) {
    return n->op == ASSAY_OP_CONST && (n->value == 0 || n->value - n->value != 0);
}

/* Whether the operands of an operation are needed at the raw scale, however its own result is. */
static bool needs_raw(const assay_graph *g, const assay_node *node) {
    if (node->raw)
        return true;
    if (!is_comparison(node->op))
        return false;
    const assay_node *a = &g->node[node->in[0]], *b = &g->node[node->in[1]];
    return a->raw || b->raw || (a->power != b->power && !fits_all(a) && !fits_all(b));
}

static uint32_t plan_operation(planner *p, const assay_node *node, bool raw) {
    bool by_factor = raw && !needs_raw(p->graph, node) && node->power != 0 && !is_comparison(node->op);
    bool raw_operands = needs_raw(p->graph, node);
    uint32_t in[ASSAY_MOST_INPUTS] = {0};
    for (unsigned i = 0; i < node->n_in; i++)
        in[i] = plan_node(p, node->in[i], raw_operands || p->graph->node[node->in[i]].raw);
    uint32_t slot = add_code(p, node->op, in, node->n_in);
    return by_factor ? scale(p, slot, node->power) : slot;
}

static bool is_operation(const planner *p, const assay_node *node) {
    return assay_op_is_elementwise(node->op) ||
           (p->has_cross && node->op == ASSAY_OP_CROSS && assay_cross_at(node->number)->is_cheap);
}

/* Closes tell who has a bar. */
static uint32_t plan_cross(planner *p, const assay_node *node) {
    uint32_t close = 0;
    while (close < p->graph->n &&
           (p->graph->node[close].op != ASSAY_OP_PRICE || p->graph->node[close].number != ASSAY_COLUMN_CLOSE))
        close++;
    uint32_t in[2] = {plan_node(p, node->in[0], true), add_leaf(p, close)};
    uint32_t slot = add_code(p, ASSAY_OP_CROSS, in, 2);
    if (p->status == ASSAY_OK)
        p->rows->code[p->rows->n_code - 1].cross = node->number;
    return slot;
}

static uint32_t plan_node(planner *p, uint32_t index, bool raw) {
    const assay_node *node = &p->graph->node[index];
    bool differs = p->scaled && node->power != 0;
    uint32_t *known = &p->slot[raw && differs][index];
    if (p->status != ASSAY_OK || *known != ASSAY_NO_NODE)
        return p->status == ASSAY_OK ? *known : 0;
    uint32_t slot;
    if (node->place == ASSAY_PLACE_SCALAR || !is_operation(p, node)) {
        slot = add_leaf(p, index);
        if (differs && raw)
            slot = scale(p, slot, node->power);
    } else if (node->op == ASSAY_OP_CROSS) {
        slot = plan_cross(p, node);
    } else {
        slot = plan_operation(p, node, raw && differs);
    }
    *known = slot;
    return slot;
}

/* Virtual registers become few: one is free again after its last use. An output never shares with an input. */
static assay_status share_registers(planner *p) {
    assay_rows *r = p->rows;
    size_t n = p->n_virtual;
    size_t *last_use = calloc(n + 1, sizeof *last_use);
    uint32_t *home = malloc((n + 1) * sizeof *home), *free_list = malloc((n + 1) * sizeof *free_list);
    if (last_use == NULL || home == NULL || free_list == NULL) {
        free(last_use);
        free(home);
        free(free_list);
        return assay_error_set(p->err, ASSAY_E_NOMEM, "out of memory for an expression");
    }
    size_t n_free = 0;
    for (size_t i = 0; i < r->n_code; i++) {
        for (unsigned k = 0; k < ASSAY_MOST_INPUTS; k++) {
            if (r->code[i].in[k] >= VIRTUAL)
                last_use[r->code[i].in[k] - VIRTUAL] = i;
        }
    }
    for (size_t i = 0; i < r->n_roots; i++) {
        if (r->root[i] >= VIRTUAL)
            last_use[r->root[i] - VIRTUAL] = SIZE_MAX;
    }
    for (size_t i = 0; i < r->n_code; i++) {
        assay_instruction *code = &r->code[i];
        uint32_t out = code->out - VIRTUAL;
        home[out] = (uint32_t)r->n_leaves + (n_free > 0 ? free_list[--n_free] : r->n_registers++);
        uint32_t was[ASSAY_MOST_INPUTS];
        memcpy(was, code->in, sizeof was);
        code->out = home[out];
        for (unsigned k = 0; k < ASSAY_MOST_INPUTS; k++) {
            if (was[k] < VIRTUAL)
                continue;
            uint32_t v = was[k] - VIRTUAL;
            code->in[k] = home[v];
            if (last_use[v] == i) { /* an input that stands twice is freed once */
                free_list[n_free++] = home[v] - (uint32_t)r->n_leaves;
                last_use[v] = SIZE_MAX - 1;
            }
        }
    }
    for (size_t i = 0; i < r->n_roots; i++)
        r->root[i] = r->root[i] >= VIRTUAL ? home[r->root[i] - VIRTUAL] : r->root[i];
    free(last_use);
    free(home);
    free(free_list);
    return ASSAY_OK;
}

void assay_rows_reset(assay_rows *rows) {
    free(rows->code);
    free(rows->leaf);
    free(rows->root);
    free(rows->registers);
    *rows = (assay_rows){0};
}

assay_status assay_rows_plan(assay_rows *rows, const assay_graph *graph, const uint32_t *nodes,
                             size_t n_nodes, assay_layout layout, bool factors, bool raw, size_t n_cross,
                             assay_error *err) {
    *rows = (assay_rows){0};
    planner p = {.rows = rows,
                 .graph = graph,
                 .scaled = layout == ASSAY_OWN_TIME && factors,
                 .has_cross = n_cross != 0,
                 .err = err};
    p.slot[0] = malloc((graph->n + 1) * sizeof(uint32_t));
    p.slot[1] = malloc((graph->n + 1) * sizeof(uint32_t));
    rows->root = malloc((n_nodes + 1) * sizeof *rows->root);
    if (p.slot[0] == NULL || p.slot[1] == NULL || rows->root == NULL)
        p.status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an expression");
    for (uint32_t i = 0; p.status == ASSAY_OK && i < graph->n; i++)
        p.slot[0][i] = p.slot[1][i] = ASSAY_NO_NODE;
    for (size_t i = 0; p.status == ASSAY_OK && i < n_nodes; i++) {
        rows->root[i] = plan_node(&p, nodes[i], raw || graph->node[nodes[i]].raw);
        rows->n_roots = i + 1;
    }
    if (p.status == ASSAY_OK)
        p.status = share_registers(&p);
    free(p.slot[0]);
    free(p.slot[1]);
    if (p.status == ASSAY_OK && rows->n_leaves + rows->n_registers > MOST_SLOTS)
        p.status =
            assay_error_set(err, ASSAY_E_CONFIG, "the expressions need %zu values at a time; at most %d",
                            rows->n_leaves + rows->n_registers, MOST_SLOTS);
    if (p.status != ASSAY_OK)
        return p.status;
    rows->width = ASSAY_ROW_TILE;
    for (size_t i = 0; i < rows->n_code; i++)
        rows->width = rows->code[i].op == ASSAY_OP_CROSS && n_cross > rows->width ? n_cross : rows->width;
    rows->width = (rows->width + 7) / 8 * 8;
    rows->registers = assay_aligned_alloc((rows->n_registers + 1) * rows->width, sizeof(double));
    return rows->registers == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an expression")
                                   : ASSAY_OK;
}

/* --- running --- */

/* NaN where an operand is NaN, else the comparison as 1 or 0. */
#define COMPARE(name, operator)                                                                              \
    ASSAY_SIMD static void name(size_t n, const double *restrict a, const double *restrict b,                \
                                double *restrict out) {                                                      \
        for (size_t i = 0; i < n; i++) {                                                                     \
            double held = a[i] operator b[i] ? 1 : 0;                                                        \
            out[i] = ((a[i] == a[i]) & (b[i] == b[i])) ? held : ASSAY_NAN;                                   \
        }                                                                                                    \
    }
COMPARE(row_lt, <)
COMPARE(row_le, <=)
COMPARE(row_gt, >)
COMPARE(row_ge, >=)
COMPARE(row_eq, ==)
COMPARE(row_ne, !=)

#define BINARY(name, expression)                                                                             \
    ASSAY_SIMD static void name(size_t n, const double *restrict a, const double *restrict b,                \
                                double *restrict out) {                                                      \
        for (size_t i = 0; i < n; i++)                                                                       \
            out[i] = (expression);                                                                           \
    }
BINARY(row_add, a[i] + b[i])
BINARY(row_sub, a[i] - b[i])
BINARY(row_mul, a[i] * b[i])
BINARY(row_div, a[i] / b[i])
BINARY(row_min, b[i] != b[i] ? b[i] : a[i] > b[i] ? b[i] : a[i])
BINARY(row_max, b[i] != b[i] ? b[i] : a[i] < b[i] ? b[i] : a[i])
BINARY(row_and, ((a[i] == 0) | (b[i] == 0)) ? 0 : ((a[i] == a[i]) & (b[i] == b[i])) ? 1 : ASSAY_NAN)
BINARY(row_or, (((a[i] == a[i]) & (a[i] != 0)) | ((b[i] == b[i]) & (b[i] != 0))) ? 1
               : ((a[i] == a[i]) & (b[i] == b[i]))                               ? 0
                                                                                 : ASSAY_NAN)

#define UNARY(name, expression)                                                                              \
    ASSAY_SIMD static void name(size_t n, const double *restrict a, double *restrict out) {                  \
        for (size_t i = 0; i < n; i++)                                                                       \
            out[i] = (expression);                                                                           \
    }
UNARY(row_neg, -a[i])
UNARY(row_not, a[i] == a[i] ? (a[i] == 0 ? 1 : 0) : a[i])
UNARY(row_abs, fabs(a[i]))
UNARY(row_sqrt, sqrt(a[i]))
UNARY(row_isnan, a[i] == a[i] ? 0 : 1)
UNARY(row_sign, a[i] == a[i] ? (a[i] > 0 ? 1 : a[i] < 0 ? -1 : 0) : a[i])

ASSAY_SIMD static void row_if(size_t n, const double *restrict condition, const double *restrict a,
                              const double *restrict b, double *restrict out) {
    for (size_t i = 0; i < n; i++) {
        double chosen = condition[i] != 0 ? a[i] : b[i];
        out[i] = condition[i] == condition[i] ? chosen : ASSAY_NAN;
    }
}

/* The rest are calls. */
static void row_calls(assay_op op, size_t n, const double *a, const double *b, double *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = assay_op_value(op, a[i], b[i], 0);
}

typedef void binary_row(size_t n, const double *restrict a, const double *restrict b, double *restrict out);
typedef void unary_row(size_t n, const double *restrict a, double *restrict out);

static binary_row *binary_of(assay_op op) {
    switch (op) {
    case ASSAY_OP_ADD:
        return row_add;
    case ASSAY_OP_SUB:
        return row_sub;
    case ASSAY_OP_MUL:
        return row_mul;
    case ASSAY_OP_DIV:
        return row_div;
    case ASSAY_OP_MIN:
        return row_min;
    case ASSAY_OP_MAX:
        return row_max;
    case ASSAY_OP_LT:
        return row_lt;
    case ASSAY_OP_LE:
        return row_le;
    case ASSAY_OP_GT:
        return row_gt;
    case ASSAY_OP_GE:
        return row_ge;
    case ASSAY_OP_EQ:
        return row_eq;
    case ASSAY_OP_NE:
        return row_ne;
    case ASSAY_OP_AND:
        return row_and;
    case ASSAY_OP_OR:
        return row_or;
    default:
        return NULL;
    }
}

static unary_row *unary_of(assay_op op) {
    switch (op) {
    case ASSAY_OP_NEG:
        return row_neg;
    case ASSAY_OP_NOT:
        return row_not;
    case ASSAY_OP_ABS:
        return row_abs;
    case ASSAY_OP_SQRT:
        return row_sqrt;
    case ASSAY_OP_ISNAN:
        return row_isnan;
    case ASSAY_OP_SIGN:
        return row_sign;
    default:
        return NULL;
    }
}

static void run_code(const assay_instruction *code, const double *const *slot, size_t n,
                     const assay_cross_bar *bar, double *out) {
    const double *a = slot[code->in[0]], *b = slot[code->in[1]];
    unary_row *unary = unary_of(code->op);
    binary_row *binary = binary_of(code->op);
    if (unary != NULL)
        unary(n, a, out);
    else if (binary != NULL)
        binary(n, a, b, out);
    else if (code->op == ASSAY_OP_CROSS)
        assay_cross_compute(assay_cross_at(code->cross), bar, b, a, 0, out);
    else if (code->op == ASSAY_OP_IF)
        row_if(n, a, b, slot[code->in[2]], out);
    else
        row_calls(code->op, n, a, b, out);
}

ASSAY_SIMD static void mask_row(size_t n, const double *restrict mask, const double *restrict x,
                                double *restrict out) {
    for (size_t i = 0; i < n; i++)
        out[i] = mask[i] == mask[i] ? x[i] : mask[i];
}

void assay_rows_run(const assay_rows *r, const double *const *leaf, size_t n, const assay_cross_bar *bar,
                    const double *mask, double *const *out) {
    const double *slot[MOST_SLOTS];
    for (size_t i = 0; i < r->n_registers; i++)
        slot[r->n_leaves + i] = r->registers + i * r->width;
    for (size_t first = 0; first < n; first += r->width) {
        size_t size = n - first < r->width ? n - first : r->width;
        for (size_t i = 0; i < r->n_leaves; i++)
            slot[i] = leaf[i] + first;
        for (size_t i = 0; i < r->n_code; i++)
            run_code(&r->code[i], slot, size, bar, r->registers + (r->code[i].out - r->n_leaves) * r->width);
        for (size_t i = 0; i < r->n_roots; i++) {
            if (out[i] != NULL && mask != NULL)
                mask_row(size, mask + first, slot[r->root[i]], out[i] + first);
            else if (out[i] != NULL)
                memcpy(out[i] + first, slot[r->root[i]], size * sizeof(double));
        }
    }
}
