/* Status codes and the caller-owned error.
 *
 * Every function that can fail returns an assay_status and takes a nullable `assay_error *err` last. On failure the
 * message says what is wrong, where, and what to do; on success `err` is left as it was. Thread-safe: nothing here is
 * shared.
 */
#ifndef ASSAY_ERROR_H
#define ASSAY_ERROR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ASSAY_NODISCARD __attribute__((warn_unused_result))
#define ASSAY_PRINTF(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))
#define ASSAY_API __attribute__((visibility("default")))
#else
#define ASSAY_NODISCARD
#define ASSAY_PRINTF(fmt_index, args_index)
#define ASSAY_API
#endif

typedef enum assay_status {
    ASSAY_OK = 0,
    ASSAY_E_ARGUMENT = 1,  /* a caller's mistake: a NULL, an index out of range */
    ASSAY_E_NOMEM = 2,     /* out of memory */
    ASSAY_E_IO = 3,        /* a file or folder cannot be read or written */
    ASSAY_E_DATA = 4,      /* the data break a rule of docs/semantics.md */
    ASSAY_E_CONFIG = 5,    /* an unknown key, a value of the wrong type or out of its bounds */
    ASSAY_E_NOT_FOUND = 6, /* no such symbol, run, table, strategy */
    ASSAY_E_STRATEGY = 7,  /* a strategy failed or returned nonsense */
    ASSAY_E_INTERNAL = 8,  /* an invariant broke (the ledger did not close): a bug in Assay */
    ASSAY_E_CANCELLED = 9  /* the caller asked to stop */
} assay_status;

enum { ASSAY_ERROR_MESSAGE_SIZE = 1024 };

typedef struct assay_error {
    assay_status status;
    char message[ASSAY_ERROR_MESSAGE_SIZE]; /* UTF-8, NUL-terminated, cut where it does not fit */
} assay_error;

/* Writes status and the formatted message into *err (NULL: nothing) and returns `status`. */
ASSAY_API assay_status assay_error_set(assay_error *err, assay_status status, const char *format, ...)
    ASSAY_PRINTF(3, 4);

/* A short name of a status, such as "data error". Never NULL; static storage. */
ASSAY_API const char *assay_status_name(assay_status status);

#ifdef __cplusplus
}
#endif
#endif
