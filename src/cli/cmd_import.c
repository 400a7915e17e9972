/* assay import: CSV or Parquet files into a database. */
#include <string.h>

#include "cli/cli.h"

enum {
    OPT_DB,
    OPT_FREQUENCY,
    OPT_CURRENCY,
    OPT_PARTITION,
    OPT_ON_BAD_DATA,
    OPT_DRY_RUN,
    OPT_QUIET,
    N_OPTIONS
};

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder; made where there is none"},
    [OPT_FREQUENCY] = {"frequency", "F", "of rows that do not say it themselves (1d)"},
    [OPT_CURRENCY] = {"currency", "C", "likewise (USD)"},
    [OPT_PARTITION] = {"partition", "P",
                       "folders of a new table: year (default), month, day or\n"
                       "none; a table that exists keeps its own"},
    [OPT_ON_BAD_DATA] = {"on-bad-data", "RULE",
                         "error (default), drop or keep: what to do about prices\n"
                         "that are not positive, and duplicates within a file"},
    [OPT_DRY_RUN] = {"dry-run", NULL, "read, check and report, but write nothing"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

typedef struct import_args {
    const char *db;
    assay_import_spec spec;
} import_args;

static bool take_option(const cli_args *args, int option, import_args *a) {
    static const char *const PARTITIONS[] = {"keep", "none", "year", "month", "day"};
    static const char *const RULES[] = {"error", "drop", "keep"};
    size_t index = 0;
    switch (option) {
    case OPT_DB:
        a->db = args->value;
        return true;
    case OPT_FREQUENCY:
        a->spec.frequency = args->value;
        return true;
    case OPT_CURRENCY:
        a->spec.currency = args->value;
        return true;
    case OPT_PARTITION:
        if (!cli_read_choice(args, PARTITIONS, 5, &index))
            return false;
        a->spec.partition = (assay_partition)index;
        return true;
    case OPT_ON_BAD_DATA:
        if (!cli_read_choice(args, RULES, 3, &index))
            return false;
        a->spec.on_bad_data = (assay_bad_data)index;
        return true;
    case OPT_DRY_RUN:
        a->spec.dry_run = true;
        return true;
    case OPT_QUIET:
        cli_set_quiet(true);
        return true;
    default:
        return false;
    }
}

static void say_what_was_done(const char *file, const assay_import_report *r, bool dry_run) {
    if (cli_is_quiet())
        return;
    printf("%s: %zu rows, %zu symbols: %s%zu new, %zu replaced", file, r->n_rows, r->n_symbols,
           dry_run ? "would be " : "", r->n_inserted, r->n_replaced);
    if (r->n_dropped > 0)
        printf(", %zu bad rows left out", r->n_dropped);
    if (r->n_events > 0)
        printf(", %zu splits and dividends", r->n_events);
    putchar('\n');
    for (const char *line = r->columns; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        printf("  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static int import_files(const cli_args *args, const import_args *a) {
    assay_error err = {0};
    assay_store *store = NULL;
    assay_status status = assay_store_open(cli_database(a->db), !a->spec.dry_run, 0, &store, &err);
    for (int i = 0; i < args->n_operands && status == ASSAY_OK; i++) {
        assay_import_report report = {0};
        cli_progress(args->operands[i]);
        status = assay_store_import(store, args->operands[i], &a->spec, &report, &err);
        cli_progress(NULL);
        if (status == ASSAY_OK)
            say_what_was_done(args->operands[i], &report, a->spec.dry_run);
    }
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

static int run_import(const cli_command *command, int argc, char **argv) {
    cli_args args;
    import_args a = {0};
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (!take_option(&args, option, &a))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 1, argc, "the FILE"))
        return CLI_USAGE;
    return import_files(&args, &a);
}

const cli_command cli_cmd_import = {
    .name = "import",
    .operands = "FILE...",
    .summary = "CSV or Parquet files into a database",
    .description =
        "Writes the prices of files into the table prices, and their splits and dividends into the table\n"
        "corporate_actions. Columns are found by their common names (timestamp or date, symbol, open,\n"
        "high, low, close, volume, dividend_amount, split_coefficient ...); what was taken for what is\n"
        "printed. Rows of a symbol and time that are there already are replaced. Each file counts as a\n"
        "whole or not at all.",
    .examples = "examples:\n"
                "  assay import prices.csv --db db\n"
                "  assay import 2023.parquet 2024.parquet --partition month",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_import,
};
