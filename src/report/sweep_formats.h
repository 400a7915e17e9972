/* The forms that a sweep is written in. Private to src/report. */
#ifndef ASSAY_REPORT_SWEEP_FORMATS_H
#define ASSAY_REPORT_SWEEP_FORMATS_H

#include "assay/assay_report.h"

/* SWEEP_ID-number */
void assay_sweep_run_id(const assay_sweep_report *report, uint64_t point, char *out_text, size_t size);

ASSAY_NODISCARD assay_status assay_report_sweep_json(const assay_sweep_report *report, FILE *out,
                                                     assay_error *err);
void assay_report_sweep_csv(const assay_sweep_report *report, FILE *out);

#endif
