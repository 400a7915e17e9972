/* Lines of text to a rule: parameters, definitions, expressions, names and reasons of its signals. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "base/text.h"
#include "strategy/rule.h"

static const char *const action_names[ASSAY_N_RULE_ACTIONS] = {"sell", "reduce", "buy", "increase", "target"};
static const assay_action actions[ASSAY_N_RULE_ACTIONS] = {
    ASSAY_ACTION_SELL, ASSAY_ACTION_REDUCE, ASSAY_ACTION_BUY, ASSAY_ACTION_INCREASE, ASSAY_ACTION_TARGET};
static const double usual_target[ASSAY_N_RULE_ACTIONS] = {1, 0, 1, 1, 0};

/* A rule in the making. */
typedef struct maker {
    assay_rule *rule;
    const assay_rule_line *line;
    size_t n_lines;
    size_t *definition_line; /* line of each definition */
    assay_rule_place *place;
    assay_error *err;
} maker;

static assay_status no_memory(const maker *m) {
    return assay_error_set(m->err, ASSAY_E_NOMEM, "out of memory for a rule");
}

char *assay_rule_text(assay_rule *rule, const char *text, size_t size) {
    char *copy = strndup(text, size);
    if (copy == NULL || ASSAY_RESERVE(rule->text, rule->text_capacity, rule->n_texts + 1, NULL) != ASSAY_OK) {
        free(copy);
        return NULL;
    }
    rule->text[rule->n_texts++] = copy;
    return copy;
}

static void release(assay_strategy *strategy) {
    assay_rule *rule = (assay_rule *)strategy; /* the descriptor is its first member */
    for (size_t i = 0; i < rule->n_texts; i++)
        free(rule->text[i]);
    free(rule->text);
    free(rule->params);
    free(rule->definitions);
    free(rule->kinds);
    assay_graph_reset(&rule->graph);
    free(rule);
}

static assay_status refuse(maker *m, size_t line, size_t offset, const char *format, ...) ASSAY_PRINTF(4, 5);
static assay_status refuse(maker *m, size_t line, size_t offset, const char *format, ...) {
    char message[700];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    *m->place = (assay_rule_place){line, offset};
    return assay_error_set(m->err, ASSAY_E_CONFIG, "%s", message);
}

/* --- parameters and definitions --- */

static bool is_name(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n > 0 && n < 100 && text[n] == '\0' && (text[0] < '0' || text[0] > '9');
}

/* A number that is a part of a parameter's text. */
static assay_status read_bound(maker *m, size_t line, const char *text, size_t size, double *out) {
    char part[64];
    snprintf(part, sizeof part, "%.*s", (int)(size < sizeof part ? size : sizeof part - 1), text);
    if (size < sizeof part && assay_double_parse(part, out))
        return ASSAY_OK;
    return refuse(m, line, 0, "'%.40s' is no number; a parameter is written 20, or 20 in 2..500", part);
}

/* "20", or "20 in 2..500": the default and the bounds. */
static assay_status read_param(maker *m, size_t line, assay_param *out) {
    const char *text = m->line[line].text;
    double value[3] = {0, -1e15, 1e15};
    const char *in = strstr(text, " in "), *dots = in == NULL ? NULL : strstr(in + 4, "..");
    if (in != NULL && dots == NULL)
        return refuse(m, line, (size_t)(in + 4 - text), "bounds are written 2..500");
    assay_status status =
        read_bound(m, line, text, in == NULL ? strlen(text) : (size_t)(in - text), &value[0]);
    if (status == ASSAY_OK && in != NULL)
        status = read_bound(m, line, in + 4, (size_t)(dots - in - 4), &value[1]);
    if (status == ASSAY_OK && in != NULL)
        status = read_bound(m, line, dots + 2, strlen(dots + 2), &value[2]);
    if (status != ASSAY_OK)
        return status;
    if (!(value[1] <= value[0] && value[0] <= value[2]))
        return refuse(m, line, 0, "%g does not lie in %g..%g", value[0], value[1], value[2]);
    *out = (assay_param){.name = assay_rule_text(m->rule, m->line[line].key, strlen(m->line[line].key)),
                         .type = ASSAY_PARAM_DOUBLE,
                         .default_value = value[0],
                         .min = value[1],
                         .max = value[2],
                         .unit = "",
                         .help = "of the rule"};
    return out->name == NULL ? no_memory(m) : ASSAY_OK;
}

