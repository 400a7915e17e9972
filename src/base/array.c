#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

assay_status assay_array_reserve(void **block, size_t *capacity, size_t needed, size_t element_size,
                                 assay_error *err) {
    if (needed <= *capacity)
        return ASSAY_OK;
    size_t wanted = *capacity < 16 ? 16 : *capacity;
    while (wanted < needed) {
        if (wanted > SIZE_MAX / 2)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory: %zu elements do not fit into memory",
                                   needed);
        wanted *= 2;
    }
    if (wanted > SIZE_MAX / element_size)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory: %zu elements do not fit into memory",
                               needed);
    void *grown = realloc(*block, wanted * element_size);
    if (grown == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory: %zu bytes are not to be had",
                               wanted * element_size);
    *block = grown;
    *capacity = wanted;
    return ASSAY_OK;
}

void *assay_aligned_alloc(size_t count, size_t size) {
    if (size != 0 && count > (SIZE_MAX - ASSAY_CACHE_LINE) / size)
        return NULL;
    size_t bytes = (count * size + ASSAY_CACHE_LINE - 1) / ASSAY_CACHE_LINE * ASSAY_CACHE_LINE;
    return aligned_alloc(ASSAY_CACHE_LINE, bytes == 0 ? ASSAY_CACHE_LINE : bytes);
}
