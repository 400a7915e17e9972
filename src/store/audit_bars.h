/* Prices of an audit where the run's bars were made of others. */
#ifndef ASSAY_STORE_AUDIT_BARS_H
#define ASSAY_STORE_AUDIT_BARS_H

#include "store.h"

/* Where the configuration in audit_run has resample, session or bar_label: makes audit_prices, audit_calendar and audit_events
 * of the bars that they give, and *out_made = true. `spec` has symbols, end and frequency. Errors of assay_store_load_panel. */
ASSAY_NODISCARD assay_status assay_audit_make_bars(assay_store *store, const assay_load_spec *spec,
                                                   bool *out_made, assay_error *err);

#endif
