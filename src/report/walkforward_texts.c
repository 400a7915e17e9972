/* The texts that a walk-forward is stored with: parameters of the joined run and of its folds, configurations, run ids; and the
 * plan back out of them. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/walkforward_formats.h"

/* --- parameters --- */

cJSON *assay_walkforward_choice_json(const assay_walkforward *wf, size_t fold, size_t axis) {
    char text[256];
    double number;
    assay_walkforward_choice(wf, fold, axis, text, sizeof text);
    if (text[0] == '\0' && !assay_walkforward_fold(wf, fold)->has_winner)
        return cJSON_CreateNull();
    if (assay_double_parse(text, &number))
        return cJSON_CreateRaw(text);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return cJSON_CreateBool(text[0] == 't');
    return cJSON_CreateString(text);
}

static size_t axis_of(const assay_walkforward *wf, const char *name) {
    size_t axis = 0;
    while (axis < assay_walkforward_n_axes(wf) && strcmp(assay_walkforward_drift(wf, axis).axis, name) != 0)
        axis++;
    return axis;
}

static cJSON *choices_json(const assay_walkforward *wf, size_t axis) {
    cJSON *array = cJSON_CreateArray();
    for (size_t k = 0; k < assay_walkforward_n_folds(wf) && array != NULL; k++) {
        cJSON *item = assay_walkforward_choice_json(wf, k, axis);
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* The strategy's parameters; swept ones, and swept settings behind them, as arrays. */
static cJSON *parameters_json(const assay_walkforward *wf, const assay_config *base) {
    const assay_strategy *strategy = assay_config_strategy(base);
    const double *values = assay_config_params(base);
    size_t n_axes = assay_walkforward_n_axes(wf);
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (uint32_t i = 0; ok && i < strategy->n_params; i++) {
        size_t axis = axis_of(wf, strategy->params[i].name);
        ok = assay_json_add(object, strategy->params[i].name,
                            axis < n_axes ? choices_json(wf, axis) : assay_json_number(values[i]));
    }
    for (size_t axis = 0; ok && axis < n_axes; axis++) {
        const char *name = assay_walkforward_drift(wf, axis).axis;
        if (!cJSON_HasObjectItem(object, name))
            ok = assay_json_add(object, name, choices_json(wf, axis));
    }
    if (!ok) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

/* --- the configuration --- */

bool assay_walkforward_add_plan(cJSON *object, const assay_walkforward_report *report) {
    const assay_walkforward_spec *spec = report->spec;
    cJSON *axes = cJSON_CreateArray(), *where = cJSON_CreateArray();
    for (size_t i = 0; i < spec->n_axes; i++)
        (void)cJSON_AddItemToArray(axes, cJSON_CreateString(spec->axes[i]));
    for (size_t i = 0; i < spec->n_where; i++)
        (void)cJSON_AddItemToArray(where, cJSON_CreateString(spec->where[i]));
    bool carry = spec->positions == ASSAY_FOLD_CARRY;
    bool ok = assay_json_add(object, "axes", axes);
    ok = assay_json_add(object, "where", where) && ok;
    return ok &&
           assay_json_add(object, "sampling",
                          cJSON_CreateString(spec->sampling == NULL ? "grid" : spec->sampling)) &&
           assay_json_add(object, "objective", cJSON_CreateString(assay_walkforward_objective(report->wf))) &&
           assay_json_add(object, "train", cJSON_CreateString(spec->train)) &&
           assay_json_add(object, "test", cJSON_CreateString(spec->test)) &&
           assay_json_add(object, "step", cJSON_CreateString(spec->step == NULL ? spec->test : spec->step)) &&
           assay_json_add(object, "purge", cJSON_CreateString(spec->purge == NULL ? "0" : spec->purge)) &&
           assay_json_add(object, "embargo",
                          cJSON_CreateString(spec->embargo == NULL ? "0" : spec->embargo)) &&
           assay_json_add(object, "anchored", cJSON_CreateBool(spec->anchored)) &&
           assay_json_add(object, "positions", cJSON_CreateString(carry ? "carry" : "flatten"));
}

/* What stands before the plan. Quotes within texts are escaped, so no text looks like it. */
static const char PLAN_KEY[] = ",\"walkforward\":";

/* The base's configuration with the plan as its last member. */
static assay_status config_with_plan(const assay_walkforward_report *report, const char *base_json,
                                     char **out_text, assay_error *err) {
    char *plan_text = NULL;
    cJSON *plan = cJSON_CreateObject();
    if (plan != NULL && !assay_walkforward_add_plan(plan, report)) {
        cJSON_Delete(plan);
        plan = NULL;
    }
    assay_status status = assay_json_text(plan, &plan_text, err);
    if (status != ASSAY_OK)
        return status;
    size_t size = strlen(base_json) + strlen(plan_text) + 32;
    char *text = malloc(size);
    if (text != NULL)
        snprintf(text, size, "%.*s%s%s}", (int)(strlen(base_json) - 1), base_json, PLAN_KEY, plan_text);
    free(plan_text);
    *out_text = text;
    return text == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a configuration") : ASSAY_OK;
}

/* The text as it was before config_with_plan, to the byte; NULL: out of memory, or nothing was put behind it. */
static char *config_without_plan(const char *config_json) {
    const char *last = NULL;
    for (const char *at = config_json; (at = strstr(at, PLAN_KEY)) != NULL; at++)
        last = at;
    size_t size = last == NULL ? 0 : (size_t)(last - config_json);
    char *text = last == NULL ? NULL : malloc(size + 2);
    if (text != NULL) {
        memcpy(text, config_json, size);
        memcpy(text + size, "}", 2);
    }
    return text;
}

static char *text_in(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? strdup(item->valuestring) : NULL;
}

static bool read_plan(const cJSON *plan, assay_walkforward_plan *out) {
    const struct {
        const char *name;
        char **to;
        const char **in_spec;
    } texts[] = {{"sampling", &out->sampling, &out->spec.sampling},
                 {"objective", &out->objective, &out->spec.objective},
                 {"train", &out->train, &out->spec.train},
                 {"test", &out->test, &out->spec.test},
                 {"step", &out->step, &out->spec.step},
                 {"purge", &out->purge, &out->spec.purge},
                 {"embargo", &out->embargo, &out->spec.embargo}};
    bool ok = assay_json_read_texts(plan, "axes", &out->axes, &out->spec.n_axes) &&
              assay_json_read_texts(plan, "where", &out->where, &out->spec.n_where);
    for (size_t i = 0; ok && i < sizeof texts / sizeof *texts; i++) {
        *texts[i].to = text_in(plan, texts[i].name);
        *texts[i].in_spec = *texts[i].to;
        ok = *texts[i].to != NULL;
    }
    const char *positions = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(plan, "positions"));
    out->spec.axes = (const char *const *)out->axes;
    out->spec.where = (const char *const *)out->where;
    out->spec.anchored = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(plan, "anchored"));
    out->spec.positions =
        positions != NULL && strcmp(positions, "carry") == 0 ? ASSAY_FOLD_CARRY : ASSAY_FOLD_FLATTEN;
    return ok && positions != NULL;
}

assay_status assay_walkforward_plan_read(const char *config_json, assay_walkforward_plan *out_plan,
                                         assay_error *err) {
    *out_plan = (assay_walkforward_plan){0};
    cJSON *config = cJSON_Parse(config_json);
    const cJSON *plan = cJSON_GetObjectItemCaseSensitive(config, "walkforward");
    bool is_walk = cJSON_IsObject(plan), ok = is_walk && read_plan(plan, out_plan);
    cJSON_Delete(config);
    if (ok)
        out_plan->config_json = config_without_plan(config_json);
    if (is_walk && out_plan->config_json == NULL)
        return assay_error_set(err, ASSAY_E_DATA,
                               "the stored plan of the walk-forward cannot be read: %.200s", config_json);
    return ASSAY_OK;
}

void assay_walkforward_plan_reset(assay_walkforward_plan *plan) {
    assay_free_texts(plan->axes, plan->spec.n_axes);
    assay_free_texts(plan->where, plan->spec.n_where);
    free(plan->config_json);
    free(plan->sampling);
    free(plan->objective);
    free(plan->train);
    free(plan->test);
    free(plan->step);
    free(plan->purge);
    free(plan->embargo);
    *plan = (assay_walkforward_plan){0};
}

/* --- life --- */

static assay_status fold_texts(assay_walkforward_report *report, assay_universe universe,
                               const char *frequency, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t k = 0; status == ASSAY_OK && k < assay_walkforward_n_folds(report->wf); k++) {
        const assay_fold *fold = assay_walkforward_fold(report->wf, k);
        status = assay_report_parameters_json(fold->config, &report->fold[k].parameters_json, err);
        if (status == ASSAY_OK && fold->result != NULL)
            status = assay_report_config_json(fold->config, universe, frequency, &report->fold[k].config_json,
                                              err);
    }
    return status;
}

