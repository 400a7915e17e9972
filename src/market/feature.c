/* Features in own time, then spread to the calendar. Rolling statistics: rolling.c. */
#include "market/feature.h"

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
    return status == ASSAY_OK ? assay_own_to_calendar(panel, out, err) : status;
}
