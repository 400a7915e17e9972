/* assay show: one stored run, or a sweep. */
#include "cli/cmd_optimize.h"
#include "cli/stored_runs.h"

enum { OPT_DB, OPT_FORMAT, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default), json, or csv (the metrics)"},
};

static int run_show(const cli_command *command, int argc, char **argv) {
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
    if (!cli_check_operands(&args, 1, 1, "the RUN"))
        return CLI_USAGE;
    assay_error err = {0};
    assay_store *store = NULL;
    assay_run_summary summary = {0};
    assay_status status = assay_store_open(cli_database(db), false, 0, &store, &err);
    bool is_sweep = false;
    if (status == ASSAY_OK)
        status = cli_has_sweep(store, args.operands[0], &is_sweep, &err);
    if (status == ASSAY_OK && is_sweep)
        status = cli_stored_sweep_report(store, args.operands[0], NULL, format, &err);
    else if (status == ASSAY_OK)
        status = cli_stored_summary(store, args.operands[0], &summary, &err);
    if (status == ASSAY_OK && !is_sweep) {
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
