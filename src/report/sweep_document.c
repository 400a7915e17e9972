/* A sweep as a document: its points by axis value and metric, sensitivity, and how much of the best is luck. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/document.h"

enum { MOST_POINTS = 20000 };

static void put_luck(assay_json_stream *s, const assay_sweep_summary *m, size_t objective) {
    const assay_sweep_luck *l = &m->luck;
    double annual = sqrt(l->periods_per_year);
    assay_stream_rounded(s, "expected_max_sharpe", l->expected_max_sharpe * annual, 6);
    assay_stream_rounded(s, "best_sharpe", l->sharpe * annual, 6);
    assay_stream_rounded(s, "psr", l->psr, 6);
    assay_stream_rounded(s, "deflated_sharpe", l->dsr, 6);
    if (!m->is_grid || m->n_best == 0) {
        assay_stream_json(s, "plateau", NULL);
        return;
    }
    assay_stream_open(s, "plateau", '{');
    assay_stream_rounded(s, "best", m->best[0].metrics[objective], 8);
    assay_stream_rounded(s, "neighbours_median", m->neighbour_median, 8);
    assay_stream_whole(s, "n_neighbours", (int64_t)m->n_neighbours);
    assay_stream_close(s, '{');
}

static void put_sensitivity(assay_json_stream *s, const assay_sweep_summary *m) {
    assay_stream_open(s, "sensitivity", '[');
    for (size_t a = 0; a < m->n_axes; a++) {
        const assay_sweep_axis *axis = &m->axis[a];
        assay_stream_open(s, NULL, '{');
        assay_stream_text(s, "axis", axis->name);
        assay_stream_rounded(s, "importance", axis->variance_share, 6);
        assay_stream_open(s, "values", '[');
        for (size_t i = 0; i < axis->n_levels; i++)
            assay_stream_text(s, NULL, axis->level[i].text);
        assay_stream_close(s, '[');
        static const char *const keys[] = {"median", "best", "worst", "mean"};
        for (size_t k = 0; k < 4; k++) {
            assay_stream_open(s, keys[k], '[');
            for (size_t i = 0; i < axis->n_levels; i++) {
                const assay_sweep_level *l = &axis->level[i];
                const double values[] = {l->median, l->max, l->min, l->mean};
                assay_stream_rounded(s, NULL, values[k], 6);
            }
            assay_stream_close(s, '[');
        }
        assay_stream_close(s, '{');
    }
    assay_stream_close(s, '[');
}

/* Every `step`-th of the points that are stored. */
static assay_status put_points(assay_json_stream *s, const assay_sweep_report *r,
                               const assay_sweep_values *values, assay_error *err) {
    size_t n_axes = assay_optimizer_n_axes(r->optimizer), n_stored = 0;
    for (uint64_t p = 0; p < values->n_points; p++)
        n_stored += values->has[p];
    uint64_t step = n_stored / MOST_POINTS + 1;
    assay_name_list *names = calloc(n_axes + 1, sizeof *names);
    if (names == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a sweep's document");
    bool is_short = false;
    assay_stream_open(s, "points", '{');
    assay_stream_whole(s, "shown_of", (int64_t)n_stored);
    assay_stream_open(s, "number", '[');
    for (uint64_t p = 0; p < values->n_points; p += step) {
        if (values->has[p])
            assay_stream_whole(s, NULL, (int64_t)p);
    }
    assay_stream_close(s, '[');
    assay_stream_open(s, "axis", '[');
    for (size_t a = 0; a < n_axes; a++) {
        assay_stream_open(s, NULL, '[');
        for (uint64_t p = 0; p < values->n_points; p += step) {
            char text[128];
            if (!values->has[p])
                continue;
            assay_optimizer_value_text(r->optimizer, p, a, text, sizeof text);
            assay_stream_whole(s, NULL, assay_name_list_add(&names[a], text));
        }
        assay_stream_close(s, '[');
        is_short = is_short || names[a].is_short;
    }
    assay_stream_close(s, '[');
    assay_stream_open(s, "metric", '[');
    for (size_t m = 0; m < values->n_metrics; m++) {
        assay_stream_open(s, NULL, '[');
        for (uint64_t p = 0; p < values->n_points; p += step) {
            if (values->has[p])
                assay_stream_rounded(s, NULL, values->value[m][p], 7);
        }
        assay_stream_close(s, '[');
    }
    assay_stream_close(s, '[');
    assay_stream_close(s, '{');
    assay_stream_open(s, "axes", '[');
    for (size_t a = 0; a < n_axes; a++) {
        assay_stream_open(s, NULL, '{');
        assay_stream_text(s, "name", assay_optimizer_axis_name(r->optimizer, a));
        assay_stream_open(s, "values", '[');
        for (size_t i = 0; i < names[a].n; i++)
            assay_stream_text(s, NULL, names[a].name[i]);
        assay_stream_close(s, '[');
        assay_stream_close(s, '{');
        assay_name_list_reset(&names[a]);
    }
    assay_stream_close(s, '[');
    free(names);
    return is_short ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a sweep's document") : ASSAY_OK;
}

assay_status assay_report_sweep_document(const assay_sweep_report *r, const assay_sweep_values *values,
                                         const char *config_json, FILE *out, assay_error *err) {
    assay_json_stream stream = {out, true}, *s = &stream;
    const assay_sweep_summary *m = r->summary;
    size_t objective = assay_optimizer_objective_metric(r->optimizer, 0);
    char goal[160] = "";
    assay_optimizer_objective_text(r->optimizer, 0, goal, sizeof goal);
    assay_stream_open(s, NULL, '{');
    assay_stream_open(s, "assay", '{');
    assay_stream_whole(s, "document", 1);
    assay_stream_text(s, "version", ASSAY_VERSION);
    assay_stream_close(s, '{');
    assay_stream_text(s, "kind", "sweep");
    assay_stream_text(s, "sweep_id", r->sweep_id);
    assay_stream_text(s, "strategy", r->strategy);
    assay_stream_text(s, "sampling", r->sampling);
    assay_stream_text(s, "objective", assay_metric_at(objective)->name);
    assay_stream_text(s, "goal", strncmp(goal, "min", 3) == 0 ? "min" : "max");
    assay_stream_whole(s, "n_points", (int64_t)m->n_plan);
    assay_stream_whole(s, "n_tried", (int64_t)m->n_tried);
    assay_stream_text(s, "start_date", r->start_date);
    assay_stream_text(s, "end_date", r->end_date);
    assay_stream_whole(s, "n_bars", (int64_t)r->n_bars);
    assay_stream_whole(s, "n_symbols", (int64_t)r->n_symbols);
    assay_stream_text(s, "data_fingerprint", r->data_fingerprint);
    assay_stream_json(s, "config", config_json);
    assay_stream_open(s, "metrics", '[');
    for (size_t i = 0; i < values->n_metrics; i++)
        assay_stream_text(s, NULL, assay_metric_at(values->metric[i])->name);
    assay_stream_close(s, '[');
    assay_stream_open(s, "best", '[');
    for (size_t i = 0; i < m->n_best; i++)
        assay_stream_whole(s, NULL, (int64_t)m->best[i].point);
    assay_stream_close(s, '[');
    put_luck(s, m, objective);
    put_sensitivity(s, m);
    assay_status status = put_points(s, r, values, err);
    assay_stream_close(s, '{');
    return status;
}
