/* The page that shows documents: src/report/page, put together by tools/make-page and carried in the library. */
#include <string.h>

#include "assay/assay_report.h"

extern const char assay_page_head[], assay_page_head_end[], assay_page_tail[], assay_page_tail_end[];

/* In JSON these stand in strings alone, where they can be written as numbers. */
static void put_document(const char *document, FILE *out) {
    while (*document != '\0') {
        size_t plain = strcspn(document, "<>&");
        fwrite(document, 1, plain, out);
        document += plain;
        if (*document != '\0')
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*document++);
    }
}

void assay_report_page(const char *document, FILE *out) {
    fwrite(assay_page_head, 1, (size_t)(assay_page_head_end - assay_page_head), out);
    put_document(document, out);
    fwrite(assay_page_tail, 1, (size_t)(assay_page_tail_end - assay_page_tail), out);
}
