/* assay audit: a stored run recomputed from its fills and the prices alone. */
#include "cli/stored_runs.h"

enum { OPT_DB, OPT_ALL, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_ALL] = {"all", NULL, "every stored run"},
};

static void print_report(const char *run_id, const assay_audit_report *r) {
    printf("%s: %s\n", run_id, r->n_differences == 0 ? "ok" : "DIFFERENCES");
    printf("  recomputed from %zu fills: %zu bars of equity, %zu trades\n", r->n_fills, r->n_bars,
           r->n_trades);
    printf("  largest difference: equity %.3g of itself, pnl %.3g of the initial capital\n",
           r->worst_equity_difference, r->worst_pnl_difference);
    if (r->n_differences > 0)
        printf("  %zu above 1e-9; the first: %s\n", r->n_differences, r->first_difference);
}

static int audit_runs(assay_store *store, const cli_names *ids) {
    assay_error err = {0};
    size_t n_bad = 0;
    for (size_t i = 0; i < ids->n; i++) {
        assay_audit_report report = {0};
        cli_progress(ids->name[i]);
        assay_status status = assay_store_audit(store, ids->name[i], &report, &err);
        cli_progress(NULL);
        if (status != ASSAY_OK)
            return cli_fail(&err);
        print_report(ids->name[i], &report);
        n_bad += report.n_differences > 0;
    }
    if (n_bad > 0)
        cli_message("%zu of %zu runs differ from what their fills and the prices say", n_bad, ids->n);
    return n_bad > 0 ? CLI_FAILED : CLI_DONE;
}

static int audit(const char *db, bool all, const cli_args *args) {
    assay_error err = {0};
    assay_store *store = NULL;
    cli_names ids = {0};
    assay_status status = assay_store_open(cli_database(db), false, 0, &store, &err);
    if (status == ASSAY_OK && all)
        status = cli_stored_run_ids(store, &ids, &err);
    for (int i = 0; i < args->n_operands && status == ASSAY_OK; i++) {
        char file[160];
        status = cli_check_stored_run(store, args->operands[i], &err);
        if (status == ASSAY_OK)
            status = cli_stored_file(store, args->operands[i], file, sizeof file, &err);
        if (status == ASSAY_OK && !cli_names_add_list(&ids, args->operands[i]))
            status = assay_error_set(&err, ASSAY_E_NOMEM, "out of memory for the list of runs");
    }
    int code = status == ASSAY_OK ? audit_runs(store, &ids) : cli_fail(&err);
    if (status == ASSAY_OK && ids.n == 0)
        cli_message("the database has no runs yet");
    cli_names_reset(&ids);
    assay_store_close(store);
    return code;
}

static int run_audit(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    const char *db = NULL;
    bool all = false;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_DB)
            db = args.value;
        else
            all = true;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, all ? 0 : 1, all ? 0 : argc, "the RUN, or --all,"))
        return CLI_USAGE;
    return audit(db, all, &args);
}

const cli_command cli_cmd_audit = {
    .name = "audit",
    .operands = "RUN...",
    .summary = "recompute stored runs from their fills and the prices alone",
    .description =
        "Recomputes a stored run's cash, equity and pnl from its fills, the corporate actions and the "
        "prices,\n"
        "in SQL and without the engine, and compares. Exit status 1 where anything differs by more than\n"
        "1e-9.",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_audit,
};
