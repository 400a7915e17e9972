/* The forms that a run is written in. Private to src/report. */
#ifndef ASSAY_REPORT_RUN_FORMATS_H
#define ASSAY_REPORT_RUN_FORMATS_H

#include "assay/assay_report.h"

void assay_report_run_text(const assay_run_summary *summary, const assay_report_style *style, FILE *out);

#endif
