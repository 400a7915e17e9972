/* How much memory the library may take before large data lie in a file.
 *
 * Matrices (prices, features, indicators) and records of a run are kept in memory up to half of a limit. What comes beyond lies
 * in files without a name, which are mapped; their pages are given back once the process takes more than three quarters of the
 * limit. Results are the same to the bit. The limit is the process's: set it once, at the start.
 */
#ifndef ASSAY_MEMORY_H
#define ASSAY_MEMORY_H

#include <stddef.h>

#include "assay/assay_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the limit in bytes (0: half of the machine's memory, or of what a control group allows; the default), and the folder
 * for the files (NULL: as it was; at first $ASSAY_TMPDIR, else $TMPDIR, else /var/tmp). Blocks that exist stay where they are.
 * ASSAY_E_ARGUMENT: a name that is too long. */
ASSAY_API ASSAY_NODISCARD assay_status assay_memory_limit(size_t bytes, const char *folder, assay_error *err);

/* n > 0: every matrix lies in a file whatever its size, the prices are read and the bars of a run are walked n at a time, and
 * all pages are given back after each n. 0: the default, as the limit has it. */
ASSAY_API void assay_memory_block_bars(size_t n);

typedef struct assay_memory_use {
    size_t limit, in_memory, in_files; /* bytes; large blocks alone */
    size_t block_bars;
    const char *folder; /* for files */
    const char
        *refusal; /* why the last file could not be had; "": none was refused. Until the next refusal */
} assay_memory_use;
ASSAY_API assay_memory_use assay_memory_used(void);

/* Blocks of fewer bytes are never counted and never lie in a file (1 MiB). For tests. */
ASSAY_API void assay_memory_count_from(size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
