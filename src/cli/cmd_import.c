/* assay import: CSV or Parquet files into a database. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum {
    OPT_DB,
    OPT_FREQUENCY,
    OPT_CURRENCY,
    OPT_PARTITION,
    OPT_ON_BAD_DATA,
    OPT_DATE_FORMAT,
    OPT_TIME_ZONE,
    OPT_DECIMAL,
    OPT_DELIMITER,
    OPT_ENCODING,
    OPT_COLUMNS,
    OPT_LAYOUT,
    OPT_SYMBOL,
    OPT_FORMAT,
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
    [OPT_DATE_FORMAT] = {"date-format", "F",
                         "of dates, as strptime has it: %d/%m/%Y; needed where the\n"
                         "file leaves open which is the day"},
    [OPT_TIME_ZONE] = {"time-zone", "Z", "of times without an offset (UTC); stored is UTC"},
    [OPT_DECIMAL] = {"decimal", "C", "point or comma in numbers: . or ,"},
    [OPT_DELIMITER] = {"delimiter", "C", "between cells: one character, or tab"},
    [OPT_ENCODING] = {"encoding", "E", "utf-8, utf-16 or latin-1"},
    [OPT_COLUMNS] = {"columns", "LIST", "names of columns: close=Kurs,timestamp=Datum"},
    [OPT_LAYOUT] = {"layout", "L", "long (a row a symbol and time) or wide (symbols in columns)"},
    [OPT_SYMBOL] = {"symbol", "S", "of a file that has no symbols (the file's name)"},
    [OPT_FORMAT] = {"format", "FORMAT", "of the report: text (default) or json"},
    [OPT_DRY_RUN] = {"dry-run", NULL, "read, check and report, but write nothing"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

typedef struct import_args {
    const char *db;
    assay_import_spec spec;
    assay_report_format format;
} import_args;

/* Options that are a text of the specification as it stands. */
static const char **text_of(assay_import_spec *spec, int option) {
    switch (option) {
    case OPT_FREQUENCY:
        return &spec->frequency;
    case OPT_CURRENCY:
        return &spec->currency;
    case OPT_DATE_FORMAT:
        return &spec->date_format;
    case OPT_TIME_ZONE:
        return &spec->time_zone;
    case OPT_COLUMNS:
        return &spec->columns;
    case OPT_SYMBOL:
        return &spec->symbol;
    default:
        return NULL;
    }
}

/* Options that are one of a few words. */
static bool take_word(const cli_args *args, int option, assay_import_spec *spec) {
    static const char *const DECIMALS[] = {".", ","}, *const LAYOUTS[] = {"long", "wide"},
                             *const ENCODINGS[] = {"utf-8", "utf-16", "latin-1"};
    size_t index = 0;
    if (option == OPT_DECIMAL) {
        if (!cli_read_choice(args, DECIMALS, 2, &index))
            return false;
        spec->decimal = DECIMALS[index];
    } else if (option == OPT_LAYOUT) {
        if (!cli_read_choice(args, LAYOUTS, 2, &index))
            return false;
        spec->layout = LAYOUTS[index];
    } else if (option == OPT_ENCODING) {
        if (!cli_read_choice(args, ENCODINGS, 3, &index))
            return false;
        spec->encoding = ENCODINGS[index];
    } else {
        spec->delimiter = strcmp(args->value, "tab") == 0 ? "\t" : args->value;
        if (strlen(spec->delimiter) != 1 || strchr("\"\r\n", spec->delimiter[0]) != NULL) {
            (void)cli_usage_error(args->command, "--delimiter is one character, or tab");
            return false;
        }
    }
    return true;
}

static bool take_option(const cli_args *args, int option, import_args *a) {
    static const char *const PARTITIONS[] = {"keep", "none", "year", "month", "day"};
    static const char *const RULES[] = {"error", "drop", "keep"};
    size_t index = 0;
    switch (option) {
    case OPT_DB:
        a->db = args->value;
        return true;
    case OPT_DECIMAL:
    case OPT_DELIMITER:
    case OPT_ENCODING:
    case OPT_LAYOUT:
        return take_word(args, option, &a->spec);
    case OPT_FORMAT:
        return cli_read_format(args, false, &a->format);
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
        *text_of(&a->spec, option) = args->value;
        return true;
    }
}

