/* assay optimize: the command and its options. */
#include <string.h>

#include "cli/cmd_optimize.h"

enum {
    OPT_AXIS,
    OPT_SAMPLE,
    OPT_OBJECTIVE,
    OPT_WHERE,
    OPT_KEEP,
    OPT_HALVING,
    OPT_SHARD,
    OPT_SWEEP_ID,
    OPT_RESTART,
    OPT_REPORT,
    N_OWN_OPTIONS,
    N_OPTIONS = N_OWN_OPTIONS + CLI_N_COMMON_ROWS
};

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_AXIS] = {"axis", "KEY=VALUES",
                  "a parameter or setting, and what to try for it: 10,20,50 or\n"
                  "BEGIN:END:STEP or log:BEGIN:END:COUNT or LOW..HIGH; any\nnumber of times"},
    [OPT_SAMPLE] = {"sample", "HOW", "grid (default), random:N:SEED or sobol:N"},
    [OPT_OBJECTIVE] = {"objective", "METRIC",
                       "what is sought (default sharpe_ratio); min:METRIC seeks the\n"
                       "smallest; several give the points that no other beats"},
    [OPT_WHERE] = {"where", "CONDITION",
                   "only points with it count, such as 'total_trades>=50',\n"
                   "'max_drawdown_pct>-30' or min_trades=50; any number of times"},
    [OPT_KEEP] = {"keep", "WHICH", "points stored with trades and days: best:10 (default), none"},
    [OPT_HALVING] = {"halving", NULL,
                     "all points on a short last part of the period, the best third\n"
                     "on three times as much, and so on up to the whole"},
    [OPT_SHARD] = {"shard", "K/N", "only the K-th of N parts of the points, stored as such"},
    [OPT_SWEEP_ID] =
        {"sweep-id", "ID",
         "the name under which the sweep is stored; without it\nSTRATEGY-sweep-HASH; the same id "
         "goes on after a stop"},
    [OPT_RESTART] = {"restart", NULL, "forget what an unfinished sweep of this id has"},
    [OPT_REPORT] = {"report", "ID", "run nothing; print what is stored of a sweep, all its shards"},
    [N_OWN_OPTIONS] = CLI_COMMON_ROWS("text (default), json, or csv (the best points)",
                                      "threads; 0 (default): every core; results do not depend on it"),
};

static bool take_keep(const cli_args *args, cli_sweep_args *a) {
    cli_args count = *args;
    if (strcmp(args->value, "none") == 0) {
        a->n_keep = 0;
        return true;
    }
    if (strncmp(args->value, "best:", 5) != 0) {
        (void)cli_usage_error(args->command, "--keep '%s' is neither best:N nor none", args->value);
        return false;
    }
    count.value = args->value + 5;
    count.option = "keep best:N:";
    return cli_read_whole(&count, 1, CLI_MOST_KEPT, &a->n_keep);
}

static bool take_sweep_id(const cli_args *args, const char **out_id) {
    *out_id = args->value;
    if (assay_sweep_id_is_good(args->value))
        return true;
    (void)cli_usage_error(
        args->command,
        "--%s '%s': 1 to 96 letters, digits, '.', '_' and '-', beginning with a letter or digit, "
        "without '.shard-'",
        args->option, args->value);
    return false;
}

static bool take_option(const cli_args *args, int option, cli_sweep_args *a) {
    switch (option) {
    case OPT_AXIS:
        return cli_take_name(args, &a->axes);
    case OPT_SAMPLE:
        a->sampling = args->value;
        return true;
    case OPT_OBJECTIVE:
        return cli_take_name(args, &a->objectives);
    case OPT_WHERE:
        return cli_take_name(args, &a->constraints);
    case OPT_KEEP:
        return take_keep(args, a);
    case OPT_HALVING:
        a->halving = true;
        return true;
    case OPT_SHARD:
        a->shard = args->value;
        return true;
    case OPT_SWEEP_ID:
        return take_sweep_id(args, &a->sweep_id);
    case OPT_RESTART:
        a->restart = true;
        return true;
    case OPT_REPORT:
        return take_sweep_id(args, &a->report_id);
    default:
        return cli_take_common(args, &a->common);
    }
}

static int report_stored(const cli_sweep_args *a) {
    assay_error err = {0};
    assay_store *store = NULL;
    assay_status status =
        assay_store_open(cli_database(a->common.db), false, (unsigned)a->common.n_threads, &store, &err);
    if (status == ASSAY_OK)
        status = cli_stored_sweep_report(store, a->report_id, a, a->common.format, &err);
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

static int run_optimize(const cli_command *command, int argc, char **argv) {
    cli_args args;
    cli_sweep_args a = {.n_keep = CLI_LISTED_POINTS};
    int option, code;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0 && take_option(&args, option, &a))
        ;
    code = option == CLI_ARGS_STOP ? args.exit_code : CLI_USAGE;
    if (option == CLI_ARGS_END) {
        bool is_good =
            a.report_id == NULL ? cli_take_strategies(&args, &a.common) : cli_check_operands(&args, 0, 0, "");
        if (is_good)
            code = a.report_id == NULL ? cli_sweep_main(&a) : report_stored(&a);
    }
    cli_common_reset(&a.common);
    cli_names_reset(&a.axes);
    cli_names_reset(&a.objectives);
    cli_names_reset(&a.constraints);
    return code;
}

const cli_command cli_cmd_optimize = {
    .name = "optimize",
    .operands = "STRATEGY...",
    .summary = "search parameters: many runs, and how much of the best is luck",
    .description =
        "Runs a strategy at many points (combinations of parameters and settings) and prints the best, what\n"
        "each parameter does, whether the best stands on a plateau, and the Sharpe ratio that the best of "
        "so\n"
        "many tries has by luck alone. Every point's metrics are stored, and the trades of those that are "
        "kept.\n"
        "A sweep that was stopped, by Ctrl-C or worse, goes on when the same command is given again.",
    .examples =
        "examples:\n"
        "  assay optimize momentum --axis lookback=5:100:5 --axis threshold=0.02:0.2:0.02\n"
        "  assay optimize momentum --axis lookback=5..250 --axis threshold=0.01..0.3 \\\n"
        "      --sample random:2000:1 --objective sharpe_ratio --where min_trades=50\n"
        "  assay optimize momentum --axis lookback=5:100:5 --axis commission_pct=0,0.001 --shard 2/8\n"
        "  assay optimize momentum mean_reversion --axis momentum.lookback=10:60:10 --axis "
        "combine=union,vote",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_optimize,
};