static assay_status check_name(maker *m, size_t line) {
    const char *key = m->line[line].key;
    if (!is_name(key))
        return refuse(m, line, 0, "'%.60s' is no name: letters, digits and _, not beginning with a digit",
                      key);
    if (assay_is_own_name(key))
        return refuse(m, line, 0, "'%s' means something already: choose another name", key);
    for (size_t i = 0; i < line; i++) {
        bool names =
            strcmp(m->line[i].section, "parameters") == 0 || strcmp(m->line[i].section, "define") == 0;
        if (names && strcmp(m->line[i].key, key) == 0)
            return refuse(m, line, 0, "'%s' is named for the second time", key);
    }
    return ASSAY_OK;
}

static assay_status take_names(maker *m) {
    assay_rule *rule = m->rule;
    rule->params = calloc(m->n_lines + 1, sizeof *rule->params);
    rule->definitions = calloc(m->n_lines + 1, sizeof *rule->definitions);
    m->definition_line = calloc(m->n_lines + 1, sizeof *m->definition_line);
    if (rule->params == NULL || rule->definitions == NULL || m->definition_line == NULL)
        return no_memory(m);
    rule->scope = (assay_scope){.param = rule->params, .definition = rule->definitions};
    for (size_t i = 0; i < m->n_lines; i++) {
        bool is_param = strcmp(m->line[i].section, "parameters") == 0;
        if (!is_param && strcmp(m->line[i].section, "define") != 0)
            continue;
        assay_status status = check_name(m, i);
        if (status != ASSAY_OK)
            return status;
        if (is_param) {
            if (rule->scope.n_params + 2 > ASSAY_MAX_PARAMS) /* one is left for a weight */
                return refuse(m, i, 0, "more than %d parameters", ASSAY_MAX_PARAMS - 1);
            status = read_param(m, i, &rule->params[rule->scope.n_params++]);
            if (status != ASSAY_OK)
                return status;
            continue;
        }
        assay_definition *d = &rule->definitions[rule->scope.n_definitions];
        m->definition_line[rule->scope.n_definitions++] = i;
        *d = (assay_definition){.name = assay_rule_text(rule, m->line[i].key, strlen(m->line[i].key)),
                                .text = assay_rule_text(rule, m->line[i].text, strlen(m->line[i].text)),
                                .node = ASSAY_NO_NODE};
        if (d->name == NULL || d->text == NULL)
            return no_memory(m);
    }
    return ASSAY_OK;
}

/* --- expressions --- */

/* Reads an expression that stands at `offset` of a line. */
static assay_status read_node(maker *m, size_t line, size_t offset, const char *text, uint32_t *out_node) {
    assay_mistake mistake;
    assay_error inner = {.status = ASSAY_OK};
    assay_status status =
        assay_expression_read(&m->rule->graph, &m->rule->scope, text, out_node, &mistake, &inner);
    if (status != ASSAY_E_CONFIG)
        return status == ASSAY_OK ? ASSAY_OK : assay_error_set(m->err, status, "%s", inner.message);
    if (mistake.definition >= 0)
        return refuse(m, m->definition_line[mistake.definition], mistake.offset, "%s", inner.message);
    return refuse(m, line, offset + mistake.offset, "%s", inner.message);
}

/* The line of a key of section rule; n_lines: there is none. */
static size_t find_line(const maker *m, const char *key) {
    for (size_t i = 0; i < m->n_lines; i++) {
        if (strcmp(m->line[i].section, "rule") == 0 && strcmp(m->line[i].key, key) == 0)
            return i;
    }
    return m->n_lines;
}

/* The line of a part of an action: "buy_score", else "score", which is for all. */
static size_t find_part(const maker *m, const char *action, const char *part) {
    char key[64];
    snprintf(key, sizeof key, "%s_%s", action, part);
    size_t line = find_line(m, key);
    return line < m->n_lines ? line : find_line(m, part);
}