/* --- the report --- */

/* Files of a folder that are alike in everything but their rows. */
typedef struct group {
    assay_import_report like;
    char first[256];
    size_t n_files, n_rows;
} group;

typedef struct groups {
    group *group;
    size_t n;
    bool failed;
} groups;

static bool is_alike(const assay_import_report *a, const assay_import_report *b) {
    return strcmp(a->dialect, b->dialect) == 0 && strcmp(a->delimiter, b->delimiter) == 0 &&
           strcmp(a->encoding, b->encoding) == 0 && strcmp(a->compression, b->compression) == 0 &&
           strcmp(a->decimal, b->decimal) == 0 && strcmp(a->date_format, b->date_format) == 0 &&
           a->header_line == b->header_line && a->n_footer_lines == b->n_footer_lines &&
           strcmp(a->columns, b->columns) == 0;
}

static void add_file(void *context, const char *file, const assay_import_report *r) {
    groups *all = context;
    for (size_t i = 0; i < all->n; i++) {
        if (is_alike(&all->group[i].like, r)) {
            all->group[i].n_files++;
            all->group[i].n_rows += r->n_rows;
            return;
        }
    }
    group *grown = realloc(all->group, (all->n + 1) * sizeof *grown);
    if (grown == NULL) {
        all->failed = true;
        return;
    }
    all->group = grown;
    group *added = &grown[all->n++];
    *added = (group){.like = *r, .n_files = 1, .n_rows = r->n_rows};
    const char *slash = strrchr(file, '/');
    (void)snprintf(added->first, sizeof added->first, "%s", slash == NULL ? file : slash + 1);
}

