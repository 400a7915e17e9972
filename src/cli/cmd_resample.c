/* assay resample: coarser bars into the table prices. */
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "cli/runner.h"

enum {
    OPT_DB,
    OPT_SYMBOLS,
    OPT_FREQUENCY,
    OPT_SESSION,
    OPT_EARLY,
    OPT_OUTSIDE,
    OPT_LABEL,
    OPT_PARTIAL,
    OPT_THREADS,
    OPT_QUIET,
    N_OPTIONS
};

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_SYMBOLS] = {"symbols", "A,B,...", "these symbols; without it every symbol"},
    [OPT_FREQUENCY] = {"frequency", "F", "which bars to make them of, where the prices have several"},
    [OPT_SESSION] = {"session", "HOURS", "of intraday bars, such as '09:30-16:00 America/New_York'"},
    [OPT_EARLY] = {"early-closes", "T,T,...", "local times at which sessions end early (2024-07-03T13:00)"},
    [OPT_OUTSIDE] = {"outside", "WHAT", "drop (default) or keep bars outside the session"},
    [OPT_LABEL] = {"label", "WHERE", "what an intraday timestamp marks: start (default) or end of its bar"},
    [OPT_PARTIAL] = {"partial", "WHAT", "keep (default) or drop a last bar into which more could still come"},
    [OPT_THREADS] = {"threads", "N", "threads for reading and writing; 0 (default): every core"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

typedef struct resample_args {
    const char *db, *symbols, *frequency, *early;
    assay_bars_spec spec;
    uint64_t n_threads;
} resample_args;

/* One of two words; false, with a message, where it is neither. */
static bool take_choice(const cli_args *args, const char *no, const char *yes, bool *out_yes) {
    *out_yes = strcmp(args->value, yes) == 0;
    if (*out_yes || strcmp(args->value, no) == 0)
        return true;
    (void)cli_usage_error(args->command, "--%s '%s': it must be %s or %s", args->option, args->value, no,
                          yes);
    return false;
}

static bool take_option(const cli_args *args, int option, resample_args *a) {
    switch (option) {
    case OPT_DB:
        a->db = args->value;
        return true;
    case OPT_SYMBOLS:
        a->symbols = args->value;
        return true;
    case OPT_FREQUENCY:
        a->frequency = args->value;
        return true;
    case OPT_SESSION:
        a->spec.session = args->value;
        return true;
    case OPT_EARLY:
        a->early = args->value;
        return true;
    case OPT_OUTSIDE:
        return take_choice(args, "drop", "keep", &a->spec.keep_outside);
    case OPT_LABEL:
        return take_choice(args, "start", "end", &a->spec.end_labelled);
    case OPT_PARTIAL:
        return take_choice(args, "keep", "drop", &a->spec.drop_partial);
    case OPT_THREADS:
        return cli_read_whole(args, 0, 1024, &a->n_threads);
    default:
        cli_set_quiet(true);
        return true;
    }
}

static assay_status read_early_closes(const char *text, assay_bars_spec *spec, int64_t **out_us,
                                      assay_error *err) {
    cli_names names = {0};
    if (text == NULL)
        return ASSAY_OK;
    assay_status status = cli_names_add_list(&names, text)
                              ? ASSAY_OK
                              : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the early closes");
    *out_us = calloc(names.n + 1, sizeof **out_us);
    if (*out_us == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the early closes");
    for (size_t i = 0; i < names.n && status == ASSAY_OK; i++) {
        if (!assay_time_parse(names.name[i], &(*out_us)[i]))
            status = assay_error_set(
                err, ASSAY_E_CONFIG,
                "--early-closes '%.40s': it must be a local time such as 2024-07-03T13:00", names.name[i]);
    }
    spec->early_close_us = *out_us;
    spec->n_early_closes = names.n;
    cli_names_reset(&names);
    return status;
}

static assay_status load(assay_store *store, const resample_args *a, assay_panel **out_panel,
                         assay_error *err) {
    cli_names symbols = {0};
    assay_status status = a->symbols == NULL || cli_names_add_list(&symbols, a->symbols)
                              ? ASSAY_OK
                              : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the symbols");
    const assay_load_spec spec = {.symbols = symbols.n == 0 ? NULL : (const char *const *)symbols.name,
                                  .n_symbols = symbols.n,
                                  .end_us = INT64_MAX,
                                  .frequency = a->frequency};
    cli_progress("loading prices ...");
    if (status == ASSAY_OK)
        status = assay_store_load_panel(store, &spec, out_panel, NULL, err);
    cli_names_reset(&symbols);
    return status;
}

/* Bars of one frequency. */
static assay_status make(assay_store *store, const assay_panel *panel, const assay_bars_spec *spec,
                         assay_error *err) {
    assay_panel *bars = NULL;
    assay_import_report report = {0};
    assay_status status = assay_panel_resample(panel, spec, &bars, err);
    cli_progress("writing the table ...");
    if (status == ASSAY_OK)
        status = assay_store_write_bars(store, bars, panel, &report, err);
    cli_progress(NULL);
    if (status == ASSAY_OK && !cli_is_quiet())
        printf("prices: %zu bars of %s, %zu symbols, %zu rows: %zu new, %zu replaced\n",
               assay_panel_n_bars(bars), assay_panel_bars_name(bars), assay_panel_n_symbols(bars),
               (size_t)(report.n_inserted + report.n_replaced), (size_t)report.n_inserted,
               (size_t)report.n_replaced);
    assay_panel_destroy(bars);
    return status;
}

static int resample_with(resample_args *a, const cli_args *args) {
    assay_error err = {0};
    assay_store *store = NULL;
    assay_panel *panel = NULL;
    int64_t *early = NULL;
    assay_status status = read_early_closes(a->early, &a->spec, &early, &err);
    if (status == ASSAY_OK)
        status = assay_store_open(cli_database(a->db), false, (unsigned)a->n_threads, &store, &err);
    if (status == ASSAY_OK)
        status = load(store, a, &panel, &err);
    for (int i = 0; i < args->n_operands && status == ASSAY_OK; i++) {
        a->spec.bars = args->operands[i];
        status = make(store, panel, &a->spec, &err);
    }
    cli_progress(NULL);
    free(early);
    assay_panel_destroy(panel);
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

static int run_resample(const cli_command *command, int argc, char **argv) {
    cli_args args;
    resample_args a = {0};
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0 && take_option(&args, option, &a))
        ;
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (option != CLI_ARGS_END || !cli_check_operands(&args, 1, 16, "the FREQUENCY"))
        return CLI_USAGE;
    return resample_with(&a, &args);
}

const cli_command cli_cmd_resample = {
    .name = "resample",
    .operands = "FREQUENCY...",
    .summary = "make coarser bars of the prices",
    .description =
        "Makes bars of a coarser frequency and writes them into the table prices under that frequency, "
        "which\n"
        "`--frequency` then selects: 5m, 1h, 1d, 3d, 1w, w-fri (weeks that end on a Friday), 1mo, 1q, 1y.\n"
        "`assay run --resample 1w` does the same for one run without writing them.",
    .examples = "examples:\n"
                "  assay resample 1w 1mo\n"
                "  assay resample 5m 1d --frequency 1m --session '09:30-16:00 America/New_York'",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_resample,
};
