/* assay table: what is known of symbols, from a file into one of the small tables. */
#include <string.h>

#include "cli/cli.h"

enum { OPT_DB, OPT_DRY_RUN, OPT_QUIET, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder; made where there is none"},
    [OPT_DRY_RUN] = {"dry-run", NULL, "read, check and report, but write nothing"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

static void say_what_was_done(const char *table, const char *file, const assay_import_report *r,
                              bool dry_run) {
    if (cli_is_quiet())
        return;
    printf("%s: %zu rows of %s: %s%zu new, %zu replaced\n", file, r->n_rows, table,
           dry_run ? "would be " : "", r->n_inserted, r->n_replaced);
    for (const char *line = r->columns; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        printf("  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static int run_table(const cli_command *command, int argc, char **argv) {
    cli_args args;
    const char *db = NULL;
    bool dry_run = false;
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_DB)
            db = args.value;
        else if (option == OPT_DRY_RUN)
            dry_run = true;
        else if (option == OPT_QUIET)
            cli_set_quiet(true);
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 2, 2, "the TABLE and the FILE"))
        return CLI_USAGE;
    assay_error err = {0};
    assay_store *store = NULL;
    assay_import_report report = {0};
    assay_status status = assay_store_open(cli_database(db), !dry_run, 0, &store, &err);
    if (status == ASSAY_OK)
        status = assay_store_import_table(store, args.operands[0], args.operands[1], dry_run, &report, &err);
    if (status == ASSAY_OK)
        say_what_was_done(args.operands[0], args.operands[1], &report, dry_run);
    assay_store_close(store);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_table = {
    .name = "table",
    .operands = "TABLE FILE",
    .summary = "universe, delistings, symbol changes, corporate actions",
    .description =
        "Writes the rows of a CSV or Parquet file into a table that says what was known of symbols:\n"
        "\n"
        "  universe           symbol, start_date, end_date [, sector]: who may be bought when\n"
        "  delistings         symbol, date [, return]\n"
        "  symbol_changes     old_symbol, new_symbol, date\n"
        "  corporate_actions  symbol, ex_date [, split_ratio, cash_dividend, pay_date, type, new_symbol,\n"
        "                     new_ratio]\n"
        "\n"
        "`ticker` is understood as symbol. A row whose key is there already is replaced; the file counts as\n"
        "a whole or not at all. Runs use these tables wherever the database has them.",
    .examples = "examples:\n"
                "  assay table universe membership.csv --db db\n"
                "  assay table delistings delisted.parquet --dry-run",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_table,
};
