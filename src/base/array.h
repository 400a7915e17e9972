/* Growable arrays and aligned blocks: the only two ways in which the core allocates.
 *
 * Invariant: on failure nothing has changed, the old block is still valid and owned.
 */
#ifndef ASSAY_BASE_ARRAY_H
#define ASSAY_BASE_ARRAY_H

#include <stddef.h>

#include "assay/assay_error.h"

/* Makes room for `needed` elements of `element_size` bytes in *block, at least doubling; updates *capacity (in elements).
 * ASSAY_E_NOMEM, also where the size overflows. Use through ASSAY_RESERVE. */
ASSAY_NODISCARD assay_status assay_array_reserve(void **block, size_t *capacity, size_t needed,
                                                 size_t element_size, assay_error *err);

#define ASSAY_RESERVE(pointer, capacity, needed, err)                                                        \
    assay_array_reserve((void **)&(pointer), &(capacity), (needed), sizeof *(pointer), (err))

enum { ASSAY_CACHE_LINE = 64 };

/* The same for large arrays that grow: blocks come from assay_block_alloc (block.h), and go to assay_block_free. */
ASSAY_NODISCARD assay_status assay_array_reserve_aligned(void **block, size_t *capacity, size_t needed,
                                                         size_t element_size, assay_error *err);

#define ASSAY_RESERVE_ALIGNED(pointer, capacity, needed, err)                                                \
    assay_array_reserve_aligned((void **)&(pointer), &(capacity), (needed), sizeof *(pointer), (err))

/* Large blocks lie on huge pages where the system has them: a matrix is touched in milliseconds, and so are its page
 * faults.
 *
 * count x size bytes on a cache-line boundary, uninitialised; NULL when out of memory or on overflow; free() frees it. */
void *assay_aligned_alloc(size_t count, size_t size);

#endif
