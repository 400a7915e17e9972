#include "cli/report_documents.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/text.h"
#include "cli/cmd_optimize.h"
#include "cli/run_again.h"
#include "cli/stored_runs.h"
#include "cli/walk.h"
#include "cli/walk_again.h"
#include "report/json_stream.h"

static assay_status no_memory(assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a report");
}

static double cell_number(const assay_table *t, size_t row, size_t column) {
    const char *text = t->cells[row * t->n_columns + column];
    return text == NULL ? (double)NAN : strtod(text, NULL);
}

/* --- the sweep of a run --- */

/* Of the sweep that a run is a point of: its name, trials and their variance. One alone: nothing. */
static assay_status find_trials(assay_store *store, const char *run_id, double periods, char **out_sweep,
                                assay_document_spec *spec, assay_error *err) {
    assay_table *t = NULL;
    assay_status status = assay_store_sql(
        store,
        "SELECT any_value(r.sweep_id), count(*), var_samp(m.value) FROM backtest_runs r JOIN "
        "backtest_results m "
        "ON m.run_id = r.run_id AND m.metric = 'sharpe_arithmetic' AND isfinite(m.value) WHERE r.fold IS "
        "NULL AND "
        "r.sweep_id = (SELECT any_value(sweep_id) FROM backtest_runs WHERE run_id = $1 AND fold IS NULL)",
        &run_id, 1, &t, err);
    if (status == ASSAY_OK && t->n_rows == 1 && t->cells[0] != NULL && cell_number(t, 0, 1) > 1) {
        *out_sweep = strdup(t->cells[0]);
        spec->sweep_id = *out_sweep;
        spec->n_trials = cell_number(t, 0, 1);
        spec->trial_variance = cell_number(t, 0, 2) / periods;
    }
    assay_table_destroy(t);
    return status;
}

/* --- factors --- */

enum { MOST_FACTORS = 16 };

typedef struct factor_file {
    char *name[MOST_FACTORS];
    double *value[MOST_FACTORS];
    size_t n;
} factor_file;

static void factors_reset(factor_file *f) {
    for (size_t i = 0; i < f->n; i++) {
        free(f->name[i]);
        free(f->value[i]);
    }
}

/* The next field of a line, without blanks and quotes around it; NULL: there is none. */
static char *next_field(char **at) {
    char *begin = *at;
    if (begin == NULL)
        return NULL;
    char *end = begin + strcspn(begin, ",");
    *at = *end == ',' ? end + 1 : NULL;
    while (end > begin && strchr(" \t\r\n\"", end[-1]) != NULL)
        end--;
    *end = '\0';
    return begin + strspn(begin, " \t\"");
}

static assay_status read_header(const char *file, char *line, size_t n_bars, factor_file *f,
                                assay_error *err) {
    char *at = line;
    (void)next_field(&at); /* the dates */
    for (const char *field; (field = next_field(&at)) != NULL;) {
        if (f->n == MOST_FACTORS)
            return assay_error_set(err, ASSAY_E_DATA, "%s has more than %d factors", file, MOST_FACTORS);
        f->name[f->n] = strdup(field);
        f->value[f->n] = malloc((n_bars + 1) * sizeof(double));
        f->n++;
        if (f->name[f->n - 1] == NULL || f->value[f->n - 1] == NULL)
            return no_memory(err);
        for (size_t i = 0; i < n_bars; i++)
            f->value[f->n - 1][i] = (double)NAN;
    }
    return f->n > 0
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_DATA,
                                 "%s: the first line must name a column of dates and one or more factors",
                                 file);
}

/* The run's bar of that time; n_bars: none. */
static size_t find_bar(const assay_snapshot *snapshot, size_t n_bars, const int64_t *time, int64_t us) {
    size_t low = 0, high = n_bars;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (time[snapshot[middle].bar] < us)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n_bars && time[snapshot[low].bar] == us ? low : n_bars;
}

