#include "market/calendar_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/dates.h"

static int compare_times(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The coarsest of day, minute and second that divides every time and needs a table of bearable size; 0: none. */
static int64_t common_unit(const int64_t *times, size_t n, int64_t first, int64_t last) {
    static const int64_t units[] = {ASSAY_US_PER_DAY, 60000000, 1000000};
    const int64_t longest_table = 1 << 25;
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t i = 0;
        while (i < n && times[i] % units[u] == 0)
            i++;
        if (i == n)
            return last / units[u] - first / units[u] < longest_table ? units[u] : 0;
    }
    return 0;
}

/* Sorted distinct times by a table with one entry a unit. */
static assay_status calendar_by_table(const int64_t *times, size_t n, assay_panel *panel,
                                      assay_calendar_index *index, assay_error *err) {
    size_t n_units = (size_t)((index->last_us - index->first_us) / index->unit_us) + 1;
    index->bar_of = calloc(n_units, sizeof *index->bar_of);
    if (index->bar_of == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a calendar of %zu rows", n);
    for (size_t i = 0; i < n; i++)
        index->bar_of[(times[i] - index->first_us) / index->unit_us] = 1;
    for (size_t u = 0; u < n_units; u++)
        panel->n_bars += index->bar_of[u];
    panel->timestamp_us = malloc(panel->n_bars * sizeof *panel->timestamp_us);
    if (panel->timestamp_us == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a calendar of %zu bars", panel->n_bars);
    uint32_t bar = 0;
    for (size_t u = 0; u < n_units; u++) {
        if (index->bar_of[u] == 0) {
            index->bar_of[u] = ASSAY_NO_BAR;
            continue;
        }
        panel->timestamp_us[bar] = index->first_us + (int64_t)u * index->unit_us;
        index->bar_of[u] = bar++;
    }
    return ASSAY_OK;
}

static assay_status calendar_by_sorting(const int64_t *times, size_t n, assay_panel *panel,
                                        assay_error *err) {
    panel->timestamp_us = malloc(n * sizeof *panel->timestamp_us);
    if (panel->timestamp_us == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a calendar of %zu rows", n);
    memcpy(panel->timestamp_us, times, n * sizeof *panel->timestamp_us);
    qsort(panel->timestamp_us, n, sizeof *panel->timestamp_us, compare_times);
    for (size_t i = 0; i < n; i++) {
        if (panel->n_bars == 0 || panel->timestamp_us[panel->n_bars - 1] != panel->timestamp_us[i])
            panel->timestamp_us[panel->n_bars++] = panel->timestamp_us[i];
    }
    return ASSAY_OK;
}

assay_status assay_calendar_make(assay_panel *panel, const int64_t *times, size_t n,
                                 assay_calendar_index *index, assay_error *err) {
    if (n == 0)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a calendar needs at least one time");
    *index = (assay_calendar_index){.first_us = times[0], .last_us = times[0]};
    for (size_t i = 0; i < n; i++) {
        index->first_us = times[i] < index->first_us ? times[i] : index->first_us;
        index->last_us = times[i] > index->last_us ? times[i] : index->last_us;
    }
    index->unit_us = common_unit(times, n, index->first_us, index->last_us);
    assay_status status = index->unit_us != 0 ? calendar_by_table(times, n, panel, index, err)
                                              : calendar_by_sorting(times, n, panel, err);
    if (status != ASSAY_OK)
        return status;
    panel->day = malloc(panel->n_bars * sizeof *panel->day);
    if (panel->day == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a calendar of %zu bars", panel->n_bars);
    for (size_t t = 0; t < panel->n_bars; t++)
        panel->day[t] = assay_day_of_us(panel->timestamp_us[t]);
    if (panel->n_bars >= UINT32_MAX || panel->n_symbols >= UINT32_MAX)
        return assay_error_set(err, ASSAY_E_DATA, "a panel of %zu bars and %zu symbols is too large",
                               panel->n_bars, panel->n_symbols);
    return ASSAY_OK;
}

size_t assay_calendar_find(const assay_panel *panel, const assay_calendar_index *index, int64_t time) {
    if (time < index->first_us || time > index->last_us)
        return ASSAY_NO_BAR;
    if (index->unit_us != 0 && (time - index->first_us) % index->unit_us != 0)
        return ASSAY_NO_BAR;
    size_t bar = assay_calendar_bar(panel, index, time);
    return bar < panel->n_bars && panel->timestamp_us[bar] == time ? bar : ASSAY_NO_BAR;
}
