#include "price_windows.h"

#include <stdlib.h>

#include "assay/assay_memory.h"
#include "base/block.h"

enum {
    MATRICES = 6,      /* five columns of prices, and the own prices */
    MOST_WINDOWS = 256 /* every window is a query over all files, most of whose row groups it passes over */
};

static int compare_times(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t make_distinct(int64_t *times, size_t n) {
    size_t kept = 0;
    qsort(times, n, sizeof *times, compare_times);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || times[kept - 1] != times[i])
            times[kept++] = times[i];
    }
    return kept;
}

/* As was asked for, else as many bars as fill a quarter of the limit. */
static size_t bars_of_window(size_t n_bars, size_t bytes_of_bar) {
    assay_memory_use use = assay_memory_used();
    size_t bars = use.block_bars != 0 ? use.block_bars : use.limit / 4 / bytes_of_bar;
    size_t least = (n_bars + MOST_WINDOWS - 1) / MOST_WINDOWS;
    return bars > least ? bars : least;
}

assay_status assay_price_windows_plan(assay_price_windows *w, int64_t *times, size_t n_times,
                                      size_t n_symbols, assay_error *err) {
    *w = (assay_price_windows){0};
    size_t bytes_of_bar = MATRICES * sizeof(double) * (n_symbols + 1);
    if (n_times == 0 || !assay_block_goes_to_file(n_times * bytes_of_bar))
        return ASSAY_OK;
    size_t n_bars = make_distinct(times, n_times), bars = bars_of_window(n_bars, bytes_of_bar);
    w->from_us = malloc((n_bars / bars + 1) * sizeof *w->from_us);
    if (w->from_us == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading prices");
    for (size_t bar = 0; bar < n_bars; bar += bars)
        w->from_us[w->n++] = times[bar];
    return ASSAY_OK;
}

void assay_price_windows_reset(assay_price_windows *w) {
    free(w->from_us);
    *w = (assay_price_windows){0};
}
