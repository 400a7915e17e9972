/* The JSON texts of a sweep's points. They differ in the swept values only, so they are printed once, by the JSON library,
 * with a mark where a swept value belongs; a point's text is the pieces between the marks with its values.
 *
 * Invariant: where only the strategy's parameters are swept, `parameters` has the bytes that a single run stores.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/text_layout.h"

enum {
    MARK = 1,
    MARK_SIZE = 4,
    TEXT_SIZE = 1 << 16
}; /* a mark is \1, two digits, \1: no JSON text has a bare \1 */

typedef struct growing {
    char *text;
    size_t size, capacity;
} growing;

struct assay_sweep_template {
    const assay_optimizer *optimizer;
    char *parameters, *config; /* with marks */
    bool is_quoted[64];        /* an axis whose values are texts */
    growing out[2];
};

static int axis_of(const assay_optimizer *o, const char *name) {
    for (size_t i = 0; i < assay_optimizer_n_axes(o); i++) {
        if (strcmp(assay_optimizer_axis_name(o, i), name) == 0)
            return (int)i;
    }
    return -1;
}

static cJSON *mark_json(int axis) {
    char text[16];
    snprintf(text, sizeof text, "%c%02d%c", MARK, axis, MARK);
    return cJSON_CreateRaw(text);
}

static bool is_text(const assay_setting *setting) {
    return setting->type == ASSAY_SETTING_CHOICE || setting->type == ASSAY_SETTING_DATE ||
           setting->type == ASSAY_SETTING_DATE_LIST || setting->type == ASSAY_SETTING_TEXT;
}