static assay_status read_part(maker *m, int action, assay_rule_part part, const char *name) {
    size_t line = part == ASSAY_RULE_POSITION ? m->n_lines : find_part(m, action_names[action], name);
    if (part == ASSAY_RULE_POSITION) {
        char key[64];
        snprintf(key, sizeof key, "%s_%s", action_names[action], name);
        line = find_line(m, key); /* `target` alone is an action */
    }
    if (line == m->n_lines)
        return ASSAY_OK;
    return read_node(m, line, 0, m->line[line].text, &m->rule->node[action][part]);
}

/* --- reasons: "Momentum: {100 * m:.2f}%" --- */

/* ".2f" or ".1%"; decimals and scale. */
static bool read_format(const char *text, size_t size, assay_signal_kind *kind, bool *out_percent) {
    if (size != 3 || text[0] != '.' || text[1] < '0' || text[1] > '6' || (text[2] != 'f' && text[2] != '%'))
        return false;
    kind->reason_decimals = text[1] - '0';
    *out_percent = text[2] == '%';
    kind->reason_scale = *out_percent ? 100 : 1;
    return true;
}

static assay_status plain_reason(maker *m, const char *text, assay_signal_kind *kind) {
    kind->reason_before = assay_rule_text(m->rule, text, strlen(text));
    kind->reason_after = "";
    kind->reason_scale = 0; /* no number */
    return kind->reason_before == NULL ? no_memory(m) : ASSAY_OK;
}

static assay_status read_reason(maker *m, int action, assay_signal_kind *kind) {
    size_t line = find_part(m, action_names[action], "reason");
    if (line == m->n_lines)
        return plain_reason(m, m->line[find_line(m, action_names[action])].text, kind);
    const char *text = m->line[line].text, *open = strchr(text, '{');
    if (open == NULL)
        return plain_reason(m, text, kind);
    const char *close = strchr(open, '}');
    if (close == NULL)
        return refuse(m, line, (size_t)(open - text), "the } to this { is missing");
    if (strchr(close, '{') != NULL)
        return refuse(m, line, (size_t)(strchr(close, '{') - text), "a reason shows one value");
    const char *colon = close;
    while (colon > open && *colon != ':')
        colon--;
    bool percent = false;
    kind->reason_scale = 1;
    kind->reason_decimals = 2;
    if (colon > open && !read_format(colon + 1, (size_t)(close - colon - 1), kind, &percent))
        return refuse(m, line, (size_t)(colon - text), "formats are .0f to .6f and .0%% to .6%%");
    size_t end = (size_t)((colon > open ? colon : close) - open - 1);
    char *expression = assay_rule_text(m->rule, open + 1, end);
    char after[300];
    snprintf(after, sizeof after, "%s%.250s", percent ? "%" : "", close + 1);
    kind->reason_before = assay_rule_text(m->rule, text, (size_t)(open - text));
    kind->reason_after = assay_rule_text(m->rule, after, strlen(after));
    if (expression == NULL || kind->reason_before == NULL || kind->reason_after == NULL)
        return no_memory(m);
    return read_node(m, line, (size_t)(open + 1 - text), expression,
                     &m->rule->node[action][ASSAY_RULE_VALUE]);
}

/* --- actions --- */

static assay_status read_action(maker *m, int action) {
    size_t line = find_line(m, action_names[action]);
    if (line == m->n_lines)
        return ASSAY_OK;
    assay_rule *rule = m->rule;
    rule->kind[action] = rule->n_actions;
    assay_signal_kind *kind = &rule->kinds[rule->n_actions++];
    size_t type = find_part(m, action_names[action], "type");
    const char *name = type == m->n_lines ? action_names[action] : m->line[type].text;
    *kind = (assay_signal_kind){.signal_type = assay_rule_text(rule, name, strlen(name)),
                                .action = actions[action],
                                .target_position = usual_target[action]};
    if (kind->signal_type == NULL)
        return no_memory(m);
    assay_status status =
        read_node(m, line, 0, m->line[line].text, &rule->node[action][ASSAY_RULE_CONDITION]);
    if (status == ASSAY_OK)
        status = read_part(m, action, ASSAY_RULE_SCORE, "score");
    if (status == ASSAY_OK)
        status = read_part(m, action, ASSAY_RULE_STRENGTH, "strength");
    if (status == ASSAY_OK && action != ASSAY_RULE_TARGET)
        status = read_part(m, action, ASSAY_RULE_POSITION, "target");
    return status == ASSAY_OK ? read_reason(m, action, kind) : status;
}

