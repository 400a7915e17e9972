/* What is wrong with a database's prices, what a run would do about it, and a mended copy. Part of libassay-store.
 *
 * Every kind of finding and every threshold is a row of a table (src/store/check_kinds.c); docs/check.md has them for
 * people.
 */
#ifndef ASSAY_CHECK_H
#define ASSAY_CHECK_H

#include "assay/assay_store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An error stops a run under on_bad_data: error. A warning makes its numbers doubtful. A note is worth knowing. */
typedef enum assay_severity {
    ASSAY_SEVERITY_NOTE = 0,
    ASSAY_SEVERITY_WARNING = 1,
    ASSAY_SEVERITY_ERROR = 2
} assay_severity;

/* Whether assay_store_fix mends a kind: never, when it is asked to, or by itself. */
typedef enum assay_fixable { ASSAY_FIX_NEVER = 0, ASSAY_FIX_ASKED = 1, ASSAY_FIX_SAFE = 2 } assay_fixable;

typedef struct assay_check_kind {
    const char *name;
    assay_severity severity;
    assay_fixable fixable;
    const char *what;         /* one line */
    const char *run_would[3]; /* by assay_bad_data */
    const char *advice;       /* what to do */
    const char *fix;          /* what assay_store_fix does; "" where it never does anything */
} assay_check_kind;

ASSAY_API size_t assay_check_kind_count(void);
ASSAY_API const assay_check_kind *assay_check_kind_at(size_t index);
ASSAY_API const char *assay_severity_name(assay_severity severity);

typedef struct assay_check_threshold {
    const char *name;
    double standard, min, max;
    const char *unit;
    const char *help;
} assay_check_threshold;

enum { ASSAY_MOST_THRESHOLDS = 24 };
ASSAY_API size_t assay_check_threshold_count(void);
ASSAY_API const assay_check_threshold *assay_check_threshold_at(size_t index);

typedef struct assay_check_spec {
    const char *const *symbols; /* NULL: every symbol */
    size_t n_symbols;
    int64_t start_us, end_us; /* INT64_MIN, INT64_MAX: all; rows from start to end are looked at */
    const char *frequency;    /* NULL: the only one, or the one with the most rows */
    const bool *kinds;        /* one for each kind; NULL: all */
    double threshold[ASSAY_MOST_THRESHOLDS]; /* assay_check_spec_init fills in the standards */
    assay_bad_data on_bad_data;
    int64_t now_us; /* dates after it are in the future */
} assay_check_spec;

ASSAY_API void assay_check_spec_init(assay_check_spec *spec);

enum { ASSAY_MOST_EXAMPLES = 3 };

/* What was found of one kind in one symbol, or in all of the data. */
typedef struct assay_finding {
    size_t kind;
    const char *symbol; /* NULL: the data as a whole */
    int64_t first_us, last_us;
    bool has_dates;
    size_t count; /* of rows, bars or symbols, as the kind counts */
    size_t n_examples;
    const char *example[ASSAY_MOST_EXAMPLES];
} assay_finding;

typedef struct assay_check_report {
    size_t n_findings; /* by severity (the worst first), kind, symbol */
    assay_finding *finding;
    size_t n_by_severity[3];
    size_t n_rows, n_symbols, n_bars;
    size_t n_ended;      /* symbols that end before the last date, by more than end_days */
    size_t n_begin_late; /* symbols that begin after the first date, by more than end_days */
    int64_t first_us, last_us;
    char frequency[32];
} assay_check_report;

/* Looks at the prices table and corporate_actions; changes nothing. ASSAY_E_NOT_FOUND: no prices. ASSAY_E_DATA: values that
 * cannot be read (file and value). Destroy the report with assay_check_report_destroy. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_check(assay_store *store, const assay_check_spec *spec,
                                                         assay_check_report **out_report, assay_error *err);
ASSAY_API void assay_check_report_destroy(assay_check_report *report); /* NULL: nothing */

/* One change of a mended copy. */
typedef struct assay_change {
    size_t kind;
    const char *symbol;
    const char *what; /* "row of 2020-01-03 dropped: close_price is -1" */
    const char *file; /* below the database's folder */
} assay_change;

typedef struct assay_change_list {
    size_t n;
    assay_change *change;
} assay_change_list;

/* Works out the changes that mend the findings of `spec`'s kinds (only kinds that can be mended count), and writes the mended
 * database to `target`, which must not exist or be an empty folder, outside the store's own. `target` NULL: only works them
 * out. The store's files are only read. ASSAY_E_ARGUMENT, ASSAY_E_IO, ASSAY_E_DATA. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_fix(assay_store *store, const assay_check_spec *spec,
                                                       const char *target, assay_change_list **out_changes,
                                                       assay_error *err);
ASSAY_API void assay_change_list_destroy(assay_change_list *changes); /* NULL: nothing */

#ifdef __cplusplus
}
#endif
#endif