assay_status assay_walkforward_report_init(assay_walkforward_report *report, const assay_walkforward *wf,
                                           const assay_walkforward_spec *spec, const assay_config *base,
                                           assay_universe universe, const char *frequency, assay_error *err) {
    char *base_json = NULL;
    *report = (assay_walkforward_report){
        .wf = wf, .spec = spec, .panel = assay_result_panel(assay_walkforward_result(wf))};
    report->fold = calloc(assay_walkforward_n_folds(wf) + 1, sizeof *report->fold);
    if (report->fold == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu folds",
                               assay_walkforward_n_folds(wf));
    assay_status status = assay_report_config_json(base, universe, frequency, &base_json, err);
    if (status == ASSAY_OK)
        status = config_with_plan(report, base_json, &report->config_json, err);
    free(base_json);
    if (status == ASSAY_OK)
        status = assay_json_text(parameters_json(wf, base), &report->parameters_json, err);
    return status == ASSAY_OK ? fold_texts(report, universe, frequency, err) : status;
}

assay_status assay_walkforward_report_name(assay_walkforward_report *report, const char *run_id,
                                           assay_error *err) {
    report->run_id = run_id;
    for (size_t k = 0; k < assay_walkforward_n_folds(report->wf); k++) {
        if (assay_walkforward_fold(report->wf, k)->result == NULL)
            continue;
        size_t size = strlen(run_id) + 32;
        free(report->fold[k].run_id);
        report->fold[k].run_id = malloc(size);
        if (report->fold[k].run_id == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu run ids", k);
        snprintf(report->fold[k].run_id, size, "%s-fold-%zu", run_id, k + 1);
    }
    return ASSAY_OK;
}

void assay_walkforward_report_reset(assay_walkforward_report *report) {
    for (size_t k = 0; report->fold != NULL && k < assay_walkforward_n_folds(report->wf); k++) {
        free(report->fold[k].run_id);
        free(report->fold[k].parameters_json);
        free(report->fold[k].config_json);
    }
    free(report->fold);
    free(report->parameters_json);
    free(report->config_json);
    *report = (assay_walkforward_report){0};
}
