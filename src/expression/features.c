/* Declared features to rows: what each kind is made by. */
#include "expression/features.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "expression/evaluate.h"

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool assay_feature_names(const assay_bound_feature *f, const char *name) {
    size_t size = strlen(name);
    const char *text = f->feature.kind == ASSAY_FEATURE_EXPRESSION ? f->feature.expression : "";
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == text || !is_word_byte(at[-1])) && !is_word_byte(at[size]))
            return true;
    }
    return false;
}

static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int compare_values(double a, double b) {
    return (a > b) - (a < b);
}

/* Parameters by name and value: those that the expression does not name are compared as well, which can only make two equal
 * features be computed twice. */
static int compare_params(const assay_bound_feature *a, const assay_bound_feature *b) {
    int order = compare_sizes(a->strategy->n_params, b->strategy->n_params);
    for (uint32_t i = 0; order == 0 && i < a->strategy->n_params; i++) {
        if (!assay_feature_names(a, a->strategy->params[i].name) &&
            !assay_feature_names(b, b->strategy->params[i].name))
            continue;
        order = strcmp(a->strategy->params[i].name, b->strategy->params[i].name);
        if (order == 0)
            order = compare_values(a->param[i], b->param[i]);
    }
    return order;
}

int assay_bound_feature_compare(const assay_bound_feature *a, const assay_bound_feature *b) {
    int order = compare_sizes(a->feature.kind, b->feature.kind);
    if (order != 0 || a->feature.kind != ASSAY_FEATURE_EXPRESSION)
        return order != 0 ? order : compare_sizes(a->feature.window, b->feature.window);
    order = strcmp(a->feature.expression, b->feature.expression);
    if (order != 0 || (a->strategy == b->strategy && a->param == b->param))
        return order;
    return compare_params(a, b);
}

static bool is_streamed(const assay_bound_feature *feature) {
    return feature->feature.kind == ASSAY_FEATURE_WINDOW_RETURN;
}

/* --- computing --- */

static assay_status read_expression(assay_graph *graph, const assay_bound_feature *f, uint32_t *out_node,
                                    assay_error *err) {
    const assay_scope scope = {
        .param = f->strategy->params, .n_params = f->strategy->n_params, .value = f->param};
    assay_mistake mistake;
    assay_error inner = {.status = ASSAY_OK};
    assay_status status =
        assay_expression_read(graph, &scope, f->feature.expression, out_node, &mistake, &inner);
    if (status == ASSAY_OK && graph->node[*out_node].place == ASSAY_PLACE_BOOK)
        status = assay_error_set(&inner, ASSAY_E_CONFIG,
                                 "a feature is the same for every portfolio, and cannot look at positions");
    return status == ASSAY_OK
               ? ASSAY_OK
               : assay_error_set(err, status, "strategy %s: feature '%.200s', character %zu: %s",
                                 f->strategy->name, f->feature.expression, mistake.offset + 1, inner.message);
}

/* The node of a feature that the graph computes. */
static assay_status add_node(assay_graph *graph, const assay_bound_feature *f, uint32_t *out_node,
                             assay_error *err) {
    if (f->feature.kind == ASSAY_FEATURE_EXPRESSION)
        return read_expression(graph, f, out_node, err);
    assay_node window = {.op = ASSAY_OP_CONST, .value = f->feature.window};
    assay_node beta = {.op = ASSAY_OP_MARKET_BETA, .n_numbers = 1};
    assay_status status = assay_graph_add(graph, &window, &beta.number_in[0], err);
    if (status == ASSAY_OK)
        status = assay_graph_check(graph, &beta, err);
    return status == ASSAY_OK ? assay_graph_add(graph, &beta, out_node, err) : status;
}

assay_status assay_features_check(const assay_bound_feature *feature, uint32_t n, assay_error *err) {
    assay_graph graph = {0};
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; status == ASSAY_OK && i < n; i++) {
        uint32_t unused;
        if (feature[i].feature.kind == ASSAY_FEATURE_EXPRESSION)
            status = read_expression(&graph, &feature[i], &unused, err);
    }
    assay_graph_reset(&graph);
    return status;
}

assay_status assay_features_compute(const assay_panel *panel, const assay_bound_feature *feature, uint32_t n,
                                    double *const *out, assay_error *err) {
    assay_graph graph = {0};
    uint32_t root[ASSAY_MAX_FEATURES], n_roots = 0;
    double *place[ASSAY_MAX_FEATURES];
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; status == ASSAY_OK && i < n; i++) {
        assay_feature_kind kind = feature[i].feature.kind;
        if (kind != ASSAY_FEATURE_EXPRESSION && kind != ASSAY_FEATURE_MARKET_BETA) {
            status = assay_feature_compute(panel, &feature[i].feature, out[i], err);
            continue;
        }
        place[n_roots] = out[i];
        status = add_node(&graph, &feature[i], &root[n_roots++], err);
    }
    if (status == ASSAY_OK && n_roots != 0)
        status = assay_evaluate(panel, &graph, root, n_roots, place, err);
    assay_graph_reset(&graph);
    return status;
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
        f->owned[i] = assay_block_alloc(f->panel->n_bars * f->panel->stride, sizeof(double));
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
        assay_block_free(f->owned[i]);
        assay_feature_stream_reset(&f->stream[i]);
    }
    free(f->stream);
    free(f->owned);
    free(f->matrix);
    free(f->row);
    *f = (assay_features){0};
}
