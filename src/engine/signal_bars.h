/* A run whose strategies see coarser bars than those on which its orders fill (setting signal_frequency).
 *
 * A coarser bar is seen from the first bar on that ends when it has ended, or later; then, and only then, strategies are asked
 * about it. What they see is a panel of its own, of whole bars: nothing of one that has not ended can be reached.
 */
#ifndef ASSAY_ENGINE_SIGNAL_BARS_H
#define ASSAY_ENGINE_SIGNAL_BARS_H

#include "engine/config.h"
#include "market/panel.h"
#include "market/resample.h"

typedef struct assay_signal_bars {
    assay_panel *panel; /* NULL: signals are of the run's own bars, and all below is NULL */
    uint32_t *of_bar;   /* the coarser bar in which each bar lies; ASSAY_NO_COARSE: in none */
    uint32_t *seen;     /* the newest that has ended at the end of each bar; ASSAY_NO_COARSE: none yet */
} assay_signal_bars;

/* Checks that the panel has the bars that the settings name, and makes those that strategies see. ASSAY_E_CONFIG, ASSAY_E_DATA,
 * ASSAY_E_NOMEM. Reset it in every case. */
ASSAY_NODISCARD assay_status assay_signal_bars_init(assay_signal_bars *bars, const assay_panel *panel,
                                                    const assay_settings *settings, assay_error *err);
void assay_signal_bars_reset(assay_signal_bars *bars);

/* Flags the bars at which strategies are asked. `flag` has a byte for each bar of the run's panel, all 0. */
void assay_signal_bars_rebalance(const assay_signal_bars *bars, const assay_settings *settings,
                                 size_t first_bar, size_t last_bar, uint8_t *flag);

/* Closes for decisions at bar t, to `out`: of the bar, or where a symbol has none there of the coarser bar, in shares of the
 * bar. `panel` is the run's. */
void assay_signal_bars_closes(const assay_signal_bars *bars, const assay_panel *panel, size_t t, double *out);

/* What the settings say of the bars to run on (assay_config_bars), and of those that strategies see. */
assay_bars_spec assay_settings_bars(const assay_settings *settings);
assay_bars_spec assay_settings_signal_bars(const assay_settings *settings);
/* Whether they can be read. ASSAY_E_CONFIG. */
ASSAY_NODISCARD assay_status assay_settings_check_bars(const assay_settings *settings, assay_error *err);

/* The number of the calendar period of a day, by frequency of rebalancing. */
int32_t assay_calendar_period(int32_t day, int64_t frequency);

#endif
