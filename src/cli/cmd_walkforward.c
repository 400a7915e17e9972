/* assay walkforward: parameters chosen on one window and tried on the next, fold after fold. */
#include <string.h>
#include <time.h>

#include "assay/assay_walkforward_report.h"
#include "base/hash.h"
#include "cli/runner.h"
#include "cli/walk.h"

/* Room for "-fold-" and a number behind it in a run id of 128 bytes. */
enum { LONGEST_RUN_ID = 110, FREQUENCY_SIZE = 64 };

enum { OPT_RUN_ID = CLI_N_WALK_ROWS, N_OWN_OPTIONS, N_OPTIONS = N_OWN_OPTIONS + CLI_N_COMMON_ROWS };

static const cli_option OPTIONS[N_OPTIONS] = {
    CLI_WALK_ROWS,
    [OPT_RUN_ID] = {"run-id", "ID",
                    "the name under which the joined run is stored, its folds as\n"
                    "ID-fold-1 and so on; without it STRATEGY-walkforward-HASH"},
    [N_OWN_OPTIONS] = CLI_COMMON_ROWS("text (default), json, or csv (a row a fold)",
                                      "threads; 0 (default): every core; results do not depend on it"),
};

typedef struct walk_args {
    cli_common common;
    cli_walk plan;
    const char *run_id;
} walk_args;

/* --- options --- */

static bool take_run_id(const cli_args *args, walk_args *a) {
    a->run_id = args->value;
    if (cli_is_run_id(args->value) && strlen(args->value) <= LONGEST_RUN_ID)
        return true;
    (void)cli_usage_error(
        args->command,
        "--run-id '%s': 1 to %d letters, digits, '.', '_' and '-', beginning with a letter or digit",
        args->value, (int)LONGEST_RUN_ID);
    return false;
}

static bool take_option(const cli_args *args, int option, walk_args *a) {
    if (option == OPT_RUN_ID)
        return take_run_id(args, a);
    return option < OPT_RUN_ID ? cli_take_walk(args, &a->plan) : cli_take_common(args, &a->common);
}

/* --- the run --- */

typedef struct walk_progress {
    time_t shown; /* when the line was written last */
} walk_progress;

static bool show_progress(void *context, size_t n_done) {
    walk_progress *p = context;
    char line[96];
    if (time(NULL) == p->shown)
        return true;
    p->shown = time(NULL);
    snprintf(line, sizeof line, "training: %zu points done ...", n_done);
    cli_progress(line);
    return true;
}

static int64_t clock_us(clockid_t id) {
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* STRATEGY-walkforward- and 12 hex digits of the data, the configuration and the plan. */
static void name_run(const assay_walkforward_report *report, const char *strategy, char *out_id,
                     size_t size) {
    char fingerprint[33], hex[33];
    assay_hash hash;
    assay_panel_fingerprint(report->panel, fingerprint);
    assay_hash_init(&hash);
    assay_hash_add(&hash, fingerprint, 32);
    assay_hash_add(&hash, report->config_json, strlen(report->config_json));
    assay_hash_hex(&hash, hex);
    char name[81];
    cli_name_for_id(strategy, name, sizeof name);
    snprintf(out_id, size, "%.80s-walkforward-%.12s", name, hex);
}

/* Names, stores and prints what was run. */
static assay_status hand_out(assay_store *store, const cli_request *request, const walk_args *a,
                             const assay_walkforward *wf, const char *frequency, int64_t begin_us,
                             int64_t timestamp_us, assay_error *err) {
    assay_walkforward_report report;
    char run_id[CLI_RUN_ID_SIZE];
    assay_status status =
        assay_walkforward_report_init(&report, wf, &a->plan.spec, request->config, cli_universe(request),
                                      frequency[0] == '\0' ? NULL : frequency, err);
    if (status == ASSAY_OK) {
        name_run(&report, assay_config_strategy(request->config)->name, run_id, sizeof run_id);
        status = assay_walkforward_report_name(&report, a->run_id == NULL ? run_id : a->run_id, err);
    }
    if (status == ASSAY_OK && !a->common.no_store) {
        cli_progress("writing tables ...");
        status = assay_store_write_walkforward(store, &report, timestamp_us,
                                               (clock_us(CLOCK_MONOTONIC) - begin_us) / 1000, err);
        report.is_stored = true;
    }
    cli_progress(NULL);
    if (status == ASSAY_OK) {
        assay_report_style style = cli_style();
        status = assay_report_walkforward(&report, a->common.format, &style, stdout, err);
    }
    assay_walkforward_report_reset(&report);
    return status;
}

static assay_status execute(assay_store *store, const cli_request *request, const walk_args *a,
                            assay_error *err) {
    int64_t begin_us = clock_us(CLOCK_MONOTONIC), timestamp_us = clock_us(CLOCK_REALTIME);
    char frequency[FREQUENCY_SIZE] = "";
    assay_panel *panel = NULL;
    assay_walkforward *wf = NULL;
    walk_progress progress = {0};
    assay_status status = cli_load_panel(store, request, &panel, frequency, sizeof frequency, err);
    if (status == ASSAY_OK) {
        cli_progress("training ...");
        status = assay_walkforward_run(panel, request->config, &a->plan.spec, (unsigned)a->common.n_threads,
                                       show_progress, &progress, &wf, err);
    }
    if (status == ASSAY_OK)
        status = hand_out(store, request, a, wf, frequency, begin_us, timestamp_us, err);
    assay_walkforward_destroy(wf);
    assay_panel_destroy(panel);
    return status;
}

static int walk_with(walk_args *a) {
    assay_error err = {0};
    cli_request request;
    cli_walk_finish(&a->plan);
    if (cli_request_make(&a->common.options, &request, &err) != ASSAY_OK)
        return cli_fail(&err);
    assay_store *store = NULL;
    assay_status status = assay_walkforward_check(request.config, &a->plan.spec, &err);
    if (status == ASSAY_OK)
        status =
            assay_store_open(cli_database(a->common.db), false, (unsigned)a->common.n_threads, &store, &err);
    if (status == ASSAY_OK)
        status = execute(store, &request, a, &err);
    assay_store_close(store);
    cli_request_reset(&request);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

static int run_walkforward(const cli_command *command, int argc, char **argv) {
    cli_args args;
    walk_args a = {0};
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0 && take_option(&args, option, &a))
        ;
    int code = option == CLI_ARGS_STOP ? args.exit_code : CLI_USAGE;
    if (option == CLI_ARGS_END && cli_take_strategies(&args, &a.common))
        code = walk_with(&a);
    cli_common_reset(&a.common);
    cli_walk_reset(&a.plan);
    return code;
}

const cli_command cli_cmd_walkforward = {
    .name = "walkforward",
    .operands = "STRATEGY...",
    .summary = "rolling or anchored out-of-sample validation",
    .description =
        "Chooses parameters on a training window by an objective, trades them on the test window behind it,\n"
        "and goes on fold after fold. Prints each fold's choice with its results in and out of sample, how\n"
        "much of the training's results the tests keep (efficiency), how much the choice moves (drift), and\n"
        "the tests joined to one run, which is stored like any other. No choice depends on a price after "
        "its\n"
        "training window.",
    .examples =
        "examples:\n"
        "  assay walkforward momentum --axis lookback=10:100:10 --axis threshold=0.02:0.2:0.02 \\\n"
        "      --train 504 --test 126 --purge 5\n"
        "  assay walkforward mean_reversion --axis lookback=10,20,40 --train 3y --test 6m --anchored \\\n"
        "      --positions carry --where min_trades=30 --format json",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_walkforward,
};
