/* A run as JSON and CSV, and the JSON that is stored with a run: its parameters, and its whole configuration. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/run_formats.h"
#include "report/text_layout.h"

static cJSON *metrics_json(const assay_run_summary *s) {
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < s->n_metrics && object != NULL; i++) {
        if (!assay_json_add(object, s->metrics[i].name, assay_json_number(s->metrics[i].value))) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

static cJSON *tables_json(const assay_run_summary *s) {
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < ASSAY_N_RESULT_TABLES && s->tables[i].table != NULL && object != NULL; i++) {
        if (!assay_json_add(object, s->tables[i].table, assay_json_number((double)s->tables[i].n_rows))) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

static cJSON *warnings_json(const assay_run_summary *s) {
    if (!s->has_warnings)
        return cJSON_CreateNull();
    cJSON *array = cJSON_CreateArray();
    for (uint32_t bit = 0; bit < ASSAY_N_WARNINGS && array != NULL; bit++) {
        if ((s->warnings & (1u << bit)) == 0)
            continue;
        cJSON *item = cJSON_CreateString(assay_warning_name(1u << bit));
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

static cJSON *strategy_result_json(const assay_strategy_result *row) {
    cJSON *o = cJSON_CreateObject();
    bool ok = assay_json_add(o, "name", cJSON_CreateString(row->name)) &&
              assay_json_add(o, "signals", assay_json_number((double)row->n_signals)) &&
              assay_json_add(o, "trades", assay_json_number((double)row->n_trades)) &&
              assay_json_add(o, "closed_pnl", assay_json_number(row->closed_pnl)) &&
              assay_json_add(o, "open_pnl", assay_json_number(row->open_pnl)) &&
              assay_json_add(o, "capital", assay_json_number(row->capital)) &&
              assay_json_add(o, "equity", assay_json_number(row->equity));
    if (!ok) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static cJSON *strategies_json(const assay_run_summary *s) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < s->n_strategies && array != NULL; i++) {
        cJSON *item = strategy_result_json(&s->strategies[i]);
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

static cJSON *run_json(const assay_run_summary *s) {
    cJSON *o = cJSON_CreateObject();
    bool ok = assay_json_add(o, "run_id", cJSON_CreateString(s->run_id)) &&
              assay_json_add(o, "strategy", cJSON_CreateString(s->strategy)) &&
              assay_json_add(o, "parameters", cJSON_CreateRaw(s->parameters_json)) &&
              assay_json_add(o, "metrics", metrics_json(s)) &&
              (s->n_strategies == 0 || assay_json_add(o, "strategies", strategies_json(s))) &&
              assay_json_add(o, "start_date", cJSON_CreateString(s->start_date)) &&
              assay_json_add(o, "end_date", cJSON_CreateString(s->end_date)) &&
              assay_json_add(o, "n_bars", assay_json_number((double)s->n_bars)) &&
              assay_json_add(o, "n_symbols", assay_json_number((double)s->n_symbols)) &&
              assay_json_add(o, "data_fingerprint", cJSON_CreateString(s->data_fingerprint)) &&
              assay_json_add(o, "tables", tables_json(s)) &&
              assay_json_add(o, "warnings", warnings_json(s)) &&
              assay_json_add(o, "open_trades", assay_json_number((double)s->n_open_trades)) &&
              assay_json_add(o, "delisted_positions", assay_json_number((double)s->delisted_positions));
    if (!ok) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static const char *csv_number(double value, char out_text[40]) {
    out_text[0] = '\0';
    if (isfinite(value))
        assay_double_format(value, out_text, 40);
    return out_text;
}

static void write_csv(const assay_run_summary *s, FILE *out) {
    char text[40];
    fputs("run_id,metric,value\n", out);
    for (size_t i = 0; i < s->n_metrics; i++)
        fprintf(out, "%s,%s,%s\n", s->run_id, s->metrics[i].name, csv_number(s->metrics[i].value, text));
    for (size_t i = 0; i < s->n_strategies; i++) {
        for (size_t field = 0; field < ASSAY_N_STRATEGY_FIELDS; field++) {
            double value = assay_strategy_field(&s->strategies[i], field);
            if (!isnan(value))
                fprintf(out, "%s,%s:%s,%s\n", s->run_id, assay_strategy_field_name(field),
                        s->strategies[i].name, csv_number(value, text));
        }
    }
}

assay_status assay_report_run(const assay_run_summary *summary, assay_report_format format,
                              const assay_report_style *style, FILE *out, assay_error *err) {
    switch (format) {
    case ASSAY_FORMAT_JSON:
        return assay_json_write(run_json(summary), out, err);
    case ASSAY_FORMAT_CSV:
        write_csv(summary, out);
        return ASSAY_OK;
    case ASSAY_FORMAT_TEXT:
        break;
    }
    assay_report_run_text(summary, style, out);
    return ASSAY_OK;
}

/* --- what is stored with a run --- */

