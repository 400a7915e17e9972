/* assay indicators: expressions over the prices into the table technical_analysis. */
#include <stdlib.h>
#include <string.h>

#include "assay/assay_rule.h"
#include "base/dates.h"
#include "cli/runner.h"

enum {
    OPT_DB,
    OPT_SYMBOLS,
    OPT_COLUMNS,
    OPT_START,
    OPT_END,
    OPT_FREQUENCY,
    OPT_THREADS,
    OPT_QUIET,
    N_OPTIONS
};

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_SYMBOLS] = {"symbols", "A,B,...", "these symbols; without it every symbol"},
    [OPT_COLUMNS] =
        {"column", "NAME[=EXPR]",
         "a column of the table, or one of your own with what computes\n"
         "it, such as 'rsi_5=rsi(close, 5)'; any number of times; without\nit all that the table has"},
    [OPT_START] = {"start", "DATE", "write rows from here on; earlier prices warm windows up"},
    [OPT_END] = {"end", "DATE", "last day"},
    [OPT_FREQUENCY] = {"frequency", "F", "which frequency, where the prices have several"},
    [OPT_THREADS] = {"threads", "N", "threads for reading and writing; 0 (default): every core"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

typedef struct indicator_args {
    const char *db, *symbols, *start, *end, *frequency;
    cli_names columns;
    uint64_t n_threads;
} indicator_args;

static bool take_option(const cli_args *args, int option, indicator_args *a) {
    switch (option) {
    case OPT_DB:
        a->db = args->value;
        return true;
    case OPT_SYMBOLS:
        a->symbols = args->value;
        return true;
    case OPT_COLUMNS:
        return cli_take_name(args, &a->columns);
    case OPT_START:
        a->start = args->value;
        return true;
    case OPT_END:
        a->end = args->value;
        return true;
    case OPT_FREQUENCY:
        a->frequency = args->value;
        return true;
    case OPT_THREADS:
        return cli_read_whole(args, 0, 1024, &a->n_threads);
    default:
        cli_set_quiet(true);
        return true;
    }
}

/* --- which columns --- */

typedef struct column_list {
    char **name;
    const char **expression;
    double **values;
    size_t n;
} column_list;

static assay_status allocate(column_list *list, size_t n, assay_error *err) {
    list->name = calloc(n + 1, sizeof *list->name);
    list->expression = calloc(n + 1, sizeof *list->expression);
    list->values = calloc(n + 1, sizeof *list->values);
    return list->name != NULL && list->expression != NULL && list->values != NULL
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu columns", n);
}

static void reset(column_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        free(list->name[i]);
        free(list->values[i]);
    }
    free(list->name);
    free(list->expression);
    free(list->values);
}

/* NAME, or NAME=EXPRESSION. */
static assay_status add_column(column_list *list, const char *text, assay_error *err) {
    size_t size = strcspn(text, "=");
    char *name = strndup(text, size);
    if (name == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the columns");
    list->name[list->n] = name;
    list->expression[list->n++] = text[size] == '=' ? text + size + 1 : assay_indicator_expression(name);
    if (list->expression[list->n - 1] == NULL)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "--column '%.60s': no such indicator; give what computes it, as in "
                               "'rsi_5=rsi(close, 5)'",
                               text);
    return ASSAY_OK;
}

static assay_status list_columns(const indicator_args *a, column_list *list, assay_error *err) {
    size_t n = 0;
    while (assay_indicator_at(n) != NULL)
        n++;
    assay_status status = allocate(list, (n > a->columns.n ? n : a->columns.n) + 1, err);
    for (size_t i = 0; i < a->columns.n && status == ASSAY_OK; i++)
        status = add_column(list, a->columns.name[i], err);
    for (size_t i = 0; a->columns.n == 0 && i < n && status == ASSAY_OK; i++)
        status = add_column(list, assay_indicator_at(i)->column, err);
    if (a->columns.n == 0 && status == ASSAY_OK) /* the table has it, too */
        status = add_column(list, "volume=volume", err);
    return status;
}

/* --- computing and writing --- */

