/* assay optimize: from the plan to the metrics of every point, batch by batch.
 *
 * Invariant: a batch that is done is a part on disk, whatever happens next; memory holds one batch, and 8 bytes a point and
 * objective.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dates.h"
#include "base/hash.h"
#include "cli/cmd_optimize.h"

/* A batch is worth a second or so on one core, so that little is lost by a stop and little by beginning anew. */
enum { FEWEST_IN_BATCH = 256, MOST_IN_BATCH = 4096 };
#define BATCH_WORK 4e9 /* points x bars x symbols */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number) {
    (void)signal_number;
    is_interrupted = 1;
}

/* The first Ctrl-C ends the sweep in good order, a second one at once. */
static void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static int64_t monotonic_us(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t cli_sweep_point(const cli_sweep *s, uint64_t j) {
    return s->points == NULL ? assay_optimizer_shard_point(s->optimizer, j) : s->points[j];
}

/* --- names --- */

static const char *sampling_of(const cli_sweep_args *a) {
    return a->sampling == NULL || a->sampling[0] == '\0' ? "grid" : a->sampling;
}

/* STRATEGY-sweep- and 12 hex digits of data, configuration and plan; the shard is no part of it. */
static void name_sweep(cli_sweep *s) {
    const cli_sweep_args *a = s->args;
    if (a->sweep_id != NULL) {
        snprintf(s->sweep_id, sizeof s->sweep_id, "%s", a->sweep_id);
        return;
    }
    char hex[33], name[71];
    assay_hash hash;
    cli_name_for_id(assay_config_strategy(s->request.config)->name, name, sizeof name);
    assay_hash_init(&hash);
    assay_hash_add(&hash, s->fingerprint, 32);
    assay_hash_add(&hash, s->plan_json, strlen(s->plan_json));
    assay_hash_hex(&hash, hex);
    snprintf(s->sweep_id, sizeof s->sweep_id, "%.70s-sweep-%.12s", name, hex);
}

/* What backtest_sweeps says of the plan; objectives and constraints in their canonical form. */
static assay_status make_plan_text(cli_sweep *s, assay_error *err) {
    char goals[2 * ASSAY_MAX_GOALS][160], *objectives[ASSAY_MAX_GOALS], *constraints[ASSAY_MAX_GOALS];
    size_t n_objectives = assay_optimizer_n_objectives(s->optimizer);
    size_t n_constraints = assay_optimizer_n_constraints(s->optimizer);
    for (size_t i = 0; i < n_objectives; i++) {
        assay_optimizer_objective_text(s->optimizer, i, goals[i], sizeof goals[i]);
        objectives[i] = goals[i];
    }
    for (size_t i = 0; i < n_constraints; i++) {
        char *goal = goals[ASSAY_MAX_GOALS + i];
        assay_optimizer_constraint_text(s->optimizer, i, goal, sizeof goals[0]);
        constraints[i] = goal;
    }
    assay_sweep_plan plan = {.axes = s->args->axes.name,
                             .n_axes = s->args->axes.n,
                             .objectives = objectives,
                             .n_objectives = n_objectives,
                             .constraints = constraints,
                             .n_constraints = n_constraints,
                             .sampling = (char *)(uintptr_t)sampling_of(s->args),
                             .config_json = s->config_json,
                             .halving = s->args->halving,
                             .periods_per_year = s->periods_per_year,
                             .risk_free_rate = s->risk_free_rate,
                             .n_tried = s->n_rungs > 1 ? s->rung[0].n_points : 0,
                             .n_rungs = s->n_rungs > 1 ? s->n_rungs : 0};
    memcpy(plan.rung, s->rung, sizeof plan.rung);
    return assay_sweep_plan_text(&plan, &s->plan_json, err);
}

/* --- the folder of parts --- */

static void metric_names(char out_hex[33]) {
    assay_hash hash;
    assay_hash_init(&hash);
    for (size_t i = 0; i < assay_metric_count(); i++)
        assay_hash_add(&hash, assay_metric_at(i)->name, strlen(assay_metric_at(i)->name));
    assay_hash_hex(&hash, out_hex);
}

static void join(const cli_names *names, char *out_text, size_t size) {
    out_text[0] = '\0';
    for (size_t i = 0; i < names->n; i++) {
        size_t used = strlen(out_text);
        snprintf(out_text + used, size - used, "%s%s", i == 0 ? "" : " ", names->name[i]);
    }
}

/* Everything that the metrics of a part depend on. Objectives do not change them, but they choose who goes on in halving. */
static assay_status open_parts(cli_sweep *s, assay_error *err) {
    size_t size = 1;
    for (size_t i = 0; i < s->args->axes.n; i++)
        size += strlen(s->args->axes.name[i]) + 1;
    char *axes = malloc(size), metrics[33], batch[32], goal[160] = "no";
    if (axes == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the plan of a sweep");
    join(&s->args->axes, axes, size);
    metric_names(metrics);
    snprintf(batch, sizeof batch, "%zu", s->batch);
    if (s->args->halving)
        assay_optimizer_objective_text(s->optimizer, 0, goal, sizeof goal);
    assay_shard_name shard;
    assay_optimizer_shard(s->optimizer, &shard.index, &shard.count);
    const assay_sweep_key keys[] = {{"version of Assay", ASSAY_VERSION},
                                    {"list of metrics", metrics},
                                    {"data", s->fingerprint},
                                    {"axes", axes},
                                    {"sampling", sampling_of(s->args)},
                                    {"halving", goal},
                                    {"configuration", s->config_json},
                                    {"batch", batch}};
    assay_status status = assay_store_sweep_begin(s->store, s->sweep_id, shard, s->args->restart, keys,
                                                  sizeof keys / sizeof *keys, &s->parts, err);
    free(axes);
    return status;
}

/* --- progress --- */

typedef struct progress {
    double work_all, work_done, work_found; /* points x bars; found: of an earlier call */
    double bars;                            /* of this rung */
    uint64_t points_all, points_done;       /* of this rung */
    int64_t begun_us, shown_us;
} progress;

static void time_text(double seconds, char *out_text, size_t size) {
    if (seconds < 90)
        snprintf(out_text, size, "%.0f s", seconds);
    else if (seconds < 5400)
        snprintf(out_text, size, "%.0f min", seconds / 60);
    else
        snprintf(out_text, size, "%.1f h", seconds / 3600);
}

static void show_progress(progress *p, uint64_t n_more) {
    int64_t now = monotonic_us();
    if (now - p->shown_us < 200000)
        return;
    p->shown_us = now;
    char text[160], left[32] = "";
    double done = p->work_done + (double)n_more * p->bars, fresh = done - p->work_found;
    if (fresh > 0)
        time_text((p->work_all - done) * (double)(now - p->begun_us) / 1e6 / fresh, left, sizeof left);
    snprintf(text, sizeof text, "%" PRIu64 " of %" PRIu64 " points (%.0f %%)%s%s", p->points_done + n_more,
             p->points_all, 100 * done / p->work_all, left[0] == '\0' ? "" : ", time left: ", left);
    cli_progress(text);
}

static bool on_progress(void *context, size_t n_done) {
    show_progress(context, n_done);
    return is_interrupted == 0;
}

static progress begin_progress(const cli_sweep *s) {
    progress p = {.begun_us = monotonic_us()};
    for (size_t r = 0; r < s->n_rungs; r++)
        p.work_all += (double)s->rung[r].n_points * (double)s->rung[r].n_bars;
    return p;
}

/* --- rungs and batches --- */

/* A rung: which points (NULL: the shard's), and what its batches leave. */
typedef struct rung_stage {
    unsigned rung;
    const uint64_t *points;
    uint64_t n_points;
    double *objective; /* of every point; NULL on the last rung */
} rung_stage;

static size_t values_in(const cli_sweep *s, const rung_stage *stage, uint64_t part) {
    uint64_t left = stage->n_points - part * s->batch;
    return (size_t)(left < s->batch ? left : s->batch) * assay_metric_count();
}

static void absorb(cli_sweep *s, rung_stage *stage, uint64_t first, const uint64_t *point,
                   const double *metrics, size_t n) {
    size_t n_metrics = assay_metric_count(), objective = assay_optimizer_objective_metric(s->optimizer, 0);
    for (size_t i = 0; i < n; i++) {
        if (stage->objective == NULL)
            assay_sweep_scores_add(s->scores, point[i], metrics + i * n_metrics);
        else
            stage->objective[first + i] = metrics[i * n_metrics + objective];
    }
}

static assay_status run_part(cli_sweep *s, rung_stage *stage, uint64_t part, uint64_t *point, double *metrics,
                             progress *p, assay_error *err) {
    uint64_t first = part * s->batch;
    size_t n_values = values_in(s, stage, part), n = n_values / assay_metric_count();
    for (size_t i = 0; i < n; i++)
        point[i] = stage->points == NULL ? assay_optimizer_shard_point(s->optimizer, first + i)
                                         : stage->points[first + i];
    bool is_there =
        s->parts != NULL && assay_store_sweep_read_part(s->parts, stage->rung, part, metrics, n_values);
    assay_status status = ASSAY_OK;
    if (!is_there) {
        if (is_interrupted != 0)
            return assay_error_set(err, ASSAY_E_CANCELLED, "stopped");
        const assay_rung *rung = stage->rung + 1 < s->n_rungs ? &s->rung[stage->rung] : NULL;
        status = assay_optimizer_run(s->optimizer, s->run.panel, rung, point, n,
                                     (unsigned)s->args->common.n_threads, on_progress, p, metrics, err);
        if (status == ASSAY_OK && s->parts != NULL)
            status = assay_store_sweep_write_part(s->parts, stage->rung, part, metrics, n_values, err);
    }
    if (status != ASSAY_OK)
        return status;
    absorb(s, stage, first, point, metrics, n);
    p->points_done += n;
    p->work_done += (double)n * p->bars;
    p->work_found += is_there ? (double)n * p->bars : 0;
    return ASSAY_OK;
}

static assay_status run_stage(cli_sweep *s, rung_stage *stage, progress *p, assay_error *err) {
    uint64_t n_parts = (stage->n_points + s->batch - 1) / s->batch;
    uint64_t *point = malloc(s->batch * sizeof *point);
    double *metrics = malloc(s->batch * assay_metric_count() * sizeof *metrics);
    assay_status status = point == NULL || metrics == NULL
                              ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu points", s->batch)
                              : ASSAY_OK;
    p->points_all = stage->n_points;
    p->points_done = 0;
    p->bars = (double)s->rung[stage->rung].n_bars;
    for (uint64_t part = 0; part < n_parts && status == ASSAY_OK; part++)
        status = run_part(s, stage, part, point, metrics, p, err);
    free(point);
    free(metrics);
    return status;
}

/* The points of the next rung, from the objective of this one. */
static assay_status choose_next(cli_sweep *s, rung_stage *stage, assay_error *err) {
    uint64_t n_next = s->rung[stage->rung + 1].n_points, *all = NULL;
    uint64_t *next = malloc((n_next + 1) * sizeof *next);
    if (stage->points == NULL) {
        all = malloc((stage->n_points + 1) * sizeof *all);
        for (uint64_t i = 0; all != NULL && i < stage->n_points; i++)
            all[i] = assay_optimizer_shard_point(s->optimizer, i);
    }
    const uint64_t *points = stage->points == NULL ? all : stage->points;
    assay_status status =
        next == NULL || points == NULL
            ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %" PRIu64 " points", n_next)
            : assay_optimizer_promote(s->optimizer, points, stage->objective, (size_t)stage->n_points,
                                      (size_t)n_next, next, err);
    free(all);
    if (status != ASSAY_OK) {
        free(next);
        return status;
    }
    free(s->points);
    s->points = next;
    s->n_points = n_next;
    return ASSAY_OK;
}

static assay_status run_rungs(cli_sweep *s, assay_error *err) {
    progress p = begin_progress(s);
    assay_status status = ASSAY_OK;
    for (size_t r = 0; r < s->n_rungs && status == ASSAY_OK; r++) {
        rung_stage stage = {.rung = (unsigned)r, .points = s->points, .n_points = s->n_points};
        bool is_last = r + 1 == s->n_rungs;
        if (!is_last)
            stage.objective = malloc((stage.n_points + 1) * sizeof *stage.objective);
        if (!is_last && stage.objective == NULL)
            status =
                assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %" PRIu64 " points", stage.n_points);
        if (status == ASSAY_OK)
            status = run_stage(s, &stage, &p, err);
        if (status == ASSAY_OK && !is_last)
            status = choose_next(s, &stage, err);
        free(stage.objective);
    }
    return status;
}

/* --- the whole --- */

static size_t batch_size(const assay_panel *panel) {
    double work = (double)assay_panel_n_bars(panel) * (double)assay_panel_n_symbols(panel);
    size_t batch = MOST_IN_BATCH;
    while (batch > FEWEST_IN_BATCH && (double)batch * work > BATCH_WORK)
        batch /= 2;
    return batch;
}

static assay_status prepare(cli_sweep *s, assay_error *err) {
    assay_status status =
        cli_load_panel(s->store, &s->request, &s->run.panel, s->frequency, sizeof s->frequency, err);
    if (status != ASSAY_OK)
        return status;
    s->run.owns_panel = true;
    assay_panel_fingerprint(s->run.panel, s->fingerprint);
    s->n_points = assay_optimizer_shard_size(s->optimizer);
    s->batch = batch_size(s->run.panel);
    uint64_t first = assay_optimizer_shard_point(s->optimizer, 0);
    status = assay_optimizer_annual(s->optimizer, s->run.panel, first, &s->periods_per_year,
                                    &s->risk_free_rate, err);
    if (status != ASSAY_OK)
        return status;
    s->n_rungs = assay_optimizer_rungs(s->optimizer, s->run.panel, s->rung);
    status = assay_report_config_json(s->request.config, cli_universe(&s->request),
                                      s->frequency[0] == '\0' ? NULL : s->frequency, &s->config_json, err);
    if (status == ASSAY_OK)
        status = make_plan_text(s, err);
    if (status != ASSAY_OK)
        return status;
    name_sweep(s);
    if (s->args->common.no_store)
        return ASSAY_OK;
    status = cli_check_no_run(s->store, s->sweep_id, err);
    if (status == ASSAY_OK)
        status = cli_check_other_shards(s->store, s, err);
    return status == ASSAY_OK ? open_parts(s, err) : status;
}

/* How many points of the first rung an earlier call has left. */
static uint64_t points_found(const cli_sweep *s) {
    rung_stage stage = {.n_points = s->n_points};
    uint64_t n_parts = (s->n_points + s->batch - 1) / s->batch, found = 0;
    for (uint64_t part = 0; part < n_parts && s->parts != NULL; part++) {
        size_t n_values = values_in(s, &stage, part);
        if (assay_store_sweep_has_part(s->parts, 0, part, n_values))
            found += n_values / assay_metric_count();
    }
    return found;
}

static assay_status fill_metrics(cli_sweep *s, assay_sweep_entry *entries, size_t n, assay_error *err) {
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++)
        status = assay_optimizer_run(s->optimizer, s->run.panel, NULL, &entries[i].point, 1, 1, NULL, NULL,
                                     entries[i].metrics, err);
    return status;
}

static assay_status print_report(cli_sweep *s, assay_error *err) {
    assay_sweep_summary summary;
    assay_period period = {0};
    uint64_t n_tried = s->n_rungs > 1 ? s->rung[0].n_points : 0, index, count;
    size_t n_listed = s->args->n_keep > CLI_LISTED_POINTS ? (size_t)s->args->n_keep : CLI_LISTED_POINTS;
    assay_status status = assay_sweep_summary_init(s->optimizer, s->scores, n_listed, n_tried,
                                                   s->periods_per_year, &summary, err);
    if (status != ASSAY_OK)
        return status;
    assay_sweep_summary_returns(&summary, s->returns, s->n_returns, s->risk_free_rate);
    status = fill_metrics(s, summary.best, summary.n_best, err);
    if (status == ASSAY_OK)
        status = fill_metrics(s, summary.pareto, summary.n_pareto, err);
    uint64_t shown = summary.n_best > 0 ? summary.best[0].point : cli_sweep_point(s, 0);
    if (status == ASSAY_OK)
        status = assay_optimizer_period(s->optimizer, s->run.panel, shown, &period, err);
    assay_optimizer_shard(s->optimizer, &index, &count);
    assay_sweep_report report = {.sweep_id = s->sweep_id,
                                 .strategy = assay_config_strategy(s->request.config)->name,
                                 .sampling = sampling_of(s->args),
                                 .optimizer = s->optimizer,
                                 .summary = &summary,
                                 .rung = s->rung,
                                 .n_rungs = s->n_rungs,
                                 .n_bars = period.n_bars,
                                 .n_symbols = assay_panel_n_symbols(s->run.panel),
                                 .n_kept = s->args->common.no_store ? 0 : s->n_kept,
                                 .n_shards = count,
                                 .n_shards_stored = 1,
                                 .shard = index + 1,
                                 .is_stored = !s->args->common.no_store};
    assay_time_format(period.start_us, report.start_date, sizeof report.start_date);
    assay_time_format(period.end_us, report.end_date, sizeof report.end_date);
    snprintf(report.data_fingerprint, sizeof report.data_fingerprint, "%s", s->fingerprint);
    cli_progress(NULL);
    assay_report_style style = cli_style();
    if (status == ASSAY_OK)
        status = assay_report_sweep(&report, s->args->common.format, &style, stdout, err);
    assay_sweep_summary_reset(&summary);
    return status;
}

static assay_status execute(cli_sweep *s, assay_error *err) {
    assay_status status = prepare(s, err);
    uint64_t found = status == ASSAY_OK ? points_found(s) : 0;
    if (found > 0 && !cli_is_quiet())
        cli_message("going on with sweep %s: %" PRIu64 " of %" PRIu64 " points%s are there", s->sweep_id,
                    found, s->n_points, s->n_rungs > 1 ? " of the first rung" : "");
    if (status == ASSAY_OK)
        status = assay_sweep_scores_create(s->optimizer, &s->scores, err);
    if (status == ASSAY_OK)
        status = run_rungs(s, err);
    if (status == ASSAY_OK)
        status = cli_sweep_keep(s, err);
    if (status == ASSAY_OK && s->parts != NULL)
        status = cli_sweep_store(s, err);
    if (status == ASSAY_OK)
        status = print_report(s, err);
    return status;
}

static void reset(cli_sweep *s) {
    assay_store_sweep_end(s->parts);
    assay_store_close(s->store);
    assay_sweep_scores_destroy(s->scores);
    for (size_t i = 0; i < s->n_kept; i++) {
        free(s->kept[i].config_json);
        free(s->kept[i].metrics);
    }
    free(s->kept);
    free(s->returns);
    free(s->points);
    free(s->config_json);
    free(s->plan_json);
    cli_run_reset(&s->run);
    assay_optimizer_destroy(s->optimizer);
    cli_request_reset(&s->request);
}

static int say_stopped(const cli_sweep *s) {
    if (s->parts == NULL) {
        cli_message("stopped; nothing is kept");
        return CLI_INTERRUPTED;
    }
    bool is_first = s->points == NULL; /* of halving, the first rung */
    if (is_first)
        cli_message("stopped: %" PRIu64 " of %" PRIu64
                    " points of sweep %s are kept; the same command goes on from there",
                    points_found(s), s->n_points, s->sweep_id);
    else
        cli_message("stopped: what is finished of sweep %s is kept; the same command goes on from there",
                    s->sweep_id);
    return CLI_INTERRUPTED;
}

int cli_sweep_main(const cli_sweep_args *a) {
    assay_error err = {0};
    cli_sweep s = {.args = a, .begun_us = monotonic_us()};
    const assay_optimize_spec spec = {.axes = (const char *const *)a->axes.name,
                                      .n_axes = a->axes.n,
                                      .sampling = a->sampling,
                                      .shard = a->shard,
                                      .objectives = (const char *const *)a->objectives.name,
                                      .n_objectives = a->objectives.n,
                                      .constraints = (const char *const *)a->constraints.name,
                                      .n_constraints = a->constraints.n,
                                      .halving = a->halving};
    assay_status status = cli_request_make(&a->common.options, &s.request, &err);
    if (status == ASSAY_OK)
        status = assay_optimizer_create(s.request.config, &spec, &s.optimizer, &err);
    if (status == ASSAY_OK)
        status = assay_store_open(cli_database(a->common.db), false, (unsigned)a->common.n_threads, &s.store,
                                  &err);
    if (status == ASSAY_OK) {
        catch_interrupts();
        status = execute(&s, &err);
    }
    int code = status == ASSAY_OK                                   ? CLI_DONE
               : status == ASSAY_E_CANCELLED && is_interrupted != 0 ? say_stopped(&s)
                                                                    : cli_fail(&err);
    reset(&s);
    return code;
}
