/* What the subcommands share: their table, options, messages, output. Private to src/cli.
 *
 * Results go to standard output, everything else to standard error. A subcommand returns its exit code: 0 done, 1 failed,
 * 2 wrong usage (an unknown option, a setting out of its bounds, a mistake in a configuration file).
 */
#ifndef ASSAY_CLI_CLI_H
#define ASSAY_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "assay/assay.h"
#include "assay/assay_report.h"
#include "assay/assay_store.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* --- subcommands --- */

typedef struct cli_option {
    const char *name;     /* without dashes */
    const char *argument; /* NULL: a flag */
    const char *help;
} cli_option;

typedef struct cli_command cli_command;
struct cli_command {
    const char *name;
    const char *operands; /* as the usage line has them; "" for none */
    const char *summary;  /* one line */
    const char *description;
    const char *examples; /* lines, or NULL */
    const cli_option *options;
    size_t n_options;
    int (*run)(const cli_command *command, int argc, char **argv);
};

extern const cli_command cli_cmd_sample, cli_cmd_resample, cli_cmd_import, cli_cmd_strategies, cli_cmd_run,
    cli_cmd_optimize, cli_cmd_runs, cli_cmd_show, cli_cmd_audit, cli_cmd_reproduce, cli_cmd_sql, cli_cmd_help,
    cli_cmd_walkforward, cli_cmd_verify, cli_cmd_indicators, cli_cmd_table, cli_cmd_check, cli_cmd_report;

size_t cli_command_count(void);
const cli_command *cli_command_at(size_t index);
/* NULL, with a message that has the nearest known name, where there is none. */
const cli_command *cli_command_find(const char *name);

void cli_print_help(FILE *out);
void cli_print_command_help(const cli_command *command, FILE *out);

/* --- options --- */

/* A walk over a subcommand's arguments. Operands are moved behind the options; read them when it has ended. */
typedef struct cli_args {
    const cli_command *command;
    int argc;
    char **argv;
    const char *option; /* the option that was read last, and its argument */
    const char *value;
    int n_operands;
    char **operands;
    int exit_code; /* of CLI_ARGS_STOP */
} cli_args;

enum { CLI_ARGS_END = -1, CLI_ARGS_STOP = -2 };

void cli_args_init(cli_args *args, const cli_command *command, int argc, char **argv);
/* The index of the next option in the command's table; CLI_ARGS_END: only operands are left; CLI_ARGS_STOP: leave with
 * exit_code (help was asked for, or the option is wrong, which has been said). */
int cli_args_next(cli_args *args);

/* Values of options; false, with a message, where they are wrong. */
bool cli_read_format(const cli_args *args, bool with_csv, assay_report_format *out_format);
bool cli_read_whole(const cli_args *args, uint64_t min, uint64_t max, uint64_t *out_value);
/* Which of n names the value is. */
bool cli_read_choice(const cli_args *args, const char *const *names, size_t n, size_t *out_index);
/* The database folder: `given`, else $ASSAY_DB, else db. */
/* Sets the process's memory limit from "2G", "500M" … False: no size. */
bool cli_set_memory(const char *text);
const char *cli_database(const char *given);
/* The number of operands is checked against [min, max]; `what` names them in the message. */
bool cli_check_operands(const cli_args *args, int min, int max, const char *what);

/* --- messages and output --- */

/* "assay: …" on standard error. */
void cli_message(const char *format, ...) ASSAY_PRINTF(1, 2);
/* The same, then where help is; returns CLI_USAGE. */
int cli_usage_error(const cli_command *command, const char *format, ...) ASSAY_PRINTF(2, 3);
/* Prints an error and returns the exit code that belongs to its status. */
int cli_fail(const assay_error *err);

/* A text as a JSON string, in quotes. */
void cli_print_json_text(const char *text);

/* What is being done, on a terminal's standard error; NULL or "" wipes it. Nothing when quiet. */
void cli_progress(const char *text);

/* Progress as lines "progress: TEXT" where standard error is no terminal, one in so many seconds; false: not from 1 to
   86400. */
bool cli_set_progress_lines(const char *seconds);
/* From now on cli_fail also writes "kind: " and the name of the error's status. */
void cli_name_error_kinds(void);
void cli_set_quiet(bool quiet);
bool cli_is_quiet(void);

/* The screen: its width, and whether it shows UTF-8. */
assay_report_style cli_style(void);
/* Flushes standard output; a full disk makes CLI_FAILED out of CLI_DONE, a reader that has gone away is no error. */
int cli_finish_output(int exit_code);

/* --- lists of names --- */

typedef struct cli_names {
    char **name; /* owned */
    size_t n, capacity;
} cli_names;

/* Appends a copy of `size` bytes. False: out of memory. */
bool cli_names_add(cli_names *names, const char *text, size_t size);
/* Appends the parts between commas, without spaces around them and without empty ones. */
bool cli_names_add_list(cli_names *names, const char *text);
/* In byte order, each once. */
void cli_names_sort(cli_names *names);
void cli_names_reset(cli_names *names);

#endif
