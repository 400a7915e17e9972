/* Ensembles; what the members' signals come to together is the engine's business (engine/combine.c). */
#include "strategy/ensemble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strategy/descriptor.h"

struct assay_ensemble {
    assay_member member[ASSAY_MAX_MEMBERS];
    uint32_t n_members;
    assay_param *params;
    assay_signal_kind *kinds;
    char *name, *reference;
    char *member_name[ASSAY_MAX_MEMBERS];
    char *param_name[ASSAY_MAX_PARAMS];
};

uint32_t assay_member_count(const assay_strategy *strategy) {
    return strategy->ensemble == NULL ? 1 : strategy->ensemble->n_members;
}

assay_member assay_member_at(const assay_strategy *strategy, uint32_t index) {
    if (strategy->ensemble == NULL)
        return (assay_member){.strategy = strategy, .name = strategy->name, .weight_param = UINT32_MAX};
    return strategy->ensemble->member[index];
}

uint32_t assay_vote_buy_kind(const assay_strategy *ensemble) {
    return ensemble->n_kinds - 2;
}

uint32_t assay_vote_sell_kind(const assay_strategy *ensemble) {
    return ensemble->n_kinds - 1;
}

void assay_strategy_destroy(assay_strategy *strategy) {
    if (strategy != NULL && strategy->release != NULL)
        strategy->release(strategy);
}

/* --- making one --- */

static void release(assay_strategy *strategy) {
    struct assay_ensemble *e = (struct assay_ensemble *)(uintptr_t)strategy->context;
    for (uint32_t i = 0; i < e->n_members; i++)
        free(e->member_name[i]);
    for (uint32_t i = 0; i < ASSAY_MAX_PARAMS; i++)
        free(e->param_name[i]);
    free(e->params);
    free(e->kinds);
    free(e->name);
    free(e->reference);
    free(e);
    free(strategy);
}

/* Asks every member; the first warning counts. */
static assay_status check(const void *context, const double *params, const char **out_warning,
                          assay_error *err) {
    const struct assay_ensemble *e = context;
    *out_warning = NULL;
    for (uint32_t i = 0; i < e->n_members; i++) {
        const assay_member *m = &e->member[i];
        const char *warning = NULL;
        assay_error inner = {.status = ASSAY_OK};
        if (m->strategy->check == NULL)
            continue;
        assay_status status =
            m->strategy->check(m->strategy->context, params + m->first_param, &warning, &inner);
        if (status != ASSAY_OK)
            return assay_error_set(err, status, "%s: %s", m->name, inner.message);
        if (*out_warning == NULL)
            *out_warning = warning;
    }
    return ASSAY_OK;
}

/* "momentum", then "momentum#2" for the next of that name. NULL: out of memory. */
static char *name_member(const assay_strategy *const *members, uint32_t index) {
    char name[300];
    unsigned nth = 1;
    for (uint32_t i = 0; i < index; i++)
        nth += strcmp(members[i]->name, members[index]->name) == 0;
    if (nth == 1)
        snprintf(name, sizeof name, "%.200s", members[index]->name);
    else
        snprintf(name, sizeof name, "%.200s#%u", members[index]->name, nth);
    return strdup(name);
}

static bool add_param(struct assay_ensemble *e, uint32_t *n, const char *member, const assay_param *param) {
    char name[500];
    snprintf(name, sizeof name, "%.250s.%.200s", member, param->name);
    e->param_name[*n] = strdup(name);
    e->params[*n] = *param;
    e->params[*n].name = e->param_name[*n];
    (*n)++;
    return e->param_name[*n - 1] != NULL;
}

static bool add_member(struct assay_ensemble *e, const assay_strategy *const *members, uint32_t index,
                       uint32_t *n_params, uint32_t *n_kinds) {
    static const assay_param weight = {"weight",
                                       ASSAY_PARAM_DOUBLE,
                                       1,
                                       0,
                                       1e6,
                                       "",
                                       "its voice in a vote, its share of the capital in sleeves"};
    const assay_strategy *s = members[index];
    char *name = name_member(members, index);
    e->member_name[index] = name;
    e->n_members = index + 1;
    if (name == NULL)
        return false;
    e->member[index] = (assay_member){s, name, *n_params, *n_params + s->n_params, *n_kinds};
    for (uint32_t i = 0; i < s->n_params; i++) {
        if (!add_param(e, n_params, name, &s->params[i]))
            return false;
    }
    for (uint32_t i = 0; i < s->n_kinds; i++)
        e->kinds[(*n_kinds)++] = s->kinds[i];
    return add_param(e, n_params, name, &weight);
}

/* Members' names with + between, or their references with newlines: what makes the ensemble again. */
static char *join(const struct assay_ensemble *e, bool references) {
    size_t size = 1;
    for (uint32_t i = 0; i < e->n_members; i++) {
        const assay_strategy *s = e->member[i].strategy;
        size += strlen(!references ? e->member[i].name : s->reference != NULL ? s->reference : s->name) + 1;
    }
    char *text = malloc(size);
    if (text == NULL)
        return NULL;
    char *end = text;
    *end = '\0';
    for (uint32_t i = 0; i < e->n_members; i++) {
        const assay_strategy *s = e->member[i].strategy;
        const char *name = !references ? e->member[i].name : s->reference != NULL ? s->reference : s->name;
        if (i > 0)
            *end++ = references ? '\n' : '+';
        size_t n = strlen(name);
        memcpy(end, name, n + 1);
        end += n;
    }
    return text;
}

