/* assay runs: the stored runs. */
#include "cli/cmd_optimize.h"
#include "cli/stored_runs.h"

enum { OPT_DB, OPT_SWEEP, OPT_FORMAT, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_SWEEP] = {"sweep", "ID", "the points of a sweep, instead of a line for each sweep"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default), json or csv"},
};

/* The brief columns for people, all of them for programs. */
#define SHORT_COLUMNS                                                                                        \
    "run_id, CAST(start_date AS DATE) AS start, CAST(end_date AS DATE) AS \"end\", n_symbols AS symbols, "   \
    "total_return_pct AS \"return %\", nullif(sharpe_ratio, CAST('nan' AS DOUBLE)) AS sharpe, "              \
    "max_drawdown_pct AS \"drawdown %\", "                                                                   \
    "total_trades AS trades"
static const char *const SHORT_LIST =
    "SELECT " SHORT_COLUMNS
    " FROM backtest_runs WHERE sweep_id IS NULL OR fold IS NOT NULL ORDER BY timestamp, run_id";
static const char *const WHOLE_LIST =
    "SELECT * FROM backtest_runs WHERE sweep_id IS NULL OR fold IS NOT NULL ORDER BY timestamp, run_id";
/* The number behind the last '-' is that of the point. */
#define OF_SWEEP                                                                                             \
    " FROM backtest_runs WHERE sweep_id = $1 ORDER BY CAST(substr(run_id, length(sweep_id) + 2) AS BIGINT)"
static const char *const SHORT_POINTS =
    "SELECT run_id, parameters, total_return_pct AS \"return %\", nullif(sharpe_ratio, CAST('nan' AS "
    "DOUBLE)) AS "
    "sharpe, max_drawdown_pct AS \"drawdown %\", total_trades AS trades" OF_SWEEP;
static const char *const WHOLE_POINTS = "SELECT *" OF_SWEEP;
/* One line a sweep. */
static const char *const SWEEPS =
    "SELECT sweep_id AS sweep, any_value(strategy) AS strategy, sum(n_points) AS points, sum(n_kept) AS "
    "kept, "
    "CASE WHEN max(n_shards) = 1 THEN NULL ELSE count(*) || ' of ' || max(n_shards) END AS shards, "
    "max(timestamp) AS timestamp FROM backtest_sweeps GROUP BY sweep_id ORDER BY max(timestamp), sweep_id";

static assay_status print_query(assay_store *store, const char *sql, const char *param,
                                assay_report_format format, size_t *out_rows, assay_error *err) {
    assay_table *table = NULL;
    assay_report_style style = cli_style();
    assay_status status = assay_store_sql(store, sql, &param, param == NULL ? 0 : 1, &table, err);
    if (status == ASSAY_OK)
        *out_rows = table->n_rows;
    if (status == ASSAY_OK && (table->n_rows > 0 || format != ASSAY_FORMAT_TEXT))
        status = assay_report_table(table, format, 2, &style, stdout, err);
    assay_table_destroy(table);
    return status;
}

static assay_status list_points(assay_store *store, const char *sweep_id, assay_report_format format,
                                assay_error *err) {
    bool has_sweep = false;
    size_t n_rows = 0;
    assay_status status = cli_has_sweep(store, sweep_id, &has_sweep, err);
    if (status == ASSAY_OK && !has_sweep)
        return assay_error_set(err, ASSAY_E_NOT_FOUND, "there is no sweep '%s'; `assay runs` lists them",
                               sweep_id);
    return status == ASSAY_OK ? print_query(store, format == ASSAY_FORMAT_TEXT ? SHORT_POINTS : WHOLE_POINTS,
                                            sweep_id, format, &n_rows, err)
                              : status;
}

/* The runs; on screen the sweeps below them. */
static assay_status list_runs(assay_store *store, assay_report_format format, assay_error *err) {
    bool has_runs = false, has_sweeps = false;
    size_t n_runs = 0, n_sweeps = 0;
    assay_status status = cli_has_table(store, "backtest_runs", &has_runs, err);
    if (status != ASSAY_OK)
        return status;
    if (!has_runs) {
        cli_message("the database has no runs yet; `assay run` makes one");
        if (format == ASSAY_FORMAT_JSON)
            puts("[]");
        return ASSAY_OK;
    }
    status =
        print_query(store, format == ASSAY_FORMAT_TEXT ? SHORT_LIST : WHOLE_LIST, NULL, format, &n_runs, err);
    if (status != ASSAY_OK || format != ASSAY_FORMAT_TEXT)
        return status;
    status = cli_has_table(store, "backtest_sweeps", &has_sweeps, err);
    if (status == ASSAY_OK && has_sweeps) {
        if (n_runs > 0)
            putchar('\n');
        status = print_query(store, SWEEPS, NULL, format, &n_sweeps, err);
    }
    return status;
}

static int run_runs(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    const char *db = NULL, *sweep_id = NULL;
    assay_report_format format = ASSAY_FORMAT_TEXT;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_DB)
            db = args.value;
        else if (option == OPT_SWEEP)
            sweep_id = args.value;
        else if (!cli_read_format(&args, true, &format))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 0, 0, ""))
        return CLI_USAGE;
    assay_error err = {0};
    assay_store *store = NULL;
    assay_status status = assay_store_open(cli_database(db), false, 0, &store, &err);
    if (status == ASSAY_OK)
        status =
            sweep_id == NULL ? list_runs(store, format, &err) : list_points(store, sweep_id, format, &err);
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_runs = {
    .name = "runs",
    .operands = "",
    .summary = "the stored runs",
    .description =
        "Lists the runs that the database has, the oldest first; JSON and CSV have every column. Sweeps "
        "come\n"
        "below, one line each (text alone: programs read backtest_sweeps); --sweep lists their points.",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_runs,
};
