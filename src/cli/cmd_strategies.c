/* assay strategies: what can be run, and what can be set. */
#include "cli/strategies.h"

enum { OPT_SETTINGS, OPT_FORMAT, OPT_DB, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_SETTINGS] = {"settings", NULL, "the settings of the engine instead"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default) or json"},
    [OPT_DB] = {"db", "DIR", "the database folder, for signals"},
};

static int run_strategies(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    bool settings = false;
    const char *db = NULL;
    assay_report_format format = ASSAY_FORMAT_TEXT;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_SETTINGS)
            settings = true;
        else if (option == OPT_DB)
            db = args.value;
        else if (!cli_read_format(&args, false, &format))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 0, settings ? 0 : ASSAY_MAX_MEMBERS, "NAME"))
        return CLI_USAGE;
    assay_error err = {0};
    assay_report_style style = cli_style();
    if (settings)
        return assay_report_settings(format, &style, stdout, &err) == ASSAY_OK ? CLI_DONE : cli_fail(&err);
    cli_strategies opened = {0};
    if (args.n_operands > 0 &&
        cli_strategies_open((const char *const *)args.operands, (size_t)args.n_operands, NULL, db, &opened,
                            &err) != ASSAY_OK)
        return cli_fail(&err);
    assay_status status = assay_report_strategies(opened.strategy, format, &style, stdout, &err);
    if (status == ASSAY_OK && opened.strategy == NULL && format == ASSAY_FORMAT_TEXT)
        puts("Your own: rule:FILE.yaml (expressions), plugin:FILE.so (a shared library),\n"
             "signals:SOURCE (ready signals of a table, a file or a query)");
    cli_strategies_reset(&opened);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_strategies = {
    .name = "strategies",
    .operands = "[STRATEGY...]",
    .summary = "the strategies and their parameters; the engine's settings",
    .description =
        "Lists the strategies, or describes one: parameters with their defaults and bounds, signals.\n"
        "Strategies of your own: rule:FILE.yaml, plugin:FILE.so, signals:SOURCE.",
    .examples = "examples:\n"
                "  assay strategies momentum\n"
                "  assay strategies rule:mine.yaml\n"
                "  assay strategies --settings",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_strategies,
};
