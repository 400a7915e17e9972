/* assay check: what is wrong with the prices, what a run would do about it, and a mended copy. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dates.h"
#include "base/text.h"
#include "cli/check_print.h"

enum {
    OPT_DB,
    OPT_SYMBOLS,
    OPT_START,
    OPT_END,
    OPT_FREQUENCY,
    OPT_KINDS,
    OPT_THRESHOLD,
    OPT_ON_BAD_DATA,
    OPT_STRICT,
    OPT_FIX,
    OPT_FIX_KINDS,
    OPT_DRY_RUN,
    OPT_LIMIT,
    OPT_LIST,
    OPT_FORMAT,
    OPT_THREADS,
    OPT_QUIET,
    N_OPTIONS
};

static const cli_option OPTIONS[N_OPTIONS] = {
    [OPT_DB] = {"db", "DIR", "the database folder"},
    [OPT_SYMBOLS] = {"symbols", "A,B,...", "these symbols only"},
    [OPT_START] = {"start", "DATE", "rows from then on"},
    [OPT_END] = {"end", "DATE", "rows up to then"},
    [OPT_FREQUENCY] = {"frequency", "F", "which bars, where the table has several"},
    [OPT_KINDS] = {"kinds", "A,B,...", "these kinds of findings only (--list)"},
    [OPT_THRESHOLD] = {"threshold", "NAME=VALUE", "another threshold (--list); can be given again"},
    [OPT_ON_BAD_DATA] = {"on-bad-data", "WHAT", "error (default), drop or keep: what a run would do"},
    [OPT_STRICT] = {"strict", NULL, "exit status 1 for warnings, too"},
    [OPT_FIX] = {"fix", "DIR", "write a mended copy of the database into a new folder"},
    [OPT_FIX_KINDS] = {"fix-kinds", "A,B,...", "mend these kinds, not those that are safe"},
    [OPT_DRY_RUN] = {"dry-run", NULL, "say what --fix would change; write nothing"},
    [OPT_LIMIT] = {"limit", "N", "lines for each kind (default 10)"},
    [OPT_LIST] = {"list", NULL, "list the kinds of findings and the thresholds"},
    [OPT_FORMAT] = {"format", "FORMAT", "text (default) or json"},
    [OPT_THREADS] = {"threads", "N", "threads; 0 (default): every core"},
    [OPT_QUIET] = {"quiet", NULL, "no messages but errors"},
};

enum { MOST_KINDS = 64 };

typedef struct check_args {
    const char *db, *fix;
    assay_check_spec spec;
    cli_names symbols;
    bool kinds[MOST_KINDS], fix_kinds[MOST_KINDS];
    bool has_kinds, has_fix_kinds, strict, dry_run, list;
    uint64_t limit, n_threads;
    assay_report_format format;
} check_args;

static bool read_date(const cli_args *args, bool is_end, int64_t *out_us) {
    if (!assay_time_parse(args->value, out_us)) {
        (void)cli_usage_error(args->command, "--%s '%s' is no date: write YYYY-MM-DD", args->option,
                              args->value);
        return false;
    }
    if (is_end && *out_us % ASSAY_US_PER_DAY == 0)
        *out_us += ASSAY_US_PER_DAY - 1;
    return true;
}

/* Which kinds a list names; `must_mend`: only those that can be mended. */
static bool read_kinds(const cli_args *args, bool must_mend, bool *out_kinds) {
    cli_names names = {0};
    bool is_good = cli_names_add_list(&names, args->value);
    for (size_t i = 0; i < names.n && is_good; i++) {
        const char *nearest = NULL;
        bool found = false;
        for (size_t k = 0; k < assay_check_kind_count() && k < MOST_KINDS; k++) {
            const assay_check_kind *kind = assay_check_kind_at(k);
            bool is_it = strcmp(kind->name, names.name[i]) == 0;
            if (is_it && must_mend && kind->fixable == ASSAY_FIX_NEVER) {
                (void)cli_usage_error(args->command, "%s cannot be mended: %s", kind->name, kind->advice);
                is_good = false;
            }
            out_kinds[k] = out_kinds[k] || is_it;
            found = found || is_it;
            nearest = assay_nearer_name(names.name[i], nearest, kind->name);
        }
        if (!found && is_good) {
            (void)cli_usage_error(args->command, "unknown kind '%s'%s%s%s; --list has all of them",
                                  names.name[i], nearest == NULL ? "" : ": did you mean '",
                                  nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
            is_good = false;
        }
    }
    cli_names_reset(&names);
    return is_good;
}

static bool read_threshold(const cli_args *args, assay_check_spec *spec) {
    const char *sign = strchr(args->value, '='), *nearest = NULL;
    char name[64];
    size_t size = sign == NULL ? strlen(args->value) : (size_t)(sign - args->value);
    snprintf(name, sizeof name, "%.*s", (int)(size < 63 ? size : 63), args->value);
    for (size_t i = 0; i < assay_check_threshold_count(); i++) {
        const assay_check_threshold *t = assay_check_threshold_at(i);
        nearest = assay_nearer_name(name, nearest, t->name);
        if (strlen(t->name) != size || strncmp(t->name, args->value, size) != 0)
            continue;
        char *end = NULL;
        double value = sign == NULL ? 0 : strtod(sign + 1, &end);
        if (sign == NULL || end == sign + 1 || *end != '\0' || !(value >= t->min && value <= t->max)) {
            (void)cli_usage_error(args->command, "--threshold '%s': %s is a number from %g to %g",
                                  args->value, t->name, t->min, t->max);
            return false;
        }
        spec->threshold[i] = value;
        return true;
    }
    (void)cli_usage_error(args->command, "unknown threshold '%.*s'%s%s%s; --list has all of them", (int)size,
                          args->value, nearest == NULL ? "" : ": did you mean '",
                          nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
    return false;
}

static bool take_value(const cli_args *args, int option, check_args *a) {
    static const char *const policies[] = {"error", "drop", "keep"};
    size_t index = 0;
    switch (option) {
    case OPT_SYMBOLS:
        return cli_names_add_list(&a->symbols, args->value);
    case OPT_START:
        return read_date(args, false, &a->spec.start_us);
    case OPT_END:
        return read_date(args, true, &a->spec.end_us);
    case OPT_KINDS:
        return (a->has_kinds = true) && read_kinds(args, false, a->kinds);
    case OPT_FIX_KINDS:
        return (a->has_fix_kinds = true) && read_kinds(args, true, a->fix_kinds);
    case OPT_THRESHOLD:
        return read_threshold(args, &a->spec);
    case OPT_ON_BAD_DATA:
        if (!cli_read_choice(args, policies, 3, &index))
            return false;
        a->spec.on_bad_data = (assay_bad_data)index;
        return true;
    case OPT_LIMIT:
        return cli_read_whole(args, 1, UINT32_MAX, &a->limit);
    case OPT_THREADS:
        return cli_read_whole(args, 0, 1024, &a->n_threads);
    default:
        return cli_read_format(args, false, &a->format);
    }
}

static bool take_option(const cli_args *args, int option, check_args *a) {
    switch (option) {
    case OPT_DB:
        a->db = args->value;
        return true;
    case OPT_FREQUENCY:
        a->spec.frequency = args->value;
        return true;
    case OPT_FIX:
        a->fix = args->value;
        return true;
    case OPT_STRICT:
        return (a->strict = true);
    case OPT_DRY_RUN:
        return (a->dry_run = true);
    case OPT_LIST:
        return (a->list = true);
    case OPT_QUIET:
        cli_set_quiet(true);
        return true;
    default:
        return take_value(args, option, a);
    }
}

static int exit_of(const check_args *a, const assay_check_report *r) {
    bool is_bad = r->n_by_severity[ASSAY_SEVERITY_ERROR] > 0 ||
                  (a->strict && r->n_by_severity[ASSAY_SEVERITY_WARNING] > 0);
    return is_bad ? CLI_FAILED : CLI_DONE;
}

static int check(assay_store *store, check_args *a) {
    assay_error err = {0};
    assay_check_report *report = NULL;
    a->spec.kinds = a->has_kinds ? a->kinds : NULL;
    assay_status status = assay_store_check(store, &a->spec, &report, &err);
    cli_progress(NULL);
    if (status != ASSAY_OK)
        return cli_fail(&err);
    if (a->format == ASSAY_FORMAT_JSON)
        cli_print_check_json(&a->spec, report);
    else
        cli_print_check_text(&a->spec, report, (size_t)a->limit);
    int code = exit_of(a, report);
    assay_check_report_destroy(report);
    return code;
}

static int fix(assay_store *store, check_args *a) {
    assay_error err = {0};
    assay_change_list *changes = NULL;
    for (size_t k = 0; k < assay_check_kind_count() && k < MOST_KINDS && !a->has_fix_kinds; k++)
        a->fix_kinds[k] = assay_check_kind_at(k)->fixable == ASSAY_FIX_SAFE;
    a->spec.kinds = a->fix_kinds;
    const char *target = a->dry_run ? NULL : a->fix;
    assay_status status = assay_store_fix(store, &a->spec, target, &changes, &err);
    cli_progress(NULL);
    if (status != ASSAY_OK)
        return cli_fail(&err);
    cli_print_changes(changes, target, (size_t)a->limit);
    assay_change_list_destroy(changes);
    return CLI_DONE;
}

static int check_or_fix(check_args *a) {
    assay_error err = {0};
    assay_store *store = NULL;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    a->spec.now_us = (int64_t)now.tv_sec * 1000000;
    if (a->symbols.n > 0) {
        a->spec.symbols = (const char *const *)a->symbols.name;
        a->spec.n_symbols = a->symbols.n;
    }
    if (assay_store_open(cli_database(a->db), false, (unsigned)a->n_threads, &store, &err) != ASSAY_OK)
        return cli_fail(&err);
    cli_progress("checking prices ...");
    int code = a->fix == NULL ? check(store, a) : fix(store, a);
    assay_store_close(store);
    return code;
}

static int run_check(const cli_command *command, int argc, char **argv) {
    cli_args args;
    int option;
    check_args a = {.limit = 10};
    assay_check_spec_init(&a.spec);
    cli_args_init(&args, command, argc, argv);
    bool is_good = true;
    while (is_good && (option = cli_args_next(&args)) >= 0)
        is_good = take_option(&args, option, &a);
    int code = CLI_USAGE;
    if (is_good && option == CLI_ARGS_STOP)
        code = args.exit_code;
    else if (is_good && a.fix == NULL && (a.dry_run || a.has_fix_kinds))
        (void)cli_usage_error(command, "--%s belongs to --fix", a.dry_run ? "dry-run" : "fix-kinds");
    else if (is_good && a.fix != NULL && (a.has_kinds || a.format == ASSAY_FORMAT_JSON))
        (void)cli_usage_error(command, "--%s does not go together with --fix%s",
                              a.has_kinds ? "kinds" : "format", a.has_kinds ? ": use --fix-kinds" : "");
    else if (is_good && cli_check_operands(&args, 0, 0, "nothing")) {
        if (a.list)
            cli_print_check_kinds();
        code = a.list ? CLI_DONE : check_or_fix(&a);
    }
    cli_names_reset(&a.symbols);
    return code;
}

const cli_command cli_cmd_check = {
    .name = "check",
    .operands = "",
    .summary = "what is wrong with the prices, what a run would do; a mended copy",
    .description =
        "Looks for duplicates, prices that cannot be, contradictions, gaps, stale runs, splits that are not\n"
        "adjusted, spikes, mixtures, odd dates and survivorship, and says what a run would do about them.\n"
        "With --fix writes a mended copy of the database; the database itself is only read. Exit status 1\n"
        "where an error was found, which stops a run under on_bad_data: error.",
    .examples = "assay check --db db\n"
                "assay check --kinds gap,jump --threshold jump=0.3\n"
                "assay check --fix mended --dry-run",
    .options = OPTIONS,
    .n_options = N_OPTIONS,
    .run = run_check,
};
