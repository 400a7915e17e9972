/* A sweep as JSON, and its best points as CSV. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/sweep_formats.h"
#include "report/text_layout.h"

/* Adds an item to an array; false: failed, and the item is freed. */
static bool push(cJSON *array, cJSON *item) {
    if (item != NULL && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *whole_or_null(cJSON *json, bool ok) {
    if (ok)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static cJSON *count_json(uint64_t count) {
    return assay_json_number((double)count);
}

/* A swept value as its type has it: a number, true or false, or a text. */
static cJSON *value_json(const char *text) {
    double number;
    if (assay_double_parse(text, &number))
        return cJSON_CreateRaw(text);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return cJSON_CreateBool(text[0] == 't');
    return cJSON_CreateString(text);
}

static cJSON *parameters_json(const assay_sweep_report *r, uint64_t point) {
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (size_t i = 0; i < assay_optimizer_n_axes(r->optimizer) && ok; i++) {
        char text[128];
        assay_optimizer_value_text(r->optimizer, point, i, text, sizeof text);
        ok = assay_json_add(object, assay_optimizer_axis_name(r->optimizer, i), value_json(text));
    }
    return whole_or_null(object, ok);
}

static cJSON *metrics_json(const double *metrics) {
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (size_t i = 0; i < assay_metric_count() && ok; i++)
        ok = assay_json_add(object, assay_metric_at(i)->name, assay_json_number(metrics[i]));
    return whole_or_null(object, ok);
}

static cJSON *entries_json(const assay_sweep_report *r, const assay_sweep_entry *entries, size_t n) {
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        char run_id[160];
        assay_sweep_run_id(r, entries[i].point, run_id, sizeof run_id);
        cJSON *o = cJSON_CreateObject();
        ok = assay_json_add(o, "run_id", cJSON_CreateString(run_id)) &&
             assay_json_add(o, "point", count_json(entries[i].point)) &&
             assay_json_add(o, "parameters", parameters_json(r, entries[i].point)) &&
             assay_json_add(o, "metrics", metrics_json(entries[i].metrics));
        if (!ok)
            cJSON_Delete(o);
        else
            ok = push(array, o);
    }
    return whole_or_null(array, ok);
}

static cJSON *level_json(const assay_sweep_axis *axis, const assay_sweep_level *level) {
    cJSON *o = cJSON_CreateObject();
    bool ok =
        assay_json_add(o, "value", axis->parts ? cJSON_CreateString(level->text) : value_json(level->text)) &&
        assay_json_add(o, "points", count_json(level->n)) &&
        assay_json_add(o, "mean", assay_json_number(level->mean)) &&
        assay_json_add(o, "median", assay_json_number(level->median)) &&
        assay_json_add(o, "min", assay_json_number(level->min)) &&
        assay_json_add(o, "max", assay_json_number(level->max));
    return whole_or_null(o, ok);
}

static cJSON *sensitivity_json(const assay_sweep_summary *s) {
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    for (size_t i = 0; i < s->n_axes && ok; i++) {
        const assay_sweep_axis *axis = &s->axis[i];
        cJSON *levels = cJSON_CreateArray();
        for (size_t j = 0; j < axis->n_levels && ok; j++)
            ok = push(levels, level_json(axis, &axis->level[j]));
        cJSON *o = cJSON_CreateObject();
        if (!ok) {
            cJSON_Delete(levels);
            cJSON_Delete(o);
            break;
        }
        ok = assay_json_add(o, "levels", levels) &&
             assay_json_add(o, "parameter", cJSON_CreateString(axis->name)) &&
             assay_json_add(o, "variance_share", assay_json_number(axis->variance_share));
        if (!ok)
            cJSON_Delete(o);
        else
            ok = push(array, o);
    }
    return whole_or_null(array, ok);
}

static cJSON *plateau_json(const assay_sweep_report *r) {
    const assay_sweep_summary *s = r->summary;
    if (!s->is_grid || s->n_best == 0)
        return cJSON_CreateNull();
    char run_id[160];
    assay_sweep_run_id(r, s->best[0].point, run_id, sizeof run_id);
    size_t metric = assay_optimizer_objective_metric(r->optimizer, 0);
    cJSON *o = cJSON_CreateObject();
    bool ok = assay_json_add(o, "run_id", cJSON_CreateString(run_id)) &&
              assay_json_add(o, "peak", assay_json_number(s->best[0].metrics[metric])) &&
              assay_json_add(o, "neighbours", count_json(s->n_neighbours)) &&
              assay_json_add(o, "scored_neighbours", count_json(s->n_scored_neighbours)) &&
              assay_json_add(o, "neighbour_median", assay_json_number(s->neighbour_median)) &&
              assay_json_add(o, "ratio", assay_json_number(s->plateau_ratio));
    return whole_or_null(o, ok);
}

static cJSON *luck_json(const assay_sweep_luck *l) {
    double annual = sqrt(l->periods_per_year);
    cJSON *o = cJSON_CreateObject();
    bool ok =
        assay_json_add(o, "n_trials", assay_json_number(l->n_trials)) &&
        assay_json_add(o, "n_sharpe_ratios", count_json(l->n_sharpes)) &&
        assay_json_add(o, "sharpe_variance", assay_json_number(l->sharpe_variance)) &&
        assay_json_add(o, "expected_max_sharpe", assay_json_number(l->expected_max_sharpe)) &&
        assay_json_add(o, "expected_max_sharpe_annual", assay_json_number(l->expected_max_sharpe * annual)) &&
        assay_json_add(o, "sharpe", assay_json_number(l->sharpe)) &&
        assay_json_add(o, "sharpe_annual", assay_json_number(l->sharpe * annual)) &&
        assay_json_add(o, "skewness", assay_json_number(l->skewness)) &&
        assay_json_add(o, "kurtosis", assay_json_number(l->kurtosis)) &&
        assay_json_add(o, "n_returns", count_json(l->n_returns)) &&
        assay_json_add(o, "periods_per_year", assay_json_number(l->periods_per_year)) &&
        assay_json_add(o, "psr", assay_json_number(l->psr)) &&
        assay_json_add(o, "deflated_sharpe", assay_json_number(l->dsr));
    return whole_or_null(o, ok);
}

static cJSON *goals_json(const assay_sweep_report *r, bool constraints) {
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    size_t n = constraints ? assay_optimizer_n_constraints(r->optimizer)
                           : assay_optimizer_n_objectives(r->optimizer);
    for (size_t i = 0; i < n && ok; i++) {
        char text[160];
        if (constraints)
            assay_optimizer_constraint_text(r->optimizer, i, text, sizeof text);
        else
            assay_optimizer_objective_text(r->optimizer, i, text, sizeof text);
        ok = push(array, cJSON_CreateString(text));
    }
    return whole_or_null(array, ok);
}

static cJSON *shard_json(const assay_sweep_report *r) {
    if (r->n_shards <= 1)
        return cJSON_CreateNull();
    cJSON *o = cJSON_CreateObject();
    bool ok = assay_json_add(o, "shard", r->shard == 0 ? cJSON_CreateNull() : count_json(r->shard)) &&
              assay_json_add(o, "of", count_json(r->n_shards)) &&
              assay_json_add(o, "stored", count_json(r->n_shards_stored));
    return whole_or_null(o, ok);
}

static cJSON *halving_json(const assay_sweep_report *r) {
    if (r->n_rungs < 2)
        return cJSON_CreateNull();
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    for (size_t i = 0; i < r->n_rungs && ok; i++) {
        const char *start = r->rung[i].start[0] == '\0' ? r->start_date : r->rung[i].start;
        cJSON *o = cJSON_CreateObject();
        ok = assay_json_add(o, "points", count_json(r->rung[i].n_points)) &&
             assay_json_add(o, "bars", count_json(r->rung[i].n_bars)) &&
             assay_json_add(o, "start_date", cJSON_CreateString(start));
        if (!ok)
            cJSON_Delete(o);
        else
            ok = push(array, o);
    }
    return whole_or_null(array, ok);
}

static cJSON *date_json(const char *date) {
    return date[0] == '\0' ? cJSON_CreateNull() : cJSON_CreateString(date);
}

assay_status assay_report_sweep_json(const assay_sweep_report *r, FILE *out, assay_error *err) {
    const assay_sweep_summary *s = r->summary;
    cJSON *o = cJSON_CreateObject();
    bool ok = assay_json_add(o, "sweep_id", cJSON_CreateString(r->sweep_id)) &&
              assay_json_add(o, "strategy", cJSON_CreateString(r->strategy)) &&
              assay_json_add(o, "sampling", cJSON_CreateString(r->sampling)) &&
              assay_json_add(o, "objectives", goals_json(r, false)) &&
              assay_json_add(o, "constraints", goals_json(r, true)) &&
              assay_json_add(o, "n_points", count_json(s->n_plan)) &&
              assay_json_add(o, "n_tried", count_json(s->n_tried)) &&
              assay_json_add(o, "n_whole_period", count_json(s->n_whole)) &&
              assay_json_add(o, "n_scored", count_json(s->n_scored)) &&
              assay_json_add(o, "n_kept", count_json(r->n_kept)) &&
              assay_json_add(o, "shards", shard_json(r)) && assay_json_add(o, "halving", halving_json(r)) &&
              assay_json_add(o, "best", entries_json(r, s->best, s->n_best)) &&
              assay_json_add(o, "n_pareto", count_json(s->n_pareto_all)) &&
              assay_json_add(o, "pareto", entries_json(r, s->pareto, s->n_pareto)) &&
              assay_json_add(o, "sensitivity", sensitivity_json(s)) &&
              assay_json_add(o, "plateau", plateau_json(r)) &&
              assay_json_add(o, "overfitting", luck_json(&s->luck)) &&
              assay_json_add(o, "start_date", date_json(r->start_date)) &&
              assay_json_add(o, "end_date", date_json(r->end_date)) &&
              assay_json_add(o, "n_bars", count_json(r->n_bars)) &&
              assay_json_add(o, "n_symbols", count_json(r->n_symbols)) &&
              assay_json_add(o, "data_fingerprint", cJSON_CreateString(r->data_fingerprint)) &&
              assay_json_add(o, "stored", cJSON_CreateBool(r->is_stored));
    return assay_json_write(whole_or_null(o, ok), out, err);
}

void assay_report_sweep_csv(const assay_sweep_report *r, FILE *out) {
    const assay_sweep_summary *s = r->summary;
    fputs("run_id", out);
    for (size_t i = 0; i < assay_optimizer_n_axes(r->optimizer); i++)
        fprintf(out, ",%s", assay_optimizer_axis_name(r->optimizer, i));
    for (size_t m = 0; m < assay_metric_count(); m++)
        fprintf(out, ",%s", assay_metric_at(m)->name);
    putc('\n', out);
    for (size_t i = 0; i < s->n_best; i++) {
        char text[160];
        assay_sweep_run_id(r, s->best[i].point, text, sizeof text);
        fputs(text, out);
        for (size_t a = 0; a < assay_optimizer_n_axes(r->optimizer); a++) {
            assay_optimizer_value_text(r->optimizer, s->best[i].point, a, text, sizeof text);
            bool quote = strchr(text, ',') != NULL;
            fprintf(out, quote ? ",\"%s\"" : ",%s", text);
        }
        for (size_t m = 0; m < assay_metric_count(); m++) {
            text[0] = '\0';
            if (isfinite(s->best[i].metrics[m]))
                assay_double_format(s->best[i].metrics[m], text, sizeof text);
            fprintf(out, ",%s", text);
        }
        putc('\n', out);
    }
}
