/* backtest_fingerprints: what a run read, by symbol and month. Internal to writing and comparing runs. */
#ifndef ASSAY_STORE_RUN_MONTHS_H
#define ASSAY_STORE_RUN_MONTHS_H

#include "market/panel_months.h"
#include "publish.h"
#include "row_source.h"

#define ASSAY_MONTHS_TABLE "backtest_fingerprints"

typedef struct assay_run_months {
    const assay_panel *panel;
    const char *run_id;
    assay_panel_month *row;
    size_t n;
    const char **symbol; /* lists of names for columns of codes */
    const char **month;
    char (*month_text)[16];
    size_t n_months;
} assay_run_months;

/* Of bars up to end_us. ASSAY_E_NOMEM. Reset it, also on failure. */
ASSAY_NODISCARD assay_status assay_run_months_init(assay_run_months *months, const assay_panel *panel,
                                                   int64_t end_us, const char *run_id, assay_error *err);
void assay_run_months_reset(assay_run_months *months);
assay_row_job assay_run_months_job(const assay_run_months *months);

/* Puts all bars of a run's panel into a publication, in the place of what an earlier run of its id has (write_run.c). */
ASSAY_NODISCARD assay_status assay_run_months_stage(assay_store *store, assay_publication *publication,
                                                    const assay_panel *panel, const assay_run_info *info,
                                                    assay_error *err);

#endif
