/* What can be run and set: the strategies with their parameters, and the engine's settings, as text and JSON. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "report/text_layout.h"

static const char *param_type(const assay_param *param) {
    return param->type == ASSAY_PARAM_INTEGER ? "integer" : "number";
}

static const char *setting_type(const assay_setting *setting) {
    static const char *const NAMES[] = {"number", "integer", "boolean", "choice", "date", "dates", "text"};
    return NAMES[setting->type];
}

static const char *setting_group(const assay_setting *setting) {
    static const char *const NAMES[] = {"period", "engine", "risk"};
    return NAMES[setting->group];
}

/* --- JSON --- */

static cJSON *param_json(const assay_param *param) {
    cJSON *o = cJSON_CreateObject();
    bool ok = assay_json_add(o, "name", cJSON_CreateString(param->name)) &&
              assay_json_add(o, "type", cJSON_CreateString(param_type(param))) &&
              assay_json_add(o, "default", assay_json_number(param->default_value)) &&
              assay_json_add(o, "min", assay_json_number(param->min)) &&
              assay_json_add(o, "max", assay_json_number(param->max)) &&
              assay_json_add(o, "unit", cJSON_CreateString(param->unit)) &&
              assay_json_add(o, "meaning", cJSON_CreateString(param->help));
    if (!ok) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static bool add_to_array(cJSON *array, cJSON *item) {
    if (item != NULL && array != NULL && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *params_json(const assay_strategy *strategy) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        if (!add_to_array(array, param_json(&strategy->params[i]))) {
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

static const char *action_of(const assay_signal_kind *kind) {
    return assay_action_name((int)kind->action);
}

static cJSON *signals_json(const assay_strategy *strategy) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < strategy->n_kinds; i++) {
        const assay_signal_kind *kind = &strategy->kinds[i];
        cJSON *o = cJSON_CreateObject();
        bool ok = assay_json_add(o, "signal_type", cJSON_CreateString(kind->signal_type)) &&
                  assay_json_add(o, "action", cJSON_CreateString(action_of(kind))) &&
                  assay_json_add(o, "target_position", assay_json_number(kind->target_position));
        if (!ok) {
            cJSON_Delete(o);
            o = NULL;
        }
        if (!add_to_array(array, o)) {
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

static cJSON *strategy_json(const assay_strategy *strategy) {
    cJSON *o = cJSON_CreateObject();
    bool ok = assay_json_add(o, "name", cJSON_CreateString(strategy->name)) &&
              assay_json_add(o, "summary", cJSON_CreateString(strategy->summary)) &&
              assay_json_add(o, "parameters", params_json(strategy)) &&
              assay_json_add(o, "signals", signals_json(strategy));
    if (!ok) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static cJSON *strategies_json(void) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < assay_strategy_count(); i++) {
        if (!add_to_array(array, strategy_json(assay_strategy_at(i)))) {
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* The default as the JSON value of its type; null where a setting is unset by default. */
static cJSON *default_json(const assay_setting *s) {
    double number;
    if (s->default_text == NULL || s->default_text[0] == '\0')
        return cJSON_CreateNull();
    if (s->type == ASSAY_SETTING_BOOL)
        return cJSON_CreateBool(strcmp(s->default_text, "true") == 0);
    if (assay_double_parse(s->default_text, &number))
        return assay_json_number(number);
    return cJSON_CreateString(s->default_text);
}

static cJSON *setting_json(const assay_setting *s) {
    bool is_number = s->type == ASSAY_SETTING_DOUBLE || s->type == ASSAY_SETTING_INTEGER;
    cJSON *o = cJSON_CreateObject();
    bool ok =
        assay_json_add(o, "name", cJSON_CreateString(s->name)) &&
        assay_json_add(o, "group", cJSON_CreateString(setting_group(s))) &&
        assay_json_add(o, "type", cJSON_CreateString(setting_type(s))) &&
        assay_json_add(o, "default", default_json(s)) &&
        (!is_number || (assay_json_add(o, "min", assay_json_number(s->min)) &&
                        assay_json_add(o, "max", assay_json_number(s->max)))) &&
        (s->type != ASSAY_SETTING_CHOICE || assay_json_add(o, "choices", cJSON_CreateString(s->choices))) &&
        assay_json_add(o, "unit", cJSON_CreateString(s->unit == NULL ? "" : s->unit)) &&
        assay_json_add(o, "meaning", cJSON_CreateString(s->help));
    if (!ok) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static cJSON *settings_json(void) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < assay_setting_count(); i++) {
        if (!assay_setting_at(i)->planned && !add_to_array(array, setting_json(assay_setting_at(i)))) {
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* --- text --- */

static void format_range(double min, double max, char *out_text, size_t size) {
    char low[40], high[40];
    assay_double_format(min, low, sizeof low);
    assay_double_format(max, high, sizeof high);
    if (isinf(min) && isinf(max))
        snprintf(out_text, size, "any");
    else if (isinf(max))
        snprintf(out_text, size, ">= %s", low);
    else if (isinf(min))
        snprintf(out_text, size, "<= %s", high);
    else
        snprintf(out_text, size, "%s to %s", low, high);
}

/* name  default  range, and below them the meaning. */
static void put_entry(const char *name, const char *value, const char *range, const char *help,
                      const assay_report_style *style, FILE *out) {
    fputs("  ", out);
    assay_put_padded(name, 24, false, out);
    fprintf(out, " %s", value[0] == '\0' ? assay_dash(style) : value);
    if (range[0] != '\0')
        fprintf(out, "   (%s)", range);
    fputs("\n      ", out);
    assay_put_wrapped(help, 6, 6, style, out);
}

static void put_strategy(const assay_strategy *strategy, const assay_report_style *style, FILE *out) {
    fprintf(out, "%s\n  ", strategy->name);
    assay_put_wrapped(strategy->summary, 2, 2, style, out);
    fputs(strategy->n_params == 0 ? "\n" : "\nparameters (default, range)\n", out);
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        const assay_param *p = &strategy->params[i];
        char value[40], range[100];
        assay_double_format(p->default_value, value, sizeof value);
        format_range(p->min, p->max, range, sizeof range);
        bool has_unit = p->unit != NULL && p->unit[0] != '\0';
        size_t n = strlen(range);
        if (has_unit)
            snprintf(range + n, sizeof range - n, " %s", p->unit);
        put_entry(p->name, value, range, p->help, style, out);
    }
    fputs("\nsignals\n", out);
    for (uint32_t i = 0; i < strategy->n_kinds; i++) {
        const assay_signal_kind *kind = &strategy->kinds[i];
        char target[40];
        assay_double_format(kind->target_position, target, sizeof target);
        fputs("  ", out);
        assay_put_padded(kind->signal_type, 24, false, out);
        fprintf(out, " %s", action_of(kind));
        if (kind->action != ASSAY_ACTION_SELL && kind->action != ASSAY_ACTION_HOLD &&
            !isnan(kind->target_position))
            fprintf(out, " to %s of a full position", target);
        putc('\n', out);
    }
}

static void list_strategies(const assay_report_style *style, FILE *out) {
    for (size_t i = 0; i < assay_strategy_count(); i++) {
        const assay_strategy *strategy = assay_strategy_at(i);
        assay_put_padded(strategy->name, 18, false, out);
        assay_put_wrapped(strategy->summary, 18, 18, style, out);
        fputs("                  ", out);
        for (uint32_t p = 0; p < strategy->n_params; p++) {
            char value[40];
            assay_double_format(strategy->params[p].default_value, value, sizeof value);
            fprintf(out, "%s%s=%s", p == 0 ? "" : " ", strategy->params[p].name, value);
        }
        putc('\n', out);
    }
    fputs("\nMore about one of them: assay strategies NAME\n", out);
}

static void put_setting(const assay_setting *s, const assay_report_style *style, FILE *out) {
    char range[256] = "";
    if (s->type == ASSAY_SETTING_DOUBLE || s->type == ASSAY_SETTING_INTEGER) {
        format_range(s->min, s->max, range, sizeof range);
        size_t n = strlen(range);
        if (s->unit != NULL && s->unit[0] != '\0')
            snprintf(range + n, sizeof range - n, " %s", s->unit);
    } else if (s->type == ASSAY_SETTING_CHOICE) {
        snprintf(range, sizeof range, "%s", s->choices);
    } else {
        snprintf(range, sizeof range, "%s", s->type == ASSAY_SETTING_BOOL ? "true|false" : setting_type(s));
    }
    put_entry(s->name, s->default_text, range, s->help, style, out);
}

static void list_settings(const assay_report_style *style, FILE *out) {
    static const char *const TITLES[] = {"period", "engine", "risk"};
    for (int group = 0; group < 3; group++) {
        bool has_title = false;
        for (size_t i = 0; i < assay_setting_count(); i++) {
            const assay_setting *s = assay_setting_at(i);
            if ((int)s->group != group || s->planned)
                continue;
            if (!has_title)
                fprintf(out, "%s%s (default, values)\n", group == 0 ? "" : "\n", TITLES[group]);
            has_title = true;
            put_setting(s, style, out);
        }
    }
}

static assay_status refuse_csv(assay_error *err) {
    return assay_error_set(err, ASSAY_E_ARGUMENT, "this list comes as text or json, not as csv");
}

assay_status assay_report_strategies(const assay_strategy *only, assay_report_format format,
                                     const assay_report_style *style, FILE *out, assay_error *err) {
    if (format == ASSAY_FORMAT_CSV)
        return refuse_csv(err);
    if (format == ASSAY_FORMAT_JSON)
        return assay_json_write(only == NULL ? strategies_json() : strategy_json(only), out, err);
    if (only == NULL)
        list_strategies(style, out);
    else
        put_strategy(only, style, out);
    return ASSAY_OK;
}

assay_status assay_report_settings(assay_report_format format, const assay_report_style *style, FILE *out,
                                   assay_error *err) {
    if (format == ASSAY_FORMAT_CSV)
        return refuse_csv(err);
    if (format == ASSAY_FORMAT_JSON)
        return assay_json_write(settings_json(), out, err);
    list_settings(style, out);
    return ASSAY_OK;
}
