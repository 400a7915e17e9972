/* assay run: one backtest. */
#include <string.h>

#include "cli/cmd_optimize.h"
#include "cli/runner.h"

enum {
    OPT_DB,
    OPT_SYMBOLS,
    OPT_HOLDINGS,
    OPT_START,
    OPT_END,
    OPT_SET,
    OPT_CONFIG,
    OPT_FORMAT,
    OPT_RUN_ID,
    OPT_THREADS,
    OPT_FREQUENCY,
    OPT_NO_STORE,
    OPT_QUIET,
    N_OPTIONS
};

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_SYMBOLS] = {"symbols", "A,B,...", "these symbols; without it every symbol"},
    [OPT_HOLDINGS] = {"holdings", "FILE", "the symbols of a CSV file with columns sym, sector"},
    [OPT_START] = {"start", "DATE", "first day of the portfolio; earlier bars warm windows up"},
    [OPT_END] = {"end", "DATE", "last day"},
    [OPT_SET] = {"set", "KEY=VALUE",
                 "a parameter of the strategy or a setting of the engine;\nany number of times"},
    [OPT_CONFIG] = {"config", "FILE", "a YAML configuration; options override it"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default), json, or csv (the metrics)"},
    [OPT_RUN_ID] = {"run-id", "ID",
                    "the name under which the run is stored; without it\n"
                    "STRATEGY-HASH, so that the same run replaces itself"},
    [OPT_THREADS] = {"threads", "N", "threads for reading and writing; 0 (default): every core"},
    [OPT_FREQUENCY] = {"frequency", "F", "which frequency, where the prices have several"},
    [OPT_NO_STORE] = {"no-store", NULL, "write no tables"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

typedef struct run_args {
    cli_run_options options;
    const char *db, *run_id;
    assay_report_format format;
    uint64_t n_threads;
    bool no_store;
    char *const *strategies; /* the operands */
    size_t n_strategies;
} run_args;

static bool take_option(const cli_args *args, int option, run_args *a) {
    switch (option) {
    case OPT_DB:
        a->db = args->value;
        return true;
    case OPT_SYMBOLS:
        a->options.symbols = args->value;
        return true;
    case OPT_HOLDINGS:
        a->options.holdings = args->value;
        return true;
    case OPT_START:
        a->options.start = args->value;
        return true;
    case OPT_END:
        a->options.end = args->value;
        return true;
    case OPT_SET:
        return cli_names_add(&a->options.sets, args->value, strlen(args->value));
    case OPT_CONFIG:
        a->options.config_path = args->value;
        return true;
    case OPT_FORMAT:
        return cli_read_format(args, true, &a->format);
    case OPT_RUN_ID:
        a->run_id = args->value;
        if (!cli_is_run_id(args->value)) {
            (void)cli_usage_error(
                args->command,
                "--run-id '%s': 1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit",
                args->value);
            return false;
        }
        return true;
    case OPT_THREADS:
        return cli_read_whole(args, 0, 1024, &a->n_threads);
    case OPT_FREQUENCY:
        a->options.frequency = args->value;
        return true;
    case OPT_NO_STORE:
        a->no_store = true;
        return true;
    case OPT_QUIET:
        cli_set_quiet(true);
        return true;
    default:
        return false;
    }
}

/* Stores one run and prints its summary. */
static assay_status finish(assay_store *store, const cli_run *run, const run_args *a, assay_error *err) {
    const char *run_id = a->run_id == NULL ? run->run_id : a->run_id;
    assay_status status = ASSAY_OK;
    bool is_sweep = false;
    if (!a->no_store && a->run_id != NULL)
        status = cli_has_sweep(store, run_id, &is_sweep, err);
    if (is_sweep)
        status = assay_error_set(
            err, ASSAY_E_CONFIG,
            "a sweep is stored under the id '%s', and their files would have one name; use another "
            "--run-id",
            run_id);
    if (!a->no_store && status == ASSAY_OK)
        status = cli_run_store(store, run, run_id, err);
    assay_run_summary summary = {0};
    if (status == ASSAY_OK)
        status = assay_run_summary_init(run->result, run_id, &summary, err);
    cli_progress(NULL);
    if (status == ASSAY_OK) {
        assay_report_style style = cli_style();
        status = assay_report_run(&summary, a->format, &style, stdout, err);
    }
    assay_run_summary_reset(&summary);
    return status;
}

/* One after the other, in the order of the command line; several as JSON are an array. */
static assay_status finish_all(assay_store *store, const cli_run *runs, size_t n, const run_args *a,
                               assay_error *err) {
    bool is_array = n > 1 && a->format == ASSAY_FORMAT_JSON;
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

/* --- several strategies --- */

static bool has_param(const char *strategy, const char *set) {
    const assay_strategy *s = assay_strategy_find(strategy, NULL);
    size_t size = strcspn(set, "=");
    for (uint32_t i = 0; s != NULL && i < s->n_params; i++) {
        if (strncmp(s->params[i].name, set, size) == 0 && s->params[i].name[size] == '\0')
            return true;
    }
    return false;
}

/* A --set that is another strategy's parameter is not this one's business. */
static bool is_for_another(const run_args *a, size_t strategy, const char *set) {
    bool others = false;
    for (size_t i = 0; i < a->n_strategies; i++)
        others = others || (i != strategy && has_param(a->strategies[i], set));
    return others && !has_param(a->strategies[strategy], set);
}

/* The request of one of the strategies. */
static assay_status make_request(const run_args *a, size_t strategy, cli_request *out_request,
                                 assay_error *err) {
    cli_run_options options = a->options;
    options.sets = (cli_names){0};
    options.strategy = a->n_strategies == 0 ? NULL : a->strategies[strategy];
    bool whole = true;
    for (size_t i = 0; i < a->options.sets.n; i++) {
        const char *set = a->options.sets.name[i];
        if (!is_for_another(a, strategy, set))
            whole = cli_names_add(&options.sets, set, strlen(set)) && whole;
    }
    assay_status status = whole ? cli_request_make(&options, out_request, err)
                                : assay_error_set(err, ASSAY_E_NOMEM, "out of memory");
    cli_names_reset(&options.sets);
    return status;
}

enum { MOST_STRATEGIES = 64 };

static int run_with(const run_args *a) {
    assay_error err = {0};
    cli_request requests[MOST_STRATEGIES];
    cli_run runs[MOST_STRATEGIES];
    size_t n = a->n_strategies == 0 ? 1 : a->n_strategies, n_made = 0;
    assay_status status = ASSAY_OK;
    for (; status == ASSAY_OK && n_made < n; n_made += status == ASSAY_OK)
        status = make_request(a, n_made, &requests[n_made], &err);
    assay_store *store = NULL;
    if (status == ASSAY_OK)
        status = assay_store_open(cli_database(a->db), false, (unsigned)a->n_threads, &store, &err);
    if (status == ASSAY_OK)
        status = cli_run_several(store, requests, n, (unsigned)a->n_threads, runs, &err);
    if (status == ASSAY_OK) {
        status = finish_all(store, runs, n, a, &err);
        for (size_t i = n; i-- > 0;)
            cli_run_reset(&runs[i]);
    }
    assay_store_close(store);
    for (size_t i = 0; i < n_made; i++)
        cli_request_reset(&requests[i]);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

static int run_run(const cli_command *command, int argc, char **argv) {
    cli_args args;
    run_args a = {0};
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (!take_option(&args, option, &a)) {
            cli_names_reset(&a.options.sets);
            return CLI_USAGE;
        }
    }
    int code = args.exit_code;
    if (option == CLI_ARGS_END) {
        bool is_good =
            cli_check_operands(&args, a.options.config_path == NULL ? 1 : 0, MOST_STRATEGIES, "the STRATEGY");
        if (is_good && args.n_operands > 1 && (a.run_id != NULL || a.options.config_path != NULL)) {
            (void)cli_usage_error(args.command,
                                  "--run-id and --config are for one strategy, but %zu are named",
                                  (size_t)args.n_operands);
            is_good = false;
        }
        a.strategies = args.operands;
        a.n_strategies = (size_t)args.n_operands;
        code = is_good ? run_with(&a) : CLI_USAGE;
    }
    cli_names_reset(&a.options.sets);
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
        "parameters, `assay strategies --settings` the engine's settings. Several strategies run side by "
        "side\n"
        "over the same prices, each as a run of its own.",
    .examples = "examples:\n"
                "  assay run momentum --set lookback=20 --set threshold=0.10\n"
                "  assay run mean_reversion --symbols AAPL,MSFT --start 2015-01-01 --end 2020-12-31\n"
                "  assay run momentum mean_reversion --set fill=next_close\n"
                "  assay run --config config.yaml --set slippage_bps=10 --format json",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_run,
};
