/* What words mean: prices, parameters, definitions, columns, the book; operations, functions, cross-sections. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "expression/cross.h"
#include "expression/names.h"
#include "expression/read.h"

enum { MOST_ARGUMENTS = ASSAY_MAX_SERIES + ASSAY_MAX_NUMBERS };

/* --- names --- */

static const struct {
    const char *name;
    int column;
} prices[] = {
    {"open", ASSAY_COLUMN_OPEN},       {"high", ASSAY_COLUMN_HIGH},     {"low", ASSAY_COLUMN_LOW},
    {"close", ASSAY_COLUMN_CLOSE},     {"volume", ASSAY_COLUMN_VOLUME}, {"open_price", ASSAY_COLUMN_OPEN},
    {"high_price", ASSAY_COLUMN_HIGH}, {"low_price", ASSAY_COLUMN_LOW}, {"close_price", ASSAY_COLUMN_CLOSE}};

static const struct {
    const char *name;
    assay_book_value value;
} book_values[] = {
    {"held", ASSAY_BOOK_HELD},
    {"bars_held", ASSAY_BOOK_BARS_HELD},
    {"unrealised_return", ASSAY_BOOK_UNREALISED},
    {"unrealized_return", ASSAY_BOOK_UNREALISED},
    {"times_asked", ASSAY_BOOK_TIMES_ASKED},
};

static const struct {
    const char *name;
    double value;
} constants[] = {{"true", 1}, {"false", 0}, {"nan", ASSAY_NAN}, {"inf", ASSAY_INFINITY}};

