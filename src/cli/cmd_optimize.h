/* assay optimize: what its files share. Private to src/cli/cmd_optimize*.c. */
#ifndef ASSAY_CLI_CMD_OPTIMIZE_H
#define ASSAY_CLI_CMD_OPTIMIZE_H

#include "assay/assay_optimize.h"
#include "cli/runner.h"

enum { CLI_SWEEP_ID_SIZE = 97, CLI_INTERRUPTED = 130, CLI_LISTED_POINTS = 10, CLI_MOST_KEPT = 10000 };

/* As the command line has it. */
typedef struct cli_sweep_args {
    cli_common common;
    cli_names axes, objectives, constraints;
    const char *sampling, *shard, *sweep_id, *report_id;
    uint64_t n_keep;
    bool halving, restart;
} cli_sweep_args;

/* A point that is stored with its trades. */
typedef struct cli_kept {
    uint64_t point;
    char *config_json;
    char warnings[256];
    int64_t delisted_positions, duration_ms;
    double *metrics;
} cli_kept;

/* A sweep in the making. */
typedef struct cli_sweep {
    const cli_sweep_args *args;
    cli_request request;
    assay_optimizer *optimizer;
    assay_store *store;
    cli_run run; /* its panel alone */
    char frequency[64], fingerprint[33];
    char *config_json, *plan_json;
    char sweep_id[CLI_SWEEP_ID_SIZE];
    assay_sweep_store *parts; /* NULL: nothing is stored */
    assay_rung rung[ASSAY_MAX_RUNGS];
    size_t n_rungs;
    uint64_t *points; /* of the last rung; NULL: those of the shard */
    uint64_t n_points;
    size_t batch; /* points of a part */
    assay_sweep_scores *scores;
    cli_kept *kept; /* ascending */
    size_t n_kept;
    double *returns; /* of the best point */
    size_t n_returns;
    double periods_per_year, risk_free_rate;
    int64_t begun_us; /* of the monotonic clock */
} cli_sweep;

/* The number of the j-th point of the last rung. */
uint64_t cli_sweep_point(const cli_sweep *sweep, uint64_t j);

/* Runs the points that are to be kept (and the best one) in full, and hands them to the store. */
ASSAY_NODISCARD assay_status cli_sweep_keep(cli_sweep *sweep, assay_error *err);
/* Writes the tables. */
ASSAY_NODISCARD assay_status cli_sweep_store(cli_sweep *sweep, assay_error *err);

/* A sweep from the command line to the screen; the exit code. */
int cli_sweep_main(const cli_sweep_args *args);

/* Prints what is stored of a sweep; objectives and constraints of `args` (NULL: none) come before the stored ones.
 * ASSAY_E_NOT_FOUND. */
ASSAY_NODISCARD assay_status cli_stored_sweep_report(assay_store *store, const char *sweep_id,
                                                     const cli_sweep_args *args, assay_report_format format,
                                                     assay_error *err);
/* Writes it as a document (assay_report_sweep_document). */
ASSAY_NODISCARD assay_status cli_stored_sweep_document(assay_store *store, const char *sweep_id, FILE *out,
                                                       assay_error *err);
/* Whether the database has a sweep of that id. */
ASSAY_NODISCARD assay_status cli_has_sweep(assay_store *store, const char *sweep_id, bool *out_has,
                                           assay_error *err);
/* A run and a sweep of one id would take each other's files. ASSAY_E_CONFIG where there is a run of that id. */
ASSAY_NODISCARD assay_status cli_check_no_run(assay_store *store, const char *sweep_id, assay_error *err);
/* A shard must have the plan of the shards that are stored already. ASSAY_E_CONFIG. */
ASSAY_NODISCARD assay_status cli_check_other_shards(assay_store *store, const cli_sweep *sweep,
                                                    assay_error *err);

#endif
