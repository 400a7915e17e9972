#include "assay/assay_error.h"

#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>

assay_status assay_error_set(assay_error *err, assay_status status, const char *format, ...) {
    if (err != NULL) {
        err->status = status;
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        assay_text_make_printable(err->message); /* names may come from any file, and may have been cut */
    }
    return status;
}

const char *assay_status_name(assay_status status) {
    switch (status) {
    case ASSAY_OK:
        return "ok";
    case ASSAY_E_ARGUMENT:
        return "argument error";
    case ASSAY_E_NOMEM:
        return "out of memory";
    case ASSAY_E_IO:
        return "input/output error";
    case ASSAY_E_DATA:
        return "data error";
    case ASSAY_E_CONFIG:
        return "configuration error";
    case ASSAY_E_NOT_FOUND:
        return "not found";
    case ASSAY_E_STRATEGY:
        return "strategy error";
    case ASSAY_E_INTERNAL:
        return "internal error";
    case ASSAY_E_CANCELLED:
        return "cancelled";
    }
    return "unknown error";
}