static assay_status check_size(const assay_strategy *const *members, size_t n, assay_error *err) {
    size_t n_params = 0, n_kinds = 2;
    if (n < 1 || n > ASSAY_MAX_MEMBERS)
        return assay_error_set(err, ASSAY_E_CONFIG, "%zu strategies in one run; at most %d", n,
                               ASSAY_MAX_MEMBERS);
    for (size_t i = 0; i < n; i++) {
        if (members[i]->ensemble != NULL)
            return assay_error_set(err, ASSAY_E_CONFIG, "an ensemble cannot be a member of another");
        n_params += members[i]->n_params + 1;
        n_kinds += members[i]->n_kinds;
    }
    if (n_params > ASSAY_MAX_PARAMS || n_kinds > ASSAY_MAX_KINDS)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "the strategies have %zu parameters and %zu kinds of signals together; at "
                               "most %d and %d",
                               n_params, n_kinds, ASSAY_MAX_PARAMS, ASSAY_MAX_KINDS);
    return ASSAY_OK;
}

assay_status assay_ensemble_create(const assay_strategy *const *members, size_t n,
                                   assay_strategy **out_strategy, assay_error *err) {
    static const assay_signal_kind votes[] = {
        {"vote_buy", ASSAY_ACTION_BUY, 1.0, "Vote: ", 1, 2, ""},
        {"vote_sell", ASSAY_ACTION_SELL, 1.0, "Vote: ", 1, 2, ""},
    };
    *out_strategy = NULL;
    assay_status status = check_size(members, n, err);
    if (status != ASSAY_OK)
        return status;
    assay_strategy *s = calloc(1, sizeof *s);
    struct assay_ensemble *e = calloc(1, sizeof *e);
    bool whole = s != NULL && e != NULL;
    if (whole) {
        *s = (assay_strategy){.context = e, .release = release};
        e->params = calloc(ASSAY_MAX_PARAMS, sizeof *e->params);
        e->kinds = calloc(ASSAY_MAX_KINDS, sizeof *e->kinds);
        whole = e->params != NULL && e->kinds != NULL;
        for (uint32_t i = 0; whole && i < n; i++)
            whole = add_member(e, members, i, &s->n_params, &s->n_kinds);
        e->name = whole ? join(e, false) : NULL;
        e->reference = whole ? join(e, true) : NULL;
        whole = e->name != NULL && e->reference != NULL;
    }
    if (!whole) {
        if (s != NULL && e != NULL)
            release(s);
        else {
            free(s);
            free(e);
        }
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for an ensemble of %zu strategies", n);
    }
    memcpy(e->kinds + s->n_kinds, votes, sizeof votes);
    s->n_kinds += sizeof votes / sizeof *votes;
    s->abi_version = ASSAY_STRATEGY_ABI_VERSION;
    s->name = e->name;
    s->summary = "several strategies in one run";
    s->params = e->params;
    s->kinds = e->kinds;
    s->check = check;
    s->reference = e->reference;
    for (size_t i = 0; i < n; i++)
        s->needs_sectors = s->needs_sectors || members[i]->needs_sectors;
    s->ensemble = e;
    *out_strategy = s;
    return ASSAY_OK;
}

/* --- features --- */

assay_status assay_features_list(const assay_strategy *strategy, const double *params,
                                 assay_bound_feature out_feature[ASSAY_MAX_FEATURES],
                                 uint32_t out_first[ASSAY_MAX_MEMBERS + 1], assay_error *err) {
    uint32_t n = 0, n_members = assay_member_count(strategy);
    for (uint32_t i = 0; i < n_members; i++) {
        assay_member m = assay_member_at(strategy, i);
        const double *own = params + m.first_param;
        assay_feature feature[ASSAY_MAX_FEATURES];
        uint32_t n_own =
            m.strategy->features == NULL ? 0 : m.strategy->features(m.strategy->context, own, feature);
        out_first[i] = n;
        if (n_own > ASSAY_MAX_FEATURES - n)
            return assay_error_set(err, ASSAY_E_STRATEGY,
                                   "strategy %s declares %u features; at most %d in one run", m.name, n_own,
                                   ASSAY_MAX_FEATURES);
        if (m.strategy->threshold_form != NULL && m.strategy->threshold_form->feature >= n_own)
            return assay_error_set(err, ASSAY_E_STRATEGY,
                                   "strategy %s: threshold_form names feature %u, but %u are declared",
                                   m.name, m.strategy->threshold_form->feature, n_own);
        for (uint32_t k = 0; k < n_own; k++) {
            assay_status status = assay_descriptor_check_feature(m.name, &feature[k], err);
            if (status != ASSAY_OK)
                return status;
            out_feature[n++] = (assay_bound_feature){feature[k], m.strategy, own};
        }
    }
    out_first[n_members] = n;
    return ASSAY_OK;
}
