/* Sector rotation: out of the sector that did worst over the look-back window, into the one that did best.
 * Definition: docs/semantics.md, section 8. */
#include <math.h>
#include <stdlib.h>

#include "assay/assay_strategy.h"
#include "base/number.h"
#include "market/sectors.h"

enum { LOOKBACK, ROTATION_FREQ };
enum { EXIT, ENTER };

static const double strength = 0.7;

static const assay_param params[] = {
    {"lookback", ASSAY_PARAM_INTEGER, 60, 2, 100000, "bars",
     "own bars in the window, the current one included"},
    {"rotation_freq", ASSAY_PARAM_INTEGER, 5, 1, 100000, "times asked", "it rotates every so many times"},
};

static const assay_signal_kind kinds[] = {
    {"sector_rotation_exit", ASSAY_ACTION_REDUCE, 0.25, "Exit the worst sector: ", 100, 2, "%"},
    {"sector_rotation_enter", ASSAY_ACTION_INCREASE, 1.0, "Enter the best sector: ", 100, 2, "%"},
};

/* Scratch, by sector. */
typedef struct rotation {
    double *mean;
    size_t *count;
    size_t most;
} rotation;

static uint32_t features(const void *context, const double *values, assay_feature *out_features) {
    (void)context;
    out_features[0] =
        (assay_feature){.kind = ASSAY_FEATURE_WINDOW_RETURN, .window = (uint32_t)values[LOOKBACK]};
    return 1;
}

static assay_status create(const void *context, const double *values, size_t n_symbols, void **out_state,
                           assay_error *err) {
    (void)context;
    (void)values;
    *out_state = calloc(1, sizeof(rotation));
    return *out_state != NULL
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", n_symbols);
}

static assay_status make_room(rotation *r, size_t n_sectors, assay_error *err) {
    if (n_sectors <= r->most)
        return ASSAY_OK;
    free(r->mean);
    free(r->count);
    r->mean = malloc(n_sectors * sizeof *r->mean);
    r->count = malloc(n_sectors * sizeof *r->count);
    r->most = r->mean != NULL && r->count != NULL ? n_sectors : 0;
    return r->most != 0 ? ASSAY_OK
                        : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu sectors", n_sectors);
}

static void destroy(void *state) {
    rotation *r = state;
    if (r == NULL)
        return;
    free(r->mean);
    free(r->count);
    free(r);
}

static assay_status on_bar(void *state, const double *values, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    rotation *r = state;
    const uint32_t *sector = assay_view_sectors(view);
    const double *value = assay_view_feature(view, 0), *close = assay_view_close(view);
    size_t n = assay_view_n_symbols(view), n_sectors = assay_view_n_sectors(view), best, worst;
    if (sector == NULL)
        return assay_error_set(
            err, ASSAY_E_STRATEGY,
            "no symbol has a sector: give them with --holdings FILE (columns sym, sector)");
    if (assay_view_times_asked(view) % (uint64_t)values[ROTATION_FREQ] != 0)
        return ASSAY_OK;
    assay_status ready = make_room(r, n_sectors, err);
    if (ready != ASSAY_OK)
        return ready;
    assay_sector_means(sector, value, n, n_sectors, r->mean, r->count);
    if (!assay_sector_extremes(r->mean, n_sectors, &best, &worst))
        return ASSAY_OK;
    for (size_t s = 0; s < n; s++) {
        if ((sector[s] != best && sector[s] != worst) || isnan(close[s]))
            continue;
        uint32_t kind = sector[s] == best ? ENTER : EXIT;
        double score = isnan(value[s]) ? -ASSAY_INFINITY : value[s];
        assay_status status =
            assay_signal_emit(sink, s, kind, r->mean[sector[s]], score, strength, ASSAY_NAN, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

const assay_strategy assay_strategy_sector_rotation = {
    .abi_version = ASSAY_STRATEGY_ABI_VERSION,
    .name = "sector_rotation",
    .summary = "out of the sector that did worst over a window, into the one that did best",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .kinds = kinds,
    .n_kinds = sizeof kinds / sizeof *kinds,
    .features = features,
    .create = create,
    .destroy = destroy,
    .on_bar = on_bar,
    .needs_sectors = true,
};
