/* Objectives and constraints against the table of metrics. */
#include "research/objective.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "assay/assay_result.h"
#include "base/number.h"
#include "base/text.h"

enum { NAME_SIZE = 96 };

/* A name that users expect, and that means a constraint on total_trades. */
static const char trades_alias[] = "min_trades";

/* Losses as numbers at or below 0: whoever asks for the smallest would get the worst. */
static const char *const never_positive[] = {"max_drawdown_pct"};

/* Copies what lies between two places without the blanks around it; cut where it is too long to be a name. */
static void copy_name(const char *begin, const char *end, char out_name[NAME_SIZE]) {
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (begin < end && isspace((unsigned char)end[-1]))
        end--;
    snprintf(out_name, NAME_SIZE, "%.*s", (int)(end - begin < NAME_SIZE ? end - begin : NAME_SIZE - 1),
             begin);
}

/* What the user may have meant: a name that differs little, else one that begins like it (sharpe: sharpe_ratio). */
static const char *nearest_metric(const char *name) {
    const char *nearest = NULL, *longer = NULL;
    for (size_t i = assay_metric_count(); i-- > 0;) {
        const char *candidate = assay_metric_at(i)->name;
        nearest = assay_nearer_name(name, nearest, candidate);
        if (strncmp(candidate, name, strlen(name)) == 0)
            longer = candidate;
    }
    return nearest != NULL ? nearest : longer;
}

static assay_status find_metric(const char *what, const char *text, const char *name, size_t *out_metric,
                                assay_error *err) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0) {
            *out_metric = i;
            return ASSAY_OK;
        }
    }
    if (name[0] == '\0')
        return assay_error_set(err, ASSAY_E_CONFIG, "%s '%.100s': the name of a metric is missing", what,
                               text);
    const char *nearest = nearest_metric(name);
    return assay_error_set(err, ASSAY_E_CONFIG, "%s '%.100s': unknown metric '%s'%s%s%s", what, text, name,
                           nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                           nearest == NULL ? "; docs/metrics.md lists them" : "'?");
}

assay_status assay_objective_parse(const char *text, assay_objective *out, assay_error *err) {
    assay_objective objective = {0};
    const char *at = text + strspn(text, " \t");
    char name[NAME_SIZE];
    if (*at == '-' || strncmp(at, "min:", 4) == 0) {
        objective.minimise = true;
        at += *at == '-' ? 1 : 4;
    } else if (strncmp(at, "max:", 4) == 0) {
        at += 4;
    }
    copy_name(at, at + strlen(at), name);
    assay_status status = find_metric("objective", text, name, &objective.metric, err);
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; objective.minimise && i < sizeof never_positive / sizeof *never_positive; i++) {
        if (strcmp(never_positive[i], name) == 0)
            return assay_error_set(err, ASSAY_E_CONFIG,
                                   "objective '%.100s' looks for the worst loss: %s is 0 or negative and the "
                                   "larger is the better, so write max:%s",
                                   text, name, name);
    }
    *out = objective;
    return ASSAY_OK;
}

static const char *const relation_text[] = {">=", "<=", ">", "<"};

/* The longest relation that begins at `at`; false where none does. */
static bool read_relation(const char *at, assay_relation *out) {
    for (size_t i = 0; i < sizeof relation_text / sizeof *relation_text; i++) {
        if (strncmp(at, relation_text[i], strlen(relation_text[i])) == 0) {
            *out = (assay_relation)i;
            return true;
        }
    }
    return false;
}

static assay_status refuse_relation(const char *text, const char *name, assay_error *err) {
    return assay_error_set(err, ASSAY_E_CONFIG,
                           "constraint '%.100s': write METRIC>=NUMBER (or >, <=, <), such as %s>=50, or "
                           "min_trades=50",
                           text, name[0] == '\0' ? "win_rate_pct" : name);
}

assay_status assay_constraint_parse(const char *text, assay_constraint *out, assay_error *err) {
    assay_constraint constraint = {0};
    const char *at = text + strcspn(text, "<>=");
    char name[NAME_SIZE], number[NAME_SIZE];
    copy_name(text, at, name);
    size_t length = 1;
    if (read_relation(at, &constraint.relation)) {
        length = strlen(relation_text[constraint.relation]);
    } else if (*at != '=' || strcmp(name, trades_alias) != 0) {
        return refuse_relation(text, name, err);
    }
    if (strcmp(name, trades_alias) == 0) {
        if (constraint.relation != ASSAY_AT_LEAST)
            return refuse_relation(text, "total_trades", err);
        snprintf(name, sizeof name, "total_trades");
    }
    assay_status status = find_metric("constraint", text, name, &constraint.metric, err);
    if (status != ASSAY_OK)
        return status;
    copy_name(at + length, at + strlen(at), number);
    if (!assay_double_parse(number, &constraint.bound))
        return assay_error_set(err, ASSAY_E_CONFIG, "constraint '%.100s': the bound '%s' must be a number",
                               text, number);
    *out = constraint;
    return ASSAY_OK;
}

void assay_objective_format(const assay_objective *objective, char *out_text, size_t size) {
    snprintf(out_text, size, "%s:%s", objective->minimise ? "min" : "max",
             assay_metric_at(objective->metric)->name);
}

void assay_constraint_format(const assay_constraint *constraint, char *out_text, size_t size) {
    char number[32];
    assay_double_format(constraint->bound, number, sizeof number);
    snprintf(out_text, size, "%s%s%s", assay_metric_at(constraint->metric)->name,
             relation_text[constraint->relation], number);
}

double assay_objective_metric(const assay_objective *objective, double score) {
    return objective->minimise ? 0 - score : score; /* 0 - 0 is 0, where -0 would be -0 */
}

double assay_objective_score(const assay_objective *objective, const double *metrics) {
    return assay_objective_metric(objective, metrics[objective->metric]);
}

bool assay_constraint_holds(const assay_constraint *constraint, const double *metrics) {
    double value = metrics[constraint->metric], bound = constraint->bound;
    switch (constraint->relation) {
    case ASSAY_AT_LEAST:
        return value >= bound;
    case ASSAY_AT_MOST:
        return value <= bound;
    case ASSAY_ABOVE:
        return value > bound;
    case ASSAY_BELOW:
        return value < bound;
    }
    return false;
}

void assay_objective_scores(const assay_objective *objective, const assay_constraint *constraints,
                            size_t n_constraints, const double *metrics, size_t n_points,
                            double *out_scores) {
    for (size_t i = 0; i < n_points; i++) {
        const double *row = metrics + i * assay_metric_count();
        bool holds = true;
        for (size_t c = 0; c < n_constraints && holds; c++)
            holds = assay_constraint_holds(&constraints[c], row);
        out_scores[i] = holds ? assay_objective_score(objective, row) : ASSAY_NAN;
    }
}
