#include "engine/signal_bars.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"

enum { LABEL_END = 1, OUTSIDE_KEEP = 1, PARTIAL_DROP = 1 }; /* of their choices in settings.def */

/* --- settings --- */

assay_bars_spec assay_settings_bars(const assay_settings *s) {
    return (assay_bars_spec){.bars = s->resample,
                             .session = s->session,
                             .early_close_us = s->early_closes.us,
                             .n_early_closes = s->early_closes.n,
                             .keep_outside = s->outside_session == OUTSIDE_KEEP,
                             .end_labelled = s->bar_label == LABEL_END,
                             .drop_partial = s->resample[0] != '\0' && s->partial_bar == PARTIAL_DROP};
}

assay_bars_spec assay_settings_signal_bars(const assay_settings *s) {
    assay_bars_spec spec = assay_settings_bars(s);
    spec.bars = s->signal_frequency;
    spec.keep_outside = false;
    spec.drop_partial = false; /* one that is not whole is not seen anyway */
    return spec;
}

bool assay_config_bars(const assay_config *config, assay_bars_spec *out_spec) {
    *out_spec = assay_settings_bars(&config->settings);
    return out_spec->bars[0] != '\0' || out_spec->session[0] != '\0' || out_spec->end_labelled;
}

bool assay_config_signal_bars(const assay_config *config, assay_bars_spec *out_spec) {
    *out_spec = assay_settings_signal_bars(&config->settings);
    return out_spec->bars[0] != '\0';
}

assay_status assay_settings_check_bars(const assay_settings *s, assay_error *err) {
    const assay_bars_spec spec[2] = {assay_settings_bars(s), assay_settings_signal_bars(s)};
    static const char *const name[2] = {"resample", "signal_frequency"};
    for (int i = 0; i < 2; i++) {
        assay_bars bars;
        assay_error reason = {.status = ASSAY_OK};
        assay_status status = assay_bars_open(&bars, &spec[i], &reason);
        assay_bars_close(&bars);
        if (status != ASSAY_OK)
            return assay_error_set(err, status, "%s%s%s", reason.message[0] == '\'' ? name[i] : "",
                                   reason.message[0] == '\'' ? ": " : "", reason.message);
    }
    return ASSAY_OK;
}

/* --- making them --- */

/* Settings that a panel must have been made for are no wish: a run on other bars would be another run. */
static assay_status check_panel(const assay_panel *p, const assay_settings *s, assay_error *err) {
    const assay_bars_spec spec = assay_settings_bars(s);
    assay_bars bars;
    assay_status status = assay_bars_open(&bars, &spec, err);
    if (status == ASSAY_OK && strcmp(bars.name, p->bars_name) != 0 && bars.unit != ASSAY_BARS_AS_THEY_ARE)
        status = assay_error_set(err, ASSAY_E_CONFIG,
                                 "resample = %s, but the panel has not been resampled to it: make it with "
                                 "assay_panel_resample",
                                 bars.name);
    if (status == ASSAY_OK && (bars.has_session || bars.end_labelled) && p->bar_end_us == NULL)
        status = assay_error_set(err, ASSAY_E_CONFIG,
                                 "session and bar_label are for the making of a panel: make it with "
                                 "assay_panel_resample");
    assay_bars_close(&bars);
    return status;
}

static assay_status find_seen(assay_signal_bars *b, const assay_panel *p, assay_error *err) {
    int64_t length_us = assay_panel_bar_length(p), coarse_us = assay_panel_bar_length(b->panel);
    b->seen = malloc((p->n_bars + 1) * sizeof *b->seen);
    if (b->seen == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars", p->n_bars);
    size_t n_ended = 0;
    for (size_t t = 0; t < p->n_bars; t++) {
        int64_t now = assay_panel_end_of(p, t, length_us);
        while (n_ended < b->panel->n_bars && assay_panel_end_of(b->panel, n_ended, coarse_us) <= now)
            n_ended++;
        b->seen[t] = n_ended == 0 ? ASSAY_NO_COARSE : (uint32_t)(n_ended - 1);
    }
    return ASSAY_OK;
}

assay_status assay_signal_bars_init(assay_signal_bars *b, const assay_panel *panel,
                                    const assay_settings *settings, assay_error *err) {
    *b = (assay_signal_bars){0};
    assay_status status = check_panel(panel, settings, err);
    if (status != ASSAY_OK || settings->signal_frequency[0] == '\0')
        return status;
    const assay_bars_spec spec = assay_settings_signal_bars(settings);
    assay_error reason = {.status = ASSAY_OK};
    status = assay_panel_resample_with(panel, &spec, &b->panel, &b->of_bar, &reason);
    if (status != ASSAY_OK)
        return assay_error_set(err, status, "signal_frequency: %s", reason.message);
    return find_seen(b, panel, err);
}

void assay_signal_bars_reset(assay_signal_bars *b) {
    assay_panel_destroy(b->panel);
    free(b->of_bar);
    free(b->seen);
    *b = (assay_signal_bars){0};
}

/* --- at a bar --- */

int32_t assay_calendar_period(int32_t day, int64_t frequency) {
    switch (frequency) {
    case ASSAY_WEEKLY:
        return assay_week_number(day);
    case ASSAY_MONTHLY:
        return assay_month_number(day);
    default:
        return assay_quarter_number(day);
    }
}

void assay_signal_bars_rebalance(const assay_signal_bars *b, const assay_settings *s, size_t first_bar,
                                 size_t last_bar, uint8_t *flag) {
    const assay_date_list *dates = &s->rebalance_dates;
    uint32_t before = first_bar == 0 ? ASSAY_NO_COARSE : b->seen[first_bar - 1];
    int32_t last_day = 0;
    size_t next = 0;
    bool any = false;
    for (size_t t = first_bar; t <= last_bar; t++) {
        uint32_t k = b->seen[t];
        if (k == before || k == ASSAY_NO_COARSE)
            continue;
        before = k;
        int32_t day = b->panel->day[k];
        if (dates->n != 0) {
            bool due = next < dates->n && b->panel->timestamp_us[k] >= dates->us[next];
            while (next < dates->n && b->panel->timestamp_us[k] >= dates->us[next])
                next++;
            flag[t] = due;
        } else {
            flag[t] = s->rebalance_frequency == ASSAY_DAILY || !any ||
                      assay_calendar_period(day, s->rebalance_frequency) !=
                          assay_calendar_period(last_day, s->rebalance_frequency);
        }
        any = true;
        last_day = day;
    }
}

void assay_signal_bars_closes(const assay_signal_bars *b, const assay_panel *p, size_t t, double *out) {
    const double *own = p->column[ASSAY_COLUMN_CLOSE] + t * p->stride;
    const double *seen = b->panel->column[ASSAY_COLUMN_CLOSE] + b->seen[t] * b->panel->stride;
    for (size_t s = 0; s < p->n_symbols; s++)
        out[s] = isnan(own[s]) ? seen[s] : own[s];
    size_t low = 0, high = p->n_events; /* splits since the last row of the coarser bar */
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint32_t bar = p->event[middle].bar;
        if (b->of_bar[bar] == ASSAY_NO_COARSE ? bar < t : b->of_bar[bar] <= b->seen[t])
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < p->n_events && p->event[low].bar <= t; low++) {
        if (isnan(own[p->event[low].symbol]))
            out[p->event[low].symbol] /= p->event[low].split_ratio;
    }
}
