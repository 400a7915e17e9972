/* A walk-forward as JSON, and as CSV with a row a fold. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/text.h"
#include "report/walkforward_formats.h"

assay_fold_dates assay_fold_dates_of(const assay_walkforward_report *report, size_t fold) {
    const int64_t *times = assay_panel_timestamps(report->panel);
    const assay_fold *f = assay_walkforward_fold(report->wf, fold);
    assay_fold_dates d;
    assay_time_format(times[f->train_first], d.train_start, sizeof d.train_start);
    assay_time_format(times[f->train_last], d.train_end, sizeof d.train_end);
    assay_time_format(times[f->test_first], d.test_start, sizeof d.test_start);
    assay_time_format(times[f->test_last], d.test_end, sizeof d.test_end);
    return d;
}

const char *assay_fold_note(const assay_fold *fold) {
    return fold->is_broke ? "no_capital" : fold->has_winner ? "" : "no_winner";
}

assay_status assay_walkforward_summary(const assay_walkforward_report *report, assay_run_summary *out_summary,
                                       assay_error *err) {
    assay_status status =
        assay_run_summary_init(assay_walkforward_result(report->wf), report->run_id, out_summary, err);
    if (status != ASSAY_OK)
        return status;
    char *parameters = strdup(report->parameters_json);
    if (parameters == NULL) {
        assay_run_summary_reset(out_summary);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the summary of a walk-forward");
    }
    free(out_summary->parameters_json);
    out_summary->parameters_json = parameters;
    return ASSAY_OK;
}

/* --- JSON --- */

