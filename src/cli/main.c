/* The program `assay`: the table of subcommands, and the choice of one. */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/text.h"
#include "cli/cli.h"

/* In the order in which help lists them. A new one: its file, and its line here and in cli.h. */
static const cli_command *const COMMANDS[] = {
    &cli_cmd_sample,     &cli_cmd_import,     &cli_cmd_table, &cli_cmd_resample, &cli_cmd_check,
    &cli_cmd_indicators, &cli_cmd_strategies, &cli_cmd_run,   &cli_cmd_optimize, &cli_cmd_walkforward,
    &cli_cmd_verify,     &cli_cmd_runs,       &cli_cmd_show,  &cli_cmd_report,   &cli_cmd_audit,
    &cli_cmd_reproduce,  &cli_cmd_sql,        &cli_cmd_help,
};

size_t cli_command_count(void) {
    return sizeof COMMANDS / sizeof *COMMANDS;
}

const cli_command *cli_command_at(size_t index) {
    return COMMANDS[index];
}

const cli_command *cli_command_find(const char *name) {
    const char *nearest = NULL;
    for (size_t i = 0; i < cli_command_count(); i++) {
        if (strcmp(COMMANDS[i]->name, name) == 0)
            return COMMANDS[i];
        nearest = assay_nearer_name(name, nearest, COMMANDS[i]->name);
    }
    if (nearest == NULL)
        cli_message("unknown command '%s'; `assay help` lists them", name);
    else
        cli_message("unknown command '%s': did you mean '%s'? `assay help` lists them", name, nearest);
    return NULL;
}

/*
 * Where ASSAY_PARENT names the process that started this one, the program gets SIGTERM when that process ends, however
 * it ends: a worker that was killed leaves no sweep behind that holds the lock of its successor.
 */
static bool ends_with_parent(const char *parent) {
#ifdef __linux__
    if (parent == NULL || parent[0] == '\0')
        return true;
    char *end = NULL;
    long pid = strtol(parent, &end, 10);
    if (*end != '\0' || pid < 1) {
        cli_message("the environment's ASSAY_PARENT '%s' is no process id", parent);
        return false;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != (pid_t)pid) { /* it ended before it could be asked for */
        cli_message("the process %ld that started this program has ended", pid);
        return false;
    }
#else
    (void)parent;
#endif
    return true;
}

int main(int argc, char **argv) {
    (void)setlocale(LC_CTYPE, "");  /* numbers keep their point */
    (void)signal(SIGPIPE, SIG_IGN); /* a run goes on being stored when nobody reads its summary */
    if (argc < 2) {
        cli_print_help(stderr);
        return CLI_USAGE;
    }
    const char *first = argv[1];
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
        printf("assay %s\n", ASSAY_VERSION);
        return cli_finish_output(CLI_DONE);
    }
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        cli_print_help(stdout);
        return cli_finish_output(CLI_DONE);
    }
    if (first[0] == '-') {
        cli_message("unknown option '%s' before a command; `assay help` lists the commands", first);
        return CLI_USAGE;
    }
    const cli_command *command = cli_command_find(first);
    if (command == NULL)
        return CLI_USAGE;
    const char *memory = getenv("ASSAY_MEMORY");
    if (memory != NULL && memory[0] != '\0' && !cli_set_memory(memory)) {
        cli_message("the environment's ASSAY_MEMORY '%s' is no size; 2G and 500M are", memory);
        return CLI_USAGE;
    }
    const char *seconds = getenv("ASSAY_PROGRESS");
    if (seconds != NULL && seconds[0] != '\0' && !cli_set_progress_lines(seconds)) {
        cli_message("the environment's ASSAY_PROGRESS '%s' is no number of seconds from 1 to 86400", seconds);
        return CLI_USAGE;
    }
    const char *kinds = getenv("ASSAY_ERROR_KIND");
    if (kinds != NULL && kinds[0] != '\0')
        cli_name_error_kinds();
    if (!ends_with_parent(getenv("ASSAY_PARENT")))
        return CLI_FAILED;
    int code = command->run(command, argc - 1, argv + 1);
    cli_progress(NULL);
    return cli_finish_output(code);
}
