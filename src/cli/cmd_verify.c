/* assay verify: is a strategy blind to the future? */
#include <inttypes.h>
#include <string.h>

#include "assay/assay_signals.h"
#include "assay/assay_verify.h"
#include "cli/runner.h"
#include "cli/walk.h"

enum {
    OPT_CUTS = CLI_N_WALK_ROWS,
    OPT_SEED,
    N_OWN_OPTIONS,
    N_OPTIONS = N_OWN_OPTIONS + CLI_N_COMMON_ROWS - 1 /* without --no-store */
};

static const cli_option OPTIONS[N_OPTIONS + 1] = {
    CLI_WALK_ROWS,
    [OPT_CUTS] = {"cuts", "N", "places in the period after which the data are changed (default 10)"},
    [OPT_SEED] = {"seed", "N", "of the places and the changes (default 1)"},
    [N_OWN_OPTIONS] = CLI_COMMON_ROWS("text (default) or json", "threads; 0 (default): every core"),
};

typedef struct verify_args {
    cli_common common;
    cli_walk plan;
    uint64_t n_cuts, seed;
} verify_args;

static bool take_option(const cli_args *args, int option, verify_args *a) {
    if (option == OPT_CUTS)
        return cli_read_whole(args, 1, 10000, &a->n_cuts);
    if (option == OPT_SEED)
        return cli_read_whole(args, 0, UINT64_MAX - 1000000, &a->seed);
    if (strcmp(args->option, "format") == 0)
        return cli_read_format(args, false, &a->common.format);
    return option < OPT_CUTS ? cli_take_walk(args, &a->plan) : cli_take_common(args, &a->common);
}

static bool show_progress(void *context, size_t n_done, size_t n_runs) {
    char line[80];
    (void)context;
    snprintf(line, sizeof line, "run %zu of %zu ...", n_done, n_runs);
    cli_progress(line);
    return true;
}

static assay_status verify(const verify_args *a, const cli_request *request, const assay_panel *panel,
                           assay_verify_report *out_report, assay_error *err) {
    const assay_verify_spec spec = {.n_cuts = (size_t)a->n_cuts,
                                    .seed = a->seed,
                                    .n_threads = (unsigned)a->common.n_threads,
                                    .progress = show_progress};
    if (a->plan.spec.train == NULL)
        return assay_verify_config(panel, request->config, &spec, out_report, err);
    return cli_verify_walk(panel, request->config, &a->plan.spec, &spec, out_report, err);
}

/* --- what came out --- */

static void print_text(const char *name, const assay_verify_report *r, bool is_signals) {
    if (r->n_failed_runs == 0) {
        printf("%s: no decision depends on the future\n", name);
        printf(
            "  %zu runs at %zu cuts: the data after a cut became noise, scaled prices, splits, missing bars, "
            "nothing\n",
            r->n_runs, r->n_cuts);
        printf("  up to each cut the same signals, orders and fills, to the bit (%zu signals, %zu fills in "
               "all)\n",
               r->n_signals, r->n_fills);
    } else {
        printf("%s LOOKS AT THE FUTURE: %zu of %zu runs differ before their cut\n", name, r->n_failed_runs,
               r->n_runs);
        printf("  the first: %s\n  by what came after the cut:", r->first);
        for (int i = 0; i < ASSAY_N_PERTURBATIONS; i++)
            printf("%s %s %zu", i == 0 ? "" : ",", assay_perturbation_name(i), r->n_failed[i]);
        putchar('\n');
    }
    if (r->n_skipped > 0)
        printf("  %zu runs had too few bars before their cut and were left out\n", r->n_skipped);
    if (r->n_signals == 0)
        printf("  there was no signal: nothing is proven\n");
    if (is_signals)
        printf("  the signals were ready: how they were made cannot be seen from here\n");
}

