/* Rolling z-scores and deviations over own bars; mean and variance come from doubling.c. */
#include "market/rolling.h"

#include <math.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "base/simd.h"
#include "market/doubling.h"

/* Of each price at the as-of raw scale: keeps a constant price from dividing by zero (docs/semantics.md, section 8). */
static const double price_std_floor = 1e-6;

ASSAY_SIMD static void zscore_row(size_t n, double n_minus_1, const double *restrict window,
                                  const double *restrict floors, double *restrict out) {
    const double *restrict offset = window + ASSAY_MOMENTS_OFFSET, *restrict m2 = window + ASSAY_MOMENTS_M2;
    for (size_t s = 0; s < n; s++)
        out[s] = -offset[s] / (sqrt(m2[s] / n_minus_1) + floors[s]);
}

static void fill_nan(double *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = ASSAY_NAN;
}

typedef struct zscore_state {
    const assay_panel *panel;
    double window;
    double floor; /* of the deviation, at the as-of raw scale */
    int power;
    size_t next_step; /* of the panel's factor steps */
    double *floors;   /* in the units of each symbol's values */
    double *out;
} zscore_state;

/* What `floor` at the as-of raw scale is for values that carry factor^power. */
static double scaled_floor(double floor, double factor, int power) {
    for (; power > 0; power--)
        floor *= factor;
    for (; power < 0; power++)
        floor /= factor;
    return floor;
}

static void zscore_sink(void *state, size_t row, size_t first, size_t n, const double *window) {
    zscore_state *z = state;
    const assay_panel *p = z->panel;
    if ((double)row + 1 == z->window) { /* a tile begins */
        z->next_step = 0;
        for (size_t s = 0; s < p->stride; s++)
            z->floors[s] = z->floor;
    }
    for (; z->next_step < p->n_factor_steps && p->factor_step[z->next_step].row <= row; z->next_step++) {
        const assay_factor_step *step = &p->factor_step[z->next_step];
        z->floors[step->symbol] = scaled_floor(z->floor, step->factor, z->power);
    }
    zscore_row(n, z->window - 1, window, z->floors + first, z->out + row * p->stride + first);
}

assay_status assay_rolling_zscore_of(const assay_panel *panel, const assay_zscore_spec *spec,
                                     const double *values, double *out, assay_error *err) {
    size_t window = spec->window;
    zscore_state state = {
        .panel = panel, .window = (double)window, .floor = spec->floor, .power = spec->power, .out = out};
    state.floors = assay_aligned_alloc(panel->stride, sizeof *state.floors);
    if (state.floors == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", panel->n_symbols);
    fill_nan(out, (window - 1 < panel->n_bars ? window - 1 : panel->n_bars) * panel->stride);
    const assay_rows rows = {values, panel->stride};
    assay_status status =
        assay_roll(&assay_moments, &rows, panel->n_bars, panel->stride, window, zscore_sink, &state, err);
    free(state.floors);
    return status;
}

assay_status assay_rolling_zscore(const assay_panel *panel, size_t window, double *out, assay_error *err) {
    const assay_zscore_spec spec = {.window = window, .floor = price_std_floor, .power = 1};
    return assay_rolling_zscore_of(panel, &spec, panel->own_price, out, err);
}

/* Simple returns between own bars, on split-adjusted closes whatever the signal prices are: where a step of the factor is
 * not all split, the difference is taken out again. */
static void own_returns(const assay_panel *p, double *out) {
    fill_nan(out, p->stride);
    for (size_t row = 1; row < p->n_bars; row++) {
        const double *now = p->own_price + row * p->stride, *then = now - p->stride;
        for (size_t s = 0; s < p->stride; s++)
            out[row * p->stride + s] = now[s] / then[s] - 1;
    }
    for (size_t i = 0; i < p->n_factor_steps; i++) {
        const assay_factor_step *step = &p->factor_step[i];
        if (step->row == 0 || step->row >= p->n_bars || step->not_split == 1)
            continue;
        double *value = &out[step->row * p->stride + step->symbol];
        *value = (*value + 1) / step->not_split - 1;
    }
}

typedef struct std_state {
    size_t stride;
    double n_minus_1;
    double *out;
} std_state;

static void std_sink(void *state, size_t row, size_t first, size_t n, const double *window) {
    const std_state *st = state;
    double *out = st->out + row * st->stride + first;
    for (size_t s = 0; s < n; s++)
        out[s] = sqrt(window[ASSAY_MOMENTS_M2 + s] / st->n_minus_1);
}

assay_status assay_own_return_std(const assay_panel *panel, size_t n_returns, double **out_std,
                                  assay_error *err) {
    size_t n_cells = panel->n_bars * panel->stride;
    double *returns = assay_block_alloc(n_cells, sizeof *returns);
    double *out = assay_block_alloc(n_cells, sizeof *out);
    assay_status status = ASSAY_OK;
    if (returns == NULL || out == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu cells", n_cells);
    } else {
        std_state state = {panel->stride, (double)(n_returns - 1), out};
        own_returns(panel, returns);
        fill_nan(out, n_cells);
        const assay_rows rows = {returns, panel->stride};
        status =
            assay_roll(&assay_moments, &rows, panel->n_bars, panel->stride, n_returns, std_sink, &state, err);
    }
    if (status == ASSAY_OK)
        status = assay_own_to_calendar(panel, out, err);
    assay_block_free(returns);
    if (status != ASSAY_OK)
        assay_block_free(out);
    else
        *out_std = out;
    return status;
}
