/* What the formats of a walk-forward share. Private to src/report. */
#ifndef ASSAY_REPORT_WALKFORWARD_FORMATS_H
#define ASSAY_REPORT_WALKFORWARD_FORMATS_H

#include "assay/assay_walkforward_report.h"
#include "report/text_layout.h"

enum { FOLD_DATE_SIZE = 32 };

/* Dates of a fold's windows. */
typedef struct assay_fold_dates {
    char train_start[FOLD_DATE_SIZE], train_end[FOLD_DATE_SIZE];
    char test_start[FOLD_DATE_SIZE], test_end[FOLD_DATE_SIZE];
} assay_fold_dates;

assay_fold_dates assay_fold_dates_of(const assay_walkforward_report *report, size_t fold);
/* Why a fold decided nothing: "" where it did. Static storage. */
const char *assay_fold_note(const assay_fold *fold);

/* What a fold chose on an axis as JSON; null without a winner. NULL: out of memory. */
cJSON *assay_walkforward_choice_json(const assay_walkforward *wf, size_t fold, size_t axis);
/* Adds axes, where, sampling, objective, lengths, anchored and positions; false: out of memory. */
bool assay_walkforward_add_plan(cJSON *object, const assay_walkforward_report *report);

/* A summary of the joined run with its parameters. */
ASSAY_NODISCARD assay_status assay_walkforward_summary(const assay_walkforward_report *report,
                                                       assay_run_summary *out_summary, assay_error *err);

/* The plan, the folds, efficiency and drift as a JSON object on one line. Free *out_text with free(). */
ASSAY_NODISCARD assay_status assay_walkforward_folds_text(const assay_walkforward_report *report,
                                                          char **out_text, assay_error *err);
ASSAY_NODISCARD assay_status assay_walkforward_json(const assay_walkforward_report *report, FILE *out,
                                                    assay_error *err);
ASSAY_NODISCARD assay_status assay_walkforward_text(const assay_walkforward_report *report,
                                                    const assay_report_style *style, FILE *out,
                                                    assay_error *err);

#endif
