/* assay help [COMMAND], and the help of every subcommand, made from its table. */
#include <string.h>

#include "cli/cli.h"

static void put_padded(const char *text, size_t columns, FILE *out) {
    size_t n = strlen(text);
    fputs(text, out);
    for (; n < columns; n++)
        putc(' ', out);
}

void cli_print_help(FILE *out) {
    fputs("Assay tests trading strategies on a folder of Parquet tables.\n"
          "\n"
          "usage: assay COMMAND [OPTION...]\n"
          "\n",
          out);
    for (size_t i = 0; i < cli_command_count(); i++) {
        fputs("  ", out);
        put_padded(cli_command_at(i)->name, 12, out);
        fprintf(out, "%s\n", cli_command_at(i)->summary);
    }
    fputs("\n"
          "  --help      this; `assay COMMAND --help` for one command\n"
          "  --version   the version\n"
          "\n"
          "The database is the folder given by --db, else by $ASSAY_DB, else ./db.\n"
          "Results go to standard output, messages to standard error.\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
          out);
}

/* "--name ARGUMENT", then the help, whose further lines are indented below it. */
static void put_option(const char *name, const char *argument, const char *help, FILE *out) {
    enum { HELP_COLUMN = 26 };
    char text[64];
    snprintf(text, sizeof text, "  --%s%s%s", name, argument == NULL ? "" : " ",
             argument == NULL ? "" : argument);
    put_padded(text, HELP_COLUMN, out);
    for (; *help != '\0'; help++) {
        putc(*help, out);
        if (*help == '\n')
            put_padded("", HELP_COLUMN, out);
    }
    putc('\n', out);
}

void cli_print_command_help(const cli_command *command, FILE *out) {
    fprintf(out, "usage: assay %s%s%s [OPTION...]\n\n%s\n\n", command->name,
            command->operands[0] == '\0' ? "" : " ", command->operands, command->description);
    for (size_t i = 0; i < command->n_options; i++)
        put_option(command->options[i].name, command->options[i].argument, command->options[i].help, out);
    put_option("help", NULL, "this", out);
    if (command->examples != NULL)
        fprintf(out, "\n%s\n", command->examples);
}

static int run_help(const cli_command *command, int argc, char **argv) {
    cli_args args;
    cli_args_init(&args, command, argc, argv);
    if (cli_args_next(&args) == CLI_ARGS_STOP)
        return args.exit_code;
    if (!cli_check_operands(&args, 0, 1, "COMMAND"))
        return CLI_USAGE;
    if (args.n_operands == 0) {
        cli_print_help(stdout);
        return CLI_DONE;
    }
    const cli_command *wanted = cli_command_find(args.operands[0]);
    if (wanted == NULL)
        return CLI_USAGE;
    cli_print_command_help(wanted, stdout);
    return CLI_DONE;
}

const cli_command cli_cmd_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "what the commands are, or one of them in detail",
    .description = "Lists the commands, or describes one.",
    .run = run_help,
};
