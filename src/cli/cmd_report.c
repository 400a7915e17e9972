/* assay report: stored runs as a tearsheet.
 *
 * A run is run again from the configuration that it was stored with, as reproduce does: so its tearsheet has all that the engine
 * knows, and says so where the data are no longer those of the run.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/chromium.h"
#include "cli/report_documents.h"

enum { OPT_DB, OPT_OUT, OPT_FORMAT, OPT_ALL, OPT_FACTORS, OPT_VERIFY, OPT_THREADS, OPT_QUIET, N_OPTIONS };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_OUT] = {"out", "PATH", "the file to write (with --all: the folder); - is standard output"},
    [OPT_FORMAT] = {"format", "FORMAT", "html (default), json, pdf or png; the last two need Chromium"},
    [OPT_ALL] = {"all", NULL, "a page of all stored runs, with links to a tearsheet of each"},
    [OPT_FACTORS] = {"factors", "FILE", "a CSV of factor returns: dates first, then a column each"},
    [OPT_VERIFY] = {"verify", NULL, "test for look-ahead at three cuts, and say so in the tearsheet"},
    [OPT_THREADS] = {"threads", "N", "threads that load the data and train a walk-forward"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

enum { FORMAT_HTML, FORMAT_JSON, FORMAT_PDF, FORMAT_PNG, N_FORMATS };
static const char *const FORMATS[N_FORMATS] = {"html", "json", "pdf", "png"};

/* Writes a whole file or none: beside, then renamed. */
static assay_status write_file(const char *path, const char *document, bool is_page, assay_error *err) {
    char beside[4200];
    FILE *out = stdout;
    bool is_screen = strcmp(path, "-") == 0;
    if (!is_screen) {
        snprintf(beside, sizeof beside, "%s.part-%ld", path, (long)getpid());
        out = fopen(beside, "wb");
    }
    if (out == NULL)
        return assay_error_set(err, ASSAY_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (is_page)
        assay_report_page(document, out);
    else
        fprintf(out, "%s\n", document);
    bool is_good = ferror(out) == 0;
    if (is_screen)
        return ASSAY_OK;
    is_good = fclose(out) == 0 && is_good;
    if (is_good && rename(beside, path) == 0)
        return ASSAY_OK;
    int reason = errno;
    (void)unlink(beside);
    return assay_error_set(err, ASSAY_E_IO, "cannot write %s: %s", path, strerror(reason));
}

/* The document as a file of that format; PDF and PNG by way of a page that is removed again. */
static assay_status write_as(const char *path, const char *document, size_t format, assay_error *err) {
    if (format == FORMAT_HTML || format == FORMAT_JSON)
        return write_file(path, document, format == FORMAT_HTML, err);
    char page[4300];
    snprintf(page, sizeof page, "%s.%ld.html", path, (long)getpid());
    assay_status status = write_file(page, document, true, err);
    if (status == ASSAY_OK)
        status = cli_chromium_print(page, path, format == FORMAT_PDF, err);
    (void)unlink(page);
    return status;
}

static assay_status report(const cli_args *args, const char *db, const char *out,
                           const cli_report_options *options, size_t format, unsigned n_threads,
                           assay_error *err) {
    assay_store *store = NULL;
    char *document = NULL, path[4200];
    size_t n = (size_t)args->n_operands;
    assay_status status = assay_store_open(cli_database(db), false, n_threads, &store, err);
    if (status == ASSAY_OK)
        status = cli_report_document(store, (const char *const *)args->operands, n, options, &document, err);
    assay_store_close(store);
    cli_progress(NULL);
    if (out == NULL)
        snprintf(path, sizeof path, "%.200s.%s", n == 1 ? args->operands[0] : "comparison", FORMATS[format]);
    else
        snprintf(path, sizeof path, "%s", out);
    if (status == ASSAY_OK)
        status = write_as(path, document, format, err);
    if (status == ASSAY_OK && strcmp(path, "-") != 0 && !cli_is_quiet())
        printf("%s\n", path);
    free(document);
    return status;
}

static assay_status report_all(const char *db, const char *out, const cli_report_options *options,
                               unsigned n_threads, assay_error *err) {
    assay_store *store = NULL;
    cli_names ids = {0};
    char path[4200], *index = NULL;
    assay_status status = assay_store_open(cli_database(db), false, n_threads, &store, err);
    if (out == NULL)
        out = "reports";
    if (status == ASSAY_OK && mkdir(out, 0777) != 0 && errno != EEXIST)
        status = assay_error_set(err, ASSAY_E_IO, "cannot make the folder %s: %s", out, strerror(errno));
    if (status == ASSAY_OK)
        status = cli_report_index(store, &ids, &index, err);
    for (size_t i = 0; i < ids.n && status == ASSAY_OK; i++) {
        char *document = NULL, message[200];
        const char *id = ids.name[i];
        assay_error one = {0};
        snprintf(message, sizeof message, "%zu of %zu: %.100s ...", i + 1, ids.n, id);
        cli_progress(message);
        snprintf(path, sizeof path, "%s/%s.html", out, id);
        if (cli_report_document(store, (const char *const *)&ids.name[i], 1, options, &document, &one) ==
            ASSAY_OK)
            status = write_file(path, document, true, err);
        else
            cli_message("%s has no tearsheet: %s", id, one.message);
        free(document);
    }
    snprintf(path, sizeof path, "%s/index.html", out);
    if (status == ASSAY_OK)
        status = write_file(path, index, true, err);
    cli_progress(NULL);
    if (status == ASSAY_OK && !cli_is_quiet())
        printf("%s\n", path);
    free(index);
    cli_names_reset(&ids);
    assay_store_close(store);
    return status;
}

static int run_report(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    const char *db = NULL, *out = NULL;
    cli_report_options options = {0};
    size_t format = FORMAT_HTML;
    uint64_t n_threads = 0;
    bool all = false;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_DB)
            db = args.value;
        else if (option == OPT_OUT)
            out = args.value;
        else if (option == OPT_FACTORS)
            options.factors = args.value;
        else if (option == OPT_VERIFY)
            options.verify = true;
        else if (option == OPT_ALL)
            all = true;
        else if (option == OPT_QUIET)
            cli_set_quiet(true);
        else if (option == OPT_FORMAT ? !cli_read_choice(&args, FORMATS, N_FORMATS, &format)
                                      : !cli_read_whole(&args, 0, 1024, &n_threads))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (all && args.n_operands > 0)
        return cli_usage_error(command, "--all is every run: name none");
    if (all && format != FORMAT_HTML)
        return cli_usage_error(command, "--all writes HTML; leave --format out");
    if (out != NULL && strcmp(out, "-") == 0 && format >= FORMAT_PDF)
        return cli_usage_error(command, "--format %s needs a file: --out FILE", FORMATS[format]);
    if (!all && !cli_check_operands(&args, 1, 50, "one or more RUNs"))
        return CLI_USAGE;
    options.n_threads = (unsigned)n_threads;
    assay_error err = {0};
    assay_status status = all ? report_all(db, out, &options, (unsigned)n_threads, &err)
                              : report(&args, db, out, &options, format, (unsigned)n_threads, &err);
    return status == ASSAY_OK ? CLI_DONE : cli_fail(&err);
}

const cli_command cli_cmd_report = {
    .name = "report",
    .operands = "RUN...",
    .summary = "a tearsheet of stored runs: one HTML file that needs no network",
    .description =
        "Writes the tearsheet of a stored run: metrics, charts, drawdowns, trades, attribution, costs, "
        "warnings.\n"
        "Several runs: a comparison. A sweep: heatmaps and sensitivity. A walk-forward: its joined run and "
        "its\n"
        "windows. What is shown is run again from the configuration that it was stored with; where the data\n"
        "have changed since, its tearsheet says so. The database is only read.",
    .examples = "assay report momentum-1f2e3d4c5b6a --db db --out momentum.html\n"
                "assay report RUN-A RUN-B --db db --out comparison.html\n"
                "assay report RUN --db db --format pdf\n"
                "assay report --all --db db --out reports",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_report,
};
