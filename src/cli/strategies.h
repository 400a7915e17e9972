/* From what names a strategy to the strategy: one syntax for the command line, configurations and stored runs.
 *
 *     momentum            a built-in one
 *     rule:FILE.yaml      a rule in a file, or rule:{...} the rule itself, as a stored run has it
 *     plugin:FILE.so      a shared object; FILE.so alone will do
 *     signals:SOURCE      ready signals: a table of the database, a Parquet or CSV file, or a query
 *
 * Several of them are an ensemble.
 */
#ifndef ASSAY_CLI_STRATEGIES_H
#define ASSAY_CLI_STRATEGIES_H

#include "cli/cli.h"
#include "cli/config_file.h"

/* What was made for a request; the configuration must not outlive it. */
typedef struct cli_strategies {
    const assay_strategy *strategy; /* what was asked for */
    assay_strategy **made;
    size_t n_made;
} cli_strategies;

/* Opens n >= 1 references. `file`: a configuration whose sections `rule` and `define` the reference "rule" stands for, and whose
 * keys `plugin` and `signals` those words; NULL: none. `db`: the database of signals. On failure there is nothing to reset.
 * ASSAY_E_CONFIG: there is no such strategy, a mistake in a rule (FILE:LINE:COLUMN); others as the loaders. */
ASSAY_NODISCARD assay_status cli_strategies_open(const char *const *references, size_t n,
                                                 const cli_config_file *file, const char *db,
                                                 cli_strategies *out_strategies, assay_error *err);
void cli_strategies_reset(cli_strategies *strategies);

/* Whether a reference stands for the rule in the sections of a file. */
bool cli_is_own_rule(const char *reference);

/* --- what a configuration says of strategies --- */

/* Whether an entry says which strategies there are or what they are (parameters aside), and sets nothing. */
bool cli_is_of_strategies(const cli_config_entry *entry);

/* Refuses keys and sections for a strategy that is none of a configuration's own references. ASSAY_E_CONFIG. */
ASSAY_NODISCARD assay_status cli_check_own_strategies(const cli_config_file *file,
                                                      const char *const *references, size_t n,
                                                      assay_error *err);

/* A reference that stands in a file: a path in it may be beside the file. Free it. NULL: out of memory. */
char *cli_reference_beside(const cli_config_file *file, const char *reference);

#endif
