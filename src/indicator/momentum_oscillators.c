/* Oscillators of one series: relative strength, and differences of averages. */
#include <string.h>

#include "base/number.h"
#include "base/simd.h"
#include "indicator/kernel.h"
#include "indicator/smooth.h"

/* --- Wilder's relative strength --- */

typedef struct strength {
    double gain[ASSAY_TILE], loss[ASSAY_TILE]; /* of the row */
    double gain_value[ASSAY_TILE], loss_value[ASSAY_TILE];
    double mean_gain[ASSAY_TILE], mean_loss[ASSAY_TILE];
} strength;

ASSAY_SIMD static void split_change(size_t n, const double *restrict now, const double *restrict then,
                                    double *restrict gain, double *restrict loss) {
    for (size_t s = 0; s < n; s++) {
        double change = now[s] - then[s];
        gain[s] = change < 0 ? 0 : change; /* a NaN stays one */
        loss[s] = change > 0 ? 0 : -change;
    }
}

static void strength_row(const assay_tile *t, strength *st, size_t row) {
    double period = t->number[0], own_row = (double)row - 1;
    split_change(t->n, assay_tile_row(t, 0, row), assay_tile_row(t, 0, row - 1), st->gain, st->loss);
    assay_smooth_row(t->n, own_row, period, 1 / period, t->begin, st->gain, st->gain_value, st->mean_gain);
    assay_smooth_row(t->n, own_row, period, 1 / period, t->begin, st->loss, st->loss_value, st->mean_loss);
}

typedef void strength_result(size_t n, const double *restrict gain, const double *restrict loss,
                             double *restrict out);

static void strength_tile(const assay_tile *t, strength_result *result) {
    strength st = {0};
    if (t->n_rows != 0)
        assay_fill_nan(assay_out_row(t, 0), t->n);
    for (size_t row = 1; row < t->n_rows; row++) {
        strength_row(t, &st, row);
        result(t->n, st.mean_gain, st.mean_loss, assay_out_row(t, row));
    }
}

ASSAY_SIMD static void rsi_row(size_t n, const double *restrict gain, const double *restrict loss,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 100 * (gain[s] / (gain[s] + loss[s]));
}

static assay_status rsi_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    strength_tile(t, rsi_row);
    return ASSAY_OK;
}

assay_status assay_kernel_rsi(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {rsi_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

ASSAY_SIMD static void cmo_row(size_t n, const double *restrict gain, const double *restrict loss,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 100 * ((gain[s] - loss[s]) / (gain[s] + loss[s]));
}

static assay_status cmo_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    strength_tile(t, cmo_row);
    return ASSAY_OK;
}

assay_status assay_kernel_cmo(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {cmo_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* --- differences of two exponential averages: number = fast, slow, signal --- */

typedef struct two_averages {
    double fast_value[ASSAY_TILE], slow_value[ASSAY_TILE], signal_value[ASSAY_TILE];
    double fast[ASSAY_TILE], slow[ASSAY_TILE]; /* of the row */
    double difference[ASSAY_TILE], signal[ASSAY_TILE];
} two_averages;

ASSAY_SIMD static void subtract_row(size_t n, const double *restrict a, const double *restrict b,
                                    double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = a[s] - b[s];
}

static void averages_row(const assay_tile *t, two_averages *a, size_t row) {
    const double *x = assay_tile_row(t, 0, row);
    double fast = t->number[0], slow = t->number[1];
    assay_smooth_row(t->n, (double)row, fast, assay_ema_weight(fast), t->begin, x, a->fast_value, a->fast);
    assay_smooth_row(t->n, (double)row, slow, assay_ema_weight(slow), t->begin, x, a->slow_value, a->slow);
    subtract_row(t->n, a->fast, a->slow, a->difference);
}

/* The signal line begins where both averages have begun. */
static void signal_row(const assay_tile *t, two_averages *a, size_t row) {
    double signal = t->number[2], delay = assay_max(t->number[0], t->number[1]) - 1;
    averages_row(t, a, row);
    assay_smooth_row(t->n, (double)row - delay, signal, assay_ema_weight(signal), t->begin, a->difference,
                     a->signal_value, a->signal);
}

static assay_status macd_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    two_averages a = {0};
    for (size_t row = 0; row < t->n_rows; row++) {
        averages_row(t, &a, row);
        memcpy(assay_out_row(t, row), a.difference, t->n * sizeof(double));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_macd(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {macd_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

static assay_status macd_signal_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    two_averages a = {0};
    for (size_t row = 0; row < t->n_rows; row++) {
        signal_row(t, &a, row);
        memcpy(assay_out_row(t, row), a.signal, t->n * sizeof(double));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_macd_signal(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {macd_signal_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

static assay_status macd_histogram_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    two_averages a = {0};
    for (size_t row = 0; row < t->n_rows; row++) {
        signal_row(t, &a, row);
        subtract_row(t->n, a.difference, a.signal, assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_macd_histogram(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {macd_histogram_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

ASSAY_SIMD static void ppo_row(size_t n, const double *restrict difference, const double *restrict slow,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 100 * (difference[s] / slow[s]);
}

static assay_status ppo_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    two_averages a = {0};
    for (size_t row = 0; row < t->n_rows; row++) {
        averages_row(t, &a, row);
        ppo_row(t->n, a.difference, a.slow, assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_ppo(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {ppo_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}
