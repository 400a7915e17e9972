/* Declared features to rows: what each kind is made by. */
#include "expression/features.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

int assay_bound_feature_compare(const assay_bound_feature *a, const assay_bound_feature *b) {
    int order = compare_sizes(a->feature.kind, b->feature.kind);
    if (order != 0 || a->feature.kind != ASSAY_FEATURE_EXPRESSION)
        return order != 0 ? order : compare_sizes(a->feature.window, b->feature.window);
    return order;
}

static bool is_streamed(const assay_bound_feature *feature) {
    return feature->feature.kind == ASSAY_FEATURE_WINDOW_RETURN;
}

assay_status assay_features_compute(const assay_panel *panel, const assay_bound_feature *feature, uint32_t n,
                                    double *const *out, assay_error *err) {
    for (uint32_t i = 0; i < n; i++) {
        assay_status status = assay_feature_compute(panel, &feature[i].feature, out[i], err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

static assay_status allocate(assay_features *f, const assay_panel *panel, uint32_t n, assay_error *err) {
    *f = (assay_features){.panel = panel};
    if (n == 0)
        return ASSAY_OK;
    f->stream = calloc(n, sizeof *f->stream);
    f->owned = calloc(n, sizeof *f->owned);
    f->matrix = calloc(n, sizeof *f->matrix);
    f->row = calloc(n, sizeof *f->row);
    if (f->stream == NULL || f->owned == NULL || f->matrix == NULL || f->row == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %u features", n);
    f->n = n;
    return ASSAY_OK;
}

/* The features without a stream, made all at once. */
static assay_status compute_rest(assay_features *f, const assay_bound_feature *feature, assay_error *err) {
    assay_bound_feature rest[ASSAY_MAX_FEATURES];
    double *out[ASSAY_MAX_FEATURES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        if (is_streamed(&feature[i]))
            continue;
        f->owned[i] = assay_aligned_alloc(f->panel->n_bars * f->panel->stride, sizeof(double));
        if (f->owned[i] == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM,
                                   "out of memory for a feature of %zu bars x %zu symbols", f->panel->n_bars,
                                   f->panel->n_symbols);
        f->matrix[i] = f->owned[i];
        rest[n] = feature[i];
        out[n++] = f->owned[i];
    }
    return assay_features_compute(f->panel, rest, n, out, err);
}

assay_status assay_features_open(assay_features *f, const assay_panel *panel,
                                 const assay_bound_feature *feature, uint32_t n, assay_error *err) {
    assay_status status = allocate(f, panel, n, err);
    for (uint32_t i = 0; status == ASSAY_OK && i < f->n; i++) {
        if (is_streamed(&feature[i]))
            status = assay_feature_stream_init(&f->stream[i], panel, &feature[i].feature, err);
    }
    return status == ASSAY_OK ? compute_rest(f, feature, err) : status;
}

assay_status assay_features_share(assay_features *f, const assay_panel *panel, double *const *matrix,
                                  uint32_t n, assay_error *err) {
    assay_status status = allocate(f, panel, n, err);
    for (uint32_t i = 0; status == ASSAY_OK && i < n; i++)
        f->matrix[i] = matrix[i];
    return status;
}

void assay_features_at(assay_features *f, size_t t) {
    for (uint32_t i = 0; i < f->n; i++)
        f->row[i] = f->matrix[i] != NULL ? f->matrix[i] + t * f->panel->stride
                                         : assay_feature_stream_row(&f->stream[i], t);
}

void assay_features_close(assay_features *f) {
    for (uint32_t i = 0; i < f->n; i++) {
        free(f->owned[i]);
        assay_feature_stream_reset(&f->stream[i]);
    }
    free(f->stream);
    free(f->owned);
    free(f->matrix);
    free(f->row);
    *f = (assay_features){0};
}
