#include "strategy/descriptor.h"

#include <math.h>
#include <string.h>

static assay_status check_version(const assay_strategy *s, assay_error *err) {
    if (s->abi_version == ASSAY_STRATEGY_ABI_VERSION)
        return ASSAY_OK;
    return assay_error_set(
        err, ASSAY_E_STRATEGY,
        "strategy %s is built for version %u of the strategy interface, this is version %d: "
        "build it again",
        s->name, s->abi_version, ASSAY_STRATEGY_ABI_VERSION);
}

static assay_status check_sizes(const assay_strategy *s, assay_error *err) {
    if (s->n_params > ASSAY_MAX_PARAMS || s->n_kinds > ASSAY_MAX_KINDS)
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "strategy %s has %u parameters and %u kinds of signals; at most %d "
                               "and %d",
                               s->name, s->n_params, s->n_kinds, ASSAY_MAX_PARAMS, ASSAY_MAX_KINDS);
    if ((s->n_params != 0 && s->params == NULL) || (s->n_kinds != 0 && s->kinds == NULL))
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s counts %s, but its table is NULL", s->name,
                               s->params == NULL && s->n_params != 0 ? "parameters" : "kinds of signals");
    return ASSAY_OK;
}

/* --- parameters --- */

static assay_status check_param_name(const assay_strategy *s, uint32_t index, assay_error *err) {
    const char *name = s->params[index].name;
    if (name == NULL || name[0] == '\0')
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s: parameter %u has no name", s->name,
                               index + 1);
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(s->params[i].name, name) == 0)
            return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s has two parameters '%s'", s->name,
                                   name);
    }
    return ASSAY_OK;
}

static assay_status check_param(const assay_strategy *s, uint32_t index, assay_error *err) {
    const assay_param *p = &s->params[index];
    assay_status status = check_param_name(s, index, err);
    if (status != ASSAY_OK)
        return status;
    if (p->type != ASSAY_PARAM_DOUBLE && p->type != ASSAY_PARAM_INTEGER)
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s: parameter %s has the unknown type %d",
                               s->name, p->name, (int)p->type);
    if (!(p->min <= p->default_value && p->default_value <= p->max)) /* also where one is NaN */
        return assay_error_set(
            err, ASSAY_E_STRATEGY,
            "strategy %s: parameter %s has the default %g and the bounds %g and %g; they must ascend: least, "
            "default, greatest",
            s->name, p->name, p->default_value, p->min, p->max);
    if (p->type == ASSAY_PARAM_INTEGER && p->default_value != floor(p->default_value))
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "strategy %s: parameter %s is an integer, but its default is %g", s->name,
                               p->name, p->default_value);
    return ASSAY_OK;
}

/* --- kinds of signals --- */

static assay_status check_kind(const assay_strategy *s, uint32_t index, assay_error *err) {
    const assay_signal_kind *k = &s->kinds[index];
    if (k->signal_type == NULL || k->signal_type[0] == '\0')
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s: kind %u has no signal_type", s->name,
                               index + 1);
    if (k->reason_before == NULL || k->reason_after == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "strategy %s: the reason of %s is NULL; a part that is empty is \"\"", s->name,
                               k->signal_type);
    if ((int)k->action < ASSAY_ACTION_HOLD || (int)k->action > ASSAY_ACTION_TARGET)
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s: %s has the unknown action %d", s->name,
                               k->signal_type, (int)k->action);
    bool says_none = k->action == ASSAY_ACTION_TARGET && isnan(k->target_position); /* every signal must */
    if (!says_none && !(fabs(k->target_position) <= 1))
        return assay_error_set(
            err, ASSAY_E_STRATEGY,
            "strategy %s: %s has target_position %g; it is a fraction of the full position, at "
            "most 1 without leverage",
            s->name, k->signal_type, k->target_position);
    return ASSAY_OK;
}

/* --- what it does --- */

static assay_status check_form(const assay_strategy *s, assay_error *err) {
    const assay_threshold_form *form = s->threshold_form;
    if (form == NULL && s->on_bar == NULL && s->ensemble == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s has neither on_bar nor threshold_form",
                               s->name);
    if (form == NULL)
        return ASSAY_OK;
    if (s->features == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s: threshold_form needs features", s->name);
    if (form->threshold_param >= s->n_params)
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "strategy %s: threshold_form names parameter %u, but there are %u", s->name,
                               form->threshold_param, s->n_params);
    uint32_t kind = form->kind_above > form->kind_below ? form->kind_above : form->kind_below;
    if (kind >= s->n_kinds)
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "strategy %s: threshold_form names kind %u, but there are %u", s->name, kind,
                               s->n_kinds);
    return ASSAY_OK;
}

assay_status assay_descriptor_check(const assay_strategy *s, assay_error *err) {
    assay_status status = check_version(s, err);
    if (status == ASSAY_OK)
        status = check_sizes(s, err);
    for (uint32_t i = 0; status == ASSAY_OK && i < s->n_params; i++)
        status = check_param(s, i, err);
    for (uint32_t i = 0; status == ASSAY_OK && i < s->n_kinds; i++)
        status = check_kind(s, i, err);
    return status == ASSAY_OK ? check_form(s, err) : status;
}

assay_status assay_descriptor_check_feature(const char *strategy_name, const assay_feature *feature,
                                            assay_error *err) {
    switch (feature->kind) {
    case ASSAY_FEATURE_WINDOW_RETURN:
    case ASSAY_FEATURE_ZSCORE:
    case ASSAY_FEATURE_MARKET_BETA:
        if (feature->window >= 2)
            return ASSAY_OK;
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "strategy %s: a feature's window of %u bars is too short: at least 2",
                               strategy_name, feature->window);
    case ASSAY_FEATURE_EXPRESSION:
        if (feature->expression != NULL)
            return ASSAY_OK;
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s: a feature's expression is NULL",
                               strategy_name);
    }
    return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s: a feature has the unknown kind %d",
                           strategy_name, (int)feature->kind);
}
