/* Coarser bars: what the parts of resampling share. Public: assay_panel_resample. */
#ifndef ASSAY_MARKET_RESAMPLE_H
#define ASSAY_MARKET_RESAMPLE_H

#include "market/bars.h"
#include "market/panel.h"

#define ASSAY_NO_COARSE UINT32_MAX

/* The coarser bars of a panel's calendar. */
typedef struct assay_coarse {
    size_t n;
    uint32_t *of_bar;  /* n_bars of the source; ASSAY_NO_COARSE: outside the session */
    int64_t *label_us; /* n each */
    int64_t *end_us;
    int32_t *day; /* the trading day of its last row */
} assay_coarse;

/* ASSAY_E_DATA: no row is in the session, or the bars of the source are too long. ASSAY_E_NOMEM. Reset it in every case. */
ASSAY_NODISCARD assay_status assay_coarse_make(assay_coarse *coarse, const assay_panel *panel,
                                               assay_bars *bars, assay_error *err);
void assay_coarse_reset(assay_coarse *coarse);

/* The same as assay_panel_resample, and the coarser bar of each bar of the source in *out_of_bar (free() frees it; NULL: not
 * wanted). */
ASSAY_NODISCARD assay_status assay_panel_resample_with(const assay_panel *panel, const assay_bars_spec *spec,
                                                       assay_panel **out_panel, uint32_t **out_of_bar,
                                                       assay_error *err);

/* Adds the corporate actions of the source: those of a bar are at its begin, per share as of its end. */
ASSAY_NODISCARD assay_status assay_coarse_add_events(const assay_coarse *coarse, const assay_panel *panel,
                                                     assay_panel_builder *builder, assay_error *err);

/* What the bars of `from` say of themselves, to a panel that has the first of them, or some. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_panel_copy_bars(const assay_panel *from, assay_panel *to,
                                                   assay_error *err);

#endif