static bool is_rule_key(const char *key, char *out_nearest, size_t size) {
    static const char *const common[] = {"name", "score", "strength", "reason"};
    static const char *const parts[] = {"", "_score", "_strength", "_target", "_reason", "_type"};
    char nearest[64] = "", known[64];
    out_nearest[0] = '\0';
    for (int i = 0; i < 4 + ASSAY_N_RULE_ACTIONS * 6; i++) {
        if (i < 4)
            snprintf(known, sizeof known, "%s", common[i]);
        else
            snprintf(known, sizeof known, "%s%s", action_names[(i - 4) / 6], parts[(i - 4) % 6]);
        if (strcmp(known, key) == 0)
            return true;
        if (assay_nearer_name(key, nearest[0] == '\0' ? NULL : nearest, known) == known)
            memcpy(nearest, known, sizeof nearest);
    }
    if (nearest[0] != '\0')
        snprintf(out_nearest, size, ": did you mean '%s'?", nearest);
    else
        snprintf(out_nearest, size, "; a named expression stands in the section define");
    return false;
}

static assay_status check_keys(maker *m) {
    for (size_t i = 0; i < m->n_lines; i++) {
        const assay_rule_line *line = &m->line[i];
        char nearest[100];
        if (strcmp(line->section, "parameters") == 0 || strcmp(line->section, "define") == 0)
            continue;
        if (strcmp(line->section, "rule") != 0)
            return refuse(m, i, 0, "a rule has no section '%.60s'; it has rule, define and parameters",
                          line->section);
        if (!is_rule_key(line->key, nearest, sizeof nearest))
            return refuse(m, i, 0, "a rule has no '%.60s'%s", line->key, nearest);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(m->line[k].section, "rule") == 0 && strcmp(m->line[k].key, line->key) == 0)
                return refuse(m, i, 0, "'%s' stands here for the second time", line->key);
        }
    }
    return ASSAY_OK;
}

static assay_status read_all(maker *m) {
    assay_rule *rule = m->rule;
    rule->kinds = calloc(ASSAY_N_RULE_ACTIONS, sizeof *rule->kinds);
    if (rule->kinds == NULL)
        return no_memory(m);
    for (int a = 0; a < ASSAY_N_RULE_ACTIONS; a++) {
        for (int part = 0; part < ASSAY_N_RULE_PARTS; part++)
            rule->node[a][part] = ASSAY_NO_NODE;
    }
    assay_status status = check_keys(m);
    if (status == ASSAY_OK)
        status = take_names(m);
    for (int a = 0; a < ASSAY_N_RULE_ACTIONS && status == ASSAY_OK; a++)
        status = read_action(m, a);
    if (status == ASSAY_OK && rule->n_actions == 0)
        return refuse(m, m->n_lines, 0,
                      "the rule does nothing: it needs at least one of buy, sell, increase, reduce, target");
    /* What no action needs must be right all the same. */
    for (size_t i = 0; i < rule->scope.n_definitions && status == ASSAY_OK; i++) {
        uint32_t unused;
        status = read_node(m, m->definition_line[i], 0, rule->definitions[i].name, &unused);
    }
    return status;
}

/* A default that a window cannot have is found where the parameter stands. */
static assay_status check_defaults(maker *m) {
    assay_rule *rule = m->rule;
    for (uint32_t i = 0; i < rule->scope.n_params; i++) {
        const assay_param *p = &rule->params[i];
        bool whole = p->type != ASSAY_PARAM_INTEGER || p->default_value == floor(p->default_value);
        if (whole && p->default_value >= p->min && p->default_value <= p->max)
            continue;
        size_t line = 0;
        while (strcmp(m->line[line].section, "parameters") != 0 || strcmp(m->line[line].key, p->name) != 0)
            line++;
        return refuse(m, line, 0, "%s = %g is used where %s from %g to %g is needed", p->name,
                      p->default_value, p->type == ASSAY_PARAM_INTEGER ? "a whole number" : "a number",
                      p->min, p->max);
    }
    double defaults[ASSAY_MAX_PARAMS];
    for (uint32_t i = 0; i < rule->scope.n_params; i++)
        defaults[i] = rule->params[i].default_value;
    const char *warning = NULL;
    assay_error inner = {.status = ASSAY_OK};
    if (assay_rule_check(rule, defaults, &warning, &inner) != ASSAY_OK)
        return refuse(m, m->n_lines, 0, "%s", inner.message);
    return ASSAY_OK;
}

