/* Strategies written as expressions (docs/rules.md): `buy: rsi(close, 14) < 30`.
 *
 * A rule is a strategy like any other: its parameters can be set and swept, its expressions are computed for all symbols of a
 * bar at a time, and nothing in the language can look ahead.
 */
#ifndef ASSAY_RULE_H
#define ASSAY_RULE_H

#include "assay/assay_panel.h"
#include "assay/assay_strategy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One line of a rule: `key: text` of section "rule" (buy, sell, score …), "define" (a named expression) or "parameters" (a
 * parameter and its default). */
typedef struct assay_rule_line {
    const char *section, *key, *text;
} assay_rule_line;

/* Where a mistake is: the line, and the byte of its text. line == n_lines: of the whole. */
typedef struct assay_rule_place {
    size_t line, offset;
} assay_rule_place;

/* Makes a strategy of a rule's lines, which are copied. `name` NULL: the rule's own `name`, else "rule". Destroy it with
 * assay_strategy_destroy. ASSAY_E_CONFIG: a mistake, whose place goes to *out_place (may be NULL). ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_rule_create(const char *name, const assay_rule_line *lines,
                                                         size_t n_lines, assay_strategy **out_strategy,
                                                         assay_rule_place *out_place, assay_error *err);

/* --- expressions by themselves --- */

/* The columns of the table technical_analysis that are computed from prices where the data do not have them, and the
 * expressions that define them. Static storage; NULL past the last, and for a column that only data can tell. */
typedef struct assay_indicator {
    const char *column, *expression;
} assay_indicator;
ASSAY_API const assay_indicator *assay_indicator_at(size_t index);
ASSAY_API const char *assay_indicator_expression(const char *column);

/* Computes an expression over a panel: n_bars x n_symbols values by bar and symbol, prices at the as-of raw scale, NaN where
 * there is none. ASSAY_E_CONFIG: a mistake (the message has the character); ASSAY_E_NOT_FOUND: a column that the panel does
 * not have; ASSAY_E_DATA: sectors are missing; ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_expression_compute(const assay_panel *panel,
                                                                const char *expression, double *out_values,
                                                                assay_error *err);

/* The functions of the language, for documentation: usage such as "ema(x, n)", formula, source. false past the last. */
ASSAY_API bool assay_expression_function(size_t index, char *out_usage, size_t size, const char **out_formula,
                                         const char **out_source);

/* Calls `found` for each panel column beside prices that a strategy (of any kind, also an ensemble) reads by name, such as
 * "pe_ratio", once; the name is there during the call. ASSAY_E_NOMEM. */
typedef void (*assay_column_found)(void *context, const char *name);
ASSAY_API ASSAY_NODISCARD assay_status assay_strategy_columns(const assay_strategy *strategy,
                                                              assay_column_found found, void *context,
                                                              assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
