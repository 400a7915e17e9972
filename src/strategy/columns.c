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

typedef struct name_list {
    const char **name;
    size_t n, size;
} name_list;

static void add_name(name_list *list, const char *name) {
    for (size_t i = 0; i < list->n && i < list->size; i++) {
        if (strcmp(list->name[i], name) == 0)
            return;
    }
    if (list->n < list->size)
        list->name[list->n] = name;
    list->n++;
}

/* The known columns that the expressions of declared features name; their names are static. */
static void add_declared(name_list *list, const assay_strategy *strategy) {
    double params[ASSAY_MAX_PARAMS];
    assay_feature feature[ASSAY_MAX_FEATURES];
    if (strategy->features == NULL || strategy->n_params > ASSAY_MAX_PARAMS)
        return;
    for (uint32_t i = 0; i < strategy->n_params; i++)
        params[i] = strategy->params[i].default_value;
    uint32_t n = strategy->features(strategy->context, params, feature);
    for (uint32_t i = 0; i < n && i < ASSAY_MAX_FEATURES; i++) {
        const assay_bound_feature bound = {feature[i], strategy, params};
        for (size_t k = 0; assay_known_column_at(k) != NULL; k++) {
            if (assay_feature_names(&bound, assay_known_column_at(k)))
                add_name(list, assay_known_column_at(k));
        }
    }
}

static void add_columns(name_list *list, const assay_strategy *strategy) {
    if (strategy->on_bar != assay_rule_on_bar) {
        add_declared(list, strategy);
        return;
    }
    const assay_rule *rule = strategy->context;
    for (uint32_t i = 0; i < rule->graph.n; i++) {
        if (rule->graph.node[i].op == ASSAY_OP_COLUMN)
            add_name(list, rule->graph.node[i].text);
    }
}

size_t assay_strategy_columns(const assay_strategy *strategy, const char **out_names, size_t size) {
    name_list list = {out_names, 0, size};
    for (uint32_t i = 0; i < assay_member_count(strategy); i++)
        add_columns(&list, assay_member_at(strategy, i).strategy);
    return list.n;
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
