/* assay reproduce: a stored run, run again and compared.
 *
 * The stored run's files are copied into a temporary database, the new run is written beside them, and the two are compared
 * there: nothing is written into the user's database.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dates.h"
#include "cli/run_again.h"
#include "cli/stored_runs.h"

enum { OPT_DB, OPT_THREADS, OPT_QUIET, N_OPTIONS };
enum { MAX_DEPTH = 8, PATH_SIZE = 4096 };

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_THREADS] = {"threads", "N", "threads for reading and writing; 0 (default): every core"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

static const char *const TABLES[ASSAY_N_RESULT_TABLES] = {"backtest_runs",    "backtest_trades",
                                                          "backtest_metrics", "backtest_signals",
                                                          "backtest_fills",   "backtest_results"};

/* --- files --- */

/* FOLDER/NAME; false where that is too long. */
static bool join(char *out_path, const char *folder, const char *name) {
    int n = snprintf(out_path, PATH_SIZE, "%s/%s", folder, name);
    return n > 0 && n < PATH_SIZE;
}

static bool copy_file(const char *from, const char *to) {
    FILE *in = fopen(from, "rb");
    FILE *out = in == NULL ? NULL : fopen(to, "wb");
    bool is_good = out != NULL;
    char block[65536];
    for (size_t n; is_good && (n = fread(block, 1, sizeof block, in)) > 0;)
        is_good = fwrite(block, 1, n, out) == n;
    is_good = is_good && ferror(in) == 0;
    if (in != NULL)
        fclose(in);
    if (out != NULL)
        is_good = fclose(out) == 0 && is_good;
    return is_good;
}

/* NAME.parquet, or a shard of the sweep NAME. */
static bool is_file_of(const char *file, const char *name) {
    size_t size = strlen(name);
    return strncmp(file, name, size) == 0 &&
           (strcmp(file + size, ".parquet") == 0 || strncmp(file + size, ".shard-", 7) == 0);
}

/* Copies the files of `name` below `folder` into `target` under numbers; counts them. False: failed, see errno. */
static bool copy_named(const char *folder, const char *name, const char *target, int depth, size_t *count) {
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return errno == ENOENT;
    bool is_good = true;
    for (const struct dirent *item; is_good && (item = readdir(dir)) != NULL;) {
        char path[PATH_SIZE], to[PATH_SIZE], number[32];
        struct stat info;
        if (item->d_name[0] == '.' || item->d_name[0] == '_' || !join(path, folder, item->d_name) ||
            stat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode)) {
            is_good = depth >= MAX_DEPTH || copy_named(path, name, target, depth + 1, count);
        } else if (is_file_of(item->d_name, name)) {
            snprintf(number, sizeof number, "%zu.parquet", (*count)++);
            is_good = join(to, target, number) && copy_file(path, to);
        }
    }
    closedir(dir);
    return is_good;
}

/* Removes a folder that we have made, with all that is in it. */
static void remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    for (const struct dirent *item; dir != NULL && (item = readdir(dir)) != NULL;) {
        char path[PATH_SIZE];
        struct stat info;
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 ||
            !join(path, folder, item->d_name))
            continue;
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            remove_folder(path);
        else
            (void)unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
    (void)rmdir(folder);
}

static assay_status make_temporary(char *out_folder, assay_error *err) {
    const char *where = getenv("TMPDIR");
    if (!join(out_folder, where == NULL || where[0] == '\0' ? "/tmp" : where, "assay-reproduce-XXXXXX") ||
        mkdtemp(out_folder) == NULL) {
        out_folder[0] = '\0';
        return assay_error_set(err, ASSAY_E_IO, "cannot make a temporary folder: %s", strerror(errno));
    }
    return ASSAY_OK;
}

