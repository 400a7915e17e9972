/* assay walkforward: parameters chosen on one window and tried on the next, fold after fold. */
#include <string.h>
#include <time.h>

#include "assay/assay_walkforward_report.h"
#include "base/hash.h"
#include "cli/runner.h"

/* Room for "-fold-" and a number behind it in a run id of 128 bytes. */
enum { LONGEST_RUN_ID = 110, FREQUENCY_SIZE = 64 };

enum {
    OPT_AXIS,
    OPT_SAMPLE,
    OPT_TRAIN,
    OPT_TEST,
    OPT_STEP,
    OPT_ANCHORED,
    OPT_PURGE,
    OPT_EMBARGO,
    OPT_POSITIONS,
    OPT_OBJECTIVE,
    OPT_WHERE,
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
    [OPT_AXIS] = {"axis", "KEY=VALUES",
                  "a parameter or setting, and what to try for it: 10,20,50 or\n"
                  "BEGIN:END:STEP or log:BEGIN:END:COUNT or LOW..HIGH; any\nnumber of times"},
    [OPT_SAMPLE] = {"sample", "HOW", "grid (default), random:N:SEED or sobol:N"},
    [OPT_TRAIN] = {"train", "LENGTH", "of a training window: bars (504), or 2y, 6m, 8w, 90d"},
    [OPT_TEST] = {"test", "LENGTH", "of the test behind it"},
    [OPT_STEP] = {"step", "LENGTH", "from one test's begin to the next one's (default: --test)"},
    [OPT_ANCHORED] = {"anchored", NULL, "every training begins where the first one does"},
    [OPT_PURGE] = {"purge", "LENGTH", "left out at the end of the training (default 0)"},
    [OPT_EMBARGO] = {"embargo", "LENGTH",
                     "left out behind a test where a later training begins or\nends there (default 0)"},
    [OPT_POSITIONS] = {"positions", "HOW",
                       "flatten (default): each test is a run of its own; carry: one\n"
                       "portfolio goes through all tests"},
    [OPT_OBJECTIVE] = {"objective", "METRIC",
                       "what is sought (default sharpe_ratio); min:METRIC seeks the\nsmallest"},
    [OPT_WHERE] = {"where", "CONDITION",
                   "only points with it can win, such as 'total_trades>=50',\n"
                   "'max_drawdown_pct>-30' or min_trades=50; any number of times"},
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_SYMBOLS] = {"symbols", "A,B,...", "these symbols; without it every symbol"},
    [OPT_HOLDINGS] = {"holdings", "FILE", "the symbols of a CSV file with columns sym, sector"},
    [OPT_START] = {"start", "DATE", "first day of the first training; earlier bars warm windows up"},
    [OPT_END] = {"end", "DATE", "last day"},
    [OPT_SET] = {"set", "KEY=VALUE", "a parameter or setting that all points share; any number\nof times"},
    [OPT_CONFIG] = {"config", "FILE", "a YAML configuration; options override it"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default), json, or csv (a row a fold)"},
    [OPT_RUN_ID] = {"run-id", "ID",
                    "the name under which the joined run is stored, its folds as\n"
                    "ID-fold-1 and so on; without it STRATEGY-walkforward-HASH"},
    [OPT_THREADS] = {"threads", "N", "threads; 0 (default): every core; results do not depend on it"},
    [OPT_FREQUENCY] = {"frequency", "F", "which frequency, where the prices have several"},
    [OPT_NO_STORE] = {"no-store", NULL, "write no tables"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

typedef struct walk_args {
    cli_run_options options;
    cli_names axes, where;
    assay_walkforward_spec spec;
    const char *db, *run_id;
    assay_report_format format;
    uint64_t n_threads;
    bool no_store;
} walk_args;

/* --- options --- */

static bool take_name(const cli_args *args, cli_names *names) {
    if (cli_names_add(names, args->value, strlen(args->value)))
        return true;
    cli_message("out of memory");
    return false;
}

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

static bool take_positions(const cli_args *args, walk_args *a) {
    static const char *const NAMES[] = {"flatten", "carry"};
    size_t index = 0;
    if (!cli_read_choice(args, NAMES, 2, &index))
        return false;
    a->spec.positions = (assay_fold_positions)index;
    return true;
}

/* The options that `run` has too. */
static bool take_run_option(const cli_args *args, int option, walk_args *a) {
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
        return take_name(args, &a->options.sets);
    case OPT_CONFIG:
        a->options.config_path = args->value;
        return true;
    case OPT_FORMAT:
        return cli_read_format(args, true, &a->format);
    case OPT_RUN_ID:
        return take_run_id(args, a);
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

static bool take_option(const cli_args *args, int option, walk_args *a) {
    switch (option) {
    case OPT_AXIS:
        return take_name(args, &a->axes);
    case OPT_SAMPLE:
        a->spec.sampling = args->value;
        return true;
    case OPT_TRAIN:
        a->spec.train = args->value;
        return true;
    case OPT_TEST:
        a->spec.test = args->value;
        return true;
    case OPT_STEP:
        a->spec.step = args->value;
        return true;
    case OPT_ANCHORED:
        a->spec.anchored = true;
        return true;
    case OPT_PURGE:
        a->spec.purge = args->value;
        return true;
    case OPT_EMBARGO:
        a->spec.embargo = args->value;
        return true;
    case OPT_POSITIONS:
        return take_positions(args, a);
    case OPT_OBJECTIVE:
        a->spec.objective = args->value;
        return true;
    case OPT_WHERE:
        return take_name(args, &a->where);
    default:
        return take_run_option(args, option, a);
    }
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
    snprintf(out_id, size, "%.80s-walkforward-%.12s", strategy, hex);
}

/* Names, stores and prints what was run. */
static assay_status hand_out(assay_store *store, const cli_request *request, const walk_args *a,
                             const assay_walkforward *wf, const char *frequency, int64_t begin_us,
                             int64_t timestamp_us, assay_error *err) {
    assay_walkforward_report report;
    char run_id[CLI_RUN_ID_SIZE];
    assay_status status = assay_walkforward_report_init(
        &report, wf, &a->spec, request->config, (const char *const *)request->symbols.name,
        request->symbols.n, frequency[0] == '\0' ? NULL : frequency, err);
    if (status == ASSAY_OK) {
        name_run(&report, assay_config_strategy(request->config)->name, run_id, sizeof run_id);
        status = assay_walkforward_report_name(&report, a->run_id == NULL ? run_id : a->run_id, err);
    }
    if (status == ASSAY_OK && !a->no_store) {
        cli_progress("writing tables ...");
        status = assay_store_write_walkforward(store, &report, timestamp_us,
                                               (clock_us(CLOCK_MONOTONIC) - begin_us) / 1000, err);
        report.is_stored = true;
    }
    cli_progress(NULL);
    if (status == ASSAY_OK) {
        assay_report_style style = cli_style();
        status = assay_report_walkforward(&report, a->format, &style, stdout, err);
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
        status = assay_walkforward_run(panel, request->config, &a->spec, (unsigned)a->n_threads,
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
    a->spec.axes = (const char *const *)a->axes.name;
    a->spec.n_axes = a->axes.n;
    a->spec.where = (const char *const *)a->where.name;
    a->spec.n_where = a->where.n;
    if (cli_request_make(&a->options, &request, &err) != ASSAY_OK)
        return cli_fail(&err);
    assay_store *store = NULL;
    assay_status status = assay_walkforward_check(request.config, &a->spec, &err);
    if (status == ASSAY_OK)
        status = assay_store_open(cli_database(a->db), false, (unsigned)a->n_threads, &store, &err);
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
    if (option == CLI_ARGS_END &&
        cli_check_operands(&args, a.options.config_path == NULL ? 1 : 0, 1, "the STRATEGY")) {
        a.options.strategy = args.n_operands > 0 ? args.operands[0] : NULL;
        code = walk_with(&a);
    }
    cli_names_reset(&a.options.sets);
    cli_names_reset(&a.axes);
    cli_names_reset(&a.where);
    return code;
}

const cli_command cli_cmd_walkforward = {
    .name = "walkforward",
    .operands = "STRATEGY",
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
