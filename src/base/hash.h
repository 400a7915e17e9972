/* A 128-bit content hash: four 64-bit lanes of multiply-and-rotate over 32-byte blocks, folded and mixed at the end.
 * Not cryptographic. The same bytes give the same hash on every machine of either byte order used here (little endian).
 */
#ifndef ASSAY_BASE_HASH_H
#define ASSAY_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct assay_hash {
    uint64_t lane[4];
    uint64_t n_bytes;
} assay_hash;

void assay_hash_init(assay_hash *hash);
/* Adds bytes; the cut into calls matters (each call is a field of its own). */
void assay_hash_add(assay_hash *hash, const void *bytes, size_t n_bytes);
/* 32 hex digits and NUL. */
void assay_hash_hex(const assay_hash *hash, char out_hex[33]);

/* A 64-bit hash of a short key, for tables in memory. */
uint64_t assay_hash_key(const void *bytes, size_t n_bytes);

#endif