/* --- the reference: the rule's lines as JSON, which reads back as the same rule --- */

static size_t json_size(const char *text) {
    return 6 * strlen(text) + 3;
}

static char *put_json(char *at, const char *text) {
    *at++ = '"';
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (c < 0x20) {
            at += sprintf(at, "\\u%04x", c);
        } else {
            *at++ = (char)c;
        }
    }
    *at++ = '"';
    return at;
}

static assay_status write_reference(maker *m) {
    static const char *const sections[] = {"parameters", "define", "rule"};
    size_t size = 100;
    for (size_t i = 0; i < m->n_lines; i++)
        size += json_size(m->line[i].key) + json_size(m->line[i].text) + 4;
    char *text = malloc(size), *at = text;
    if (text == NULL)
        return no_memory(m);
    at += sprintf(at, "rule:{");
    for (int s = 0; s < 3; s++) {
        size_t n = 0;
        for (size_t i = 0; i < m->n_lines; i++) {
            if (strcmp(m->line[i].section, sections[s]) != 0)
                continue;
            at += n++ == 0 ? sprintf(at, "%s\"%s\": {", at[-1] == '{' ? "" : ", ", sections[s])
                           : sprintf(at, ", ");
            at = put_json(at, m->line[i].key);
            at += sprintf(at, ": ");
            at = put_json(at, m->line[i].text);
        }
        at += n > 0 ? sprintf(at, "}") : 0;
    }
    sprintf(at, "}");
    m->rule->descriptor.reference = assay_rule_text(m->rule, text, strlen(text));
    free(text);
    return m->rule->descriptor.reference == NULL ? no_memory(m) : ASSAY_OK;
}

static assay_status describe(maker *m, const char *name) {
    assay_rule *rule = m->rule;
    size_t line = find_line(m, "name");
    const char *chosen = name != NULL ? name : line < m->n_lines ? m->line[line].text : "rule";
    if (!is_name(chosen))
        return refuse(m, line, 0, "'%.60s' is no name of a strategy: letters, digits and _", chosen);
    rule->descriptor = (assay_strategy){.abi_version = ASSAY_STRATEGY_ABI_VERSION,
                                        .name = assay_rule_text(rule, chosen, strlen(chosen)),
                                        .summary = "a rule",
                                        .params = rule->params,
                                        .n_params = rule->scope.n_params,
                                        .kinds = rule->kinds,
                                        .n_kinds = rule->n_actions,
                                        .context = rule,
                                        .features = assay_rule_features,
                                        .check = assay_rule_check,
                                        .create = assay_rule_create_state,
                                        .destroy = assay_rule_destroy_state,
                                        .on_bar = assay_rule_on_bar,
                                        .needs_sectors = rule->needs_sectors,
                                        .release = release};
    return rule->descriptor.name == NULL ? no_memory(m) : write_reference(m);
}

assay_status assay_rule_create(const char *name, const assay_rule_line *lines, size_t n_lines,
                               assay_strategy **out_strategy, assay_rule_place *out_place, assay_error *err) {
    assay_rule_place unused;
    *out_strategy = NULL;
    maker m = {.rule = calloc(1, sizeof *m.rule),
               .line = lines,
               .n_lines = n_lines,
               .place = out_place == NULL ? &unused : out_place,
               .err = err};
    *m.place = (assay_rule_place){n_lines, 0};
    if (m.rule == NULL)
        return no_memory(&m);
    assay_status status = read_all(&m);
    if (status == ASSAY_OK)
        status = assay_rule_bind(m.rule, err);
    if (status == ASSAY_OK)
        status = check_defaults(&m);
    if (status == ASSAY_OK)
        status = describe(&m, name);
    free(m.definition_line);
    if (status != ASSAY_OK) {
        release(&m.rule->descriptor);
        return status;
    }
    *out_strategy = &m.rule->descriptor;
    return ASSAY_OK;
}
