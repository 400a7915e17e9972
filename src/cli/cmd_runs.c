/* assay runs: the stored runs. */
#include "cli/stored_runs.h"

enum { OPT_DB, OPT_FORMAT, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default), json or csv"},
};

/* The brief columns for people, all of them for programs. */
static const char *const SHORT_LIST = "SELECT run_id, CAST(start_date AS DATE) AS start, CAST(end_date AS "
                                      "DATE) AS \"end\", n_symbols AS symbols, "
                                      "total_return_pct AS \"return %\", sharpe_ratio AS sharpe, "
                                      "max_drawdown_pct AS \"drawdown %\", total_trades AS trades "
                                      "FROM backtest_runs ORDER BY timestamp, run_id";
static const char *const WHOLE_LIST = "SELECT * FROM backtest_runs ORDER BY timestamp, run_id";

static assay_status list_runs(assay_store *store, assay_report_format format, assay_error *err) {
    bool has_runs = false;
    assay_status status = cli_has_table(store, "backtest_runs", &has_runs, err);
    if (status != ASSAY_OK)
        return status;
    if (!has_runs) {
        cli_message("the database has no runs yet; `assay run` makes one");
        if (format == ASSAY_FORMAT_JSON)
            puts("[]");
        return ASSAY_OK;
    }
    assay_table *table = NULL;
    assay_report_style style = cli_style();
    status =
        assay_store_sql(store, format == ASSAY_FORMAT_TEXT ? SHORT_LIST : WHOLE_LIST, NULL, 0, &table, err);
    if (status == ASSAY_OK)
        status = assay_report_table(table, format, 2, &style, stdout, err);
    assay_table_destroy(table);
    return status;
}

static int run_runs(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    const char *db = NULL;
    assay_report_format format = ASSAY_FORMAT_TEXT;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_DB)
            db = args.value;
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
        status = list_runs(store, format, &err);
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_runs = {
    .name = "runs",
    .operands = "",
    .summary = "the stored runs",
    .description = "Lists the runs that the database has, the oldest first. JSON and CSV have every column.",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_runs,
};
