/* Options from a subcommand's table, through getopt_long; their values; lists of names. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_memory.h"
#include "base/text.h"
#include "cli/cli.h"

enum { MAX_OPTIONS = 48, HELP_CODE = 1000 };

void cli_args_init(cli_args *args, const cli_command *command, int argc, char **argv) {
    *args = (cli_args){.command = command, .argc = argc, .argv = argv};
    optind = 0; /* glibc: start anew */
    opterr = 0;
}

static void fill_table(const cli_command *command, struct option *out_table) {
    size_t n = 0;
    for (; n < command->n_options && n < MAX_OPTIONS; n++) {
        out_table[n] =
            (struct option){.name = command->options[n].name,
                            .has_arg = command->options[n].argument == NULL ? no_argument : required_argument,
                            .val = (int)n + HELP_CODE + 1};
    }
    out_table[n] = (struct option){.name = "help", .has_arg = no_argument, .val = HELP_CODE};
    out_table[n + 1] = (struct option){0};
}

/* Says what is wrong with an option that getopt_long did not take. */
static int refuse_option(const cli_args *args) {
    const char *given = args->argv[optind > 0 ? optind - 1 : 0];
    if (strncmp(given, "--", 2) != 0)
        return cli_usage_error(args->command, "unknown option '-%c'", optopt);
    char name[64];
    size_t size = strcspn(given + 2, "=");
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), given + 2);
    const char *nearest = NULL;
    size_t n_begun = 0;
    for (size_t i = 0; i < args->command->n_options; i++) {
        const cli_option *option = &args->command->options[i];
        if (strcmp(option->name, name) == 0 && option->argument == NULL)
            return cli_usage_error(args->command, "option '--%s' takes no value", name);
        n_begun += strncmp(option->name, name, strlen(name)) == 0;
        nearest = assay_nearer_name(name, nearest, option->name);
    }
    if (n_begun > 1)
        return cli_usage_error(args->command, "option '--%s' may mean several; write it out", name);
    if (nearest != NULL)
        return cli_usage_error(args->command, "unknown option '--%s': did you mean '--%s'?", name, nearest);
    return cli_usage_error(args->command, "unknown option '--%s'", name);
}

int cli_args_next(cli_args *args) {
    struct option table[MAX_OPTIONS + 2];
    fill_table(args->command, table);
    int code = getopt_long(args->argc, args->argv, ":h", table, NULL);
    args->value = optarg;
    if (code > HELP_CODE) {
        args->option = args->command->options[code - HELP_CODE - 1].name;
        return code - HELP_CODE - 1;
    }
    switch (code) {
    case -1:
        args->n_operands = args->argc - optind;
        args->operands = args->argv + optind;
        return CLI_ARGS_END;
    case 'h':
    case HELP_CODE:
        cli_print_command_help(args->command, stdout);
        args->exit_code = CLI_DONE;
        return CLI_ARGS_STOP;
    case ':':
        args->exit_code = cli_usage_error(args->command, "option '%s' needs a value", args->argv[optind - 1]);
        return CLI_ARGS_STOP;
    default:
        args->exit_code = refuse_option(args);
        return CLI_ARGS_STOP;
    }
}

bool cli_read_choice(const cli_args *args, const char *const *names, size_t n, size_t *out_index) {
    char list[256] = "";
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], args->value) == 0) {
            *out_index = i;
            return true;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", names[i]);
        nearest = assay_nearer_name(args->value, nearest, names[i]);
    }
    if (nearest == NULL)
        (void)cli_usage_error(args->command, "--%s '%s' is none of %s", args->option, args->value, list);
    else
        (void)cli_usage_error(args->command, "--%s '%s' is none of %s: did you mean '%s'?", args->option,
                              args->value, list, nearest);
    return false;
}

bool cli_read_format(const cli_args *args, bool with_csv, assay_report_format *out_format) {
    static const char *const NAMES[] = {"text", "json", "csv"};
    size_t index = 0;
    if (!cli_read_choice(args, NAMES, with_csv ? 3 : 2, &index))
        return false;
    *out_format = (assay_report_format)index;
    return true;
}

bool cli_read_whole(const cli_args *args, uint64_t min, uint64_t max, uint64_t *out_value) {
    const char *text = args->value;
    uint64_t value = 0;
    bool is_good = text[0] != '\0';
    for (; *text != '\0' && is_good; text++) {
        unsigned digit = (unsigned)(*text - '0');
        is_good = digit <= 9 && value <= (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    if (!is_good || value < min || value > max) {
        (void)cli_usage_error(args->command, "--%s '%s' must be a whole number from %" PRIu64 " to %" PRIu64,
                              args->option, args->value, min, max);
        return false;
    }
    *out_value = value;
    return true;
}

bool cli_set_memory(const char *text) {
    char *end = NULL;
    double number = strtod(text, &end);
    double unit = 1;
    switch (*end) {
    case 'K':
    case 'k':
        unit = 1024;
        break;
    case 'M':
    case 'm':
        unit = 1024.0 * 1024;
        break;
    case 'G':
    case 'g':
        unit = 1024.0 * 1024 * 1024;
        break;
    case 'T':
    case 't':
        unit = 1024.0 * 1024 * 1024 * 1024;
        break;
    default:
        break;
    }
    end += unit > 1 ? 1 : 0;
    if (end == text || *end != '\0' || !(number * unit >= 1 && number * unit < 1e18))
        return false;
    return assay_memory_limit((size_t)(number * unit), NULL, NULL) == ASSAY_OK;
}

const char *cli_database(const char *given) {
    if (given != NULL)
        return given;
    const char *set = getenv("ASSAY_DB");
    return set != NULL && set[0] != '\0' ? set : "db";
}

bool cli_check_operands(const cli_args *args, int min, int max, const char *what) {
    if (args->n_operands < min) {
        (void)cli_usage_error(args->command, "%s is missing", what);
        return false;
    }
    if (args->n_operands > max) {
        (void)cli_usage_error(args->command, "'%s' is one argument too many", args->operands[max]);
        return false;
    }
    return true;
}

/* --- lists of names --- */

bool cli_names_add(cli_names *names, const char *text, size_t size) {
    if (names->n == names->capacity) {
        size_t capacity = names->capacity == 0 ? 16 : names->capacity * 2;
        char **grown = realloc(names->name, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        names->name = grown;
        names->capacity = capacity;
    }
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    names->name[names->n++] = copy;
    return true;
}

bool cli_names_add_list(cli_names *names, const char *text) {
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        size_t before = strspn(text, " \t");
        size_t end = size;
        while (end > before && (text[end - 1] == ' ' || text[end - 1] == '\t'))
            end--;
        if (end > before && !cli_names_add(names, text + before, end - before))
            return false;
        text += size + (text[size] == ',');
    }
    return true;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void cli_names_sort(cli_names *names) {
    if (names->n == 0)
        return;
    qsort(names->name, names->n, sizeof *names->name, compare_names);
    size_t kept = 1;
    for (size_t i = 1; i < names->n; i++) {
        if (strcmp(names->name[i], names->name[kept - 1]) == 0)
            free(names->name[i]);
        else
            names->name[kept++] = names->name[i];
    }
    names->n = kept;
}

void cli_names_reset(cli_names *names) {
    for (size_t i = 0; i < names->n; i++)
        free(names->name[i]);
    free(names->name);
    *names = (cli_names){0};
}
