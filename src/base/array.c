#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "base/array.h"
#include "base/block.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

/* The capacity that makes room for `needed` elements, at least doubling; 0 on overflow. */
static size_t grown_capacity(size_t capacity, size_t needed, size_t element_size) {
    size_t wanted = capacity < 16 ? 16 : capacity;
    while (wanted < needed) {
        if (wanted > SIZE_MAX / 2)
            return 0;
        wanted *= 2;
    }
    return wanted > SIZE_MAX / element_size ? 0 : wanted;
}

static assay_status refuse(size_t needed, size_t element_size, assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory: %zu elements of %zu bytes are not to be had",
                           needed, element_size);
}

assay_status assay_array_reserve(void **block, size_t *capacity, size_t needed, size_t element_size,
                                 assay_error *err) {
    if (needed <= *capacity)
        return ASSAY_OK;
    size_t wanted = grown_capacity(*capacity, needed, element_size);
    void *grown = wanted == 0 ? NULL : realloc(*block, wanted * element_size);
    if (grown == NULL)
        return refuse(needed, element_size, err);
    *block = grown;
    *capacity = wanted;
    return ASSAY_OK;
}

assay_status assay_array_reserve_aligned(void **block, size_t *capacity, size_t needed, size_t element_size,
                                         assay_error *err) {
    if (needed <= *capacity)
        return ASSAY_OK;
    size_t wanted = grown_capacity(*capacity, needed, element_size);
    void *grown = wanted == 0 ? NULL : assay_block_alloc(wanted, element_size);
    if (grown == NULL)
        return refuse(needed, element_size, err);
    if (*capacity != 0)
        memcpy(grown, *block, *capacity * element_size);
    assay_block_free(*block);
    *block = grown;
    *capacity = wanted;
    return ASSAY_OK;
}

enum { HUGE_PAGE = 2 << 20 };

void *assay_aligned_alloc(size_t count, size_t size) {
    if (size != 0 && count > (SIZE_MAX - HUGE_PAGE) / size)
        return NULL;
    size_t bytes = count * size;
    size_t alignment = bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : ASSAY_CACHE_LINE;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    void *block = aligned_alloc(alignment, bytes == 0 ? alignment : bytes);
#ifdef MADV_HUGEPAGE
    if (block != NULL && alignment == HUGE_PAGE)
        (void)madvise(block, bytes, MADV_HUGEPAGE); /* a hint: without it the block is as good */
#endif
    return block;
}