static assay_status compute(const assay_panel *panel, column_list *list, assay_error *err) {
    size_t n_cells = assay_panel_n_bars(panel) * assay_panel_n_symbols(panel);
    for (size_t i = 0; i < list->n; i++) {
        assay_error reason = {0};
        list->values[i] = malloc((n_cells + 1) * sizeof(double));
        if (list->values[i] == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for column %s", list->name[i]);
        assay_status status = assay_expression_compute(panel, list->expression[i], list->values[i], &reason);
        if (status != ASSAY_OK)
            return assay_error_set(err, status, "column %s: %s", list->name[i], reason.message);
    }
    return ASSAY_OK;
}

static bool read_time(const char *text, bool whole_day, int64_t *out_us) {
    if (text == NULL)
        return true;
    if (!assay_time_parse(text, out_us))
        return false;
    *out_us += whole_day && *out_us % ASSAY_US_PER_DAY == 0 ? ASSAY_US_PER_DAY - 1 : 0;
    return true;
}

static assay_status load(assay_store *store, const indicator_args *a, const cli_names *symbols,
                         int64_t end_us, assay_panel **out_panel, assay_load_report *out_report,
                         assay_error *err) {
    const assay_load_spec spec = {.symbols = symbols->n == 0 ? NULL : (const char *const *)symbols->name,
                                  .n_symbols = symbols->n,
                                  .end_us = end_us,
                                  .frequency = a->frequency};
    cli_progress("loading prices ...");
    return assay_store_load_panel(store, &spec, out_panel, out_report, err);
}

static assay_status write_columns(assay_store *store, const assay_panel *panel, const column_list *list,
                                  const char *frequency, int64_t from_us, assay_error *err) {
    const assay_indicator_columns columns = {.names = (const char *const *)list->name,
                                             .values = (const double *const *)list->values,
                                             .n = list->n,
                                             .frequency = frequency,
                                             .from_us = from_us};
    assay_import_report report;
    cli_progress("writing the table ...");
    assay_status status = assay_store_write_indicators(store, panel, &columns, &report, err);
    cli_progress(NULL);
    if (status == ASSAY_OK)
        printf("technical_analysis: %zu columns, %zu symbols, %zu rows: %zu new, %zu replaced\n", list->n,
               report.n_symbols, report.n_rows, report.n_inserted, report.n_replaced);
    return status;
}

static int indicators_with(const indicator_args *a) {
    assay_error err = {0};
    column_list list = {0};
    cli_names symbols = {0};
    assay_store *store = NULL;
    assay_panel *panel = NULL;
    assay_load_report report = {0};
    int64_t from_us = INT64_MIN + 1, end_us = INT64_MAX;
    assay_status status = list_columns(a, &list, &err);
    if (status == ASSAY_OK && (!read_time(a->start, false, &from_us) || !read_time(a->end, true, &end_us)))
        status = assay_error_set(&err, ASSAY_E_CONFIG, "--start and --end must be dates such as 2020-12-31");
    if (status == ASSAY_OK && a->symbols != NULL && !cli_names_add_list(&symbols, a->symbols))
        status = assay_error_set(&err, ASSAY_E_NOMEM, "out of memory for the symbols");
    if (status == ASSAY_OK)
        status = assay_store_open(cli_database(a->db), false, (unsigned)a->n_threads, &store, &err);
    if (status == ASSAY_OK)
        status = load(store, a, &symbols, end_us, &panel, &report, &err);
    if (status == ASSAY_OK)
        status = compute(panel, &list, &err);
    if (status == ASSAY_OK)
        status = write_columns(store, panel, &list, report.frequency, from_us, &err);
    cli_progress(NULL);
    assay_panel_destroy(panel);
    assay_store_close(store);
    cli_names_reset(&symbols);
    reset(&list);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

static int run_indicators(const cli_command *command, int argc, char **argv) {
    cli_args args;
    indicator_args a = {0};
    int option;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0 && take_option(&args, option, &a))
        ;
    int code = option == CLI_ARGS_STOP ? args.exit_code : CLI_USAGE;
    if (option == CLI_ARGS_END && cli_check_operands(&args, 0, 0, ""))
        code = indicators_with(&a);
    cli_names_reset(&a.columns);
    return code;
}

const cli_command cli_cmd_indicators = {
    .name = "indicators",
    .operands = "",
    .summary = "compute indicators into the table technical_analysis",
    .description = "Computes indicators from the prices and writes them into the table technical_analysis, a "
                   "row for each\n"
                   "symbol and bar; rows that are there keep their other columns. Values are as of their "
                   "bar: prices are\n"
                   "split-adjusted up to it, and later splits do not change them.",
    .examples = "examples:\n"
                "  assay indicators\n"
                "  assay indicators --column rsi_14 --column 'trend=ema(close, 10) / ema(close, 50) - 1'",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_indicators,
};
