/* What a run was asked for: a configuration file, and the options that override it. */
#ifndef ASSAY_CLI_REQUEST_H
#define ASSAY_CLI_REQUEST_H

#include "cli/cli.h"
#include "cli/config_file.h"
#include "cli/strategies.h"

/* As the command line has it; NULL or empty where not given. */
typedef struct cli_run_options {
    const char *const *strategies; /* references (strategies.h); several: an ensemble */
    size_t n_strategies;           /* 0: those of the configuration */
    const char *db;                /* as given */
    const char *config_path;
    const char *symbols; /* A,B,C */
    const char *holdings;
    const char *start, *end;
    const char *frequency;
    const char *resample;
    cli_names sets; /* key=value */
} cli_run_options;

/* What run, optimize, walkforward and verify have in common. */
typedef struct cli_common {
    cli_run_options options;
    const char *db;
    assay_report_format format;
    uint64_t n_threads;
    bool no_store;
} cli_common;

/* Rows of those options for a command's table; the last is left out where nothing is stored. */
#define CLI_COMMON_ROWS(format_help, threads_help)                                                           \
    {"db", "DIR", "the database folder"}, {"symbols", "A,B,...", "these symbols; without it every symbol"},  \
        {"holdings", "FILE", "symbols and sectors of a CSV file with columns sym, sector"},                  \
        {"start", "DATE", "first day; earlier bars warm windows up"}, {"end", "DATE", "last day"},           \
        {"set", "KEY=VALUE",                                                                                 \
         "a parameter of the strategy or a setting of the engine;\nany number of times"},                    \
        {"config", "FILE", "a YAML configuration; options override it"}, {"format", "FORMAT", format_help},  \
        {"threads", "N", threads_help},                                                                      \
        {"memory", "SIZE", "how much to take before data lie in files (2G, 500M; half of\nthe machine's)"},  \
        {"block-bars", "N", "all data lie in files, and go back there after every N bars"},                  \
        {"frequency", "F", "which frequency, where the prices have several"},                                \
        {"resample", "F", "run on coarser bars made of them: 5m, 1h, 1d, 1w, 1mo, 1q, 1y"},                  \
        {"quiet", NULL, "no messages but errors"}, {                                                         \
        "no-store", NULL, "write no tables"                                                                  \
    }
enum { CLI_N_COMMON_ROWS = 15 };

/* Takes the option that was read last, if it is one of them; false: it is not, or its value is wrong, which has been said. */
bool cli_take_common(const cli_args *args, cli_common *common);
/* The operands are strategies: at least one, unless a configuration can name them. False, with a message, where not. */
bool cli_take_strategies(const cli_args *args, cli_common *common);
void cli_common_reset(cli_common *common);

/* Appends the value of an option that may stand any number of times. */
bool cli_take_name(const cli_args *args, cli_names *names);

/* Checked, and ready to run. */
typedef struct cli_request {
    cli_strategies strategies;
    assay_config *config;
    cli_names sectors;     /* "SYMBOL=SECTOR", sorted; of a holdings file or a stored run */
    bool has_own_rule;     /* the rule stands in the configuration */
    cli_names symbols;     /* sorted; none: every symbol */
    char *frequency;       /* NULL: the only one there is */
    bool few_metrics;      /* those of sweeps and folds alone */
    int64_t read_until_us; /* bars after it are not read, whatever the period; 0: it alone decides */
    bool
        by_signals; /* a stored run's, of a strategy that the program cannot run: its stored signals stand for it */
} cli_request;

/* Reads the file where there is one, then the options. On failure there is nothing to reset. */
ASSAY_NODISCARD assay_status cli_request_make(const cli_run_options *options, cli_request *out_request,
                                              assay_error *err);
/* From the configuration that the run `run_id` of a database was stored with. Of a strategy in Python the stored signals, which
 * lead to the same orders, stand for the strategy. */
ASSAY_NODISCARD assay_status cli_request_from_text(const char *text, const char *run_id, const char *db,
                                                   cli_request *out_request, assay_error *err);
void cli_request_reset(cli_request *request);

/* Appends the symbols (column sym or symbol) of a holdings file, and where it has a column `sector` to `sectors` (NULL: not
 * wanted) "SYMBOL=SECTOR" for those that have one. ASSAY_E_IO, ASSAY_E_DATA (file:line). */
ASSAY_NODISCARD assay_status cli_read_holdings(const char *path, cli_names *symbols, cli_names *sectors,
                                               assay_error *err);

#endif