static cJSON *parameters_json(const assay_config *config) {
    const assay_strategy *strategy = assay_config_strategy(config);
    const double *values = assay_config_params(config);
    cJSON *object = cJSON_CreateObject();
    for (uint32_t i = 0; i < strategy->n_params && object != NULL; i++) {
        if (!assay_json_add(object, strategy->params[i].name, assay_json_number(values[i]))) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

/* A setting's canonical text as the JSON value of its type. */
static cJSON *setting_json(const assay_setting *setting, const char *text) {
    double number;
    switch (setting->type) {
    case ASSAY_SETTING_DOUBLE:
    case ASSAY_SETTING_INTEGER:
        return assay_double_parse(text, &number) ? cJSON_CreateRaw(text) : cJSON_CreateString(text);
    case ASSAY_SETTING_BOOL:
        return cJSON_CreateBool(strcmp(text, "true") == 0);
    case ASSAY_SETTING_CHOICE:
    case ASSAY_SETTING_DATE:
    case ASSAY_SETTING_DATE_LIST:
    case ASSAY_SETTING_TEXT:
        break;
    }
    return cJSON_CreateString(text);
}

/* start_date is `start` in the period of a configuration. */
static void setting_key(const assay_setting *setting, char *out_key, size_t size) {
    snprintf(out_key, size, "%s", setting->name);
    char *suffix = strstr(out_key, "_date");
    if (setting->group == ASSAY_GROUP_PERIOD && suffix != NULL && strcmp(suffix, "_date") == 0)
        *suffix = '\0';
}

enum { SETTING_TEXT_SIZE = 1 << 16 };

/* Every setting of a group that has a value; planned ones have none. */
static cJSON *group_json(const assay_config *config, assay_setting_group group) {
    cJSON *object = cJSON_CreateObject();
    char *text = malloc(SETTING_TEXT_SIZE);
    bool ok = object != NULL && text != NULL;
    for (size_t i = 0; i < assay_setting_count() && ok; i++) {
        const assay_setting *setting = assay_setting_at(i);
        if (setting->group != group || setting->planned)
            continue;
        ok = assay_config_get(config, setting->name, text, SETTING_TEXT_SIZE, NULL) == ASSAY_OK;
        char key[64];
        setting_key(setting, key, sizeof key);
        if (ok && text[0] != '\0')
            ok = assay_json_add(object, key, setting_json(setting, text));
    }
    free(text);
    if (!ok) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

cJSON *assay_universe_json(assay_universe u) {
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    if (u.n_symbols > 0)
        ok = assay_json_add(object, "symbols", cJSON_CreateStringArray(u.symbols, (int)u.n_symbols));
    if (ok && u.n_sectors > 0)
        ok = assay_json_add(object, "sectors", cJSON_CreateStringArray(u.sectors, (int)u.n_sectors));
    if (!ok) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

/* What names the strategy; of an ensemble, a list of the members' names. */
cJSON *assay_strategy_json(const assay_strategy *strategy) {
    const char *text = strategy->reference == NULL ? strategy->name : strategy->reference;
    if (strategy->ensemble == NULL)
        return cJSON_CreateString(text);
    cJSON *array = cJSON_CreateArray();
    for (const char *at = text; array != NULL && at != NULL;) {
        size_t size = strcspn(at, "\n");
        char *one = strndup(at, size);
        cJSON *item = one == NULL ? NULL : cJSON_CreateString(one);
        free(one);
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
        at = at[size] == '\0' ? NULL : at + size + 1;
    }
    return array;
}

assay_status assay_report_parameters_json(const assay_config *config, char **out_text, assay_error *err) {
    return assay_json_text(parameters_json(config), out_text, err);
}

assay_status assay_report_config_json(const assay_config *config, assay_universe universe,
                                      const char *frequency, char **out_text, assay_error *err) {
    cJSON *o = cJSON_CreateObject();
    const assay_strategy *strategy = assay_config_strategy(config);
    bool ok = assay_json_add(o, "strategy", assay_strategy_json(strategy)) &&
              assay_json_add(o, "parameters", parameters_json(config)) &&
              ((universe.n_symbols == 0 && universe.n_sectors == 0) ||
               assay_json_add(o, "universe", assay_universe_json(universe))) &&
              assay_json_add(o, "period", group_json(config, ASSAY_GROUP_PERIOD)) &&
              assay_json_add(o, "engine", group_json(config, ASSAY_GROUP_ENGINE)) &&
              assay_json_add(o, "risk", group_json(config, ASSAY_GROUP_RISK)) &&
              (frequency == NULL || assay_json_add(o, "frequency", cJSON_CreateString(frequency)));
    if (!ok) {
        cJSON_Delete(o);
        o = NULL;
    }
    return assay_json_text(o, out_text, err);
}
