/* assay optimize: the best points once more and in full, and the tables of the sweep. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cmd_optimize.h"

static int64_t monotonic_us(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Names with commas between them, as backtest_runs has them. */
static void list_warnings(uint32_t bits, char *out_text, size_t size) {
    out_text[0] = '\0';
    for (uint32_t i = 0; i < ASSAY_N_WARNINGS; i++) {
        size_t used = strlen(out_text);
        if ((bits & (1u << i)) != 0)
            snprintf(out_text + used, size - used, "%s%s", used == 0 ? "" : ",", assay_warning_name(1u << i));
    }
}

static assay_status out_of_memory(assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the points that are kept");
}

/* The returns between the bars; a value that is too small to be one was set to 0 by the engine. */
static assay_status take_returns(cli_sweep *s, const assay_result *result, assay_error *err) {
    const assay_snapshot *snapshot = assay_result_snapshots(result, &s->n_returns);
    s->returns = malloc((s->n_returns + 1) * sizeof *s->returns);
    if (s->returns == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < s->n_returns; i++)
        s->returns[i] = snapshot[i].daily_return;
    return ASSAY_OK;
}

static assay_status note_kept(cli_sweep *s, const assay_config *config, const assay_result *result,
                              cli_kept *kept, assay_error *err) {
    size_t n_bytes = assay_metric_count() * sizeof *kept->metrics;
    kept->delisted_positions = (int64_t)assay_result_delisted_positions(result);
    list_warnings(assay_result_warnings(result), kept->warnings, sizeof kept->warnings);
    kept->metrics = malloc(n_bytes);
    if (kept->metrics == NULL)
        return out_of_memory(err);
    memcpy(kept->metrics, assay_result_metrics(result), n_bytes);
    return assay_report_config_json(config, cli_universe(&s->request),
                                    s->frequency[0] == '\0' ? NULL : s->frequency, &kept->config_json, err);
}

static assay_status store_kept(cli_sweep *s, uint64_t point, const assay_config *config,
                               const assay_result *result, assay_error *err) {
    char run_id[CLI_SWEEP_ID_SIZE + 24], *parameters = NULL;
    snprintf(run_id, sizeof run_id, "%s-%" PRIu64, s->sweep_id, point);
    assay_status status = assay_report_parameters_json(config, &parameters, err);
    const assay_run_info info = {.run_id = run_id,
                                 .timestamp_us = assay_store_sweep_begun_us(s->parts),
                                 .parameters_json = parameters,
                                 .config_json = "{}",
                                 .sweep_id = s->sweep_id,
                                 .fold = -1};
    if (status == ASSAY_OK)
        status = assay_store_sweep_keep(s->parts, &info, result, err);
    free(parameters);
    return status;
}

/* Runs one point in full. */
static assay_status keep_point(cli_sweep *s, uint64_t point, bool is_best, bool is_kept, assay_error *err) {
    assay_config *config = NULL;
    assay_result *result = NULL;
    int64_t begin = monotonic_us();
    assay_status status = assay_optimizer_config(s->optimizer, point, &config, err);
    if (status == ASSAY_OK)
        status = assay_run(s->run.panel, config,
                           is_kept && s->parts != NULL ? ASSAY_KEEP_ALL : ASSAY_KEEP_METRICS, &result, err);
    if (status == ASSAY_OK && is_best)
        status = take_returns(s, result, err);
    if (status == ASSAY_OK && is_kept) {
        cli_kept *kept = &s->kept[s->n_kept++];
        *kept = (cli_kept){.point = point, .duration_ms = (monotonic_us() - begin) / 1000};
        status = note_kept(s, config, result, kept, err);
    }
    if (status == ASSAY_OK && is_kept && s->parts != NULL)
        status = store_kept(s, point, config, result, err);
    assay_result_destroy(result);
    assay_config_destroy(config);
    return status;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

assay_status cli_sweep_keep(cli_sweep *s, assay_error *err) {
    size_t wanted = s->args->n_keep == 0 ? 1 : (size_t)s->args->n_keep;
    uint64_t *point = malloc((wanted + 1) * sizeof *point);
    s->kept = calloc(wanted + 1, sizeof *s->kept);
    if (point == NULL || s->kept == NULL) {
        free(point);
        return out_of_memory(err);
    }
    size_t n = assay_sweep_scores_best(s->scores, wanted, point);
    uint64_t best = n > 0 ? point[0] : 0;
    qsort(point, n, sizeof *point, by_number);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        char text[96];
        snprintf(text, sizeof text, "running the best points in full: %zu of %zu", i + 1, n);
        cli_progress(text);
        status = keep_point(s, point[i], point[i] == best, s->args->n_keep > 0, err);
    }
    free(point);
    return status;
}

/* --- the tables --- */

/* What a row is made from: one part at a time, and the template of its texts. */
typedef struct row_maker {
    cli_sweep *sweep;
    assay_sweep_template *template_;
    double *metrics; /* of the part */
    uint64_t part;   /* UINT64_MAX: none yet */
    assay_period period;
    bool has_own_period; /* every point has its own: start_date or initial_capital is swept */
    assay_error err;
} row_maker;