static void print_json(const char *name, const assay_verify_report *r) {
    printf("{\"strategy\": \"%s\", \"blind\": %s, \"cuts\": %zu, \"runs\": %zu, \"failed_runs\": %zu, "
           "\"skipped_runs\": %zu, \"signals\": %zu, \"fills\": %zu, \"failed\": {",
           name, r->n_failed_runs == 0 ? "true" : "false", r->n_cuts, r->n_runs, r->n_failed_runs,
           r->n_skipped, r->n_signals, r->n_fills);
    for (int i = 0; i < ASSAY_N_PERTURBATIONS; i++)
        printf("%s\"%s\": %zu", i == 0 ? "" : ", ", assay_perturbation_name(i), r->n_failed[i]);
    printf("}, \"first\": ");
    cli_print_json_text(r->first);
    printf("}\n");
}

static int verify_with(verify_args *a) {
    assay_error err = {0};
    cli_request request;
    char frequency[64];
    assay_panel *panel = NULL;
    assay_store *store = NULL;
    assay_verify_report report = {0};
    cli_walk_finish(&a->plan);
    if (cli_request_make(&a->common.options, &request, &err) != ASSAY_OK)
        return cli_fail(&err);
    assay_status status =
        a->plan.spec.train == NULL ? ASSAY_OK : assay_walkforward_check(request.config, &a->plan.spec, &err);
    if (status == ASSAY_OK)
        status =
            assay_store_open(cli_database(a->common.db), false, (unsigned)a->common.n_threads, &store, &err);
    if (status == ASSAY_OK)
        status = cli_load_panel(store, &request, &panel, frequency, sizeof frequency, &err);
    if (status == ASSAY_OK)
        status = verify(a, &request, panel, &report, &err);
    cli_progress(NULL);
    if (status == ASSAY_OK) {
        const char *name = request.strategies.strategy->name;
        if (a->common.format == ASSAY_FORMAT_JSON)
            print_json(name, &report);
        else
            print_text(name, &report, cli_has_signals(request.strategies.strategy, panel));
    }
    assay_panel_destroy(panel);
    assay_store_close(store);
    cli_request_reset(&request);
    if (status != ASSAY_OK)
        return cli_fail(&err);
    return report.n_failed_runs == 0 ? CLI_DONE : CLI_FAILED;
}

static int run_verify(const cli_command *command, int argc, char **argv) {
    cli_args args;
    verify_args a = {.n_cuts = 10, .seed = 1};
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0 && take_option(&args, option, &a))
        ;
    int code = option == CLI_ARGS_STOP ? args.exit_code : CLI_USAGE;
    bool walks = a.plan.spec.train != NULL || a.plan.spec.test != NULL || a.plan.axes.n > 0;
    if (option == CLI_ARGS_END && cli_take_strategies(&args, &a.common)) {
        if (walks && (a.plan.spec.train == NULL || a.plan.spec.test == NULL || a.plan.axes.n == 0))
            (void)cli_usage_error(args.command, "a walk-forward is verified with --axis, --train and --test");
        else
            code = verify_with(&a);
    }
    cli_walk_reset(&a.plan);
    cli_common_reset(&a.common);
    return code;
}

const cli_command cli_cmd_verify = {
    .name = "verify",
    .operands = "STRATEGY...",
    .summary = "look-ahead test: change the future, and no past decision may change",
    .description =
        "Runs a strategy (or an ensemble, or with --train, --test and --axis a walk-forward), and runs it "
        "again\n"
        "with all data after a cut replaced by noise, by scaled prices, by splits, by missing bars and by\n"
        "nothing, at many cuts. No signal, order or fill at or before a cut may change by a bit. Says which\n"
        "did; exit status 1 where one did. Nothing is stored.",
    .examples = "examples:\n"
                "  assay verify momentum\n"
                "  assay verify rule:mine.yaml --cuts 50\n"
                "  assay verify momentum mean_reversion --set combine=vote\n"
                "  assay verify momentum --axis lookback=10:60:10 --train 504 --test 126",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_verify,
};
