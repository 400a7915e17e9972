/* Columns that the language knows by name: those of the tables technical_analysis and fundamental_analysis.
 *
 * A technical column that the data do not have is computed from prices, by the expression that defines it.
 */
#ifndef ASSAY_EXPRESSION_NAMES_H
#define ASSAY_EXPRESSION_NAMES_H

#include "assay/assay_rule.h"
#include "expression/graph.h"

bool assay_is_known_column(const char *name);
/* NULL past the last. */
const char *assay_known_column_at(size_t index);
/* The expression that computes a column from prices; NULL: there is none. */
const char *assay_column_expression(const char *name);

/* The computed columns, in the order in which they are written; NULL past the last. */
const assay_indicator *assay_computed_column_at(size_t index);

#endif