static assay_status read_factor_row(const char *file, size_t number, char *line, const assay_result *result,
                                    factor_file *f, assay_error *err) {
    size_t n_bars = 0;
    const assay_snapshot *snapshot = assay_result_snapshots(result, &n_bars);
    char *at = line, *field = next_field(&at);
    int64_t us = 0;
    if (at == NULL && (field == NULL || field[0] == '\0'))
        return ASSAY_OK; /* an empty line */
    if (!assay_time_parse(field, &us))
        return assay_error_set(err, ASSAY_E_DATA, "%s:%zu: '%.40s' is no date (YYYY-MM-DD)", file, number,
                               field);
    size_t bar = find_bar(snapshot, n_bars, assay_panel_timestamps(assay_result_panel(result)), us);
    for (size_t c = 0; c < f->n; c++) {
        double value = (double)NAN;
        field = next_field(&at);
        if (field == NULL || (field[0] != '\0' && !assay_double_parse(field, &value)))
            return assay_error_set(err, ASSAY_E_DATA, "%s:%zu: %s is '%.40s', which is no number", file,
                                   number, f->name[c], field == NULL ? "" : field);
        if (bar < n_bars)
            f->value[c][bar] = value;
    }
    return ASSAY_OK;
}

/* The file's columns by the run's bars: each has the row of its date. */
static assay_status load_factors(const char *file, const assay_result *result, factor_file *f,
                                 assay_error *err) {
    size_t n_bars = 0, size = 0, number = 0;
    char *line = NULL;
    FILE *in = fopen(file, "r");
    if (in == NULL)
        return assay_error_set(err, ASSAY_E_IO, "cannot read %s: %s", file, strerror(errno));
    assay_result_snapshots(result, &n_bars);
    assay_status status = ASSAY_OK;
    while (status == ASSAY_OK && getline(&line, &size, in) >= 0) {
        number++;
        status = number == 1 ? read_header(file, line, n_bars, f, err)
                             : read_factor_row(file, number, line, result, f, err);
    }
    if (status == ASSAY_OK && number == 0)
        status = assay_error_set(err, ASSAY_E_DATA, "%s is empty", file);
    free(line);
    (void)fclose(in);
    return status;
}

/* --- a run, or a joined one --- */

/* A stored run as it came out again. */
typedef struct shown_run {
    const cli_request *request;
    const assay_result *result;
    assay_panel *panel;
    const assay_walkforward_spec *walk; /* of a joined run; NULL: a run by itself */
} shown_run;

/* Runs it with other futures. */
static assay_status verify(const shown_run *run, assay_verify_report *out_verdict, assay_document_spec *spec,
                           assay_error *err) {
    const assay_verify_spec cuts = {.n_cuts = 3, .seed = 1};
    if (run->request->by_signals)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "run %s is of a strategy in Python, which this program cannot run: "
                               "assay.verify in Python says whether it looks ahead",
                               spec->run_id);
    cli_progress("verifying ...");
    assay_status status =
        run->walk == NULL
            ? assay_verify_config(run->panel, run->request->config, &cuts, out_verdict, err)
            : cli_verify_walk(run->panel, run->request->config, run->walk, &cuts, out_verdict, err);
    spec->verified = out_verdict->n_failed_runs == 0 ? ASSAY_VERIFIED : ASSAY_LOOKS_AHEAD;
    spec->look_ahead = out_verdict->first;
    return status;
}

/* The document, with what was asked for beside it. */
static assay_status put_shown(assay_store *store, const shown_run *run, const cli_report_options *options,
                              const assay_document_spec *of_run, FILE *out, assay_error *err) {
    assay_document_spec spec = *of_run;
    factor_file f = {0};
    assay_verify_report verdict = {0};
    assay_error no_sectors = {0};
    assay_status status = ASSAY_OK;
    /* Sectors are for the attribution; a run that needs them has them. */
    if (!run->request->strategies.strategy->needs_sectors &&
        cli_load_sectors(store, run->request, run->panel, &no_sectors) != ASSAY_OK)
        cli_message("no attribution to sectors: %s", no_sectors.message);
    if (options->factors != NULL)
        status = load_factors(options->factors, run->result, &f, err);
    if (status == ASSAY_OK && options->verify)
        status = verify(run, &verdict, &spec, err);
    spec.factor_names = (const char *const *)f.name;
    spec.factors = (const double *const *)f.value;
    spec.n_factors = f.n;
    if (status == ASSAY_OK)
        status = assay_report_document(run->result, &spec, out, err);
    factors_reset(&f);
    return status;
}

