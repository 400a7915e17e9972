/* One axis of a plan of points: a name and its values, read from text such as "lookback=10:200:10".
 *
 *   lookback=10,20,50            a list, of numbers or texts (fill=next_open,next_close)
 *   threshold=0.02:0.2:0.02      begin:end:step, the end included where a step meets it
 *   threshold=log:0.01:1:20      20 values in geometric progression, both ends included
 *   lookback=10..200             any whole number from 10 to 200; any real number where an end has a point (0.01..0.5)
 *   threshold=log:0.01..1        likewise, its logarithm uniform
 *
 * Invariant: a value depends on its index (or fraction) alone, so that nothing is stored but lists. Steps are counted in
 * decimal units (0.02:0.2:0.02 is 2 … 20 hundredths), so the tenth value is the very double that "0.2" reads as.
 */
#ifndef ASSAY_RESEARCH_AXIS_H
#define ASSAY_RESEARCH_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"

typedef enum assay_axis_kind {
    ASSAY_AXIS_LIST = 0,
    ASSAY_AXIS_STEPS = 1,
    ASSAY_AXIS_LOG_STEPS = 2,
    ASSAY_AXIS_RANGE = 3,    /* no values of its own: count is 0 */
    ASSAY_AXIS_LOG_RANGE = 4 /* likewise */
} assay_axis_kind;

typedef struct assay_axis {
    char *name;
    assay_axis_kind kind;
    bool whole;        /* values are whole numbers (not told of lists) */
    uint64_t count;    /* values; 0 for ranges */
    double begin, end; /* steps and ranges */
    double step;       /* steps where `scale` is 0 */
    int64_t begin_units, step_units;
    double scale; /* units in 1: a power of ten; 0 where the text has more digits than units can count */
    char **text;  /* lists: canonical texts, one block */
} assay_axis;

typedef struct assay_axis_value {
    const char *text; /* of a list, as long as the axis lives; else NULL */
    bool whole;
    int64_t integer; /* where whole */
    double number;   /* NaN for a text that is no number */
} assay_axis_value;

/* The most values that log:begin:end:count may have. */
enum { ASSAY_AXIS_MAX_LOG_STEPS = 1000000 };

/* Reads `text` into *out_axis; on failure there is nothing to reset. ASSAY_E_CONFIG: the message has the text, the place in
 * it and what to write. ASSAY_E_NOMEM. Thread-safe: nothing here is shared. */
ASSAY_NODISCARD assay_status assay_axis_init(assay_axis *out_axis, const char *text, assay_error *err);
/* Frees what the axis owns. A zeroed axis: nothing. */
void assay_axis_reset(assay_axis *axis);

/* The value of index 0 … count − 1 (not of ranges). */
assay_axis_value assay_axis_at(const assay_axis *axis, uint64_t index);
/* The index that a fraction in [0, 1) falls on (not of ranges). */
uint64_t assay_axis_index_at(const assay_axis *axis, double fraction);
/* The value of a range at a fraction in [0, 1). */
assay_axis_value assay_axis_within(const assay_axis *axis, double fraction);

/* Canonical text, cut at `size`; 32 fit any number. */
void assay_axis_value_text(const assay_axis_value *value, char *out_text, size_t size);

#endif
