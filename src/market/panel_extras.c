/* Sectors, benchmark and further columns of a panel. */
#include "market/panel_extras.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"

static void reset_sectors(assay_panel *p) {
    for (size_t i = 0; i < p->n_sectors; i++)
        free(p->sector_name[i]);
    free(p->sector_name);
    free(p->sector);
    p->sector_name = NULL;
    p->sector = NULL;
    p->n_sectors = 0;
}

void assay_panel_reset_extras(assay_panel *p) {
    reset_sectors(p);
    free(p->benchmark_return);
    for (size_t i = 0; i < p->n_extra; i++) {
        free(p->extra[i].name);
        free(p->extra[i].values);
    }
    free(p->extra);
}

/* --- sectors --- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The distinct names in byte order, each a copy. */
static assay_status name_sectors(assay_panel *p, const char *const *sectors, assay_error *err) {
    const char **named = malloc((p->n_symbols + 1) * sizeof *named);
    size_t n = 0;
    for (size_t s = 0; s < p->n_symbols && named != NULL; s++)
        if (sectors[s] != NULL && sectors[s][0] != '\0')
            named[n++] = sectors[s];
    if (n > 0)
        qsort(named, n, sizeof *named, compare_names);
    bool is_full = named != NULL;
    for (size_t i = 0; i < n && is_full; i++) {
        if (i > 0 && strcmp(named[i], named[i - 1]) == 0)
            continue;
        char *name = strdup(named[i]);
        is_full = name != NULL;
        if (is_full)
            p->sector_name[p->n_sectors++] = name;
    }
    free(named);
    return is_full ? ASSAY_OK : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sectors");
}

assay_status assay_panel_set_sectors(assay_panel *p, const char *const *sectors, assay_error *err) {
    reset_sectors(p);
    p->sector_name = calloc(p->n_symbols + 1, sizeof *p->sector_name);
    p->sector = malloc((p->n_symbols + 1) * sizeof *p->sector);
    if (p->sector_name == NULL || p->sector == NULL) {
        reset_sectors(p);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sectors of %zu symbols",
                               p->n_symbols);
    }
    assay_status status = name_sectors(p, sectors, err);
    for (size_t s = 0; s < p->n_symbols && status == ASSAY_OK; s++) {
        uint32_t i = 0;
        const char *own = sectors[s] == NULL ? "" : sectors[s];
        while (i < p->n_sectors && strcmp(p->sector_name[i], own) != 0)
            i++;
        p->sector[s] = i < p->n_sectors ? i : ASSAY_NO_SECTOR;
    }
    if (status != ASSAY_OK || p->n_sectors == 0)
        reset_sectors(p);
    return status;
}

const char *assay_panel_sector(const assay_panel *p, size_t symbol) {
    if (p->sector == NULL || symbol >= p->n_symbols || p->sector[symbol] == ASSAY_NO_SECTOR)
        return NULL;
    return p->sector_name[p->sector[symbol]];
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
    double *to = assay_aligned_alloc(p->n_bars * p->stride, sizeof *to);
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
        free(copy);
        free(copied_name);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for column %s of %zu bars", name,
                               p->n_bars);
    }
    if (found >= 0) {
        assay_panel_column *column = &p->extra[found - ASSAY_N_PRICE_COLUMNS];
        free(column->values);
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
    for (size_t i = 0; p->sector != NULL && i < n; i++) {
        const char *sector = assay_panel_sector(p, symbol == NULL ? i : symbol[i]);
        hash_text(hash, sector == NULL ? "" : sector);
    }
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