static bool load_part(row_maker *m, uint64_t part) {
    const cli_sweep *s = m->sweep;
    uint64_t left = s->n_points - part * s->batch;
    size_t n = (size_t)(left < s->batch ? left : s->batch);
    if (m->part == part)
        return true;
    m->part = part;
    if (assay_store_sweep_read_part(s->parts, (unsigned)s->n_rungs - 1, part, m->metrics,
                                    n * assay_metric_count()))
        return true;
    m->part = UINT64_MAX;
    (void)assay_error_set(&m->err, ASSAY_E_IO,
                          "part %" PRIu64
                          " of sweep %s is missing or damaged; give the command again to make it anew",
                          part, s->sweep_id);
    return false;
}

static int compare_kept(const void *key, const void *item) {
    uint64_t x = *(const uint64_t *)key, y = ((const cli_kept *)item)->point;
    return (x > y) - (x < y);
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A point of the sweep and the same point run alone must agree in every bit of every metric. */
static bool check_kept(row_maker *m, const cli_kept *kept, const double *metrics) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        bool same = bits_of(kept->metrics[i]) == bits_of(metrics[i]) ||
                    (isnan(kept->metrics[i]) && isnan(metrics[i]));
        if (!same) {
            (void)assay_error_set(
                &m->err, ASSAY_E_INTERNAL,
                "point %" PRIu64 " of sweep %s: %s is %.17g in the sweep and %.17g run alone", kept->point,
                m->sweep->sweep_id, assay_metric_at(i)->name, metrics[i], kept->metrics[i]);
            return false;
        }
    }
    return true;
}

static bool add_texts(row_maker *m, assay_sweep_point *out) {
    if (m->has_own_period && assay_optimizer_period(m->sweep->optimizer, m->sweep->run.panel, out->number,
                                                    &m->period, &m->err) != ASSAY_OK)
        return false;
    out->start_us = m->period.start_us;
    out->end_us = m->period.end_us;
    out->n_bars = (int64_t)m->period.n_bars;
    out->initial_capital = m->period.initial_capital;
    if (!assay_sweep_template_fill(m->template_, out->number, &out->parameters_json, &out->config_json)) {
        (void)out_of_memory(&m->err);
        return false;
    }
    const cli_kept *kept = m->sweep->n_kept == 0 ? NULL
                                                 : bsearch(&out->number, m->sweep->kept, m->sweep->n_kept,
                                                           sizeof *m->sweep->kept, compare_kept);
    if (kept == NULL)
        return true;
    out->config_json = kept->config_json;
    out->warnings = kept->warnings;
    out->delisted_positions = kept->delisted_positions;
    out->duration_ms = kept->duration_ms;
    return check_kept(m, kept, out->metrics);
}

static bool make_point(void *context, uint64_t j, bool with_texts, assay_sweep_point *out) {
    row_maker *m = context;
    if (!load_part(m, j / m->sweep->batch))
        return false;
    out->number = cli_sweep_point(m->sweep, j);
    out->metrics = m->metrics + (j % m->sweep->batch) * assay_metric_count();
    return !with_texts || add_texts(m, out);
}

static bool has_axis(const assay_optimizer *o, const char *name) {
    for (size_t i = 0; i < assay_optimizer_n_axes(o); i++) {
        if (strcmp(assay_optimizer_axis_name(o, i), name) == 0)
            return true;
    }
    return false;
}

static assay_status init_maker(row_maker *m, cli_sweep *s, assay_error *err) {
    *m = (row_maker){.sweep = s, .part = UINT64_MAX};
    m->has_own_period = has_axis(s->optimizer, "start_date") || has_axis(s->optimizer, "initial_capital");
    m->metrics = malloc(s->batch * assay_metric_count() * sizeof *m->metrics);
    if (m->metrics == NULL)
        return out_of_memory(err);
    assay_status status =
        assay_optimizer_period(s->optimizer, s->run.panel, cli_sweep_point(s, 0), &m->period, err);
    if (status == ASSAY_OK)
        status =
            assay_sweep_template_create(s->optimizer, s->request.config, cli_universe(&s->request),
                                        s->frequency[0] == '\0' ? NULL : s->frequency, &m->template_, err);
    return status;
}

assay_status cli_sweep_store(cli_sweep *s, assay_error *err) {
    row_maker maker;
    cli_progress("writing tables ...");
    assay_status status = init_maker(&maker, s, err);
    const assay_sweep_rows rows = {.n_points = s->n_points,
                                   .strategy = assay_config_strategy(s->request.config)->name,
                                   .plan_json = s->plan_json,
                                   .data_fingerprint = s->fingerprint,
                                   .n_symbols = (int64_t)assay_panel_n_symbols(s->run.panel),
                                   .duration_ms = (monotonic_us() - s->begun_us) / 1000,
                                   .point = make_point,
                                   .context = &maker};
    if (status == ASSAY_OK) {
        status = assay_store_sweep_finish(s->parts, &rows, err);
        if (status == ASSAY_E_CANCELLED && maker.err.status != ASSAY_OK)
            status = assay_error_set(err, maker.err.status, "%s", maker.err.message);
    }
    assay_sweep_template_destroy(maker.template_);
    free(maker.metrics);
    return status;
}