static const struct {
    const char *name;
    assay_op op;
    int n_in;
} operations[] = {
    {"abs", ASSAY_OP_ABS, 1},   {"sqrt", ASSAY_OP_SQRT, 1},   {"floor", ASSAY_OP_FLOOR, 1},
    {"ceil", ASSAY_OP_CEIL, 1}, {"round", ASSAY_OP_ROUND, 1}, {"sign", ASSAY_OP_SIGN, 1},
    {"log", ASSAY_OP_LOG, 1},   {"exp", ASSAY_OP_EXP, 1},     {"isnan", ASSAY_OP_ISNAN, 1},
    {"pow", ASSAY_OP_POW, 2},   {"min", ASSAY_OP_MIN, 2},     {"max", ASSAY_OP_MAX, 2},
    {"if", ASSAY_OP_IF, 3},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

bool assay_is_operator_word(const char *name) {
    return strcmp(name, "and") == 0 || strcmp(name, "or") == 0 || strcmp(name, "not") == 0;
}

bool assay_is_own_name(const char *name) {
    bool is_one = assay_is_operator_word(name) || strcmp(name, "market") == 0;
    for (size_t i = 0; i < COUNT(prices); i++)
        is_one = is_one || strcmp(prices[i].name, name) == 0;
    for (size_t i = 0; i < COUNT(book_values); i++)
        is_one = is_one || strcmp(book_values[i].name, name) == 0;
    for (size_t i = 0; i < COUNT(constants); i++)
        is_one = is_one || strcmp(constants[i].name, name) == 0;
    return is_one;
}

/* The nearest known name, over everything that a name can be. */
static const char *nearest_name(const assay_reader *r, const char *name, bool is_call) {
    const char *best = NULL;
    for (size_t i = 0; is_call && i < assay_function_count(); i++)
        best = assay_nearer_name(name, best, assay_function_at(i)->name);
    for (size_t i = 0; is_call && i < assay_cross_count(); i++)
        best = assay_nearer_name(name, best, assay_cross_at(i)->name);
    for (size_t i = 0; is_call && i < COUNT(operations); i++)
        best = assay_nearer_name(name, best, operations[i].name);
    static const char *const others[] = {"clip", "crosses_above", "crosses_below", "market_beta", "column"};
    for (size_t i = 0; is_call && i < COUNT(others); i++)
        best = assay_nearer_name(name, best, others[i]);
    for (uint32_t i = 0; !is_call && i < r->scope->n_params; i++)
        best = assay_nearer_name(name, best, r->scope->param[i].name);
    for (size_t i = 0; !is_call && i < r->scope->n_definitions; i++)
        best = assay_nearer_name(name, best, r->scope->definition[i].name);
    for (size_t i = 0; !is_call && i < COUNT(prices); i++)
        best = assay_nearer_name(name, best, prices[i].name);
    for (size_t i = 0; !is_call && i < COUNT(book_values); i++)
        best = assay_nearer_name(name, best, book_values[i].name);
    for (size_t i = 0; !is_call && assay_known_column_at(i) != NULL; i++)
        best = assay_nearer_name(name, best, assay_known_column_at(i));
    return best;
}

static assay_status add_column(assay_reader *r, const char *where, const char *name, size_t size,
                               uint32_t *out) {
    const char *kept = assay_graph_name(r->graph, name, size);
    if (kept == NULL)
        return assay_error_set(r->err, ASSAY_E_NOMEM, "out of memory for an expression");
    return assay_reader_add(r, where, (assay_node){.op = ASSAY_OP_COLUMN, .text = kept}, out);
}

/* A definition is read where it is first needed. */
static assay_status read_definition(assay_reader *r, const char *where, int index, uint32_t *out) {
    assay_definition *d = &r->scope->definition[index];
    if (d->node != ASSAY_NO_NODE) {
        *out = d->node;
        return ASSAY_OK;
    }
    if (d->is_open)
        return assay_reader_refuse(r, where, "'%s' needs itself", d->name);
    if (r->depth > ASSAY_MOST_DEPTH / 2)
        return assay_reader_refuse(r, where, "definitions are nested too deeply");
    assay_reader inner = *r;
    inner.text = inner.at = d->text;
    inner.definition = index;
    d->is_open = true;
    assay_status status = assay_read_or(&inner, out);
    if (status == ASSAY_OK) {
        assay_reader_skip_space(&inner);
        if (*inner.at != '\0')
            status = assay_reader_refuse_next(&inner, "an operator");
    }
    d->is_open = false;
    if (status == ASSAY_OK)
        d->node = *out;
    return status;
}

assay_status assay_read_name(assay_reader *r, const char *where, const char *name, uint32_t *out) {
    const assay_scope *scope = r->scope;
    for (size_t i = 0; i < scope->n_definitions; i++) {
        if (strcmp(scope->definition[i].name, name) == 0)
            return read_definition(r, where, (int)i, out);
    }
    for (uint32_t i = 0; i < scope->n_params; i++) {
        if (strcmp(scope->param[i].name, name) == 0)
            return scope->value == NULL
                       ? assay_reader_add(r, where, (assay_node){.op = ASSAY_OP_PARAM, .number = i}, out)
                       : assay_reader_add_const(r, where, scope->value[i], out);
    }
    for (size_t i = 0; i < COUNT(prices); i++) {
        if (strcmp(prices[i].name, name) == 0)
            return assay_reader_add(
                r, where, (assay_node){.op = ASSAY_OP_PRICE, .number = (uint32_t)prices[i].column}, out);
    }
    for (size_t i = 0; i < COUNT(book_values); i++) {
        if (strcmp(book_values[i].name, name) == 0)
            return assay_reader_add(r, where,
                                    (assay_node){.op = ASSAY_OP_BOOK, .number = book_values[i].value}, out);
    }
    for (size_t i = 0; i < COUNT(constants); i++) {
        if (strcmp(constants[i].name, name) == 0)
            return assay_reader_add_const(r, where, constants[i].value, out);
    }
    if (strcmp(name, "market") == 0)
        return assay_reader_add(r, where, (assay_node){.op = ASSAY_OP_MARKET}, out);
    if (assay_is_known_column(name))
        return add_column(r, where, name, strlen(name), out);
    const char *nearest = nearest_name(r, name, false);
    if (nearest != NULL)
        return assay_reader_refuse(r, where, "unknown name '%s': did you mean '%s'?", name, nearest);
    return assay_reader_refuse(r, where, "unknown name '%s'; a column of your own is written column(%s)",
                               name, name);
}

/* --- calls --- */

typedef struct arguments {
    uint32_t node[MOST_ARGUMENTS];
    const char *where[MOST_ARGUMENTS];
    uint32_t n;
} arguments;

static assay_status read_arguments(assay_reader *r, arguments *out) {
    out->n = 0;
    if (assay_reader_take(r, ")"))
        return ASSAY_OK;
    for (;;) {
        assay_reader_skip_space(r);
        if (out->n == MOST_ARGUMENTS)
            return assay_reader_refuse(r, r->at, "no function takes more than %d arguments", MOST_ARGUMENTS);
        out->where[out->n] = r->at;
        assay_status status = assay_read_or(r, &out->node[out->n]);
        if (status != ASSAY_OK)
            return status;
        out->n++;
        if (assay_reader_take(r, ")"))
            return ASSAY_OK;
        if (!assay_reader_take(r, ","))
            return assay_reader_refuse_next(r, "',' or ')'");
    }
}

void assay_function_usage(const assay_function *f, char *out, size_t size) {
    size_t used = (size_t)snprintf(out, size, "%s(", f->name);
    for (uint32_t i = 0; i < f->n_series && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : ", ", f->series[i]);
    for (uint32_t i = 0; i < f->n_numbers && used < size; i++) {
        const assay_function_number *n = &f->number[i];
        used += (size_t)snprintf(out + used, size - used, "%s%s", i + f->n_series == 0 ? "" : ", ", n->name);
        if (!isnan(n->default_value) && used < size)
            used += (size_t)snprintf(out + used, size - used, " = %g", n->default_value);
    }
    if (used < size)
        snprintf(out + used, size - used, ")");
}

/* A number of a function must not depend on the bar. With its value known, its bounds are checked here. */
static assay_status take_number(assay_reader *r, const char *function, const assay_function_number *number,
                                uint32_t node, const char *where) {
    const assay_node *n = &r->graph->node[node];
    if (n->place != ASSAY_PLACE_SCALAR)
        return assay_reader_refuse(r, where,
                                   "%s of %s must be a number or made of parameters, the same at every bar",
                                   number->name, function);
    if (n->op != ASSAY_OP_CONST)
        return ASSAY_OK;
    assay_error inner = {.status = ASSAY_OK};
    if (assay_check_numbers(function, number, 1, &n->value, &inner) != ASSAY_OK)
        return assay_reader_refuse(r, where, "%s", inner.message);
    return ASSAY_OK;
}

static assay_status call_function(assay_reader *r, const char *where, const assay_function *f,
                                  const arguments *a, uint32_t *out) {
    uint32_t least = f->n_series;
    for (uint32_t i = 0; i < f->n_numbers; i++)
        least += isnan(f->number[i].default_value) ? 1 : 0;
    if (a->n < least || a->n > f->n_series + f->n_numbers) {
        char usage[200];
        assay_function_usage(f, usage, sizeof usage);
        return assay_reader_refuse(r, where, "%u arguments for %s", a->n, usage);
    }
    assay_node node = {.op = ASSAY_OP_FUNCTION,
                       .function = f,
                       .n_in = (uint8_t)f->n_series,
                       .n_numbers = (uint8_t)f->n_numbers};
    for (uint32_t i = 0; i < f->n_series; i++)
        node.in[i] = a->node[i];
    for (uint32_t i = 0; i < f->n_numbers; i++) {
        bool given = f->n_series + i < a->n;
        assay_status status =
            given ? ASSAY_OK
                  : assay_reader_add_const(r, where, f->number[i].default_value, &node.number_in[i]);
        if (given) {
            node.number_in[i] = a->node[f->n_series + i];
            status = take_number(r, f->name, &f->number[i], node.number_in[i], a->where[f->n_series + i]);
        }
        if (status != ASSAY_OK)
            return status;
    }
    return assay_reader_add(r, where, node, out);
}

static const assay_function_number whole_number = {"n", true, 1, 100000, ASSAY_NAN};
static const assay_function_number beta_window = {"n", true, 2, 100000, ASSAY_NAN};

static assay_status expect_arguments(assay_reader *r, const char *where, const char *usage,
                                     const arguments *a, uint32_t n) {
    return a->n == n ? ASSAY_OK : assay_reader_refuse(r, where, "%u arguments for %s", a->n, usage);
}

static assay_status call_cross(assay_reader *r, const char *where, size_t index, const arguments *a,
                               uint32_t *out) {
    const assay_cross *cross = assay_cross_at(index);
    char usage[80];
    snprintf(usage, sizeof usage, "%s(x%s)", cross->name, cross->has_number ? ", n" : "");
    assay_status status = expect_arguments(r, where, usage, a, cross->has_number ? 2 : 1);
    if (status == ASSAY_OK && cross->has_number)
        status = take_number(r, cross->name, &whole_number, a->node[1], a->where[1]);
    if (status != ASSAY_OK)
        return status;
    assay_node node = {.op = ASSAY_OP_CROSS,
                       .number = (uint32_t)index,
                       .n_in = 1,
                       .in = {a->node[0]},
                       .n_numbers = cross->has_number};
    if (cross->has_number)
        node.number_in[0] = a->node[1];
    return assay_reader_add(r, where, node, out);
}

static assay_status lagged(assay_reader *r, const char *where, uint32_t node, uint32_t *out) {
    uint32_t one = 0;
    if (r->graph->node[node].place == ASSAY_PLACE_SCALAR) {
        *out = node;
        return ASSAY_OK;
    }
    assay_status status = assay_reader_add_const(r, where, 1, &one);
    arguments a = {.node = {node, one}, .where = {where, where}, .n = 2};
    return status == ASSAY_OK ? call_function(r, where, assay_function_find("lag"), &a, out) : status;
}

/* crosses_above(a, b) = a > b and lag(a, 1) <= lag(b, 1) */
static assay_status call_crosses(assay_reader *r, const char *where, const arguments *a, bool above,
                                 uint32_t *out) {
    uint32_t before_a = 0, before_b = 0, now = 0, before = 0;
    assay_status status =
        expect_arguments(r, where, above ? "crosses_above(a, b)" : "crosses_below(a, b)", a, 2);
    if (status == ASSAY_OK)
        status = lagged(r, a->where[0], a->node[0], &before_a);
    if (status == ASSAY_OK)
        status = lagged(r, a->where[1], a->node[1], &before_b);
    if (status == ASSAY_OK)
        status =
            assay_reader_binary(r, where, above ? ASSAY_OP_GT : ASSAY_OP_LT, a->node[0], a->node[1], &now);
    if (status == ASSAY_OK)
        status =
            assay_reader_binary(r, where, above ? ASSAY_OP_LE : ASSAY_OP_GE, before_a, before_b, &before);
    return status == ASSAY_OK ? assay_reader_binary(r, where, ASSAY_OP_AND, now, before, out) : status;
}

static assay_status call_clip(assay_reader *r, const char *where, const arguments *a, uint32_t *out) {
    uint32_t lower = 0;
    assay_status status = expect_arguments(r, where, "clip(x, low, high)", a, 3);
    if (status == ASSAY_OK)
        status = assay_reader_binary(r, where, ASSAY_OP_MAX, a->node[0], a->node[1], &lower);
    return status == ASSAY_OK ? assay_reader_binary(r, where, ASSAY_OP_MIN, lower, a->node[2], out) : status;
}

static assay_status call_beta(assay_reader *r, const char *where, const arguments *a, uint32_t *out) {
    assay_status status = expect_arguments(r, where, "market_beta(n)", a, 1);
    if (status == ASSAY_OK)
        status = take_number(r, "market_beta", &beta_window, a->node[0], a->where[0]);
    if (status != ASSAY_OK)
        return status;
    return assay_reader_add(
        r, where, (assay_node){.op = ASSAY_OP_MARKET_BETA, .n_numbers = 1, .number_in = {a->node[0]}}, out);
}

/* column(NAME): the only argument that is a bare name. */
static assay_status call_column(assay_reader *r, const char *where, uint32_t *out) {
    assay_reader_skip_space(r);
    const char *name = r->at;
    while (assay_is_word_byte(*r->at))
        r->at++;
    size_t size = (size_t)(r->at - name);
    if (size == 0)
        return assay_reader_refuse_next(r, "the name of a column");
    if (!assay_reader_take(r, ")"))
        return assay_reader_refuse_next(r, "')'");
    return add_column(r, where, name, size, out);
}

assay_status assay_read_call(assay_reader *r, const char *where, const char *name, uint32_t *out) {
    arguments a;
    if (strcmp(name, "column") == 0)
        return call_column(r, where, out);
    assay_status status = read_arguments(r, &a);
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; i < COUNT(operations); i++) {
        if (strcmp(operations[i].name, name) != 0)
            continue;
        char usage[200];
        snprintf(usage, sizeof usage, "%s(%s)", name,
                 operations[i].n_in == 1   ? "x"
                 : operations[i].n_in == 2 ? "x, y"
                                           : "condition, then, else");
        status = expect_arguments(r, where, usage, &a, (uint32_t)operations[i].n_in);
        assay_node node = {.op = operations[i].op, .n_in = (uint8_t)operations[i].n_in};
        memcpy(node.in, a.node, sizeof node.in);
        for (uint32_t k = node.n_in; k < ASSAY_MOST_INPUTS; k++)
            node.in[k] = 0;
        return status == ASSAY_OK ? assay_reader_add(r, where, node, out) : status;
    }
    if (strcmp(name, "crosses_above") == 0 || strcmp(name, "crosses_below") == 0)
        return call_crosses(r, where, &a, strcmp(name, "crosses_above") == 0, out);
    if (strcmp(name, "clip") == 0)
        return call_clip(r, where, &a, out);
    if (strcmp(name, "market_beta") == 0)
        return call_beta(r, where, &a, out);
    if (assay_cross_find(name) != SIZE_MAX)
        return call_cross(r, where, assay_cross_find(name), &a, out);
    const assay_function *f = assay_function_find(name);
    if (f != NULL)
        return call_function(r, where, f, &a, out);
    const char *nearest = nearest_name(r, name, true);
    return nearest == NULL ? assay_reader_refuse(r, where, "there is no function '%s'", name)
                           : assay_reader_refuse(r, where, "there is no function '%s': did you mean '%s'?",
                                                 name, nearest);
}
