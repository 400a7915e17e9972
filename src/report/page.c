#include "assay/assay_report.h"
void assay_report_page(const char *document, FILE *out) {
    fputs(document, out);
}
