/* The windows of a walk-forward validation: which bars train each fold, and which ones test it.
 *
 *   rolling    |--- train ---|purge|-- test --|              anchored   |--- train ---|purge|-- test --|
 *                     |--- train ---|purge|-- test --|                  |------- train -------|purge|-- test --|
 *
 * Pure functions of the calendar: no price is looked at. A window depends on no bar after its end, so bars that are added
 * later add folds (and complete the last one) but never move one.
 */
#ifndef ASSAY_RESEARCH_WALKFORWARD_WINDOWS_H
#define ASSAY_RESEARCH_WALKFORWARD_WINDOWS_H

#include "assay/assay_walkforward.h"

typedef enum assay_span_unit {
    ASSAY_SPAN_BARS = 0,
    ASSAY_SPAN_DAYS = 1,
    ASSAY_SPAN_MONTHS = 2
} assay_span_unit;

/* A length of time: weeks are 7 days, years 12 months. */
typedef struct assay_span {
    int64_t count;
    assay_span_unit unit;
} assay_span;

/* Reads 504, 504b, 90d, 8w, 6m or 2y; `option` ("--train") is named in the message. `least` is 0 or 1. ASSAY_E_CONFIG. */
ASSAY_NODISCARD assay_status assay_span_parse(const char *option, const char *text, int64_t least,
                                              assay_span *out_span, assay_error *err);

/* The day that lies `months` months, then `days` days after a day; a day that its month does not have is the last one that
 * it has (31 January and a month: 28 or 29 February). Negative numbers go back. */
int32_t assay_day_add(int32_t day, int64_t months, int64_t days);

typedef struct assay_fold_plan {
    assay_span train, test, step, purge, embargo;
    bool anchored;
} assay_fold_plan;

/* Bars [first, after) of the panel. */
typedef struct assay_fold_window {
    size_t train_first, train_after; /* what is used: purge and embargo are taken off */
    size_t test_first, test_after;
    bool is_partial; /* the data end before the test does */
} assay_fold_window;

/* Reads the lengths of a specification. ASSAY_E_CONFIG: a length that cannot be read, a purge as long as the training, a
 * step that is shorter than the test. */
ASSAY_NODISCARD assay_status assay_fold_plan_init(assay_fold_plan *plan, const assay_walkforward_spec *spec,
                                                  assay_error *err);

/* The windows over bars [first, after) of the calendar, of which calendar lengths count from origin_day. *out_windows is
 * the caller's (free). ASSAY_E_CONFIG: the period is too short for one whole fold, a window without a bar (the message has
 * the fold and its dates), tests that overlap. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_fold_windows(const assay_fold_plan *plan, const int64_t *timestamp_us,
                                                size_t first, size_t after, int32_t origin_day,
                                                assay_fold_window **out_windows, size_t *out_count,
                                                assay_error *err);

#endif