static cJSON *metrics_json(const double *values) {
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < assay_metric_count() && object != NULL; i++) {
        if (!assay_json_add(object, assay_metric_at(i)->name, assay_json_number(values[i]))) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

/* The object, or NULL and the object freed. */
static cJSON *whole(cJSON *object, bool ok) {
    if (!ok) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static cJSON *choice_json(const assay_walkforward *wf, size_t fold) {
    if (!assay_walkforward_fold(wf, fold)->has_winner)
        return cJSON_CreateNull();
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (size_t axis = 0; ok && axis < assay_walkforward_n_axes(wf); axis++)
        ok = assay_json_add(object, assay_walkforward_drift(wf, axis).axis,
                            assay_walkforward_choice_json(wf, fold, axis));
    return whole(object, ok);
}

static cJSON *fold_efficiency_json(const assay_fold *fold) {
    cJSON *object = cJSON_CreateObject();
    return whole(object,
                 assay_json_add(object, "annual_return",
                                assay_json_number(assay_fold_efficiency(fold, "annual_return_pct"))) &&
                     assay_json_add(object, "sharpe_ratio",
                                    assay_json_number(assay_fold_efficiency(fold, "sharpe_ratio"))));
}

static cJSON *text_or_null(const char *text) {
    return text == NULL || text[0] == '\0' ? cJSON_CreateNull() : cJSON_CreateString(text);
}

static cJSON *fold_json(const assay_walkforward_report *report, size_t k) {
    const assay_fold *f = assay_walkforward_fold(report->wf, k);
    assay_fold_dates d = assay_fold_dates_of(report, k);
    const char *run_id = report->is_stored ? report->fold[k].run_id : NULL;
    cJSON *o = cJSON_CreateObject();
    bool ok =
        assay_json_add(o, "fold", assay_json_number((double)k + 1)) &&
        assay_json_add(o, "run_id", text_or_null(run_id)) &&
        assay_json_add(o, "train_start", cJSON_CreateString(d.train_start)) &&
        assay_json_add(o, "train_end", cJSON_CreateString(d.train_end)) &&
        assay_json_add(o, "train_bars", assay_json_number((double)(f->train_last - f->train_first + 1))) &&
        assay_json_add(o, "test_start", cJSON_CreateString(d.test_start)) &&
        assay_json_add(o, "test_end", cJSON_CreateString(d.test_end)) &&
        assay_json_add(o, "test_bars", assay_json_number((double)(f->test_last - f->test_first + 1))) &&
        assay_json_add(o, "partial", cJSON_CreateBool(f->is_partial)) &&
        assay_json_add(o, "note", text_or_null(assay_fold_note(f))) &&
        assay_json_add(o, "point",
                       f->has_winner ? assay_json_number((double)f->point) : cJSON_CreateNull()) &&
        assay_json_add(o, "parameters", choice_json(report->wf, k)) &&
        assay_json_add(o, "objective", assay_json_number(f->objective)) &&
        assay_json_add(o, "start_equity", assay_json_number(f->start_equity)) &&
        assay_json_add(o, "end_equity", assay_json_number(f->end_equity)) &&
        assay_json_add(o, "in_sample", metrics_json(f->in_sample)) &&
        assay_json_add(o, "out_of_sample", metrics_json(f->out_of_sample)) &&
        assay_json_add(o, "efficiency", fold_efficiency_json(f));
    return whole(o, ok);
}

static cJSON *folds_json(const assay_walkforward_report *report) {
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    for (size_t k = 0; ok && k < assay_walkforward_n_folds(report->wf); k++) {
        cJSON *item = fold_json(report, k);
        ok = item != NULL && cJSON_AddItemToArray(array, item);
    }
    return whole(array, ok);
}

static cJSON *efficiency_json(const assay_walkforward *wf) {
    assay_walkforward_efficiency e = assay_walkforward_efficiency_of(wf);
    cJSON *o = cJSON_CreateObject();
    return whole(o,
                 assay_json_add(o, "annual_return", assay_json_number(e.annual_return)) &&
                     assay_json_add(o, "annual_return_folds", assay_json_number((double)e.n_annual_return)) &&
                     assay_json_add(o, "sharpe_ratio", assay_json_number(e.sharpe_ratio)) &&
                     assay_json_add(o, "sharpe_ratio_folds", assay_json_number((double)e.n_sharpe_ratio)));
}

static cJSON *axis_drift_json(const assay_axis_drift *d) {
    cJSON *o = cJSON_CreateObject();
    return whole(o, assay_json_add(o, "mean_steps", assay_json_number(d->mean_steps)) &&
                        assay_json_add(o, "max_steps", assay_json_number(d->max_steps)) &&
                        assay_json_add(o, "changes", assay_json_number((double)d->n_changes)) &&
                        assay_json_add(o, "pairs", assay_json_number((double)d->n_pairs)) &&
                        assay_json_add(o, "distinct", assay_json_number((double)d->n_distinct)));
}

static cJSON *drift_json(const assay_walkforward *wf) {
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (size_t axis = 0; ok && axis < assay_walkforward_n_axes(wf); axis++) {
        assay_axis_drift drift = assay_walkforward_drift(wf, axis);
        ok = assay_json_add(object, drift.axis, axis_drift_json(&drift));
    }
    return whole(object, ok);
}

static cJSON *tables_json(const assay_run_summary *s) {
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (size_t i = 0; ok && i < ASSAY_N_RESULT_TABLES && s->tables[i].table != NULL; i++)
        ok = assay_json_add(object, s->tables[i].table, assay_json_number((double)s->tables[i].n_rows));
    return whole(object, ok);
}

static cJSON *warnings_json(const assay_run_summary *s) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t bit = 0; bit < ASSAY_N_WARNINGS && array != NULL; bit++) {
        if ((s->warnings & (1u << bit)) != 0)
            (void)cJSON_AddItemToArray(array, cJSON_CreateString(assay_warning_name(1u << bit)));
    }
    return array;
}

/* The plan, the folds, and what they say together. */
static bool add_folds(cJSON *o, const assay_walkforward_report *report) {
    return assay_walkforward_add_plan(o, report) &&
           assay_json_add(o, "points", assay_json_number((double)assay_walkforward_n_points(report->wf))) &&
           assay_json_add(o, "folds", folds_json(report)) &&
           assay_json_add(o, "efficiency", efficiency_json(report->wf)) &&
           assay_json_add(o, "drift", drift_json(report->wf));
}

static cJSON *walkforward_json(const assay_walkforward_report *report, const assay_run_summary *s) {
    const assay_result *joined = assay_walkforward_result(report->wf);
    cJSON *o = cJSON_CreateObject();
    bool ok = o != NULL && assay_json_add(o, "run_id", cJSON_CreateString(s->run_id)) &&
              assay_json_add(o, "strategy", cJSON_CreateString(s->strategy)) && add_folds(o, report) &&
              assay_json_add(o, "parameters", cJSON_CreateRaw(s->parameters_json)) &&
              assay_json_add(o, "metrics", metrics_json(assay_result_metrics(joined))) &&
              assay_json_add(o, "start_date", cJSON_CreateString(s->start_date)) &&
              assay_json_add(o, "end_date", cJSON_CreateString(s->end_date)) &&
              assay_json_add(o, "n_bars", assay_json_number((double)s->n_bars)) &&
              assay_json_add(o, "n_symbols", assay_json_number((double)s->n_symbols)) &&
              assay_json_add(o, "data_fingerprint", cJSON_CreateString(s->data_fingerprint)) &&
              assay_json_add(o, "tables", tables_json(s)) &&
              assay_json_add(o, "warnings", warnings_json(s)) &&
              assay_json_add(o, "open_trades", assay_json_number((double)s->n_open_trades)) &&
              assay_json_add(o, "delisted_positions", assay_json_number((double)s->delisted_positions));
    return whole(o, ok);
}

