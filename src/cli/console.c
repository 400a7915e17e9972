/* Messages, progress, the screen, and the end of standard output. */
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

/* The one state of the program that is not on a stack: what the terminal shows. */
static struct {
    bool is_quiet;
    bool has_progress;
    int64_t line_every_us; /* progress as lines, for who reads it from a pipe; 0: none */
    int64_t line_at_us;
    bool names_kinds; /* of errors, for who reads them from a pipe */
} console;

void cli_set_quiet(bool quiet) {
    console.is_quiet = quiet;
}

bool cli_is_quiet(void) {
    return console.is_quiet;
}

bool cli_set_progress_lines(const char *seconds) {
    char *end = NULL;
    errno = 0;
    long every = strtol(seconds, &end, 10);
    bool is_good = errno == 0 && end != seconds && *end == '\0' && every >= 1 && every <= 86400;
    console.line_every_us = is_good ? (int64_t)every * 1000000 : 0;
    return is_good;
}

void cli_name_error_kinds(void) {
    console.names_kinds = true;
}

static void progress_line(const char *text) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (console.line_at_us != 0 && now_us - console.line_at_us < console.line_every_us)
        return;
    console.line_at_us = now_us;
    fprintf(stderr, "progress: %s\n", text);
    fflush(stderr);
}

void cli_progress(const char *text) {
    bool wipes = text == NULL || text[0] == '\0';
    if (!wipes && !console.is_quiet && console.line_every_us > 0 && isatty(STDERR_FILENO) != 1)
        progress_line(text);
    if (console.is_quiet || (wipes && !console.has_progress) || isatty(STDERR_FILENO) != 1)
        return;
    fprintf(stderr, "\r\033[K%s", wipes ? "" : text);
    fflush(stderr);
    console.has_progress = !wipes;
}

void cli_message(const char *format, ...) {
    cli_progress(NULL);
    va_list args;
    va_start(args, format);
    fputs("assay: ", stderr);
    vfprintf(stderr, format, args);
    putc('\n', stderr);
    va_end(args);
}

int cli_usage_error(const cli_command *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "assay: %s: ", command->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nTry `assay %s --help`.\n", command->name);
    va_end(args);
    return CLI_USAGE;
}

int cli_fail(const assay_error *err) {
    cli_message("%s", err->message);
    if (console.names_kinds)
        fprintf(stderr, "kind: %s\n", assay_status_name(err->status));
    if (err->status == ASSAY_E_NOMEM && assay_memory_used().refusal[0] != '\0')
        cli_message("%s", assay_memory_used().refusal);
    switch (err->status) {
    case ASSAY_E_CONFIG:
    case ASSAY_E_ARGUMENT:
        return CLI_USAGE;
    case ASSAY_E_INTERNAL:
        cli_message("this is a mistake in Assay itself, not in your data; please report it with the command");
        return CLI_FAILED;
    default:
        return CLI_FAILED;
    }
}

static unsigned screen_width(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    long given = columns == NULL ? 0 : strtol(columns, NULL, 10);
    return given > 0 && given < 10000 ? (unsigned)given : 80;
}

assay_report_style cli_style(void) {
    return (assay_report_style){.width = screen_width(), .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
}

int cli_finish_output(int exit_code) {
    errno = 0;
    bool is_good = fflush(stdout) == 0 && ferror(stdout) == 0;
    int reason = errno;
    if (fclose(stdout) != 0 && is_good) {
        is_good = false;
        reason = errno;
    }
    if (is_good || reason == EPIPE)
        return exit_code;
    cli_message("cannot write standard output: %s",
                reason == 0 ? "an earlier write failed" : strerror(reason));
    return exit_code == CLI_DONE ? CLI_FAILED : exit_code;
}

void cli_print_json_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}
