/* Benchmark and further columns of a panel. */
#include "market/panel_extras.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "market/universe.h"

void assay_panel_reset_extras(assay_panel *p) {
    assay_panel_reset_universe(p);
    free(p->benchmark_return);
    for (size_t i = 0; i < p->n_extra; i++) {
        free(p->extra[i].name);
        assay_block_free(p->extra[i].values);
    }
    free(p->extra);
}

/* --- the benchmark --- */

assay_status assay_panel_set_benchmark(assay_panel *p, const assay_panel *benchmark, assay_error *err) {
    double *returns = malloc((p->n_bars + 1) * sizeof *returns);
    if (returns == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a benchmark of %zu bars", p->n_bars);
    size_t row = 0, at = 0; /* own rows of the benchmark; its calendar */
    for (size_t t = 0; t < p->n_bars; t++) {
        returns[t] = ASSAY_NAN;
        while (at < benchmark->n_bars && benchmark->timestamp_us[at] < p->timestamp_us[t])
            at++;
        if (at == benchmark->n_bars || benchmark->timestamp_us[at] != p->timestamp_us[t] ||
            isnan(benchmark->column[ASSAY_COLUMN_CLOSE][at * benchmark->stride]))
            continue;
        row = at - assay_panel_gaps_until(benchmark, 0, at);
        if (row > benchmark->first_bar[0])
            returns[t] = benchmark->own_price[row * benchmark->stride] /
                             benchmark->own_price[(row - 1) * benchmark->stride] -
                         1;
    }
    free(p->benchmark_return);
    p->benchmark_return = returns;
    return ASSAY_OK;
}

const double *assay_panel_benchmark_returns(const assay_panel *p) {
    return p->benchmark_return;
}

/* --- further columns --- */

int assay_panel_find_column(const assay_panel *p, const char *name) {
    for (size_t i = 0; i < p->n_extra; i++) {
        if (strcmp(p->extra[i].name, name) == 0)
            return ASSAY_N_PRICE_COLUMNS + (int)i;
    }
    return -1;
}

static double *spread_values(const assay_panel *p, const double *values) {
    double *to = assay_block_alloc(p->n_bars * p->stride, sizeof *to);
    for (size_t t = 0; to != NULL && t < p->n_bars; t++) {
        memcpy(to + t * p->stride, values + t * p->n_symbols, p->n_symbols * sizeof *to);
        for (size_t s = p->n_symbols; s < p->stride; s++)
            to[t * p->stride + s] = ASSAY_NAN;
    }
    return to;
}

assay_status assay_panel_add_column(assay_panel *p, const char *name, const double *values,
                                    assay_error *err) {
    int found = assay_panel_find_column(p, name);
    double *copy = spread_values(p, values);
    char *copied_name = strdup(name);
    assay_panel_column *grown = realloc(p->extra, (p->n_extra + 1) * sizeof *grown);
    if (grown != NULL)
        p->extra = grown;
    if (copy == NULL || copied_name == NULL || grown == NULL) {
        assay_block_free(copy);
        free(copied_name);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for column %s of %zu bars", name,
                               p->n_bars);
    }
    if (found >= 0) {
        assay_panel_column *column = &p->extra[found - ASSAY_N_PRICE_COLUMNS];
        assay_block_free(column->values);
        column->values = copy;
        free(copied_name);
    } else {
        p->extra[p->n_extra++] = (assay_panel_column){copied_name, copy};
    }
    return ASSAY_OK;
}

/* --- the fingerprint --- */

static void hash_text(assay_hash *hash, const char *text) {
    assay_hash_add(hash, text, strlen(text) + 1);
}

void assay_panel_hash_extras(const assay_panel *p, size_t n_bars, const uint32_t *symbol, size_t n,
                             assay_hash *hash) {
    assay_panel_hash_universe(p, n_bars, symbol, n, hash);
    if (p->benchmark_return != NULL)
        assay_hash_add(hash, p->benchmark_return, n_bars * sizeof *p->benchmark_return);
    for (size_t c = 0; c < p->n_extra; c++) {
        hash_text(hash, p->extra[c].name);
        for (size_t t = 0; t < n_bars; t++) {
            for (size_t i = 0; i < n; i++)
                assay_hash_add(hash, p->extra[c].values + t * p->stride + (symbol == NULL ? i : symbol[i]),
                               sizeof(double));
        }
    }
}
