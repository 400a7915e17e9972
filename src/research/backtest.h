/* What a single run and a point of a sweep share: metrics out of records. */
#ifndef ASSAY_RESEARCH_BACKTEST_H
#define ASSAY_RESEARCH_BACKTEST_H

#include "engine/config.h"
#include "engine/recorder.h"

/* Writes assay_metric_count() values from equity and sorted trades. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_recorder_metrics(const assay_recorder *recorder,
                                                    const assay_settings *settings, double periods_per_year,
                                                    double *out_values, assay_error *err);

#endif
