/* Nodes as text that reads back as the same nodes: fully in brackets, for machines and messages. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "expression/cross.h"
#include "expression/graph.h"

typedef struct writer {
    const assay_graph *graph;
    const assay_scope *scope;
    char *out;
    size_t size, used;
    bool fits;
} writer;

static void put(writer *w, const char *text) {
    size_t n = strlen(text);
    if (w->used + n + 1 > w->size) {
        w->fits = false;
        return;
    }
    memcpy(w->out + w->used, text, n + 1);
    w->used += n;
}

static void put_value(writer *w, double value) {
    char text[40];
    if (isnan(value))
        put(w, "nan");
    else if (isinf(value))
        put(w, value > 0 ? "inf" : "(-inf)");
    else {
        assay_double_format(fabs(value), text, sizeof text);
        put(w, signbit(value) ? "(-" : "");
        put(w, text);
        put(w, signbit(value) ? ")" : "");
    }
}

static const char *word_of(assay_op op) {
    switch (op) {
    case ASSAY_OP_ABS:
        return "abs";
    case ASSAY_OP_SQRT:
        return "sqrt";
    case ASSAY_OP_FLOOR:
        return "floor";
    case ASSAY_OP_CEIL:
        return "ceil";
    case ASSAY_OP_ROUND:
        return "round";
    case ASSAY_OP_SIGN:
        return "sign";
    case ASSAY_OP_LOG:
        return "log";
    case ASSAY_OP_EXP:
        return "exp";
    case ASSAY_OP_ISNAN:
        return "isnan";
    case ASSAY_OP_POW:
        return "pow";
    case ASSAY_OP_MIN:
        return "min";
    case ASSAY_OP_MAX:
        return "max";
    case ASSAY_OP_IF:
        return "if";
    case ASSAY_OP_NOT:
        return "not";
    case ASSAY_OP_NEG:
        return "-";
    default:
        return NULL;
    }
}

static const char *sign_of(assay_op op) {
    static const char *const signs[] = {" + ", " - ",  " * ", " / ",  " % ",  NULL,   NULL,    NULL,
                                        " < ", " <= ", " > ", " >= ", " == ", " != ", " and ", " or "};
    return signs[op - ASSAY_OP_ADD];
}

static void put_node(writer *w, uint32_t index);

static void put_arguments(writer *w, const char *name, const uint32_t *in, unsigned n,
                          const uint32_t *numbers, unsigned n_numbers) {
    put(w, name);
    put(w, "(");
    for (unsigned i = 0; i < n + n_numbers && w->fits; i++) {
        put(w, i == 0 ? "" : ", ");
        put_node(w, i < n ? in[i] : numbers[i - n]);
    }
    put(w, ")");
}

static void put_leaf(writer *w, const assay_node *n) {
    static const char *const prices[] = {"open", "high", "low", "close", "volume"};
    static const char *const book[] = {"held", "bars_held", "unrealised_return", "times_asked"};
    switch (n->op) {
    case ASSAY_OP_CONST:
        put_value(w, n->value);
        break;
    case ASSAY_OP_PARAM:
        put(w, w->scope->param[n->number].name);
        break;
    case ASSAY_OP_PRICE:
        put(w, prices[n->number]);
        break;
    case ASSAY_OP_COLUMN:
        put(w, "column(");
        put(w, n->text);
        put(w, ")");
        break;
    case ASSAY_OP_BOOK:
        put(w, book[n->number]);
        break;
    default:
        put(w, "market");
        break;
    }
}

static void put_node(writer *w, uint32_t index) {
    const assay_node *n = &w->graph->node[index];
    if (!w->fits)
        return;
    if (n->op == ASSAY_OP_FUNCTION) {
        put_arguments(w, n->function->name, n->in, n->n_in, n->number_in, n->n_numbers);
    } else if (n->op == ASSAY_OP_CROSS) {
        put_arguments(w, assay_cross_at(n->number)->name, n->in, n->n_in, n->number_in, n->n_numbers);
    } else if (n->op == ASSAY_OP_MARKET_BETA) {
        put_arguments(w, "market_beta", NULL, 0, n->number_in, n->n_numbers);
    } else if (!assay_op_is_elementwise(n->op)) {
        put_leaf(w, n);
    } else if (n->op == ASSAY_OP_NEG || n->op == ASSAY_OP_NOT) {
        put(w, "(");
        put_arguments(w, word_of(n->op), n->in, 1, NULL, 0);
        put(w, ")");
    } else if (word_of(n->op) != NULL) {
        put_arguments(w, word_of(n->op), n->in, n->n_in, NULL, 0);
    } else {
        put(w, "(");
        put_node(w, n->in[0]);
        put(w, sign_of(n->op));
        put_node(w, n->in[1]);
        put(w, ")");
    }
}

bool assay_expression_write(const assay_graph *graph, const assay_scope *scope, uint32_t node, char *out_text,
                            size_t size) {
    writer w = {graph, scope, out_text, size, 0, true};
    out_text[0] = '\0';
    put_node(&w, node);
    return w.fits;
}
