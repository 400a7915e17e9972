/* assay show: one stored run, or a sweep. */
#include <math.h>
#include <stdlib.h>

#include "assay/assay_conventions.h"
#include "base/text.h"
#include "cli/cmd_optimize.h"
#include "cli/runner.h"
#include "cli/stored_runs.h"

enum { OPT_DB, OPT_FORMAT, OPT_CONVENTIONS, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default), json, or csv (the metrics)"},
    [OPT_CONVENTIONS] = {"conventions", NULL, "its ratios as other tools define them, with their formulas"},
};

/* --- why a ratio differs --- */

/* The run's settings that ratios depend on. Periods per year that follow from the calendar are those of the stored metrics:
 * (volatility / deviation of a bar) squared. */
static assay_status find_annual(assay_store *store, const char *run_id, double *out_rate, assay_error *err) {
    char *config = NULL, fingerprint[33], version[32], text[64] = "0";
    cli_request request = {0};
    assay_status status = cli_stored_config(store, run_id, &config, fingerprint, version, err);
    if (status == ASSAY_OK)
        status = cli_request_from_text(config, run_id, assay_store_folder(store), &request, err);
    if (status == ASSAY_OK)
        status = assay_config_get(request.config, "risk_free_rate", text, sizeof text, err);
    *out_rate = strtod(text, NULL);
    cli_request_reset(&request);
    free(config);
    return status;
}

/* P from a volatility and the returns that it is of; 252 where there is none. */
static double periods_of(const assay_run_summary *s) {
    double volatility = assay_run_summary_metric(s, "annual_volatility_pct") / 100, sum = 0, squares = 0,
           n = 0;
    for (size_t i = 1; i < s->n_equity; i++) {
        double r = s->equity[i - 1] > 0 ? s->equity[i] / s->equity[i - 1] - 1 : 0;
        sum += r;
        squares += r * r;
        n += 1;
    }
    double variance = squares / n - (sum / n) * (sum / n);
    double periods = volatility * volatility / variance, whole = round(periods);
    if (!(n > 1 && variance > 0 && volatility > 0))
        return 252; /* an equity that does not move has no ratio, whatever a year has */
    return fabs(periods - whole) < 1e-6 ? whole : periods;
}

static assay_status print_conventions(const assay_convention *rows, assay_report_format format,
                                      assay_error *err) {
    enum { N_COLUMNS = 4 };
    static const char *const names[N_COLUMNS] = {"measure", "tool", "value", "formula"};
    static const char *const types[N_COLUMNS] = {"VARCHAR", "VARCHAR", "DOUBLE", "VARCHAR"};
    size_t n = assay_convention_count();
    const char **cells = calloc(n * N_COLUMNS, sizeof *cells);
    char(*values)[32] = calloc(n, sizeof *values);
    assay_status status = ASSAY_OK;
    if (cells == NULL || values == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a table");
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        assay_double_format(rows[i].value, values[i], sizeof values[i]);
        const char *const row[N_COLUMNS] = {rows[i].measure, rows[i].tool,
                                            isfinite(rows[i].value) ? values[i] : NULL, rows[i].formula};
        for (size_t c = 0; c < N_COLUMNS; c++)
            cells[i * N_COLUMNS + c] = row[c];
    }
    if (status == ASSAY_OK) {
        const assay_table table = {n, N_COLUMNS, names, types, cells};
        assay_report_style style = cli_style();
        status = assay_report_table(&table, format, 4, &style, stdout, err);
    }
    free(cells);
    free(values);
    return status;
}

static assay_status show_conventions(assay_store *store, const char *run_id, const assay_run_summary *s,
                                     assay_report_format format, assay_error *err) {
    assay_table *t = NULL;
    double rate = 0;
    assay_status status = find_annual(store, run_id, &rate, err);
    if (status == ASSAY_OK)
        status = assay_store_sql(
            store, "SELECT epoch_us(date) FROM backtest_metrics WHERE run_id = $1 ORDER BY date", &run_id, 1,
            &t, err);
    size_t n = s->n_equity == 0 ? 0 : s->n_equity - 1;
    int64_t *time_us = malloc((n + 1) * sizeof *time_us);
    assay_convention *rows = malloc(assay_convention_count() * sizeof *rows);
    if (status == ASSAY_OK && (n == 0 || t->n_rows != n))
        status = assay_error_set(err, ASSAY_E_NOT_FOUND, "%s was stored without its daily equity", run_id);
    if (status == ASSAY_OK && (time_us == NULL || rows == NULL))
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars", n);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++)
        time_us[i] = t->cells[i] == NULL ? 0 : strtoll(t->cells[i], NULL, 10);
    if (status == ASSAY_OK)
        status = assay_conventions_compute(s->equity[0], s->equity + 1, time_us, n, periods_of(s), rate, rows,
                                           err);
    if (status == ASSAY_OK)
        status = print_conventions(rows, format, err);
    free(time_us);
    free(rows);
    assay_table_destroy(t);
    return status;
}

static int run_show(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    const char *db = NULL;
    bool conventions = false;
    assay_report_format format = ASSAY_FORMAT_TEXT;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_DB)
            db = args.value;
        else if (option == OPT_CONVENTIONS)
            conventions = true;
        else if (!cli_read_format(&args, true, &format))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 1, 1, "the RUN"))
        return CLI_USAGE;
    assay_error err = {0};
    assay_store *store = NULL;
    assay_run_summary summary = {0};
    assay_status status = assay_store_open(cli_database(db), false, 0, &store, &err);
    bool is_sweep = false;
    if (status == ASSAY_OK)
        status = cli_has_sweep(store, args.operands[0], &is_sweep, &err);
    if (status == ASSAY_OK && is_sweep && conventions)
        status = assay_error_set(&err, ASSAY_E_ARGUMENT, "%s is a sweep; --conventions is of a run",
                                 args.operands[0]);
    if (status == ASSAY_OK && is_sweep)
        status = cli_stored_sweep_report(store, args.operands[0], NULL, format, &err);
    else if (status == ASSAY_OK)
        status = cli_stored_summary(store, args.operands[0], &summary, &err);
    if (status == ASSAY_OK && !is_sweep && conventions)
        status = show_conventions(store, args.operands[0], &summary, format, &err);
    else if (status == ASSAY_OK && !is_sweep) {
        assay_report_style style = cli_style();
        status = assay_report_run(&summary, format, &style, stdout, &err);
    }
    assay_run_summary_reset(&summary);
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_show = {
    .name = "show",
    .operands = "RUN",
    .summary = "one stored run or sweep",
    .description = "Prints the summary of a stored run, or of a sweep with all its stored shards. `assay "
                   "runs` lists them.",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_show,
};
