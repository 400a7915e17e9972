/* From times to bars: the sorted distinct times of a panel, and the bar of each. */
#ifndef ASSAY_MARKET_CALENDAR_INDEX_H
#define ASSAY_MARKET_CALENDAR_INDEX_H

#include "market/panel.h"

typedef struct assay_calendar_index {
    int64_t first_us, last_us;
    int64_t unit_us;  /* 0: times are too irregular for a table; search */
    uint32_t *bar_of; /* bar of first + i units; ASSAY_NO_BAR where no time lies */
} assay_calendar_index;

#define ASSAY_NO_BAR UINT32_MAX

/* Sets a panel's n_bars, timestamp_us and day from times in any order, n >= 1. Free index->bar_of in every case.
 * ASSAY_E_NOMEM, ASSAY_E_DATA (too many bars). */
ASSAY_NODISCARD assay_status assay_calendar_make(assay_panel *panel, const int64_t *times, size_t n,
                                                 assay_calendar_index *index, assay_error *err);

/* The bar of a time that is in the calendar. */
static inline size_t assay_calendar_bar(const assay_panel *panel, const assay_calendar_index *index,
                                        int64_t time) {
    if (index->unit_us != 0)
        return index->bar_of[(time - index->first_us) / index->unit_us];
    size_t low = 0, high = panel->n_bars;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (panel->timestamp_us[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same for any time; ASSAY_NO_BAR where it is not in the calendar. */
size_t assay_calendar_find(const assay_panel *panel, const assay_calendar_index *index, int64_t time);

#endif
