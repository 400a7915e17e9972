/* Names of frequencies: one canonical name for the spellings that people use. */
#ifndef ASSAY_STORE_FREQUENCY_H
#define ASSAY_STORE_FREQUENCY_H

#include "query.h"

/* The canonical name: "1d" for "daily", "D" …; unknown ones in lower case. Returns `out_text`. */
const char *assay_frequency_name(const char *text, size_t size, char out_text[32]);

/* Appends SQL that gives the canonical name of a relation's column, `otherwise` (made canonical) where it is missing.
 * `column` NULL: everywhere. Looks at the values that the column has. */
ASSAY_NODISCARD assay_status assay_frequency_case(duckdb_connection connection, const char *relation,
                                                  const assay_arg *args, size_t n_args, const char *column,
                                                  const char *otherwise, assay_sql *sql, assay_error *err);

#endif
