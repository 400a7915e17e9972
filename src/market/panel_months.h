/* What a panel has of each symbol in each month, in a few bytes: a run keeps it, so that a later look at the data can say which
 * past bars are no longer what they were. */
#ifndef ASSAY_MARKET_PANEL_MONTHS_H
#define ASSAY_MARKET_PANEL_MONTHS_H

#include "market/panel.h"

typedef struct assay_panel_month {
    uint32_t symbol;
    int32_t month; /* assay_month_number */
    uint32_t n_bars;
    uint32_t first_bar, last_bar; /* own bars; with n_bars 0 that of a corporate action */
    uint64_t hash;                /* of times, prices, volumes and corporate actions */
} assay_panel_month;

/* By month, then symbol; months in which a symbol has neither a bar nor an action are left out. Bars after `end_us` are not
 * looked at. Free *out with free(). ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_panel_months(const assay_panel *panel, int64_t end_us,
                                                assay_panel_month **out, size_t *out_n, assay_error *err);

/* 12 hex digits and NUL. */
void assay_panel_month_hex(const assay_panel_month *month, char out_hex[13]);

#endif
