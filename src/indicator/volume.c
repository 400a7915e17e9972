/* Functions of price and volume. */
#include "base/number.h"
#include "base/simd.h"
#include "indicator/kernel.h"

/* --- on-balance volume: implied close, volume (Granville 1963) --- */

/* The first bar's volume counts as if the price had risen. */
ASSAY_SIMD static void obv_row(size_t n, double row, const double *restrict begin,
                               const double *restrict close, const double *restrict previous,
                               const double *restrict volume, double *restrict value, double *restrict out) {
    for (size_t s = 0; s < n; s++) {
        double age = row - begin[s];
        double falling = close[s] < previous[s] ? -volume[s] : 0;
        double change = close[s] > previous[s] ? volume[s] : falling;
        double next = age == 0 ? volume[s] : value[s] + change;
        value[s] = age < 0 ? 0 : next;
        out[s] = age < 0 ? ASSAY_NAN : next + (volume[s] - volume[s]); /* NaN after the last bar */
    }
}

static assay_status obv_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    double value[ASSAY_TILE] = {0};
    for (size_t row = 0; row < t->n_rows; row++)
        obv_row(t->n, (double)row, t->begin, assay_tile_row(t, 0, row),
                assay_tile_row(t, 0, row == 0 ? 0 : row - 1), assay_tile_row(t, 1, row), value,
                assay_out_row(t, row));
    return ASSAY_OK;
}

assay_status assay_kernel_obv(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {obv_tile, .n_series = 2, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* --- accumulation and distribution: implied high, low, close, volume (Chaikin) --- */

enum { HIGH, LOW, CLOSE, VOLUME };

/* A bar without a range adds nothing. */
ASSAY_SIMD static void ad_row(size_t n, double row, const double *restrict begin, const double *restrict high,
                              const double *restrict low, const double *restrict close,
                              const double *restrict volume, double *restrict value, double *restrict out) {
    for (size_t s = 0; s < n; s++) {
        double range = high[s] - low[s];
        double share = ((close[s] - low[s]) - (high[s] - close[s])) / range * volume[s];
        double next = value[s] + (range > 0 ? share : 0);
        bool is_before = row < begin[s];
        value[s] = is_before ? 0 : next;
        out[s] = is_before ? ASSAY_NAN : next + (volume[s] - volume[s]); /* NaN after the last bar */
    }
}

static void ad_at(const assay_tile *t, size_t row, double *value, double *out) {
    ad_row(t->n, (double)row, t->begin, assay_tile_row(t, HIGH, row), assay_tile_row(t, LOW, row),
           assay_tile_row(t, CLOSE, row), assay_tile_row(t, VOLUME, row), value, out);
}

static assay_status ad_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    double value[ASSAY_TILE] = {0};
    for (size_t row = 0; row < t->n_rows; row++)
        ad_at(t, row, value, assay_out_row(t, row));
    return ASSAY_OK;
}

assay_status assay_kernel_ad(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {ad_tile, .n_series = 4, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* Two exponential averages that both start at the line's first value; shown from the slower one's full length on. */
ASSAY_SIMD static void adosc_row(size_t n, double row, double fast, double slow, const double *restrict begin,
                                 const double *restrict line, double *restrict fast_value,
                                 double *restrict slow_value, double *restrict out) {
    double fast_weight = 2 / (fast + 1), slow_weight = 2 / (slow + 1), full = assay_max(fast, slow);
    for (size_t s = 0; s < n; s++) {
        double age = row - begin[s];
        double next_fast = fast_value[s] + fast_weight * (line[s] - fast_value[s]);
        double next_slow = slow_value[s] + slow_weight * (line[s] - slow_value[s]);
        fast_value[s] = age <= 0 ? line[s] : next_fast;
        slow_value[s] = age <= 0 ? line[s] : next_slow;
        double difference = age <= 0 ? line[s] - line[s] : next_fast - next_slow;
        out[s] = age + 1 < full ? ASSAY_NAN : difference;
    }
}

static assay_status adosc_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    double value[ASSAY_TILE] = {0}, line[ASSAY_TILE], fast[ASSAY_TILE] = {0}, slow[ASSAY_TILE] = {0};
    for (size_t row = 0; row < t->n_rows; row++) {
        ad_at(t, row, value, line);
        adosc_row(t->n, (double)row, t->number[0], t->number[1], t->begin, line, fast, slow,
                  assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_adosc(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {adosc_tile, .n_series = 4, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* --- money flow index: typical price x volume, rising bars against falling ones (Quong, Soudack 1989) --- */

ASSAY_SIMD static void flow_row(size_t n, const double *restrict price, const double *restrict previous,
                                const double *restrict volume, double *restrict rising,
                                double *restrict falling) {
    for (size_t s = 0; s < n; s++) {
        double flow = price[s] * volume[s];
        double is_known = (price[s] - previous[s]) * 0 + flow * 0; /* 0, or NaN */
        rising[s] = (price[s] > previous[s] ? flow : 0) + is_known;
        falling[s] = (price[s] < previous[s] ? flow : 0) + is_known;
    }
}

ASSAY_SIMD static void mfi_row(size_t n, const double *restrict rising, const double *restrict falling,
                               double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 100 * (rising[s] / (rising[s] + falling[s]));
}

static assay_status mfi_tile(const assay_tile *t, assay_error *err) {
    double now[ASSAY_TILE], before[ASSAY_TILE];
    assay_status status = ASSAY_OK;
    assay_fill_nan(before, ASSAY_TILE);
    for (size_t row = 0; row < t->n_rows; row++) {
        assay_typical_price_row(t->n, assay_tile_row(t, HIGH, row), assay_tile_row(t, LOW, row),
                                assay_tile_row(t, CLOSE, row), now);
        flow_row(t->n, now, before, assay_tile_row(t, VOLUME, row), assay_scratch_row(t, 0, row),
                 assay_scratch_row(t, 1, row));
        for (size_t s = 0; s < t->n; s++)
            before[s] = now[s];
    }
    for (size_t part = 0; status == ASSAY_OK && part < 2; part++)
        status = assay_rolling_sum(assay_scratch_rows(t, part), t->n_rows, t->n, (size_t)t->number[0],
                                   t->scratch[2 + part], ASSAY_TILE, err);
    for (size_t row = 0; status == ASSAY_OK && row < t->n_rows; row++)
        mfi_row(t->n, assay_scratch_row(t, 2, row), assay_scratch_row(t, 3, row), assay_out_row(t, row));
    return status;
}

assay_status assay_kernel_mfi(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {mfi_tile, .n_series = 4, .n_scratch = 4};
    return assay_by_tile(in, &plan, out, err);
}
