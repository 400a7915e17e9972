/* assay run: one backtest. */
#include <string.h>

#include "cli/cmd_optimize.h"
#include "cli/runner.h"

enum { OPT_RUN_ID, OPT_EACH, N_OWN_OPTIONS, N_OPTIONS = N_OWN_OPTIONS + CLI_N_COMMON_ROWS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_RUN_ID] = {"run-id", "ID",
                    "the name under which the run is stored; without it\n"
                    "STRATEGY-HASH, so that the same run replaces itself"},
    [OPT_EACH] = {"each", NULL, "several strategies: a run of its own for each, not one of all"},
    [N_OWN_OPTIONS] = CLI_COMMON_ROWS("text (default), json, or csv (the metrics)",
                                      "threads for reading and writing; 0 (default): every core"),
};

typedef struct run_args {
    cli_common common;
    const char *run_id;
    bool each;
} run_args;

static bool take_option(const cli_args *args, int option, run_args *a) {
    if (option == OPT_EACH) {
        a->each = true;
        return true;
    }
    if (option != OPT_RUN_ID)
        return cli_take_common(args, &a->common);
    a->run_id = args->value;
    if (cli_is_run_id(args->value))
        return true;
    (void)cli_usage_error(
        args->command,
        "--run-id '%s': 1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit",
        args->value);
    return false;
}

/* Stores one run and prints its summary. */
static assay_status finish(assay_store *store, const cli_run *run, const run_args *a, assay_error *err) {
    const char *run_id = a->run_id == NULL ? run->run_id : a->run_id;
    assay_status status = ASSAY_OK;
    bool is_sweep = false;
    if (!a->common.no_store && a->run_id != NULL)
        status = cli_has_sweep(store, run_id, &is_sweep, err);
    if (is_sweep)
        status = assay_error_set(
            err, ASSAY_E_CONFIG,
            "a sweep is stored under the id '%s', and their files would have one name; use another "
            "--run-id",
            run_id);
    if (!a->common.no_store && status == ASSAY_OK)
        status = cli_run_store(store, run, run_id, err);
    assay_run_summary summary = {0};
    if (status == ASSAY_OK)
        status = assay_run_summary_init(run->result, run_id, &summary, err);
    cli_progress(NULL);
    if (status == ASSAY_OK) {
        assay_report_style style = cli_style();
        status = assay_report_run(&summary, a->common.format, &style, stdout, err);
    }
    assay_run_summary_reset(&summary);
    return status;
}

/* One after the other, in the order of the command line; several as JSON are an array. */
static assay_status finish_all(assay_store *store, const cli_run *runs, size_t n, const run_args *a,
                               assay_error *err) {
    bool is_array = n > 1 && a->common.format == ASSAY_FORMAT_JSON;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < n; i++) {
        if (is_array)
            puts(i == 0 ? "[" : ",");
        else if (i > 0)
            putchar('\n');
        status = finish(store, &runs[i], a, err);
    }
    if (is_array)
        puts("]");
    return status;
}

/* --- a run of its own for each strategy --- */

static bool has_param(const assay_strategy *strategy, const char *set) {
    size_t size = strcspn(set, "=");
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        if (strncmp(strategy->params[i].name, set, size) == 0 && strategy->params[i].name[size] == '\0')
            return true;
    }
    return false;
}

/* Every --set, but for parameters that others of the strategies have and this one does not. */
static assay_status choose_sets(const run_args *a, const cli_strategies *all, size_t own, cli_names *out_sets,
                                assay_error *err) {
    bool whole = true;
    for (size_t i = 0; i < a->common.options.sets.n; i++) {
        const char *set = a->common.options.sets.name[i];
        bool others = false;
        for (size_t k = 0; k < a->common.options.n_strategies; k++)
            others = others || (k != own && has_param(all[k].strategy, set));
        if (!others || has_param(all[own].strategy, set))
            whole = cli_names_add(out_sets, set, strlen(set)) && whole;
    }
    return whole ? ASSAY_OK : assay_error_set(err, ASSAY_E_NOMEM, "out of memory");
}

