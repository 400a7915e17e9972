/* What is stored of a sweep: read back, all its shards, and summed up again. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "cli/cmd_optimize.h"
#include "cli/stored_runs.h"

static const char *cell(const assay_table *table, size_t row, size_t column) {
    const char *text = table->cells[row * table->n_columns + column];
    return text == NULL ? "" : text;
}

static uint64_t count_in(const assay_table *table, size_t row, size_t column) {
    return strtoull(cell(table, row, column), NULL, 10);
}

static double number_in(const assay_table *table, size_t row, size_t column) {
    const char *text = cell(table, row, column);
    return text[0] == '\0' ? (double)NAN : strtod(text, NULL);
}

/* --- what there is --- */

/* The rows of backtest_sweeps of a sweep; NULL: the database has no such table. */
static assay_status find_sweep(assay_store *store, const char *sweep_id, assay_table **out_table,
                               assay_error *err) {
    bool has_table = false;
    *out_table = NULL;
    assay_status status = cli_has_table(store, "backtest_sweeps", &has_table, err);
    if (status != ASSAY_OK || !has_table)
        return status;
    return assay_store_sql(
        store,
        "SELECT strategy, plan, n_shards, shard, n_kept, data_fingerprint FROM backtest_sweeps "
        "WHERE sweep_id = $1 ORDER BY shard",
        &sweep_id, 1, out_table, err);
}

assay_status cli_has_sweep(assay_store *store, const char *sweep_id, bool *out_has, assay_error *err) {
    assay_table *table = NULL;
    assay_status status = find_sweep(store, sweep_id, &table, err);
    *out_has = table != NULL && table->n_rows > 0;
    assay_table_destroy(table);
    return status;
}

assay_status cli_check_no_run(assay_store *store, const char *sweep_id, assay_error *err) {
    bool has_runs = false;
    assay_table *table = NULL;
    assay_status status = cli_has_table(store, "backtest_runs", &has_runs, err);
    if (status == ASSAY_OK && has_runs)
        status = assay_store_sql(store, "SELECT count(*) FROM backtest_runs WHERE run_id = $1", &sweep_id, 1,
                                 &table, err);
    if (table != NULL && count_in(table, 0, 0) > 0)
        status = assay_error_set(
            err, ASSAY_E_CONFIG,
            "a run is stored under the id '%s', and their files would have one name; use another "
            "--sweep-id",
            sweep_id);
    assay_table_destroy(table);
    return status;
}

assay_status cli_check_other_shards(assay_store *store, const cli_sweep *s, assay_error *err) {
    uint64_t index, count;
    assay_optimizer_shard(s->optimizer, &index, &count);
    if (count <= 1)
        return ASSAY_OK;
    assay_table *table = NULL;
    assay_status status = find_sweep(store, s->sweep_id, &table, err);
    for (size_t i = 0; table != NULL && i < table->n_rows && status == ASSAY_OK; i++) {
        if (count_in(table, i, 2) != count || count_in(table, i, 3) == index + 1)
            continue;
        bool same_data = strcmp(cell(table, i, 5), s->fingerprint) == 0;
        if (same_data && strcmp(cell(table, i, 1), s->plan_json) == 0)
            continue;
        status = assay_error_set(
            err, ASSAY_E_CONFIG,
            "shard %s of sweep %s is stored with %s; use another --sweep-id, or the same %s for "
            "all shards",
            cell(table, i, 3), s->sweep_id, same_data ? "another plan" : "other data",
            same_data ? "options" : "data");
    }
    assay_table_destroy(table);
    return status;
}

/* --- reading --- */

typedef struct stored_sweep {
    const char *sweep_id, *db;
    assay_table *rows;
    assay_sweep_plan plan;
    cli_request request;
    assay_optimizer *optimizer;
    assay_sweep_scores *scores;
    assay_sweep_summary summary;
} stored_sweep;

