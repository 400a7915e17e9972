/* From DuckDB's strings to the builder's symbol ids, at the speed of a comparison in the usual orders of rows. */
#ifndef ASSAY_STORE_SYMBOL_LOOKUP_H
#define ASSAY_STORE_SYMBOL_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <duckdb.h>

#include "assay/assay_error.h"
#include "assay/assay_panel.h"

typedef struct assay_symbol_entry {
    duckdb_string_t key; /* a long name's pointer is owned by the lookup */
    uint32_t id;
    uint32_t next; /* the entry that followed this one last time */
} assay_symbol_entry;

typedef struct assay_symbol_lookup {
    assay_panel_builder *builder;
    assay_symbol_entry *entry;
    uint32_t n_entries, capacity;
    uint32_t *slot; /* open addressing; entry number + 1, 0 = empty */
    uint32_t n_slots;
    uint32_t last;
} assay_symbol_lookup;

void assay_symbol_lookup_init(assay_symbol_lookup *lookup, assay_panel_builder *builder);
void assay_symbol_lookup_reset(assay_symbol_lookup *lookup);

/* The builder's ids of n strings; rows whose bit in `valid` is unset get no id. */
ASSAY_NODISCARD assay_status assay_symbol_lookup_ids(assay_symbol_lookup *lookup,
                                                     const duckdb_string_t *names, const uint64_t *valid,
                                                     size_t n, uint32_t *out_ids, assay_error *err);

/* Whether the name has been seen, without making it known. */
bool assay_symbol_lookup_has(const assay_symbol_lookup *lookup, const char *name, size_t size,
                             uint32_t *out_id);

#endif
