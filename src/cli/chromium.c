#include "cli/chromium.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts the program without output; the exit code, 127 where there is no such program. */
static int run_quietly(char *const *argv) {
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int status = 0;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return 126;
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return failed == ENOENT ? 127 : 126;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static bool has_content(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && info.st_size > 0;
}

/* A path as an address: bytes that mean something there are written as numbers (RFC 3986). */
static void put_address(const char *path, char *out_text, size_t size) {
    size_t used = strlen(out_text);
    for (const unsigned char *at = (const unsigned char *)path; *at != '\0' && used + 4 < size; at++) {
        bool is_plain = isalnum(*at) != 0 || strchr("/-._~", *at) != NULL;
        used += (size_t)snprintf(out_text + used, size - used, is_plain ? "%c" : "%%%02X", *at);
    }
}

assay_status cli_chromium_print(const char *page, const char *path, bool as_pdf, assay_error *err) {
    const char *const known[] = {getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"};
    char here[PATH_MAX] = "", url[6 * PATH_MAX + 16] = "file://", what[PATH_MAX + 64];
    if (page[0] != '/' && getcwd(here, sizeof here) == NULL)
        return assay_error_set(err, ASSAY_E_IO, "cannot find %s: %s", page, strerror(errno));
    put_address(here, url, sizeof url);
    put_address(page[0] == '/' ? "" : "/", url, sizeof url);
    put_address(page, url, sizeof url);
    snprintf(what, sizeof what, as_pdf ? "--print-to-pdf=%s" : "--screenshot=%s", path);
    (void)unlink(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i] == NULL || known[i][0] == '\0')
            continue;
        /* A page of our own needs no sandbox, which the superuser cannot have. */
        char *argv[] = {(char *)(uintptr_t)known[i],
                        (char *)"--headless",
                        (char *)"--no-sandbox",
                        (char *)"--disable-gpu",
                        (char *)"--no-pdf-header-footer",
                        (char *)"--hide-scrollbars",
                        (char *)"--window-size=1280,2400",
                        (char *)"--virtual-time-budget=5000",
                        what,
                        url,
                        NULL};
        int code = run_quietly(argv);
        if (code == 127)
            continue;
        if (code != 0 || !has_content(path))
            return assay_error_set(err, ASSAY_E_IO, "%s could not print %s (exit code %d)", known[i], path,
                                   code);
        return ASSAY_OK;
    }
    return assay_error_set(err, ASSAY_E_NOT_FOUND,
                           "there is no Chromium to print with: install Debian's package chromium, or name a "
                           "browser with CHROMIUM; the HTML file can be printed from any browser");
}