/* The plan's own objectives and constraints, unless others are asked for. */
static assay_status make_optimizer(stored_sweep *s, const cli_sweep_args *a, assay_error *err) {
    bool own_objectives = a == NULL || a->objectives.n == 0,
         own_constraints = a == NULL || a->constraints.n == 0;
    const assay_optimize_spec spec = {
        .axes = (const char *const *)s->plan.axes,
        .n_axes = s->plan.n_axes,
        .sampling = s->plan.sampling,
        .objectives = (const char *const *)(own_objectives ? s->plan.objectives : a->objectives.name),
        .n_objectives = own_objectives ? s->plan.n_objectives : a->objectives.n,
        .constraints = (const char *const *)(own_constraints ? s->plan.constraints : a->constraints.name),
        .n_constraints = own_constraints ? s->plan.n_constraints : a->constraints.n};
    assay_status status = cli_request_from_text(s->plan.config_json, s->sweep_id, s->db, &s->request, err);
    return status == ASSAY_OK ? assay_optimizer_create(s->request.config, &spec, &s->optimizer, err) : status;
}

static assay_status read_values(assay_store *store, stored_sweep *s, const size_t *metric, size_t n_metrics,
                                double **values, bool *has, uint64_t n_points, assay_error *err) {
    const char *names[2 * ASSAY_MAX_GOALS + 1];
    size_t n_all = assay_metric_count();
    for (size_t i = 0; i < n_metrics; i++)
        names[i] = assay_metric_at(metric[i])->name;
    assay_status status = assay_store_sweep_read(store, s->sweep_id, names, n_metrics, n_points,
                                                 (double *const *)values, has, err);
    double *row = malloc((n_all + 1) * sizeof *row);
    if (status == ASSAY_OK && row == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for sweep %s", s->sweep_id);
    for (size_t i = 0; status == ASSAY_OK && i < n_all; i++)
        row[i] = (double)NAN;
    for (uint64_t p = 0; status == ASSAY_OK && p < n_points; p++) {
        for (size_t i = 0; i < n_metrics; i++)
            row[metric[i]] = values[i][p];
        if (has[p])
            assay_sweep_scores_add(s->scores, p, row);
    }
    free(row);
    return status;
}

static assay_status read_scores(assay_store *store, stored_sweep *s, assay_error *err) {
    size_t metric[2 * ASSAY_MAX_GOALS + 1];
    size_t n_metrics = assay_optimizer_needed_metrics(s->optimizer, metric, sizeof metric / sizeof *metric);
    uint64_t n_points = assay_optimizer_n_points(s->optimizer);
    double *values[2 * ASSAY_MAX_GOALS + 1] = {0};
    bool *has = calloc((size_t)n_points + 1, sizeof *has);
    bool is_good = has != NULL;
    for (size_t i = 0; i < n_metrics && is_good; i++) {
        values[i] = calloc((size_t)n_points + 1, sizeof *values[i]);
        is_good = values[i] != NULL;
    }
    assay_status status = assay_sweep_scores_create(s->optimizer, &s->scores, err);
    if (status == ASSAY_OK && !is_good)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %" PRIu64 " points", n_points);
    if (status == ASSAY_OK)
        status = read_values(store, s, metric, n_metrics, values, has, n_points, err);
    for (size_t i = 0; i < n_metrics; i++)
        free(values[i]);
    free(has);
    return status;
}

/* The run ids of the listed points with commas between them; NULL: out of memory. */
static char *list_ids(const stored_sweep *s) {
    size_t n = s->summary.n_best + s->summary.n_pareto, size = (n + 1) * (strlen(s->sweep_id) + 24);
    char *ids = malloc(size);
    if (ids == NULL)
        return NULL;
    ids[0] = '\0';
    for (size_t i = 0, used = 0; i < n; i++) {
        const assay_sweep_entry *entry =
            i < s->summary.n_best ? &s->summary.best[i] : &s->summary.pareto[i - s->summary.n_best];
        used += (size_t)snprintf(ids + used, size - used, "%s%s-%" PRIu64, i == 0 ? "" : ",", s->sweep_id,
                                 entry->point);
    }
    return ids;
}

static void put_metric(assay_sweep_entry *entries, size_t n, uint64_t point, size_t metric, double value) {
    for (size_t i = 0; i < n; i++) {
        if (entries[i].point == point)
            entries[i].metrics[metric] = value;
    }
}

static assay_status fill_entries(assay_store *store, stored_sweep *s, assay_error *err) {
    char *ids = list_ids(s);
    const char *param = ids;
    assay_table *t = NULL;
    assay_status status = ids == NULL
                              ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for sweep %s", s->sweep_id)
                              : assay_store_sql(store,
                                                "SELECT run_id, metric, value FROM backtest_results WHERE "
                                                "list_contains(string_split($1, ','), run_id)",
                                                &param, 1, &t, err);
    for (size_t r = 0; status == ASSAY_OK && r < t->n_rows; r++) {
        uint64_t point = strtoull(cell(t, r, 0) + strlen(s->sweep_id) + 1, NULL, 10);
        for (size_t m = 0; m < assay_metric_count(); m++) {
            if (strcmp(assay_metric_at(m)->name, cell(t, r, 1)) != 0)
                continue;
            put_metric(s->summary.best, s->summary.n_best, point, m, number_in(t, r, 2));
            put_metric(s->summary.pareto, s->summary.n_pareto, point, m, number_in(t, r, 2));
        }
    }
    assay_table_destroy(t);
    free(ids);
    return status;
}

/* The best point's returns, where its days are stored. */
static assay_status add_returns(assay_store *store, stored_sweep *s, assay_error *err) {
    if (s->summary.n_best == 0)
        return ASSAY_OK;
    char run_id[CLI_SWEEP_ID_SIZE + 24];
    snprintf(run_id, sizeof run_id, "%s-%" PRIu64, s->sweep_id, s->summary.best[0].point);
    const char *param = run_id;
    assay_table *t = NULL;
    assay_status status =
        assay_store_sql(store, "SELECT daily_return FROM backtest_metrics WHERE run_id = $1 ORDER BY date",
                        &param, 1, &t, err);
    if (status != ASSAY_OK)
        return status;
    double *returns = malloc((t->n_rows + 1) * sizeof *returns);
    if (returns == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for sweep %s", s->sweep_id);
    } else {
        for (size_t i = 0; i < t->n_rows; i++)
            returns[i] = number_in(t, i, 0);
        assay_sweep_summary_returns(&s->summary, returns, t->n_rows, s->plan.risk_free_rate);
    }
    free(returns);
    assay_table_destroy(t);
    return status;
}

/* --- printing --- */

static void copy_date(const char *text, char *out_text, size_t size) {
    int64_t us = 0;
    if (assay_time_parse(text, &us))
        assay_time_format(us, out_text, size);
    else
        out_text[0] = '\0';
}

/* Period and size, which the best point's row has (they are the same for all, but where the period is swept). */
static assay_status describe(assay_store *store, const stored_sweep *s, assay_sweep_report *out,
                             assay_error *err) {
    const char *param = s->sweep_id;
    assay_table *t = NULL;
    assay_status status =
        assay_store_sql(store,
                        "SELECT min(start_date), max(end_date), max(n_bars), max(n_symbols) FROM "
                        "backtest_runs WHERE sweep_id = $1",
                        &param, 1, &t, err);
    if (status == ASSAY_OK && t->n_rows > 0) {
        copy_date(cell(t, 0, 0), out->start_date, sizeof out->start_date);
        copy_date(cell(t, 0, 1), out->end_date, sizeof out->end_date);
        out->n_bars = (size_t)count_in(t, 0, 2);
        out->n_symbols = (size_t)count_in(t, 0, 3);
    }
    assay_table_destroy(t);
    for (size_t i = 0; i < s->rows->n_rows; i++)
        out->n_kept += (size_t)count_in(s->rows, i, 4);
    snprintf(out->data_fingerprint, sizeof out->data_fingerprint, "%s", cell(s->rows, 0, 5));
    return status;
}

/* What the document of a sweep shows of each point: the first objective, and what one looks at besides. */
static assay_status write_document(assay_store *store, const stored_sweep *s,
                                   const assay_sweep_report *report, FILE *out, assay_error *err) {
    static const char *const SHOWN[] = {"sharpe_ratio",     "total_return_pct", "annual_volatility_pct",
                                        "max_drawdown_pct", "total_trades",     "sortino_ratio"};
    enum { N_SHOWN = sizeof SHOWN / sizeof *SHOWN };
    size_t metric[N_SHOWN + 1] = {assay_optimizer_objective_metric(s->optimizer, 0)}, n_metrics = 1;
    for (size_t i = 0; i < N_SHOWN; i++) {
        for (size_t m = 0; m < assay_metric_count(); m++) {
            if (m != metric[0] && strcmp(assay_metric_at(m)->name, SHOWN[i]) == 0)
                metric[n_metrics++] = m;
        }
    }
    uint64_t n_points = assay_optimizer_n_points(s->optimizer);
    const char *names[N_SHOWN + 1];
    double *value[N_SHOWN + 1] = {0};
    bool *has = calloc((size_t)n_points + 1, sizeof *has);
    bool is_good = has != NULL;
    for (size_t i = 0; i < n_metrics; i++) {
        names[i] = assay_metric_at(metric[i])->name;
        value[i] = calloc((size_t)n_points + 1, sizeof *value[i]);
        is_good = is_good && value[i] != NULL;
    }
    assay_status status =
        is_good ? assay_store_sweep_read(store, s->sweep_id, names, n_metrics, n_points, value, has, err)
                : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %" PRIu64 " points", n_points);
    if (status == ASSAY_OK) {
        const assay_sweep_values values = {n_points, n_metrics, metric, (const double *const *)value, has};
        status = assay_report_sweep_document(report, &values, s->plan.config_json, out, err);
    }
    for (size_t i = 0; i < n_metrics; i++)
        free(value[i]);
    free(has);
    return status;
}

/* To `document` as one; NULL: to standard output. */
static assay_status print(assay_store *store, const stored_sweep *s, assay_report_format format,
                          FILE *document, assay_error *err) {
    assay_sweep_report report = {.sweep_id = s->sweep_id,
                                 .strategy = assay_config_strategy(s->request.config)->name,
                                 .sampling = s->plan.sampling,
                                 .optimizer = s->optimizer,
                                 .summary = &s->summary,
                                 .rung = s->plan.rung,
                                 .n_rungs = s->plan.n_rungs,
                                 .n_shards = count_in(s->rows, 0, 2),
                                 .n_shards_stored = s->rows->n_rows,
                                 .is_stored = true};
    assay_report_style style = cli_style();
    assay_status status = describe(store, s, &report, err);
    if (status == ASSAY_OK && document != NULL)
        return write_document(store, s, &report, document, err);
    return status == ASSAY_OK ? assay_report_sweep(&report, format, &style, stdout, err) : status;
}

static assay_status read_and_print(assay_store *store, stored_sweep *s, const cli_sweep_args *a,
                                   assay_report_format format, FILE *document, assay_error *err) {
    size_t n_listed = a != NULL && a->n_keep > CLI_LISTED_POINTS ? (size_t)a->n_keep : CLI_LISTED_POINTS;
    assay_status status = assay_sweep_plan_read(cell(s->rows, 0, 1), &s->plan, err);
    if (status == ASSAY_OK)
        status = make_optimizer(s, a, err);
    if (status == ASSAY_OK)
        status = read_scores(store, s, err);
    if (status == ASSAY_OK)
        status = assay_sweep_summary_init(s->optimizer, s->scores, n_listed, s->plan.n_tried,
                                          s->plan.periods_per_year, &s->summary, err);
    if (status == ASSAY_OK)
        status = fill_entries(store, s, err);
    if (status == ASSAY_OK)
        status = add_returns(store, s, err);
    return status == ASSAY_OK ? print(store, s, format, document, err) : status;
}

static assay_status show_sweep(assay_store *store, const char *sweep_id, const cli_sweep_args *args,
                               assay_report_format format, FILE *document, assay_error *err) {
    stored_sweep s = {.sweep_id = sweep_id, .db = assay_store_folder(store)};
    assay_status status = find_sweep(store, sweep_id, &s.rows, err);
    if (status == ASSAY_OK && (s.rows == NULL || s.rows->n_rows == 0))
        status = assay_error_set(err, ASSAY_E_NOT_FOUND, "there is no sweep '%s'; `assay runs` lists them",
                                 sweep_id);
    if (status == ASSAY_OK)
        status = read_and_print(store, &s, args, format, document, err);
    assay_sweep_summary_reset(&s.summary);
    assay_sweep_scores_destroy(s.scores);
    assay_optimizer_destroy(s.optimizer);
    cli_request_reset(&s.request);
    assay_sweep_plan_reset(&s.plan);
    assay_table_destroy(s.rows);
    return status;
}

assay_status cli_stored_sweep_report(assay_store *store, const char *sweep_id, const cli_sweep_args *args,
                                     assay_report_format format, assay_error *err) {
    return show_sweep(store, sweep_id, args, format, NULL, err);
}

assay_status cli_stored_sweep_document(assay_store *store, const char *sweep_id, FILE *out,
                                       assay_error *err) {
    return show_sweep(store, sweep_id, NULL, ASSAY_FORMAT_JSON, out, err);
}
