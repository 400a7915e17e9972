#include "cli/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_rule.h"

enum { MOST_COLUMNS = 256 };

static int64_t whole_of(const assay_config *config, const char *key) {
    char value[64] = "";
    return assay_config_get(config, key, value, sizeof value, NULL) == ASSAY_OK ? strtoll(value, NULL, 10)
                                                                                : 0;
}

/* A column of coarser bars to the bars that lie in them: the first that ends when they do, or later. */
static assay_status spread(const assay_panel *from, assay_panel *to, const char *name, assay_error *err) {
    size_t n = assay_panel_n_symbols(to), n_bars = assay_panel_n_bars(to), k = 0;
    double *values = malloc((n_bars * n + 1) * sizeof *values);
    if (values == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for column %s", name);
    int column = assay_panel_find_column(from, name);
    for (size_t t = 0; t < n_bars; t++) {
        int64_t end = assay_panel_bar_end_us(to, t);
        while (k < assay_panel_n_bars(from) && assay_panel_bar_end_us(from, k) < end)
            k++;
        const double *row = k < assay_panel_n_bars(from) ? assay_panel_row(from, column, k) : NULL;
        for (size_t s = 0; s < n; s++)
            values[t * n + s] = row == NULL ? (double)NAN : row[s];
    }
    assay_status status = assay_panel_add_column(to, name, values, err);
    free(values);
    return status;
}

/* Strategies that see coarser bars read what is known of those: rows of their frequency, as of their ends. */
static assay_status load_for_signals(assay_store *store, const assay_bars_spec *bars,
                                     const assay_column_spec *spec, const char *const *name, size_t n,
                                     bool *found, assay_panel *panel, assay_error *err) {
    assay_panel *seen = NULL;
    assay_column_spec own = *spec;
    own.frequency = bars->bars;
    assay_status status = assay_panel_resample(panel, bars, &seen, err);
    if (status == ASSAY_OK)
        status = assay_store_load_columns(store, seen, &own, name, n, found, err);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        if (found[i])
            status = spread(seen, panel, name[i], err);
    }
    assay_panel_destroy(seen);
    return status;
}

typedef struct wanted_columns {
    cli_names names;
    bool is_whole; /* false: out of memory */
} wanted_columns;

static void want_column(void *context, const char *name) {
    wanted_columns *wanted = context;
    wanted->is_whole = wanted->is_whole && cli_names_add(&wanted->names, name, strlen(name));
}

static assay_status load_wanted(assay_store *store, const cli_request *request, const char *frequency,
                                const cli_names *wanted, assay_panel *panel, assay_error *err) {
    const char *const *name = (const char *const *)wanted->name;
    bool found[MOST_COLUMNS] = {false};
    size_t n = wanted->n;
    const assay_column_spec spec = {.frequency = frequency,
                                    .max_age_days = whole_of(request->config, "max_age_days"),
                                    .lag_days = whole_of(request->config, "lag_days")};
    assay_bars_spec bars;
    assay_status status = ASSAY_OK;
    if (n > MOST_COLUMNS)
        return assay_error_set(err, ASSAY_E_CONFIG, "the strategy reads %zu columns; at most %d", n,
                               MOST_COLUMNS);
    cli_progress("loading columns ...");
    if (assay_config_signal_bars(request->config, &bars))
        status = load_for_signals(store, &bars, &spec, name, n, found, panel, err);
    size_t n_left = 0;
    const char *left[MOST_COLUMNS];
    bool left_found[MOST_COLUMNS];
    for (size_t i = 0; i < n; i++) {
        if (!found[i])
            left[n_left++] = name[i];
    }
    if (status == ASSAY_OK && n_left > 0)
        status = assay_store_load_columns(store, panel, &spec, left, n_left, left_found, err);
    for (size_t i = 0; i < n_left && status == ASSAY_OK; i++) {
        if (!left_found[i] && assay_indicator_expression(left[i]) == NULL)
            status = assay_store_load_columns(store, panel, &spec, &left[i], 1, NULL, err);
    }
    return status;
}

assay_status cli_load_columns(assay_store *store, const cli_request *request, const char *frequency,
                              assay_panel *panel, assay_error *err) {
    wanted_columns wanted = {.is_whole = true};
    assay_status status = assay_strategy_columns(request->strategies.strategy, want_column, &wanted, err);
    if (status == ASSAY_OK && !wanted.is_whole)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for names of columns");
    if (status == ASSAY_OK && wanted.names.n > 0)
        status = load_wanted(store, request, frequency, &wanted.names, panel, err);
    cli_names_reset(&wanted.names);
    return status;
}
