/* Values with the time from which they are known, spread over the bars of a panel. Internal to loading. */
#ifndef ASSAY_STORE_POINT_IN_TIME_H
#define ASSAY_STORE_POINT_IN_TIME_H

#include "market/panel.h"

/* One row of a table. */
typedef struct assay_dated_row {
    int64_t available_us; /* when it becomes known */
    int64_t timestamp_us; /* what it speaks of */
    int64_t version_us;   /* INT64_MIN: none */
    uint32_t symbol;      /* of the panel */
    uint32_t number;      /* in the order of reading; where its values are */
} assay_dated_row;

typedef struct assay_dated_rows {
    assay_dated_row *row;
    double *value; /* n_values a row, by its number; NaN = missing */
    size_t n, row_capacity, value_capacity, n_values;
} assay_dated_rows;

void assay_dated_rows_reset(assay_dated_rows *rows); /* frees what it owns; n_values stays */

/* Appends a row; its number is set, and *out_values is where its values go. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_dated_rows_add(assay_dated_rows *rows, assay_dated_row row,
                                                  double **out_values, assay_error *err);

/* Fills n_bars x n_symbols values for each column, by bar and symbol: at a bar the value of the row with the newest
 * timestamp among those that are known before the bar's end and have a value; NaN where there is none, or where it became
 * known more than max_age_us before the bar. Of rows with one symbol, timestamp and time of knowing the newest version
 * counts, of equal ones the last. Sorts the rows. */
void assay_dated_rows_spread(assay_dated_rows *rows, const assay_panel *panel, int64_t max_age_us,
                             double *const *out_columns);

#endif
