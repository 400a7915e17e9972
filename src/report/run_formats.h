/* The forms that a run is written in. Private to src/report. */
#ifndef ASSAY_REPORT_RUN_FORMATS_H
#define ASSAY_REPORT_RUN_FORMATS_H

#include <cjson/cJSON.h>

#include "assay/assay_report.h"

void assay_report_run_text(const assay_run_summary *summary, const assay_report_style *style, FILE *out);

/* What names a strategy in a configuration: a text; of an ensemble, the list of its members'. NULL: out of memory. */
cJSON *assay_strategy_json(const assay_strategy *strategy);
/* The universe of a run. NULL: out of memory. */
cJSON *assay_universe_json(assay_universe universe);

#endif