/* The requests of each strategy by itself. */
static assay_status make_requests(const run_args *a, cli_request *requests, size_t *out_n, assay_error *err) {
    size_t n = a->common.options.n_strategies, n_open = 0;
    cli_strategies all[ASSAY_MAX_MEMBERS];
    assay_status status = ASSAY_OK;
    for (; n_open < n && status == ASSAY_OK; n_open += status == ASSAY_OK)
        status = cli_strategies_open(&a->common.options.strategies[n_open], 1, NULL, a->common.db,
                                     &all[n_open], err);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        cli_run_options options = a->common.options;
        options.strategies = &a->common.options.strategies[i];
        options.n_strategies = 1;
        options.sets = (cli_names){0};
        status = choose_sets(a, all, i, &options.sets, err);
        if (status == ASSAY_OK)
            status = cli_request_make(&options, &requests[i], err);
        *out_n += status == ASSAY_OK;
        cli_names_reset(&options.sets);
    }
    for (size_t i = 0; i < n_open; i++)
        cli_strategies_reset(&all[i]);
    return status;
}

/* --- the command --- */

static int run_with(const run_args *a) {
    assay_error err = {0};
    cli_request requests[ASSAY_MAX_MEMBERS];
    cli_run runs[ASSAY_MAX_MEMBERS];
    size_t n = 0;
    assay_store *store = NULL;
    assay_status status = a->each ? make_requests(a, requests, &n, &err)
                                  : cli_request_make(&a->common.options, &requests[0], &err);
    n += status == ASSAY_OK && !a->each;
    if (status == ASSAY_OK)
        status =
            assay_store_open(cli_database(a->common.db), false, (unsigned)a->common.n_threads, &store, &err);
    if (status == ASSAY_OK)
        status = cli_run_several(store, requests, n, (unsigned)a->common.n_threads, runs, &err);
    if (status == ASSAY_OK) {
        status = finish_all(store, runs, n, a, &err);
        for (size_t i = n; i-- > 0;)
            cli_run_reset(&runs[i]);
    }
    assay_store_close(store);
    for (size_t i = 0; i < n; i++)
        cli_request_reset(&requests[i]);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

static int run_run(const cli_command *command, int argc, char **argv) {
    cli_args args;
    run_args a = {0};
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0 && take_option(&args, option, &a))
        ;
    int code = option == CLI_ARGS_STOP ? args.exit_code : CLI_USAGE;
    if (option == CLI_ARGS_END && cli_take_strategies(&args, &a.common)) {
        bool several = a.each && args.n_operands > 1;
        if (several && (a.run_id != NULL || a.common.options.config_path != NULL))
            (void)cli_usage_error(args.command, "--run-id and --config are for one run, but --each makes %d",
                                  args.n_operands);
        else if (a.each && args.n_operands == 0)
            (void)cli_usage_error(args.command, "--each needs strategies on the command line");
        else
            code = run_with(&a);
    }
    cli_common_reset(&a.common);
    return code;
}

const cli_command cli_cmd_run = {
    .name = "run",
    .operands = "STRATEGY...",
    .summary = "one backtest: summary on screen, tables stored",
    .description =
        "Runs a strategy over the database's prices, prints a summary and stores the run in the tables\n"
        "backtest_runs, backtest_trades, backtest_metrics, backtest_signals, backtest_fills and\n"
        "backtest_results of the same database. `assay strategies` lists the strategies and their\n"
        "parameters, `assay strategies --settings` the engine's settings.\n"
        "A STRATEGY is a built-in one, rule:FILE, plugin:FILE.so or signals:SOURCE. Several are one run: "
        "the\n"
        "setting `combine` says how they share it (union, vote, sleeves), and their parameters are written\n"
        "STRATEGY.PARAMETER where only one of them is meant.",
    .examples = "examples:\n"
                "  assay run momentum --set lookback=20 --set threshold=0.10\n"
                "  assay run mean_reversion --symbols AAPL,MSFT --start 2015-01-01 --end 2020-12-31\n"
                "  assay run momentum mean_reversion --set combine=sleeves --set momentum.lookback=60\n"
                "  assay run rule:examples/rules/trend_stop.yaml --set fast=10\n"
                "  assay run momentum mean_reversion --each --set fill=next_close\n"
                "  assay run --config config.yaml --set slippage_bps=10 --format json",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_run,
};
