/* assay sql: a query over the database's tables. */
#include "cli/cli.h"

enum { OPT_DB, OPT_FORMAT, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default), json or csv"},
};

static int run_sql(const cli_command *command, int argc, char **argv) {
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
    if (!cli_check_operands(&args, 1, 1, "the QUERY"))
        return CLI_USAGE;
    assay_error err = {0};
    assay_store *store = NULL;
    assay_table *table = NULL;
    assay_report_style style = cli_style();
    assay_status status = assay_store_open(cli_database(db), false, 0, &store, &err);
    if (status == ASSAY_OK)
        status = assay_store_sql(store, args.operands[0], NULL, 0, &table, &err);
    if (status == ASSAY_OK)
        status = assay_report_table(table, format, -1, &style, stdout, &err);
    assay_table_destroy(table);
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_sql = {
    .name = "sql",
    .operands = "QUERY",
    .summary = "a SQL query over the database's tables",
    .description =
        "Runs one query (DuckDB's SQL) that reads the tables of the database by their names; nothing can be\n"
        "changed by it.",
    .examples = "examples:\n"
                "  assay sql 'SELECT symbol, sum(pnl) FROM backtest_trades GROUP BY symbol ORDER BY 2'\n"
                "  assay sql 'SELECT * FROM prices LIMIT 5' --format json",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_sql,
};
