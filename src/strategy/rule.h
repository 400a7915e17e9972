/* The inside of a rule: its graph, what it decides, its descriptor. */
#ifndef ASSAY_STRATEGY_RULE_H
#define ASSAY_STRATEGY_RULE_H

#include "assay/assay_rule.h"
#include "expression/cross.h"
#include "expression/graph.h"

/* In the order in which they are looked at: of several that hold for a symbol, the first is its signal. Exits come first. */
typedef enum assay_rule_action {
    ASSAY_RULE_SELL,
    ASSAY_RULE_REDUCE,
    ASSAY_RULE_BUY,
    ASSAY_RULE_INCREASE,
    ASSAY_RULE_TARGET,
    ASSAY_N_RULE_ACTIONS
} assay_rule_action;

/* What a decision needs of an action, as nodes. */
typedef enum assay_rule_part {
    ASSAY_RULE_CONDITION, /* of target: the weight */
    ASSAY_RULE_SCORE,
    ASSAY_RULE_STRENGTH,
    ASSAY_RULE_POSITION, /* target_position */
    ASSAY_RULE_VALUE,    /* shown in the reason */
    ASSAY_N_RULE_PARTS
} assay_rule_part;

typedef struct assay_rule {
    assay_strategy descriptor;
    assay_graph graph;
    assay_scope scope;
    uint32_t node[ASSAY_N_RULE_ACTIONS][ASSAY_N_RULE_PARTS]; /* ASSAY_NO_NODE: its default */
    uint32_t kind[ASSAY_N_RULE_ACTIONS];
    uint32_t n_actions;
    uint32_t feature[ASSAY_MAX_FEATURES]; /* nodes that are features */
    char *feature_text[ASSAY_MAX_FEATURES];
    uint32_t n_features;
    uint32_t guard
        [ASSAY_N_RULE_ACTIONS]; /* a condition that is the same for all symbols of a bar; ASSAY_NO_NODE: none */
    bool needs_sectors;         /* a cross-section by sector stands somewhere */
    const assay_cross *decides_by_sector; /* one that the decision computes; NULL: none */
    assay_param *params;
    assay_definition *definitions;
    assay_signal_kind *kinds;
    char **text; /* copies of everything that is pointed to */
    size_t n_texts, text_capacity;
} assay_rule;

/* A copy that lives as long as the rule; NULL: out of memory. */
char *assay_rule_text(assay_rule *rule, const char *text, size_t size);

/* Fills in what the decision needs of the nodes: features, kinds of parameters. ASSAY_E_CONFIG, ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_rule_bind(assay_rule *rule, assay_error *err);

/* The callbacks (rule.c). */
uint32_t assay_rule_features(const void *context, const double *params, assay_feature *out_features);
assay_status assay_rule_check(const void *context, const double *params, const char **out_warning,
                              assay_error *err);
assay_status assay_rule_create_state(const void *context, const double *params, size_t n_symbols,
                                     void **out_state, assay_error *err);
void assay_rule_destroy_state(void *state);
assay_status assay_rule_on_bar(void *state, const double *params, const assay_view *view,
                               assay_signal_sink *sink, assay_error *err);

#endif