static assay_status put_run(assay_store *store, const char *run_id, const cli_report_options *options,
                            FILE *out, assay_error *err) {
    char *sweep = NULL;
    cli_request request = {0};
    cli_run run = {0};
    cli_run_again again = {0};
    assay_status status = cli_run_stored_again(store, run_id, NULL, NULL, &request, &run, &again, err);
    if (status == ASSAY_OK) {
        const shown_run shown = {&request, run.result, run.panel, NULL};
        assay_document_spec spec = {.run_id = run_id,
                                    .config_json = run.config_json,
                                    .parameters_json = run.parameters_json,
                                    .data_fingerprint = again.fingerprint_now,
                                    .data_fingerprint_then = again.fingerprint_then};
        status = find_trials(store, run_id, assay_result_periods_per_year(run.result), &sweep, &spec, err);
        if (status == ASSAY_OK)
            status = put_shown(store, &shown, options, &spec, out, err);
    }
    cli_run_reset(&run);
    cli_request_reset(&request);
    free(sweep);
    return status;
}

static assay_status put_walk(assay_store *store, const char *run_id, const cli_report_options *options,
                             FILE *out, assay_error *err) {
    cli_walk_again again;
    assay_status status = cli_walk_stored_again(store, run_id, options->n_threads, &again, err);
    if (status == ASSAY_OK) {
        const shown_run shown = {&again.request, assay_walkforward_result(again.wf), again.panel,
                                 &again.plan.spec};
        assay_document_spec spec = {.run_id = run_id,
                                    .config_json = again.report.config_json,
                                    .parameters_json = again.report.parameters_json,
                                    .data_fingerprint = again.fingerprint_now,
                                    .data_fingerprint_then = again.fingerprint_then,
                                    .walkforward = &again.report,
                                    .has_other_equity = again.has_other_equity};
        status = put_shown(store, &shown, options, &spec, out, err);
    }
    cli_walk_again_reset(&again);
    return status;
}

/* By what it was stored as. */
static assay_status put_stored(assay_store *store, const char *run_id, const cli_report_options *options,
                               FILE *out, assay_error *err) {
    bool is_walk = false;
    assay_status status = cli_has_walk(store, run_id, &is_walk, err);
    if (status != ASSAY_OK)
        return status;
    return is_walk ? put_walk(store, run_id, options, out, err) : put_run(store, run_id, options, out, err);
}

/* A document of several runs: what stands before and behind them. */
static void open_document(assay_json_stream *out, const char *kind) {
    assay_stream_open(out, NULL, '{');
    assay_stream_open(out, "assay", '{');
    assay_stream_whole(out, "document", 1);
    assay_stream_text(out, "version", ASSAY_VERSION);
    assay_stream_close(out, '{');
    assay_stream_text(out, "kind", kind);
    assay_stream_open(out, "runs", '[');
}

static void close_document(assay_json_stream *out) {
    assay_stream_close(out, '[');
    assay_stream_close(out, '{');
}

assay_status cli_report_document(assay_store *store, const char *const *ids, size_t n,
                                 const cli_report_options *options, char **out_document, assay_error *err) {
    size_t size = 0;
    bool is_sweep = false;
    assay_status status = ASSAY_OK;
    *out_document = NULL;
    FILE *out = open_memstream(out_document, &size);
    if (out == NULL)
        return no_memory(err);
    assay_json_stream json = {out, true};
    if (n > 1)
        open_document(&json, "comparison");
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        status = cli_has_sweep(store, ids[i], &is_sweep, err);
        if (status == ASSAY_OK && is_sweep && n > 1)
            status = assay_error_set(err, ASSAY_E_ARGUMENT,
                                     "%s is a sweep: report it alone, or name runs to compare", ids[i]);
        if (status == ASSAY_OK && is_sweep) {
            status = cli_stored_sweep_document(store, ids[i], out, err);
            continue;
        }
        if (status == ASSAY_OK && n > 1 && i > 0)
            putc(',', out);
        if (status == ASSAY_OK)
            status = put_stored(store, ids[i], options, out, err);
    }
    if (n > 1)
        close_document(&json);
    bool is_good = ferror(out) == 0;
    is_good = fclose(out) == 0 && is_good;
    if (status == ASSAY_OK && !is_good)
        status = no_memory(err);
    if (status != ASSAY_OK) {
        free(*out_document);
        *out_document = NULL;
    }
    return status;
}

