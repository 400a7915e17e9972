/* Reading expressions: words and numbers, then operators by their binding, straight into the graph.
 *
 *     expr       = and { ("or" | "||") and }
 *     and        = not { ("and" | "&&") not }
 *     not        = ("not" | "!") not | comparison
 *     comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
 *     sum        = product { ("+" | "-") product }
 *     product    = signed { ("*" | "/" | "%") signed }
 *     signed     = ("-" | "+") signed | power
 *     power      = atom [ ("^" | "**") signed ]
 *     atom       = number | name | name "(" expr { "," expr } ")" | "(" expr ")"
 */
#include "expression/read.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- mistakes --- */

assay_status assay_reader_refuse(assay_reader *r, const char *where, const char *format, ...) {
    char message[600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    *r->mistake = (assay_mistake){r->definition, (size_t)(where - r->text)};
    return assay_error_set(r->err, ASSAY_E_CONFIG, "%s", message);
}

assay_status assay_reader_add(assay_reader *r, const char *where, assay_node node, uint32_t *out) {
    assay_error inner = {.status = ASSAY_OK};
    assay_status status = assay_graph_check(r->graph, &node, &inner);
    if (status == ASSAY_OK)
        status = assay_graph_add(r->graph, &node, out, &inner);
    if (status == ASSAY_E_CONFIG)
        return assay_reader_refuse(r, where, "%s", inner.message);
    return status == ASSAY_OK ? ASSAY_OK : assay_error_set(r->err, status, "%s", inner.message);
}

assay_status assay_reader_add_const(assay_reader *r, const char *where, double value, uint32_t *out) {
    return assay_reader_add(r, where, (assay_node){.op = ASSAY_OP_CONST, .value = value}, out);
}

/* --- words --- */

void assay_reader_skip_space(assay_reader *r) {
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
        r->at++;
}

bool assay_is_word_byte(char c) {
    return isalnum((unsigned char)c) != 0 || c == '_';
}

bool assay_reader_take(assay_reader *r, const char *token) {
    size_t size = strlen(token);
    assay_reader_skip_space(r);
    if (strncmp(r->at, token, size) != 0)
        return false;
    if (isalpha((unsigned char)token[0]) != 0 && assay_is_word_byte(r->at[size]))
        return false;
    r->at += size;
    return true;
}

/* What stands next, for a message. */
static int shown_size(const assay_reader *r) {
    size_t n = 1;
    while (assay_is_word_byte(r->at[0]) && assay_is_word_byte(r->at[n]) && n < 30)
        n++;
    while (((unsigned char)r->at[n] & 0xc0u) == 0x80u) /* the rest of a character of several bytes */
        n++;
    return (int)n;
}

assay_status assay_reader_refuse_next(assay_reader *r, const char *wanted) {
    assay_reader_skip_space(r);
    if (*r->at == '\0')
        return assay_reader_refuse(r, r->at, "the expression ends where %s is needed", wanted);
    return assay_reader_refuse(r, r->at, "'%.*s' stands where %s is needed", shown_size(r), r->at, wanted);
}

assay_status assay_reader_binary(assay_reader *r, const char *where, assay_op op, uint32_t a, uint32_t b,
                                 uint32_t *out) {
    return assay_reader_add(r, where, (assay_node){.op = op, .n_in = 2, .in = {a, b}}, out);
}

/* --- by binding --- */

static assay_status read_number(assay_reader *r, uint32_t *out) {
    const char *where = r->at;
    char text[64];
    size_t n = 0; /* of its characters, also of those for which there is no room */
    while (isdigit((unsigned char)*r->at) != 0 || *r->at == '.' || *r->at == '_' ||
           ((*r->at == 'e' || *r->at == 'E') && r->at > where) ||
           ((*r->at == '+' || *r->at == '-') && r->at > where && (r->at[-1] == 'e' || r->at[-1] == 'E'))) {
        if (n + 1 < sizeof text)
            text[n] = *r->at;
        n += *r->at != '_';
        r->at++;
    }
    text[n < sizeof text ? n : 0] = '\0';
    double value = 0;
    if (!assay_double_parse(text, &value) || assay_is_word_byte(*r->at))
        return assay_reader_refuse(r, where, "'%.*s' is no number",
                                   (int)(r->at - where) + (assay_is_word_byte(*r->at) ? 1 : 0), where);
    return assay_reader_add_const(r, where, value, out);
}

static assay_status read_word(assay_reader *r, uint32_t *out) {
    const char *where = r->at;
    char name[128];
    size_t n = 0;
    while (assay_is_word_byte(*r->at)) {
        if (n + 1 < sizeof name)
            name[n++] = *r->at;
        r->at++;
    }
    name[n] = '\0';
    if ((size_t)(r->at - where) != n)
        return assay_reader_refuse(r, where, "a name of more than %zu characters", sizeof name - 1);
    if (assay_is_operator_word(name))
        return assay_reader_refuse(r, where, "'%s' stands where a value is needed", name);
    return assay_reader_take(r, "(") ? assay_read_call(r, where, name, out)
                                     : assay_read_name(r, where, name, out);
}

static assay_status read_atom(assay_reader *r, uint32_t *out) {
    assay_reader_skip_space(r);
    if (assay_reader_take(r, "(")) {
        assay_status status = assay_read_or(r, out);
        if (status != ASSAY_OK)
            return status;
        return assay_reader_take(r, ")") ? ASSAY_OK : assay_reader_refuse_next(r, "')'");
    }
    if (isdigit((unsigned char)*r->at) != 0 || (*r->at == '.' && isdigit((unsigned char)r->at[1]) != 0))
        return read_number(r, out);
    if (isalpha((unsigned char)*r->at) != 0 || *r->at == '_')
        return read_word(r, out);
    return assay_reader_refuse_next(r, "a value");
}

static assay_status read_signed(assay_reader *r, uint32_t *out);

static assay_status read_power(assay_reader *r, uint32_t *out) {
    assay_status status = read_atom(r, out);
    const char *where = r->at;
    if (status != ASSAY_OK || !(assay_reader_take(r, "^") || assay_reader_take(r, "**")))
        return status;
    uint32_t exponent = 0;
    status = read_signed(r, &exponent);
    return status == ASSAY_OK ? assay_reader_binary(r, where, ASSAY_OP_POW, *out, exponent, out) : status;
}

static assay_status read_signed(assay_reader *r, uint32_t *out) {
    assay_reader_skip_space(r);
    const char *where = r->at;
    if (++r->depth > ASSAY_MOST_DEPTH)
        return assay_reader_refuse(r, where, "the expression is nested too deeply");
    bool minus = assay_reader_take(r, "-");
    assay_status status = minus || assay_reader_take(r, "+") ? read_signed(r, out) : read_power(r, out);
    r->depth--;
    if (status != ASSAY_OK || !minus)
        return status;
    return assay_reader_add(r, where, (assay_node){.op = ASSAY_OP_NEG, .n_in = 1, .in = {*out}}, out);
}

static assay_status read_product(assay_reader *r, uint32_t *out) {
    assay_status status = read_signed(r, out);
    while (status == ASSAY_OK) {
        assay_reader_skip_space(r);
        const char *where = r->at;
        if (strncmp(r->at, "**", 2) == 0)
            return assay_reader_refuse_next(r, "another operator");
        assay_op op = assay_reader_take(r, "*")   ? ASSAY_OP_MUL
                      : assay_reader_take(r, "/") ? ASSAY_OP_DIV
                                                  : ASSAY_OP_MOD;
        if (op == ASSAY_OP_MOD && !assay_reader_take(r, "%"))
            return ASSAY_OK;
        uint32_t right = 0;
        status = read_signed(r, &right);
        if (status == ASSAY_OK)
            status = assay_reader_binary(r, where, op, *out, right, out);
    }
    return status;
}

static assay_status read_sum(assay_reader *r, uint32_t *out) {
    assay_status status = read_product(r, out);
    while (status == ASSAY_OK) {
        assay_reader_skip_space(r);
        const char *where = r->at;
        assay_op op = assay_reader_take(r, "+") ? ASSAY_OP_ADD : ASSAY_OP_SUB;
        if (op == ASSAY_OP_SUB && !assay_reader_take(r, "-"))
            return ASSAY_OK;
        uint32_t right = 0;
        status = read_product(r, &right);
        if (status == ASSAY_OK)
            status = assay_reader_binary(r, where, op, *out, right, out);
    }
    return status;
}

/* Longer operators before those that they begin with. */
static bool take_comparison(assay_reader *r, assay_op *out) {
    static const struct {
        const char *text;
        assay_op op;
    } comparisons[] = {{"<=", ASSAY_OP_LE}, {">=", ASSAY_OP_GE}, {"==", ASSAY_OP_EQ},
                       {"!=", ASSAY_OP_NE}, {"<", ASSAY_OP_LT},  {">", ASSAY_OP_GT}};
    for (size_t i = 0; i < COUNT(comparisons); i++) {
        if (assay_reader_take(r, comparisons[i].text)) {
            *out = comparisons[i].op;
            return true;
        }
    }
    return false;
}

static assay_status read_comparison(assay_reader *r, uint32_t *out) {
    assay_status status = read_sum(r, out);
    if (status != ASSAY_OK)
        return status;
    assay_reader_skip_space(r);
    const char *where = r->at;
    assay_op op;
    if (!take_comparison(r, &op)) {
        if (*r->at == '=')
            return assay_reader_refuse(r, r->at, "'=' is no comparison; equality is written ==");
        return ASSAY_OK;
    }
    uint32_t right = 0;
    status = read_sum(r, &right);
    if (status == ASSAY_OK)
        status = assay_reader_binary(r, where, op, *out, right, out);
    if (status != ASSAY_OK)
        return status;
    assay_reader_skip_space(r);
    where = r->at;
    return take_comparison(r, &op) ? assay_reader_refuse(r, where, "write a < b and b < c for a < b < c")
                                   : ASSAY_OK;
}

static assay_status read_not(assay_reader *r, uint32_t *out) {
    assay_reader_skip_space(r);
    const char *where = r->at;
    bool negated =
        assay_reader_take(r, "not") || (*r->at == '!' && r->at[1] != '=' && assay_reader_take(r, "!"));
    if (!negated)
        return read_comparison(r, out);
    if (++r->depth > ASSAY_MOST_DEPTH)
        return assay_reader_refuse(r, where, "the expression is nested too deeply");
    assay_status status = read_not(r, out);
    r->depth--;
    if (status != ASSAY_OK)
        return status;
    return assay_reader_add(r, where, (assay_node){.op = ASSAY_OP_NOT, .n_in = 1, .in = {*out}}, out);
}

static assay_status read_and(assay_reader *r, uint32_t *out) {
    assay_status status = read_not(r, out);
    while (status == ASSAY_OK) {
        assay_reader_skip_space(r);
        const char *where = r->at;
        if (!assay_reader_take(r, "and") && !assay_reader_take(r, "&&"))
            return ASSAY_OK;
        uint32_t right = 0;
        status = read_not(r, &right);
        if (status == ASSAY_OK)
            status = assay_reader_binary(r, where, ASSAY_OP_AND, *out, right, out);
    }
    return status;
}

assay_status assay_read_or(assay_reader *r, uint32_t *out) {
    assay_reader_skip_space(r);
    if (++r->depth > ASSAY_MOST_DEPTH)
        return assay_reader_refuse(r, r->at, "the expression is nested too deeply");
    assay_status status = read_and(r, out);
    while (status == ASSAY_OK) {
        assay_reader_skip_space(r);
        const char *where = r->at;
        if (!assay_reader_take(r, "or") && !assay_reader_take(r, "||"))
            break;
        uint32_t right = 0;
        status = read_and(r, &right);
        if (status == ASSAY_OK)
            status = assay_reader_binary(r, where, ASSAY_OP_OR, *out, right, out);
    }
    r->depth--;
    return status;
}

assay_status assay_expression_read(assay_graph *graph, const assay_scope *scope, const char *text,
                                   uint32_t *out_node, assay_mistake *out_mistake, assay_error *err) {
    assay_mistake unused;
    assay_reader r = {.graph = graph,
                      .scope = scope,
                      .text = text,
                      .at = text,
                      .definition = -1,
                      .mistake = out_mistake == NULL ? &unused : out_mistake,
                      .err = err};
    *r.mistake = (assay_mistake){-1, 0};
    assay_status status = assay_read_or(&r, out_node);
    assay_reader_skip_space(&r);
    return status == ASSAY_OK && *r.at != '\0' ? assay_reader_refuse_next(&r, "an operator") : status;
}