static bool is_param(const assay_strategy *strategy, const char *name) {
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        if (strcmp(strategy->params[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Every parameter (`whole`), or those that are swept or differ from `plain`; then, if `whole`, the swept settings. */
static cJSON *parameters_json(const assay_optimizer *o, const assay_config *base, const assay_config *plain,
                              bool whole) {
    const assay_strategy *strategy = assay_config_strategy(base);
    const double *value = assay_config_params(base), *usual = assay_config_params(plain);
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (uint32_t i = 0; i < strategy->n_params && ok; i++) {
        int axis = axis_of(o, strategy->params[i].name);
        bool differs = value[i] > usual[i] || value[i] < usual[i];
        if (axis >= 0)
            ok = assay_json_add(object, strategy->params[i].name, mark_json(axis));
        else if (whole || differs)
            ok = assay_json_add(object, strategy->params[i].name, assay_json_number(value[i]));
    }
    for (size_t i = 0; whole && i < assay_optimizer_n_axes(o) && ok; i++) {
        const char *name = assay_optimizer_axis_name(o, i);
        if (!is_param(strategy, name))
            ok = assay_json_add(object, name, mark_json((int)i));
    }
    if (!ok) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static cJSON *setting_json(const assay_setting *setting, const char *text) {
    return is_text(setting) ? cJSON_CreateString(text) : cJSON_CreateRaw(text);
}

/* start_date is `start` in the period of a configuration. */
static const char *key_of(const assay_setting *setting) {
    if (setting->group != ASSAY_GROUP_PERIOD)
        return setting->name;
    return strcmp(setting->name, "start_date") == 0 ? "start"
           : strcmp(setting->name, "end_date") == 0 ? "end"
                                                    : setting->name;
}

/* The settings of a group that are swept or differ from `plain`. */
static cJSON *group_json(const assay_optimizer *o, const assay_config *base, const assay_config *plain,
                         assay_setting_group group, char *text, char *usual) {
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (size_t i = 0; i < assay_setting_count() && ok; i++) {
        const assay_setting *setting = assay_setting_at(i);
        if (setting->group != group || setting->planned ||
            is_param(assay_config_strategy(base), setting->name))
            continue;
        int axis = axis_of(o, setting->name);
        if (axis >= 0) {
            ok = assay_json_add(object, key_of(setting), mark_json(axis));
            continue;
        }
        ok = assay_config_get(base, setting->name, text, TEXT_SIZE, NULL) == ASSAY_OK &&
             assay_config_get(plain, setting->name, usual, TEXT_SIZE, NULL) == ASSAY_OK;
        if (ok && strcmp(text, usual) != 0)
            ok = assay_json_add(object, key_of(setting), setting_json(setting, text));
    }
    if (!ok) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

/* Adds a section that has something in it. */
static bool add_section(cJSON *object, const char *name, cJSON *section) {
    if (section != NULL && section->child == NULL) {
        cJSON_Delete(section);
        return true;
    }
    return assay_json_add(object, name, section);
}

static cJSON *config_json(const assay_optimizer *o, const assay_config *base, const assay_config *plain,
                          assay_universe universe, const char *frequency) {
    char *text = malloc(TEXT_SIZE), *usual = malloc(TEXT_SIZE);
    cJSON *c = cJSON_CreateObject();
    bool ok = text != NULL && usual != NULL &&
              assay_json_add(c, "strategy", assay_strategy_json(assay_config_strategy(base))) &&
              add_section(c, "parameters", parameters_json(o, base, plain, false)) &&
              ((universe.n_symbols == 0 && universe.n_sectors == 0) ||
               assay_json_add(c, "universe", assay_universe_json(universe))) &&
              add_section(c, "period", group_json(o, base, plain, ASSAY_GROUP_PERIOD, text, usual)) &&
              add_section(c, "engine", group_json(o, base, plain, ASSAY_GROUP_ENGINE, text, usual)) &&
              add_section(c, "risk", group_json(o, base, plain, ASSAY_GROUP_RISK, text, usual)) &&
              (frequency == NULL || assay_json_add(c, "frequency", cJSON_CreateString(frequency)));
    free(text);
    free(usual);
    if (!ok) {
        cJSON_Delete(c);
        return NULL;
    }
    return c;
}

static void note_types(assay_sweep_template *t, const assay_config *base) {
    for (size_t i = 0; i < assay_setting_count(); i++) {
        const assay_setting *setting = assay_setting_at(i);
        int axis = axis_of(t->optimizer, setting->name);
        if (axis >= 0 && axis < 64 && !is_param(assay_config_strategy(base), setting->name))
            t->is_quoted[axis] = is_text(setting);
    }
}

assay_status assay_sweep_template_create(const assay_optimizer *optimizer, const assay_config *base,
                                         assay_universe universe, const char *frequency,
                                         assay_sweep_template **out_template, assay_error *err) {
    *out_template = NULL;
    assay_sweep_template *t = calloc(1, sizeof *t);
    if (t == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the texts of a sweep");
    t->optimizer = optimizer;
    assay_config *plain = NULL;
    assay_status status = assay_config_create(assay_config_strategy(base), &plain, err);
    if (status == ASSAY_OK) {
        note_types(t, base);
        status = assay_json_text(parameters_json(optimizer, base, plain, true), &t->parameters, err);
    }
    if (status == ASSAY_OK)
        status = assay_json_text(config_json(optimizer, base, plain, universe, frequency), &t->config, err);
    assay_config_destroy(plain);
    if (status != ASSAY_OK) {
        assay_sweep_template_destroy(t);
        return status;
    }
    *out_template = t;
    return ASSAY_OK;
}

void assay_sweep_template_destroy(assay_sweep_template *t) {
    if (t == NULL)
        return;
    free(t->parameters);
    free(t->config);
    free(t->out[0].text);
    free(t->out[1].text);
    free(t);
}

static bool append(growing *g, const char *text, size_t size) {
    if (g->size + size + 1 > g->capacity) {
        size_t capacity = (g->size + size + 1) * 2;
        char *grown = realloc(g->text, capacity);
        if (grown == NULL)
            return false;
        g->text = grown;
        g->capacity = capacity;
    }
    memcpy(g->text + g->size, text, size);
    g->size += size;
    g->text[g->size] = '\0';
    return true;
}

static const char *fill(const assay_sweep_template *t, const char *marked, uint64_t point, growing *g) {
    g->size = 0;
    bool ok = append(g, "", 0);
    while (ok && *marked != '\0') {
        size_t n = strcspn(marked, "\001");
        ok = append(g, marked, n);
        marked += n;
        if (!ok || *marked == '\0')
            break;
        size_t axis = (size_t)(marked[1] - '0') * 10 + (size_t)(marked[2] - '0');
        char value[128];
        assay_optimizer_value_text(t->optimizer, point, axis, value, sizeof value);
        const char *quote = t->is_quoted[axis] ? "\"" : "";
        ok = append(g, quote, strlen(quote)) && append(g, value, strlen(value)) &&
             append(g, quote, strlen(quote));
        marked += MARK_SIZE;
    }
    return ok ? g->text : NULL;
}

bool assay_sweep_template_fill(assay_sweep_template *t, uint64_t point, const char **out_parameters,
                               const char **out_config) {
    *out_parameters = fill(t, t->parameters, point, &t->out[0]);
    *out_config = fill(t, t->config, point, &t->out[1]);
    return *out_parameters != NULL && *out_config != NULL;
}