static assay_status copy_run(const char *db, const char *name, const char *folder, assay_error *err) {
    for (size_t i = 0; i < ASSAY_N_RESULT_TABLES; i++) {
        char from[PATH_SIZE], to[PATH_SIZE];
        size_t count = 0;
        bool is_good = join(from, db, TABLES[i]) && join(to, folder, TABLES[i]) && mkdir(to, 0700) == 0 &&
                       copy_named(from, name, to, 0, &count);
        if (!is_good)
            return assay_error_set(err, ASSAY_E_IO, "cannot copy the table %s of run %s: %s", TABLES[i], name,
                                   strerror(errno));
        if (count == 0)
            return assay_error_set(
                err, ASSAY_E_NOT_FOUND,
                "the table %s has no file %s.parquet: the run was not stored by Assay, or not as a whole",
                TABLES[i], name);
    }
    return ASSAY_OK;
}

/* --- run again and compare --- */

typedef struct comparison {
    cli_run_again again;
    cli_names revised; /* a line a symbol */
    char symbol[256];  /* of the last of them */
    size_t n_differences;
    char first[1024];
} comparison;

static assay_status compare(const char *folder, const cli_run *run, const char *run_id, comparison *out,
                            assay_error *err) {
    const char *again = strcmp(run_id, "again") == 0 ? "once-more" : "again";
    assay_store *store = NULL;
    assay_status status = assay_store_open(folder, false, 1, &store, err);
    if (status == ASSAY_OK)
        status = cli_run_store(store, run, again, err);
    cli_progress("comparing ...");
    if (status == ASSAY_OK)
        status = assay_store_compare_runs(store, run_id, again, &out->n_differences, out->first,
                                          sizeof out->first, err);
    assay_store_close(store);
    return status;
}

/* Appends a month to its symbol's line: "AAPL: 2015-03 (1 row removed), 2016-01 (changed)". */
static void add_revised(void *context, const char *symbol, const char *month, int64_t n_then, int64_t n_now) {
    comparison *out = context;
    cli_names *lines = &out->revised;
    bool is_new = lines->n == 0 || strcmp(symbol, out->symbol) != 0;
    long long n = llabs((long long)(n_now - n_then));
    char said[64];
    if (n == 0)
        snprintf(said, sizeof said, "%s (changed)", month);
    else
        snprintf(said, sizeof said, "%s (%lld row%s %s)", month, n, n == 1 ? "" : "s",
                 n_now > n_then ? "added" : "removed");
    size_t used = is_new ? strlen(symbol) : strlen(lines->name[lines->n - 1]);
    char *line = malloc(used + sizeof said + 4);
    if (line == NULL)
        return;
    sprintf(line, "%s%s %s", is_new ? symbol : lines->name[lines->n - 1], is_new ? ":" : ",", said);
    if (is_new) {
        (void)cli_names_add(lines, line, strlen(line));
        free(line);
    } else {
        free(lines->name[lines->n - 1]);
        lines->name[lines->n - 1] = line;
    }
    snprintf(out->symbol, sizeof out->symbol, "%s", symbol);
}

static assay_status reproduce(const char *db, const char *run_id, unsigned n_threads, comparison *out,
                              assay_error *err) {
    assay_store *store = NULL;
    cli_run run = {0};
    cli_request request = {0};
    char folder[PATH_SIZE] = "", name[160] = "";
    assay_status status = assay_store_open(db, false, n_threads, &store, err);
    if (status == ASSAY_OK)
        status = cli_check_stored_run(store, run_id, err);
    if (status == ASSAY_OK)
        status = cli_stored_file(store, run_id, name, sizeof name, err);
    if (status == ASSAY_OK)
        status = cli_run_stored_again(store, run_id, add_revised, out, &request, &run, &out->again, err);
    assay_store_close(store);
    if (status == ASSAY_OK && request.by_signals)
        status =
            assay_error_set(err, ASSAY_E_CONFIG,
                            "run %s is of a strategy in Python, which this program cannot run: run it again "
                            "in Python, where the same run has the same id",
                            run_id);
    if (status == ASSAY_OK)
        status = make_temporary(folder, err);
    if (status == ASSAY_OK)
        status = copy_run(db, name, folder, err);
    if (status == ASSAY_OK)
        status = compare(folder, &run, run_id, out, err);
    if (folder[0] != '\0')
        remove_folder(folder);
    cli_run_reset(&run);
    cli_request_reset(&request);
    cli_progress(NULL);
    return status;
}

