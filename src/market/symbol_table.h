/* Symbol names to ids 0, 1, 2 … in order of first appearance. Open addressing, linear probing, at most half full. */
#ifndef ASSAY_MARKET_SYMBOL_TABLE_H
#define ASSAY_MARKET_SYMBOL_TABLE_H

#include <stdint.h>

#include "assay/assay_error.h"

enum { ASSAY_LONGEST_SYMBOL = 255 };

typedef struct assay_symbol_table {
    char *bytes; /* the names, each with its NUL */
    size_t n_bytes, bytes_capacity;
    size_t *begin; /* offset of each name */
    size_t n_names, begin_capacity;
    uint32_t *slot; /* id + 1; 0 = free */
    size_t n_slots; /* a power of two, or 0 */
} assay_symbol_table;

void assay_symbol_table_reset(assay_symbol_table *table); /* frees what it owns */
const char *assay_symbol_table_name(const assay_symbol_table *table, size_t id);
/* ASSAY_E_DATA: empty, longer than ASSAY_LONGEST_SYMBOL, or with a NUL inside. */
ASSAY_NODISCARD assay_status assay_symbol_table_id(assay_symbol_table *table, const char *name,
                                                   size_t name_size, uint32_t *out_id, assay_error *err);

#endif
