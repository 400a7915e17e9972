/* The insides of the data check, shared by finding and mending. */
#ifndef ASSAY_STORE_CHECK_H
#define ASSAY_STORE_CHECK_H

#include "assay/assay_check.h"

#include "prices_table.h"

/* The SQL of a kind (check_kinds.c). Both read the tables that assay_check_stage makes.
 *
 *   hits   SELECT symbol, t, until, n, detail: an occurrence each; symbol NULL for the data as a whole
 *   mend   SELECT symbol, file, row, action, detail, values…: a change each (check_fix.c); NULL: none
 */
typedef struct assay_check_sql {
    const char *hits;
    const char *mend;
} assay_check_sql;

const assay_check_sql *assay_check_kind_sql(size_t index);

/* What makes the tables behind assay_check_rows, a NULL ends them (check_tables.c). The first gets the files as $1, the second
 * makes the events of prices, to which those of corporate_actions are added before the third. */
extern const char *const assay_check_statements[];

/* Makes the tables assay_check_rows, _dups, _bars, _events, _calendar, _jumps of the connection, and sets the thresholds as
 * its variables; drops what an earlier check left. Fills the report's totals. */
ASSAY_NODISCARD assay_status assay_check_stage(assay_store *store, const assay_check_spec *spec,
                                               assay_check_report *report, assay_error *err);
void assay_check_unstage(assay_store *store);

/* Whether the kind is among those that were asked for. */
bool assay_check_wants(const assay_check_spec *spec, size_t kind);

#endif
