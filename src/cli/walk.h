/* What a walk-forward is asked for: the options that walkforward and verify share. */
#ifndef ASSAY_CLI_WALK_H
#define ASSAY_CLI_WALK_H

#include "assay/assay_verify.h"
#include "assay/assay_walkforward.h"
#include "cli/cli.h"

typedef struct cli_walk {
    cli_names axes, where;
    assay_walkforward_spec spec;
} cli_walk;

#define CLI_WALK_ROWS                                                                                        \
    {"axis", "KEY=VALUES",                                                                                   \
     "a parameter or setting, and what to try for it: 10,20,50 or\n"                                         \
     "BEGIN:END:STEP or log:BEGIN:END:COUNT or LOW..HIGH; any\nnumber of times"},                            \
        {"sample", "HOW", "grid (default), random:N:SEED or sobol:N"},                                       \
        {"train", "LENGTH", "of a training window: bars (504), or 2y, 6m, 8w, 90d"},                         \
        {"test", "LENGTH", "of the test behind it"},                                                         \
        {"step", "LENGTH", "from one test's begin to the next one's (default: --test)"},                     \
        {"anchored", NULL, "every training begins where the first one does"},                                \
        {"purge", "LENGTH", "left out at the end of the training (default 0)"},                              \
        {"embargo", "LENGTH",                                                                                \
         "left out behind a test where a later training begins or\nends there (default 0)"},                 \
        {"positions", "HOW",                                                                                 \
         "flatten (default): each test is a run of its own; carry: one\n"                                    \
         "portfolio goes through all tests"},                                                                \
        {"objective", "METRIC", "what is sought (default sharpe_ratio); min:METRIC seeks the\nsmallest"}, {  \
        "where", "CONDITION",                                                                                \
            "only points with it can win, such as 'total_trades>=50',\n"                                     \
            "'max_drawdown_pct>-30' or min_trades=50; any number of times"                                   \
    }
enum { CLI_N_WALK_ROWS = 11 };

/* Takes the option that was read last, which must be one of these; false: wrong, which has been said. */
bool cli_take_walk(const cli_args *args, cli_walk *walk);
/* Points the specification to the lists, once all options are read. */
void cli_walk_finish(cli_walk *walk);
void cli_walk_reset(cli_walk *walk);

/* Verifies a walk-forward: its choices, too, may not depend on the future. As assay_verify. */
ASSAY_NODISCARD assay_status cli_verify_walk(const assay_panel *panel, const assay_config *config,
                                             const assay_walkforward_spec *plan,
                                             const assay_verify_spec *spec, assay_verify_report *out_report,
                                             assay_error *err);

#endif
