/* assay sample: a synthetic market in a database. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assay/assay_sample.h"
#include "base/dates.h"
#include "cli/cli.h"

enum {
    OPT_DB,
    OPT_SYMBOLS,
    OPT_DAYS,
    OPT_YEARS,
    OPT_SEED,
    OPT_START,
    OPT_FREQUENCY,
    OPT_CLEAN,
    OPT_QUIET,
    N_OPTIONS
};
enum { DAYS_PER_YEAR = 252 };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder; made where there is none"},
    [OPT_SYMBOLS] = {"symbols", "N", "how many symbols (500)"},
    [OPT_DAYS] = {"days", "N", "how many trading days (2520)"},
    [OPT_YEARS] = {"years", "N", "the same in years of 252 trading days"},
    [OPT_SEED] = {"seed", "N", "another market for each number (1)"},
    [OPT_START] = {"start", "DATE", "the first day (2015-01-01)"},
    [OPT_FREQUENCY] = {"frequency", "F",
                       "1d (default), or bars of 1m to 390m from 09:30 to 16:00 America/New_York\n"
                       "(20 days of them, unless --days says otherwise)"},
    [OPT_CLEAN] = {"clean", NULL, "every symbol has every day: no gaps, halts, delistings"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

typedef struct sample_args {
    const char *db;
    assay_sample_spec spec;
    bool has_days;
} sample_args;

enum { MOST_MINUTES = 390, INTRADAY_DAYS = 20 };

/* 1d, or minutes and hours of a session. */
static bool take_frequency(const cli_args *args, sample_args *a) {
    static const struct {
        const char *unit;
        unsigned long minutes;
    } units[] = {{"m", 1}, {"min", 1}, {"h", 60}};
    char *unit = NULL;
    unsigned long n = strtoul(args->value, &unit, 10);
    if (strcmp(args->value, "1d") == 0 || strcmp(args->value, "d") == 0) {
        a->spec.bar_minutes = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units && args->value[0] != '-'; i++) {
        if (strcmp(unit, units[i].unit) == 0 && n >= 1 && n <= MOST_MINUTES / units[i].minutes) {
            a->spec.bar_minutes = (uint32_t)(n * units[i].minutes);
            return true;
        }
    }
    (void)cli_usage_error(args->command, "--frequency '%s': it must be 1d, or 1m to %dm", args->value,
                          (int)MOST_MINUTES);
    return false;
}

static bool take_option(const cli_args *args, int option, sample_args *a) {
    uint64_t n = 0;
    switch (option) {
    case OPT_DB:
        a->db = args->value;
        return true;
    case OPT_SYMBOLS:
        if (!cli_read_whole(args, 1, ASSAY_SAMPLE_MAX_SYMBOLS, &n))
            return false;
        a->spec.n_symbols = (size_t)n;
        return true;
    case OPT_DAYS:
    case OPT_YEARS:
        if (!cli_read_whole(
                args, 1, option == OPT_DAYS ? ASSAY_SAMPLE_MAX_BARS : ASSAY_SAMPLE_MAX_BARS / DAYS_PER_YEAR,
                &n))
            return false;
        a->has_days = true;
        a->spec.n_bars = (size_t)n * (option == OPT_DAYS ? 1 : DAYS_PER_YEAR);
        return true;
    case OPT_SEED:
        return cli_read_whole(args, 0, UINT64_MAX, &a->spec.seed);
    case OPT_START:
        if (assay_time_parse(args->value, &a->spec.start_us))
            return true;
        (void)cli_usage_error(args->command, "--start '%s': it must be a date such as 2015-01-01",
                              args->value);
        return false;
    case OPT_FREQUENCY:
        return take_frequency(args, a);
    case OPT_CLEAN:
        a->spec.clean = true;
        return true;
    case OPT_QUIET:
        cli_set_quiet(true);
        return true;
    default:
        return false;
    }
}