enum { MOST_LINES = 20 };

/* Which bars are not what they were; false where that is not known, or none is. */
static bool say_revised(const char *run_id, const comparison *c) {
    const assay_data_report *d = &c->again.data;
    if (d->n_months == 0)
        return false;
    printf("%s: data revised: %zu month%s of %zu symbol%s; %zu row%s added, %zu removed, %zu month%s with "
           "changed values\n",
           run_id, d->n_months, d->n_months == 1 ? "" : "s", c->revised.n, c->revised.n == 1 ? "" : "s",
           d->n_rows_added, d->n_rows_added == 1 ? "" : "s", d->n_rows_removed, d->n_months_changed,
           d->n_months_changed == 1 ? "" : "s");
    for (size_t i = 0; i < c->revised.n && i < MOST_LINES; i++)
        printf("  %s\n", c->revised.name[i]);
    if (c->revised.n > MOST_LINES)
        printf("  and %zu further symbols\n", c->revised.n - MOST_LINES);
    return true;
}

static void say_data(const char *run_id, const comparison *c, bool same_data) {
    const assay_data_report *d = &c->again.data;
    if (same_data)
        printf("%s: the data are the same (fingerprint %s)\n", run_id, c->again.fingerprint_now);
    else
        printf("%s: the data have changed (fingerprint then %s, now %s)\n", run_id, c->again.fingerprint_then,
               c->again.fingerprint_now);
    if (!say_revised(run_id, c) && !same_data && d->is_known)
        printf("%s: the bars are the same; what is beside them (sectors, columns, universe, delistings, "
               "benchmark) is not\n",
               run_id);
    if (d->n_new_bars > 0) {
        char end[32];
        assay_time_format(d->end_us, end, sizeof end);
        printf("%s: new bars after the run's end: %zu after %s; it was run again without them\n", run_id,
               d->n_new_bars, end);
    }
}

static int say_outcome(const char *run_id, const comparison *c) {
    bool same_data = strcmp(c->again.fingerprint_then, c->again.fingerprint_now) == 0;
    say_data(run_id, c, same_data);
    if (c->n_differences == 0) {
        printf("%s: reproduced, every table is the same\n", run_id);
        return CLI_DONE;
    }
    printf("%s: %zu rows differ; the first: %s\n", run_id, c->n_differences, c->first);
    if (same_data)
        printf(
            "%s: program differs: the data are the same, so it is the program (then %s, now %s), or a file "
            "or plugin that it reads\n",
            run_id, c->again.version_then, ASSAY_VERSION);
    cli_message("%s was not reproduced%s", run_id,
                same_data ? "" : ": its prices, splits or dividends are not what they were");
    return CLI_FAILED;
}

static int run_reproduce(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    const char *db = NULL;
    uint64_t n_threads = 0;
    cli_args_init(&args, command, argc, argv);
    while ((option = cli_args_next(&args)) >= 0) {
        if (option == OPT_DB)
            db = args.value;
        else if (option == OPT_QUIET)
            cli_set_quiet(true);
        else if (!cli_read_whole(&args, 0, 1024, &n_threads))
            return CLI_USAGE;
    }
    if (option == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 1, 1, "the RUN"))
        return CLI_USAGE;
    assay_error err = {0};
    comparison result = {0};
    int code = CLI_FAILED;
    if (reproduce(cli_database(db), args.operands[0], (unsigned)n_threads, &result, &err) == ASSAY_OK)
        code = say_outcome(args.operands[0], &result);
    else
        (void)cli_fail(&err);
    cli_names_reset(&result.revised);
    return code;
}

const cli_command cli_cmd_reproduce = {
    .name = "reproduce",
    .operands = "RUN",
    .summary = "run a stored run again and compare every table",
    .description =
        "Runs a stored run again from the configuration that it was stored with, and compares the new "
        "tables\n"
        "with the stored ones, cell by cell. The database is only read. Exit status 1 where anything\n"
        "differs; says which past bars were revised, apart from bars after the run's end, with which it is "
        "not\n"
        "run, and from a program that differs.",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_reproduce,
};
