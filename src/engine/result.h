/* The inside of a result: the records of a finished run. */
#ifndef ASSAY_ENGINE_RESULT_H
#define ASSAY_ENGINE_RESULT_H

#include "engine/portfolio.h"

struct assay_result {
    const assay_panel *panel;
    assay_config *config; /* a copy */
    assay_recorder recorder;
    size_t first_bar, last_bar;
    uint32_t warnings;
    size_t delisted_positions;
    double financing, borrow_fees;
    double periods_per_year;
    assay_strategy_result *strategy; /* one for each, and one for the vote */
    uint32_t n_strategies;
    double *metrics;  /* filled by the layer above */
    size_t n_metrics; /* 0: assay_metric_count() */
};

/* Runs one backtest without metrics; see assay_run for the contract. */
ASSAY_NODISCARD assay_status assay_engine_run(const assay_panel *panel, const assay_config *config,
                                              assay_keep keep, assay_result **out_result, assay_error *err);

/* Takes the records of a portfolio that has come to the end of its market. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_result_create(assay_portfolio *portfolio, assay_result **out_result,
                                                 assay_error *err);

/* What each strategy brought, from the records; sleeves' capital and equity stay NaN. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_result_attribute(assay_result *result, assay_error *err);

#endif
