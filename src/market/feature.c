/* Features in own time, then spread to the calendar. Rolling statistics: rolling.c. */
#include "market/feature.h"

#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/simd.h"
#include "market/rolling.h"

ASSAY_SIMD static void window_return_row(size_t n, const double *restrict now, const double *restrict then,
                                         double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = now[s] / then[s] - 1;
}

static void fill_nan(double *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = ASSAY_NAN;
}

static void window_return(const assay_panel *panel, size_t window, double *out) {
    size_t back = window - 1, stride = panel->stride;
    fill_nan(out, (back < panel->n_bars ? back : panel->n_bars) * stride);
    for (size_t row = back; row < panel->n_bars; row++)
        window_return_row(stride, panel->own_price + row * stride, panel->own_price + (row - back) * stride,
                          out + row * stride);
}

/* Own time to calendar, in place: from the last bar back, so that every value is read before its cell is overwritten. */
static assay_status spread(const assay_panel *panel, double *out, assay_error *err) {
    if (panel->n_irregular == 0)
        return ASSAY_OK;
    size_t *gaps = malloc(panel->n_irregular * sizeof *gaps); /* gaps up to the bar at hand */
    if (gaps == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", panel->n_irregular);
    for (size_t i = 0; i < panel->n_irregular; i++)
        gaps[i] = panel->gap_begin[panel->irregular[i] + 1] - panel->gap_begin[panel->irregular[i]];
    for (size_t t = panel->n_bars; t-- > 0;) {
        const double *close = panel->column[ASSAY_COLUMN_CLOSE] + t * panel->stride;
        double *row = out + t * panel->stride;
        for (size_t i = 0; i < panel->n_irregular; i++) {
            size_t s = panel->irregular[i];
            if (gaps[i] == 0)
                continue;
            if (!isnan(close[s])) {
                row[s] = *(row - gaps[i] * panel->stride + s);
            } else {
                row[s] = ASSAY_NAN;
                gaps[i] -= t < panel->last_bar[s];
            }
        }
    }
    free(gaps);
    return ASSAY_OK;
}

assay_status assay_feature_compute(const assay_panel *panel, const assay_feature *feature, double *out,
                                   assay_error *err) {
    assay_status status = ASSAY_OK;
    if (feature->window < 2)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a window of %u bars is too short: at least 2",
                               feature->window);
    switch (feature->kind) {
    case ASSAY_FEATURE_WINDOW_RETURN:
        window_return(panel, feature->window, out);
        break;
    case ASSAY_FEATURE_ZSCORE:
        status = assay_rolling_zscore(panel, feature->window, out, err);
        break;
    default:
        return assay_error_set(err, ASSAY_E_ARGUMENT, "unknown feature kind %d", (int)feature->kind);
    }
    return status == ASSAY_OK ? spread(panel, out, err) : status;
}
