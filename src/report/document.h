/* The parts of a run's document (docs/tearsheet.md has the format). Private to src/report. */
#ifndef ASSAY_REPORT_DOCUMENT_H
#define ASSAY_REPORT_DOCUMENT_H

#include "assay/assay_report.h"
#include "report/json_stream.h"

/* What the parts share. Arrays have a value a bar of the run. */
typedef struct assay_document {
    const assay_result *result;
    const assay_document_spec *spec;
    const assay_panel *panel;
    const assay_snapshot *snapshot;
    const assay_trade *trade;
    size_t n, n_trades;
    double initial_capital, periods, risk_free_rate;
    int64_t *time_us;
    double *equity, *returns, *benchmark; /* benchmark: returns, NaN = none */
    assay_json_stream json;
} assay_document;

void assay_document_warnings(assay_document *d);
ASSAY_NODISCARD assay_status assay_document_series(assay_document *d, assay_error *err);
ASSAY_NODISCARD assay_status assay_document_trades(assay_document *d, assay_error *err);
ASSAY_NODISCARD assay_status assay_document_attribution(assay_document *d, assay_error *err);

/* Of a trade's entry: the sector of the day, else the one that always holds, else "no sector". */
const char *assay_document_sector(const assay_document *d, const assay_trade *trade);

/* Numbers for names, in order of first appearance. */
typedef struct assay_name_list {
    char **name;
    size_t n, capacity;
    bool is_short; /* of memory */
} assay_name_list;
uint32_t assay_name_list_add(assay_name_list *list, const char *name);
void assay_name_list_reset(assay_name_list *list);

#endif