static void say_group(const group *g, bool several) {
    const assay_import_report *r = &g->like;
    if (several)
        printf("  %zu files like %s (%zu rows):\n", g->n_files, g->first, g->n_rows);
    printf("  %s", r->dialect);
    if (r->delimiter[0] != '\0')
        printf("; delimiter %s, decimal %s, %s, header in line %zu",
               r->delimiter[0] == '\t' ? "tab" : r->delimiter, r->decimal, r->encoding, r->header_line);
    if (r->compression[0] != '\0' && strcmp(r->compression, "none") != 0)
        printf(", %s", r->compression);
    if (r->n_footer_lines > 0)
        printf(", %zu lines after the table left out", r->n_footer_lines);
    printf("; dates %s, zone %s\n", r->date_format, r->time_zone);
    for (const char *line = r->columns; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        printf("  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static void say_text(const char *file, const assay_import_report *r, const groups *all, bool dry_run) {
    printf("%s: %zu rows, %zu symbols: %s%zu new, %zu replaced", file, r->n_rows, r->n_symbols,
           dry_run ? "would be " : "", r->n_inserted, r->n_replaced);
    if (r->n_dropped > 0)
        printf(", %zu bad rows left out", r->n_dropped);
    if (r->n_events > 0)
        printf(", %zu splits and dividends", r->n_events);
    putchar('\n');
    for (size_t i = 0; i < all->n; i++)
        say_group(&all->group[i], r->n_files > 1);
}

static void json_text(const char *key, const char *value) {
    printf(", \"%s\": ", key);
    cli_print_json_text(value);
}

/* "close = Close" a line: {"close": "Close"}, and what is not used. */
static void json_columns(const char *columns, bool used) {
    static const char unused[] = "(not used) = ";
    const char *comma = "";
    for (const char *line = columns; *line != '\0';) {
        size_t n = strcspn(line, "\n"), key = strcspn(line, "=");
        char name[160], value[200];
        bool is_unused = strncmp(line, unused, sizeof unused - 1) == 0;
        if (is_unused != used && key + 2 <= n) {
            (void)snprintf(name, sizeof name, "%.*s", (int)(key - 1), line);
            (void)snprintf(value, sizeof value, "%.*s", (int)(n - key - 2), line + key + 2);
            printf("%s", comma);
            if (used) {
                cli_print_json_text(name);
                printf(": ");
            }
            cli_print_json_text(value);
            comma = ", ";
        }
        line += n + (line[n] == '\n');
    }
}

static void say_json(const char *file, const assay_import_report *r, const groups *all, bool dry_run) {
    printf("{\"file\": ");
    cli_print_json_text(file);
    printf(", \"dry_run\": %s, \"files\": %zu, \"rows\": %zu, \"symbols\": %zu, \"new\": %zu, \"replaced\": "
           "%zu, "
           "\"dropped\": %zu, \"events\": %zu, \"files_written\": %zu, \"recognised\": [",
           dry_run ? "true" : "false", r->n_files, r->n_rows, r->n_symbols, r->n_inserted, r->n_replaced,
           r->n_dropped, r->n_events, r->n_files_written);
    for (size_t i = 0; i < all->n; i++) {
        const group *g = &all->group[i];
        printf("%s{\"files\": %zu, \"rows\": %zu", i == 0 ? "" : ", ", g->n_files, g->n_rows);
        json_text("first_file", g->first);
        json_text("dialect", g->like.dialect);
        json_text("delimiter", g->like.delimiter);
        json_text("decimal", g->like.decimal);
        json_text("encoding", g->like.encoding);
        json_text("compression", g->like.compression);
        json_text("date_format", g->like.date_format);
        json_text("time_zone", g->like.time_zone);
        printf(", \"header_line\": %zu, \"footer_lines\": %zu, \"columns\": {", g->like.header_line,
               g->like.n_footer_lines);
        json_columns(g->like.columns, true);
        printf("}, \"not_used\": [");
        json_columns(g->like.columns, false);
        printf("]}");
    }
    printf("]}\n");
}

static int import_files(const cli_args *args, import_args *a) {
    assay_error err = {0};
    assay_store *store = NULL;
    groups all = {NULL, 0, false};
    a->spec.each = add_file;
    a->spec.each_context = &all;
    assay_status status = assay_store_open_for_import(cli_database(a->db), a->spec.dry_run, &store, &err);
    for (int i = 0; i < args->n_operands && status == ASSAY_OK; i++) {
        assay_import_report report = {0};
        all.n = 0;
        cli_progress(args->operands[i]);
        status = assay_store_import(store, args->operands[i], &a->spec, &report, &err);
        cli_progress(NULL);
        if (status == ASSAY_OK && a->format == ASSAY_FORMAT_JSON)
            say_json(args->operands[i], &report, &all, a->spec.dry_run);
        else if (status == ASSAY_OK && !cli_is_quiet())
            say_text(args->operands[i], &report, &all, a->spec.dry_run);
    }
    a->spec.each_context = NULL;
    free(all.group);
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
    if (!cli_check_operands(&args, 1, argc, "the FILE or FOLDER"))
        return CLI_USAGE;
    return import_files(&args, &a);
}

const cli_command cli_cmd_import = {
    .name = "import",
    .operands = "FILE|FOLDER...",
    .summary = "CSV or Parquet files into a database",
    .description =
        "Writes the prices of files into the table prices, and their splits and dividends into the table\n"
        "corporate_actions. Columns are found by their common names (timestamp or date, symbol, open,\n"
        "high, low, close, volume, dividend_amount, split_coefficient ...); what was taken for what is\n"
        "printed, with the delimiter, decimal mark and form of dates. Files may be long or wide (symbols in\n"
        "columns), of Yahoo, Stooq, Alpha Vantage, Kaggle, Bloomberg and the like, also .gz and .zst. Rows\n"
        "of a symbol and time that are there already are replaced. Each file, and each folder of files,\n"
        "counts as a whole or not at all.",
    .examples = "examples:\n"
                "  assay import prices.csv --db db\n"
                "  assay import stooq/ --db db --dry-run --format json\n"
                "  assay import kurse.csv --columns close=Kurs,timestamp=Datum --time-zone Europe/Berlin\n"
                "  assay import 2023.parquet 2024.parquet --partition month",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_import,
};