/* --- the list of all --- */

static assay_status put_equity(assay_store *store, const char *run_id, assay_json_stream *out,
                               assay_error *err) {
    assay_table *t = NULL;
    assay_status status = assay_store_sql(store,
                                          "SELECT arg_max(total_value, n) FROM (SELECT total_value, "
                                          "row_number() OVER (ORDER BY date) AS n, count(*) "
                                          "OVER () AS total FROM backtest_metrics WHERE run_id = $1) GROUP "
                                          "BY (n - 1) * 60 // total ORDER BY min(n)",
                                          &run_id, 1, &t, err);
    assay_stream_open(out, "equity", '[');
    for (size_t i = 0; status == ASSAY_OK && i < t->n_rows; i++)
        assay_stream_rounded(out, NULL, cell_number(t, i, 0), 6);
    assay_stream_close(out, '[');
    assay_table_destroy(t);
    return status;
}

static const char *const INDEX =
    "SELECT run_id, strategy, CAST(CAST(start_date AS DATE) AS VARCHAR), CAST(CAST(end_date AS DATE) AS "
    "VARCHAR), "
    "CAST(timestamp AS VARCHAR), sweep_id, total_return_pct, sharpe_ratio, max_drawdown_pct, total_trades "
    "FROM backtest_runs WHERE run_id IS NOT NULL AND (sweep_id IS NULL OR "
    "fold IS "
    "NOT NULL OR warnings IS NOT NULL) ORDER BY timestamp DESC, run_id";

static assay_status put_index_row(assay_store *store, const assay_table *t, size_t row, cli_names *ids,
                                  assay_json_stream *out, assay_error *err) {
    static const char *const TEXTS[] = {"run_id",   "strategy",  "start_date",
                                        "end_date", "timestamp", "sweep_id"};
    static const char *const NUMBERS[] = {"total_return_pct", "sharpe_ratio", "max_drawdown_pct",
                                          "total_trades"};
    const char *const *cell = t->cells + row * t->n_columns;
    char file[200];
    assay_stream_open(out, NULL, '{');
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        assay_stream_text(out, TEXTS[i], cell[i]);
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
        assay_stream_number(out, NUMBERS[i], cell_number(t, row, 6 + i));
    snprintf(file, sizeof file, "%s.html", cell[0]);
    assay_stream_text(out, "file", file);
    if (!cli_names_add(ids, cell[0], strlen(cell[0])))
        return no_memory(err);
    assay_status status = put_equity(store, cell[0], out, err);
    assay_stream_close(out, '{');
    return status;
}

assay_status cli_report_index(assay_store *store, cli_names *out_ids, char **out_document, assay_error *err) {
    size_t size = 0;
    bool has_runs = false;
    assay_table *t = NULL;
    *out_document = NULL;
    assay_status status = cli_has_table(store, "backtest_runs", &has_runs, err);
    if (status == ASSAY_OK && has_runs)
        status = assay_store_sql(store, INDEX, NULL, 0, &t, err);
    if (status != ASSAY_OK)
        return status;
    FILE *out = open_memstream(out_document, &size);
    if (out == NULL) {
        assay_table_destroy(t);
        return no_memory(err);
    }
    assay_json_stream json = {out, true};
    open_document(&json, "index");
    for (size_t i = 0; t != NULL && i < t->n_rows && status == ASSAY_OK; i++)
        status = put_index_row(store, t, i, out_ids, &json, err);
    close_document(&json);
    bool is_good = ferror(out) == 0;
    is_good = fclose(out) == 0 && is_good;
    if (status == ASSAY_OK && !is_good)
        status = no_memory(err);
    assay_table_destroy(t);
    if (status != ASSAY_OK) {
        free(*out_document);
        *out_document = NULL;
    }
    return status;
}