static char *path_in(const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static assay_status check_empty(const char *db, assay_error *err) {
    char *prices = path_in(db, "prices");
    struct stat info;
    bool is_there = prices != NULL && stat(prices, &info) == 0;
    free(prices);
    if (!is_there)
        return ASSAY_OK;
    return assay_error_set(
        err, ASSAY_E_IO,
        "%s has prices already, and invented ones are not mixed into them; name another folder with "
        "--db, or remove %s/prices and %s/corporate_actions first",
        db, db, db);
}

static assay_status make_panel(const assay_sample_spec *spec, assay_panel **out_panel, assay_error *err) {
    assay_panel_builder *builder = NULL;
    assay_status status = assay_panel_builder_create(&builder, err);
    if (status == ASSAY_OK)
        status = assay_sample_build(spec, builder, err);
    if (status == ASSAY_OK) {
        const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
        status = assay_panel_builder_finish(builder, &options, out_panel, NULL, err);
    }
    assay_panel_builder_destroy(builder);
    return status;
}

/* Written beside and renamed, so that a reader sees a whole file or none. */
static assay_status write_holdings(const char *db, size_t n_symbols, assay_error *err) {
    char *path = path_in(db, "holdings.csv");
    char *beside = path_in(db, ".holdings.csv.new");
    FILE *out = path == NULL || beside == NULL ? NULL : fopen(beside, "w");
    bool is_good = out != NULL;
    if (is_good) {
        fputs("sym,sector\n", out);
        for (size_t i = 0; i < n_symbols; i++) {
            char name[ASSAY_SAMPLE_SYMBOL_SIZE];
            const char *sector = assay_sample_symbol(i, name);
            fprintf(out, "%s,%s\n", name, sector);
        }
        is_good = ferror(out) == 0;
        is_good = fclose(out) == 0 && is_good;
        is_good = is_good && rename(beside, path) == 0;
        if (!is_good)
            (void)unlink(beside);
    }
    assay_status status =
        is_good ? ASSAY_OK
                : assay_error_set(err, ASSAY_E_IO, "cannot write %s/holdings.csv: %s", db, strerror(errno));
    free(path);
    free(beside);
    return status;
}

static assay_status make_sample(const char *db, const assay_sample_spec *spec, assay_panel **out_panel,
                                assay_error *err) {
    assay_store *store = NULL;
    assay_status status = check_empty(db, err);
    cli_progress("making a market ...");
    if (status == ASSAY_OK)
        status = make_panel(spec, out_panel, err);
    if (status == ASSAY_OK)
        status = assay_store_open(db, true, 0, &store, err);
    cli_progress("writing tables ...");
    if (status == ASSAY_OK)
        status = assay_store_write_panel(store, *out_panel, ASSAY_PARTITION_KEEP, err);
    if (status == ASSAY_OK)
        status = write_holdings(db, spec->n_symbols, err);
    cli_progress(NULL);
    assay_store_close(store);
    return status;
}

static void say_what_was_made(const assay_panel *panel, const char *db) {
    char start[32], end[32];
    size_t n_bars = assay_panel_n_bars(panel);
    const int64_t *times = assay_panel_timestamps(panel);
    assay_time_format(times[0], start, sizeof start);
    assay_time_format(times[n_bars - 1], end, sizeof end);
    printf("%zu symbols, %zu bars from %s to %s in %s/prices\nsectors in %s/holdings.csv\n",
           assay_panel_n_symbols(panel), n_bars, start, end, db, db);
}

static int run_sample(const cli_command *command, int argc, char **argv) {
    cli_args args;
    sample_args a = {0};
    int option;
    assay_sample_spec_init(&a.spec);
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (!take_option(&args, option, &a))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 0, 0, ""))
        return CLI_USAGE;
    if (a.spec.bar_minutes != 0 && !a.has_days)
        a.spec.n_bars = INTRADAY_DAYS;
    assay_error err = {0};
    assay_panel *panel = NULL;
    assay_status status = make_sample(cli_database(a.db), &a.spec, &panel, &err);
    if (status == ASSAY_OK && !cli_is_quiet())
        say_what_was_made(panel, cli_database(a.db));
    assay_panel_destroy(panel);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_sample = {
    .name = "sample",
    .operands = "",
    .summary = "make a deterministic synthetic market in a database",
    .description =
        "Makes a market to try things on: sectors, fat tails, clustered volatility, listings, splits,\n"
        "dividends, gaps, halts, delistings. It is invented, and the same options make the same market\n"
        "on every machine. Writes the tables prices and corporate_actions, and holdings.csv.",
    .examples = "examples:\n"
                "  assay sample --db db\n"
                "  assay sample --db small --symbols 50 --years 5 --seed 7\n"
                "  assay sample --db minutes --symbols 20 --days 60 --frequency 1m",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_sample,
};
