/* Expressions as a graph of nodes: what is written, checked for its kinds.
 *
 * Equal sub-expressions are one node, inputs stand before what is made of them, and every node knows three things:
 *
 *   power      how it scales with a later split: price 1, volume -1, number 0, price x price 2 …
 *   raw        it exists at the as-of raw scale alone (a price plus a number): its past would change with later splits, so
 *              that it cannot go into a window
 *   place      SCALAR: constants and parameters; SERIES: of a symbol's own bars or of a bar's symbols; BOOK: of the
 *              portfolio, which only the decision knows
 *
 * A missing value is NaN. Comparisons with NaN are NaN, and/or/not know three values, and a condition that is NaN is no
 * signal.
 */
#ifndef ASSAY_EXPRESSION_GRAPH_H
#define ASSAY_EXPRESSION_GRAPH_H

#include "assay/assay_strategy.h"
#include "indicator/function.h"

typedef enum assay_op {
    /* leaves */
    ASSAY_OP_CONST,
    ASSAY_OP_PARAM,  /* number: index of the parameter */
    ASSAY_OP_PRICE,  /* number: ASSAY_COLUMN_* */
    ASSAY_OP_COLUMN, /* text: a column of the panel by name */
    ASSAY_OP_MARKET, /* the market's return of the bar */
    ASSAY_OP_BOOK,   /* number: assay_book_value */
    /* one input */
    ASSAY_OP_NEG,
    ASSAY_OP_NOT,
    ASSAY_OP_ABS,
    ASSAY_OP_SQRT,
    ASSAY_OP_FLOOR,
    ASSAY_OP_CEIL,
    ASSAY_OP_ROUND,
    ASSAY_OP_SIGN,
    ASSAY_OP_LOG,
    ASSAY_OP_EXP,
    ASSAY_OP_ISNAN,
    /* two */
    ASSAY_OP_ADD,
    ASSAY_OP_SUB,
    ASSAY_OP_MUL,
    ASSAY_OP_DIV,
    ASSAY_OP_MOD,
    ASSAY_OP_POW,
    ASSAY_OP_MIN,
    ASSAY_OP_MAX,
    ASSAY_OP_LT,
    ASSAY_OP_LE,
    ASSAY_OP_GT,
    ASSAY_OP_GE,
    ASSAY_OP_EQ,
    ASSAY_OP_NE,
    ASSAY_OP_AND,
    ASSAY_OP_OR,
    /* three */
    ASSAY_OP_IF,
    /* what needs more than a bar's values of one symbol; numbers are scalar nodes in `number_in` */
    ASSAY_OP_FUNCTION,    /* function: of own bars */
    ASSAY_OP_CROSS,       /* number: index into the cross-sections (expression/cross.h) */
    ASSAY_OP_MARKET_BETA, /* beta of the last n returns against the market's */
    ASSAY_OP_SCALE        /* made by the evaluator: input / factor^power */
} assay_op;

typedef enum assay_book_value {
    ASSAY_BOOK_HELD,        /* 1 long, -1 short, 0 flat */
    ASSAY_BOOK_BARS_HELD,   /* NaN while flat */
    ASSAY_BOOK_UNREALISED,  /* NaN while flat */
    ASSAY_BOOK_TIMES_ASKED, /* of the strategy, before */
    ASSAY_N_BOOK_VALUES
} assay_book_value;

typedef enum assay_place { ASSAY_PLACE_SCALAR, ASSAY_PLACE_SERIES, ASSAY_PLACE_BOOK } assay_place;

enum { ASSAY_MOST_INPUTS = 3, ASSAY_MOST_NODES = 4096, ASSAY_MOST_DEPTH = 200 };
#define ASSAY_NO_NODE UINT32_MAX

typedef struct assay_node {
    assay_op op;
    uint8_t place; /* assay_place */
    bool raw;
    int8_t power;
    uint8_t n_in, n_numbers;
    uint32_t in[ASSAY_MOST_INPUTS];
    uint32_t number_in[ASSAY_MAX_NUMBERS]; /* scalar nodes */
    uint32_t number;                       /* see the ops */
    double value;                          /* CONST */
    const assay_function *function;
    const char *text; /* COLUMN: its name, owned by the graph */
} assay_node;

/* A named expression. */
typedef struct assay_definition {
    const char *name, *text;
    uint32_t node; /* ASSAY_NO_NODE: not needed so far */
    bool is_open;  /* being read: a name that needs itself */
} assay_definition;

/* What names mean. Parameters with values become constants; without, they stay. */
typedef struct assay_scope {
    const assay_param *param;
    uint32_t n_params;
    const double *value; /* n_params; NULL: keep them */
    assay_definition *definition;
    size_t n_definitions;
} assay_scope;

typedef struct assay_graph {
    assay_node *node;
    uint32_t n, capacity;
    char **name; /* of columns */
    size_t n_names, name_capacity;
} assay_graph;

/* Where a mistake is: in which definition (-1: the text itself), at which byte. */
typedef struct assay_mistake {
    int definition;
    size_t offset;
} assay_mistake;

void assay_graph_reset(assay_graph *graph); /* frees what it owns */

/* Reads an expression into the graph; *out_node is its node. ASSAY_E_CONFIG: a mistake; the message says what, *out_mistake
 * (may be NULL) where. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_expression_read(assay_graph *graph, const assay_scope *scope,
                                                   const char *text, uint32_t *out_node,
                                                   assay_mistake *out_mistake, assay_error *err);

/* Whether the language itself means something by a name (a price, the book, a word): as text, an expression could not tell a
 * parameter of that name from it. */
bool assay_is_own_name(const char *name);

/* --- making nodes (read.c, kinds.c) --- */

/* The node equal to `node`, or a new one. ASSAY_E_CONFIG: too many. */
ASSAY_NODISCARD assay_status assay_graph_add(assay_graph *graph, const assay_node *node, uint32_t *out_node,
                                             assay_error *err);
/* Fills in power, raw and place from the inputs, and folds constants. ASSAY_E_CONFIG: kinds that do not go together. */
ASSAY_NODISCARD assay_status assay_graph_check(assay_graph *graph, assay_node *node, assay_error *err);
/* A copy of a column's name that lives as long as the graph. NULL: out of memory. */
const char *assay_graph_name(assay_graph *graph, const char *name, size_t size);

/* The value of one elementwise operation, as the row programs have it (rows.c). */
double assay_op_value(assay_op op, double a, double b, double c);

/* The value of a scalar node; `param` gives the parameters' values (NULL where there are none). */
double assay_scalar_value(const assay_graph *graph, uint32_t node, const double *param);

/* Checks a function's numbers (bounds, whole windows) at their values. ASSAY_E_CONFIG: the message names the number. */
ASSAY_NODISCARD assay_status assay_check_numbers(const char *function, const assay_function_number *number,
                                                 uint32_t n, const double *value, assay_error *err);

/* The usage of a table's function: "macd(x, fast = 12, slow = 26)". */
void assay_function_usage(const assay_function *function, char *out_usage, size_t size);

/* A node as text that reads back as the same node; false where it does not fit. */
bool assay_expression_write(const assay_graph *graph, const assay_scope *scope, uint32_t node, char *out_text,
                            size_t size);

/* An operation with 1 to 3 inputs that needs one bar and one symbol alone. */
static inline bool assay_op_is_elementwise(assay_op op) {
    return op >= ASSAY_OP_NEG && op <= ASSAY_OP_IF;
}

#endif
