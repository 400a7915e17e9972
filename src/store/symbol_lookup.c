/* From DuckDB's strings to the builder's symbol ids.
 *
 * Rows come sorted by symbol (the last one again) or by date (the one that followed it last time): both are one comparison
 * of 16 bytes, because DuckDB keeps strings of up to 12 bytes inside its string struct. Only then comes the hash table.
 */
#include "symbol_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "query.h"

enum { NO_ENTRY = UINT32_MAX, INLINE_SIZE = 12 };

void assay_symbol_lookup_init(assay_symbol_lookup *lookup, assay_panel_builder *builder) {
    *lookup = (assay_symbol_lookup){.builder = builder, .last = NO_ENTRY};
}

void assay_symbol_lookup_reset(assay_symbol_lookup *lookup) {
    for (uint32_t i = 0; i < lookup->n_entries; i++) {
        if (lookup->entry[i].key.value.pointer.length > INLINE_SIZE) {
            free(lookup->entry[i].key.value.pointer.ptr);
        }
    }
    free(lookup->entry);
    free(lookup->slot);
    *lookup = (assay_symbol_lookup){0};
}

static const char *bytes_of(const duckdb_string_t *text) {
    return text->value.inlined.length <= INLINE_SIZE ? text->value.inlined.inlined : text->value.pointer.ptr;
}

static bool same(const duckdb_string_t *a, const duckdb_string_t *b) {
    uint64_t left[2], right[2];
    memcpy(left, a, sizeof left);
    memcpy(right, b, sizeof right);
    if (left[0] != right[0]) {
        return false; /* length and the first four bytes */
    }
    if (left[1] == right[1]) {
        return true; /* inlined, zero-padded; or the same pointer */
    }
    uint32_t size = a->value.inlined.length;
    return size > INLINE_SIZE && memcmp(a->value.pointer.ptr, b->value.pointer.ptr, size) == 0;
}

static uint32_t *find_slot(const assay_symbol_lookup *lookup, const duckdb_string_t *name) {
    uint32_t mask = lookup->n_slots - 1;
    uint32_t at = (uint32_t)assay_hash_key(bytes_of(name), name->value.inlined.length) & mask;
    while (lookup->slot[at] != 0 && !same(&lookup->entry[lookup->slot[at] - 1].key, name)) {
        at = (at + 1) & mask;
    }
    return &lookup->slot[at];
}

static bool grow(assay_symbol_lookup *lookup) {
    uint32_t capacity = lookup->capacity == 0 ? 512 : lookup->capacity * 2;
    assay_symbol_entry *entry = realloc(lookup->entry, capacity * sizeof *entry);
    if (entry == NULL) {
        return false;
    }
    lookup->entry = entry;
    uint32_t *slot = calloc((size_t)capacity * 2, sizeof *slot);
    if (slot == NULL) {
        return false;
    }
    free(lookup->slot);
    lookup->slot = slot;
    lookup->capacity = capacity;
    lookup->n_slots = capacity * 2;
    for (uint32_t i = 0; i < lookup->n_entries; i++) {
        *find_slot(lookup, &entry[i].key) = i + 1;
    }
    return true;
}

static assay_status add(assay_symbol_lookup *lookup, const duckdb_string_t *name, uint32_t *out_entry,
                        assay_error *err) {
    uint32_t size = name->value.inlined.length;
    assay_symbol_entry entry = {.key = *name, .next = NO_ENTRY};
    assay_status status = assay_panel_builder_symbol(lookup->builder, bytes_of(name), size, &entry.id, err);
    if (status != ASSAY_OK) {
        return status;
    }
    if (lookup->n_entries == lookup->capacity && !grow(lookup)) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading symbols");
    }
    if (size > INLINE_SIZE) {
        entry.key.value.pointer.ptr = malloc(size);
        if (entry.key.value.pointer.ptr == NULL) {
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading symbols");
        }
        memcpy(entry.key.value.pointer.ptr, name->value.pointer.ptr, size);
    }
    *find_slot(lookup, &entry.key) = lookup->n_entries + 1;
    lookup->entry[lookup->n_entries] = entry;
    *out_entry = lookup->n_entries++;
    return ASSAY_OK;
}

assay_status assay_symbol_lookup_ids(assay_symbol_lookup *lookup, const duckdb_string_t *names,
                                     const uint64_t *valid, size_t n, uint32_t *out_ids, assay_error *err) {
    uint32_t last = lookup->last;
    for (size_t i = 0; i < n; i++) {
        if (!assay_valid(valid, i)) {
            continue;
        }
        if (last != NO_ENTRY && same(&lookup->entry[last].key, &names[i])) {
            out_ids[i] = lookup->entry[last].id;
            continue;
        }
        uint32_t next = last == NO_ENTRY ? NO_ENTRY : lookup->entry[last].next;
        if (next == NO_ENTRY || !same(&lookup->entry[next].key, &names[i])) {
            uint32_t found = lookup->n_slots == 0 ? 0 : *find_slot(lookup, &names[i]);
            if (found != 0) {
                next = found - 1;
            } else {
                assay_status status = add(lookup, &names[i], &next, err);
                if (status != ASSAY_OK) {
                    return status;
                }
            }
            if (last != NO_ENTRY) {
                lookup->entry[last].next = next;
            }
        }
        out_ids[i] = lookup->entry[next].id;
        last = next;
    }
    lookup->last = last;
    return ASSAY_OK;
}

bool assay_symbol_lookup_has(const assay_symbol_lookup *lookup, const char *name, size_t size,
                             uint32_t *out_id) {
    for (uint32_t i = 0; lookup->n_slots > 0 && i < lookup->n_slots; i++) {
        uint32_t at = ((uint32_t)assay_hash_key(name, size) + i) & (lookup->n_slots - 1);
        if (lookup->slot[at] == 0) {
            return false;
        }
        const assay_symbol_entry *entry = &lookup->entry[lookup->slot[at] - 1];
        if (entry->key.value.inlined.length == size && memcmp(bytes_of(&entry->key), name, size) == 0) {
            *out_id = entry->id;
            return true;
        }
    }
    return false;
}
