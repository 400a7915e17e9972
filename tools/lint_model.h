/* What clang-tidy's analyser cannot see, because it looks at one file at a time. tools/lint includes this before every
 * file but src/base/error.c; no build does. */
#ifndef ASSAY_LINT_MODEL_H
#define ASSAY_LINT_MODEL_H

#include "assay/assay_error.h"

/* assay_error_set returns the status that it is given: after `status = assay_error_set(err, ASSAY_E_NOMEM, ...)` the
 * path on which all is well is closed. */
#define assay_error_set(err, status, ...)                                                                    \
    ((void)(assay_error_set)((err), (status), __VA_ARGS__), (assay_status)(status))

#endif
