/* The plan of a sweep as JSON and back: what backtest_sweeps has in its column `plan`. */
#include <stdlib.h>
#include <string.h>

#include "report/text_layout.h"

static bool add_texts(cJSON *object, const char *name, char *const *texts, size_t n) {
    return assay_json_add(object, name, cJSON_CreateStringArray((const char *const *)texts, (int)n));
}

static cJSON *rungs_json(const assay_sweep_plan *plan) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < plan->n_rungs && array != NULL; i++) {
        cJSON *rung = cJSON_CreateObject();
        bool ok = assay_json_add(rung, "n_points", assay_json_number((double)plan->rung[i].n_points)) &&
                  assay_json_add(rung, "n_bars", assay_json_number((double)plan->rung[i].n_bars)) &&
                  assay_json_add(rung, "start", cJSON_CreateString(plan->rung[i].start)) &&
                  cJSON_AddItemToArray(array, rung);
        if (!ok) {
            cJSON_Delete(rung);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

assay_status assay_sweep_plan_text(const assay_sweep_plan *plan, char **out_text, assay_error *err) {
    cJSON *o = cJSON_CreateObject();
    bool ok = add_texts(o, "axes", plan->axes, plan->n_axes) &&
              assay_json_add(o, "sampling", cJSON_CreateString(plan->sampling)) &&
              add_texts(o, "objectives", plan->objectives, plan->n_objectives) &&
              add_texts(o, "constraints", plan->constraints, plan->n_constraints) &&
              assay_json_add(o, "halving", cJSON_CreateBool(plan->halving)) &&
              assay_json_add(o, "rungs", rungs_json(plan)) &&
              assay_json_add(o, "n_tried", assay_json_number((double)plan->n_tried)) &&
              assay_json_add(o, "periods_per_year", assay_json_number(plan->periods_per_year)) &&
              assay_json_add(o, "risk_free_rate", assay_json_number(plan->risk_free_rate)) &&
              assay_json_add(o, "config", cJSON_CreateRaw(plan->config_json));
    if (!ok) {
        cJSON_Delete(o);
        o = NULL;
    }
    return assay_json_text(o, out_text, err);
}

static double number_in(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void read_rungs(const cJSON *object, assay_sweep_plan *out) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, "rungs")) {
        if (out->n_rungs == ASSAY_MAX_RUNGS)
            break;
        assay_rung *rung = &out->rung[out->n_rungs++];
        const cJSON *start = cJSON_GetObjectItemCaseSensitive(item, "start");
        *rung = (assay_rung){.n_points = (uint64_t)number_in(item, "n_points"),
                             .n_bars = (size_t)number_in(item, "n_bars")};
        snprintf(rung->start, sizeof rung->start, "%s", cJSON_IsString(start) ? start->valuestring : "");
    }
}

assay_status assay_sweep_plan_read(const char *text, assay_sweep_plan *out, assay_error *err) {
    *out = (assay_sweep_plan){0};
    cJSON *o = cJSON_Parse(text);
    const cJSON *sampling = cJSON_GetObjectItemCaseSensitive(o, "sampling");
    char *config = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(o, "config"));
    bool ok = cJSON_IsString(sampling) && config != NULL &&
              assay_json_read_texts(o, "axes", &out->axes, &out->n_axes) &&
              assay_json_read_texts(o, "objectives", &out->objectives, &out->n_objectives) &&
              assay_json_read_texts(o, "constraints", &out->constraints, &out->n_constraints);
    if (ok) {
        out->sampling = strdup(sampling->valuestring);
        out->config_json = strdup(config);
        out->halving = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "halving"));
        out->periods_per_year = number_in(o, "periods_per_year");
        out->risk_free_rate = number_in(o, "risk_free_rate");
        out->n_tried = (uint64_t)number_in(o, "n_tried");
        read_rungs(o, out);
        ok = out->sampling != NULL && out->config_json != NULL;
    }
    cJSON_free(config);
    cJSON_Delete(o);
    if (ok)
        return ASSAY_OK;
    assay_sweep_plan_reset(out);
    return assay_error_set(err, ASSAY_E_DATA, "the stored plan of the sweep cannot be read: %.200s", text);
}

void assay_sweep_plan_reset(assay_sweep_plan *plan) {
    assay_free_texts(plan->axes, plan->n_axes);
    assay_free_texts(plan->objectives, plan->n_objectives);
    assay_free_texts(plan->constraints, plan->n_constraints);
    free(plan->sampling);
    free(plan->config_json);
    *plan = (assay_sweep_plan){0};
}