assay_status assay_walkforward_json(const assay_walkforward_report *report, FILE *out, assay_error *err) {
    assay_run_summary summary;
    assay_status status = assay_walkforward_summary(report, &summary, err);
    if (status != ASSAY_OK)
        return status;
    status = assay_json_write(walkforward_json(report, &summary), out, err);
    assay_run_summary_reset(&summary);
    return status;
}

assay_status assay_walkforward_folds_text(const assay_walkforward_report *report, char **out_text,
                                          assay_error *err) {
    cJSON *o = cJSON_CreateObject();
    return assay_json_text(whole(o, o != NULL && add_folds(o, report)), out_text, err);
}

/* --- CSV --- */

static void put_csv_number(double value, FILE *out) {
    char text[40] = "";
    if (isfinite(value))
        assay_double_format(value, text, sizeof text);
    fprintf(out, ",%s", text);
}

static void put_csv_heading(const assay_walkforward *wf, FILE *out) {
    fputs("fold,run_id,train_start,train_end,train_bars,test_start,test_end,test_bars,partial,note,point",
          out);
    for (size_t axis = 0; axis < assay_walkforward_n_axes(wf); axis++)
        fprintf(out, ",%s", assay_walkforward_drift(wf, axis).axis);
    fputs(",objective,start_equity,end_equity", out);
    for (size_t i = 0; i < assay_metric_count(); i++)
        fprintf(out, ",in_sample_%s", assay_metric_at(i)->name);
    for (size_t i = 0; i < assay_metric_count(); i++)
        fprintf(out, ",out_of_sample_%s", assay_metric_at(i)->name);
    putc('\n', out);
}

static void put_csv_fold(const assay_walkforward_report *report, size_t k, FILE *out) {
    const assay_fold *f = assay_walkforward_fold(report->wf, k);
    assay_fold_dates d = assay_fold_dates_of(report, k);
    const char *run_id = report->is_stored && report->fold[k].run_id != NULL ? report->fold[k].run_id : "";
    fprintf(out, "%zu,%s,%s,%s,%zu,%s,%s,%zu,%s,%s,", k + 1, run_id, d.train_start, d.train_end,
            f->train_last - f->train_first + 1, d.test_start, d.test_end, f->test_last - f->test_first + 1,
            f->is_partial ? "true" : "false", assay_fold_note(f));
    if (f->has_winner)
        fprintf(out, "%llu", (unsigned long long)f->point);
    for (size_t axis = 0; axis < assay_walkforward_n_axes(report->wf); axis++) {
        char text[256];
        assay_walkforward_choice(report->wf, k, axis, text, sizeof text);
        fprintf(out, strpbrk(text, ",\"") == NULL ? ",%s" : ",\"%s\"", text); /* a list of dates has commas */
    }
    put_csv_number(f->objective, out);
    put_csv_number(f->start_equity, out);
    put_csv_number(f->end_equity, out);
    for (size_t i = 0; i < assay_metric_count(); i++)
        put_csv_number(f->in_sample[i], out);
    for (size_t i = 0; i < assay_metric_count(); i++)
        put_csv_number(f->out_of_sample[i], out);
    putc('\n', out);
}

assay_status assay_report_walkforward(const assay_walkforward_report *report, assay_report_format format,
                                      const assay_report_style *style, FILE *out, assay_error *err) {
    if (format == ASSAY_FORMAT_JSON)
        return assay_walkforward_json(report, out, err);
    if (format == ASSAY_FORMAT_TEXT)
        return assay_walkforward_text(report, style, out, err);
    put_csv_heading(report->wf, out);
    for (size_t k = 0; k < assay_walkforward_n_folds(report->wf); k++)
        put_csv_fold(report, k, out);
    return ASSAY_OK;
}
