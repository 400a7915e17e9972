/* assay strategies: what can be run, and what can be set. */
#include "cli/cli.h"

enum { OPT_SETTINGS, OPT_FORMAT, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_SETTINGS] = {"settings", NULL, "the settings of the engine instead"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default) or json"},
};

static int run_strategies(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    bool settings = false;
    assay_report_format format = ASSAY_FORMAT_TEXT;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_SETTINGS)
            settings = true;
        else if (!cli_read_format(&args, false, &format))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 0, settings ? 0 : 1, "NAME"))
        return CLI_USAGE;
    assay_error err = {0};
    assay_report_style style = cli_style();
    if (settings)
        return assay_report_settings(format, &style, stdout, &err) == ASSAY_OK ? CLI_DONE : cli_fail(&err);
    const assay_strategy *only = NULL;
    if (args.n_operands == 1) {
        only = assay_strategy_find(args.operands[0], &err);
        if (only == NULL) {
            (void)cli_fail(&err);
            return CLI_USAGE;
        }
    }
    return assay_report_strategies(only, format, &style, stdout, &err) == ASSAY_OK ? CLI_DONE
                                                                                   : cli_fail(&err);
}

const cli_command cli_cmd_strategies = {
    .name = "strategies",
    .operands = "[NAME]",
    .summary = "the strategies and their parameters; the engine's settings",
    .description =
        "Lists the strategies, or describes one: parameters with their defaults and bounds, signals.",
    .examples = "examples:\n"
                "  assay strategies momentum\n"
                "  assay strategies --settings",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_strategies,
};
