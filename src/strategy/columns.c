/* Which columns beside prices a strategy reads; expressions by themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "expression/cross.h"
#include "expression/evaluate.h"
#include "expression/names.h"
#include "strategy/ensemble.h"
#include "strategy/rule.h"

/* --- columns --- */

/* Names that were found, each once. */
typedef struct name_list {
    char **name; /* owned */
    size_t n, capacity;
} name_list;

static assay_status add_name(name_list *list, const char *name, assay_error *err) {
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->name[i], name) == 0)
            return ASSAY_OK;
    }
    assay_status status = ASSAY_RESERVE(list->name, list->capacity, list->n + 1, err);
    char *copy = status == ASSAY_OK ? strdup(name) : NULL;
    if (status == ASSAY_OK && copy == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the name of a column");
    if (status == ASSAY_OK)
        list->name[list->n++] = copy;
    return status;
}

static assay_status add_graph(name_list *list, const assay_graph *graph, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; i < graph->n && status == ASSAY_OK; i++) {
        if (graph->node[i].op == ASSAY_OP_COLUMN)
            status = add_name(list, graph->node[i].text, err);
    }
    return status;
}

/* Of the expressions of declared features; one that cannot be read is an error of the run, which says why. */
static assay_status add_declared(name_list *list, const assay_strategy *strategy, assay_error *err) {
    double params[ASSAY_MAX_PARAMS];
    assay_feature feature[ASSAY_MAX_FEATURES];
    assay_graph graph = {0};
    if (strategy->features == NULL || strategy->n_params > ASSAY_MAX_PARAMS)
        return ASSAY_OK;
    for (uint32_t i = 0; i < strategy->n_params; i++)
        params[i] = strategy->params[i].default_value;
    const assay_scope scope = {.param = strategy->params, .n_params = strategy->n_params, .value = params};
    uint32_t n = strategy->features(strategy->context, params, feature);
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; i < n && i < ASSAY_MAX_FEATURES && status != ASSAY_E_NOMEM; i++) {
        uint32_t node;
        if (feature[i].kind == ASSAY_FEATURE_EXPRESSION)
            status = assay_expression_read(&graph, &scope, feature[i].expression, &node, NULL, NULL);
    }
    status = status == ASSAY_E_NOMEM
                 ? assay_error_set(err, status, "out of memory for the features of %s", strategy->name)
                 : add_graph(list, &graph, err);
    assay_graph_reset(&graph);
    return status;
}

assay_status assay_strategy_columns(const assay_strategy *strategy, assay_column_found found, void *context,
                                    assay_error *err) {
    name_list list = {0};
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; i < assay_member_count(strategy) && status == ASSAY_OK; i++) {
        const assay_strategy *member = assay_member_at(strategy, i).strategy;
        const assay_rule *rule = member->on_bar == assay_rule_on_bar ? member->context : NULL;
        status = rule != NULL ? add_graph(&list, &rule->graph, err) : add_declared(&list, member, err);
    }
    for (size_t i = 0; i < list.n; i++) {
        if (status == ASSAY_OK)
            found(context, list.name[i]);
        free(list.name[i]);
    }
    free(list.name);
    return status;
}

/* --- indicators --- */

const char *assay_indicator_expression(const char *column) {
    return assay_column_expression(column);
}

const assay_indicator *assay_indicator_at(size_t index) {
    return assay_computed_column_at(index);
}

/* --- an expression by itself --- */

assay_status assay_expression_compute(const assay_panel *panel, const char *expression, double *out_values,
                                      assay_error *err) {
    const assay_scope nothing = {0};
    assay_graph graph = {0};
    assay_mistake mistake;
    assay_error inner = {.status = ASSAY_OK};
    uint32_t node = 0;
    assay_status status = assay_expression_read(&graph, &nothing, expression, &node, &mistake, &inner);
    if (status != ASSAY_OK)
        status = assay_error_set(err, status, "'%.200s', character %zu: %s", expression, mistake.offset + 1,
                                 inner.message);
    else if (graph.node[node].place == ASSAY_PLACE_BOOK)
        status = assay_error_set(err, ASSAY_E_CONFIG,
                                 "'%.200s' needs a portfolio: positions are known to a strategy alone",
                                 expression);
    else
        status = assay_evaluate_symbols(panel, &graph, node, out_values, err);
    assay_graph_reset(&graph);
    return status;
}

bool assay_expression_function(size_t index, char *out_usage, size_t size, const char **out_formula,
                               const char **out_source) {
    if (index < assay_function_count()) {
        const assay_function *f = assay_function_at(index);
        assay_function_usage(f, out_usage, size);
        *out_formula = f->formula;
        *out_source = f->source;
        return true;
    }
    index -= assay_function_count();
    if (index >= assay_cross_count())
        return false;
    const assay_cross *cross = assay_cross_at(index);
    snprintf(out_usage, size, "%s(x%s)", cross->name, cross->has_number ? ", n" : "");
    *out_formula = cross->formula;
    *out_source = "docs/rules.md";
    return true;
}
