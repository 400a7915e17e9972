/* Large blocks of memory: matrices of a panel, features, records of a run.
 *
 * Up to a limit they are ordinary memory. Beyond it a block lies in a file without a name that is mapped, so that a market may be
 * larger than memory: code that walks over it reads it in blocks of time without knowing, and what it has passed goes back to
 * the file as soon as the program takes more than it may. The bytes are the same either way.
 *
 * The limit belongs to the process, as its memory does: this is the one place in the library with a state of its own.
 */
#ifndef ASSAY_BASE_BLOCK_H
#define ASSAY_BASE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "assay/assay_error.h"

/* count x size bytes, aligned to cache lines (large ones to huge pages), not zeroed; NULL: neither memory nor disk has them.
 * Free it with assay_block_free alone. */
void *assay_block_alloc(size_t count, size_t size);
void *assay_block_calloc(size_t count, size_t size); /* the same, zeroed */
void assay_block_free(void *block);                  /* NULL: nothing; also takes what malloc gave */

/* assay_array_reserve for arrays that may become large; assay_block_free frees them. */
ASSAY_NODISCARD assay_status assay_block_reserve(void **block, size_t *capacity, size_t needed,
                                                 size_t element_size, assay_error *err);

#define ASSAY_RESERVE_BLOCK(pointer, capacity, needed, err)                                                  \
    assay_block_reserve((void **)&(pointer), &(capacity), (needed), sizeof *(pointer), (err))

/* Whether that many bytes more would not all fit into memory. */
bool assay_block_goes_to_file(size_t bytes);

/* Gives the pages of all files back: what was written stays in the files. At any time, from any thread. */
void assay_block_give_back(void);

#endif
