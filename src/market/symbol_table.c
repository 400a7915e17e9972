#include "market/symbol_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"

void assay_symbol_table_reset(assay_symbol_table *table) {
    free(table->bytes);
    free(table->begin);
    free(table->slot);
    *table = (assay_symbol_table){0};
}

const char *assay_symbol_table_name(const assay_symbol_table *table, size_t id) {
    return table->bytes + table->begin[id];
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t find_slot(const assay_symbol_table *table, const char *name, size_t name_size) {
    size_t at = assay_hash_key(name, name_size) & (table->n_slots - 1);
    while (table->slot[at] != 0) {
        const char *known = assay_symbol_table_name(table, table->slot[at] - 1);
        if (strncmp(known, name, name_size) == 0 && known[name_size] == '\0')
            break;
        at = (at + 1) & (table->n_slots - 1);
    }
    return at;
}

static assay_status grow_slots(assay_symbol_table *table, assay_error *err) {
    size_t n_slots = table->n_slots == 0 ? 64 : table->n_slots * 2;
    uint32_t *slot = calloc(n_slots, sizeof *slot);
    if (slot == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", table->n_names);
    free(table->slot);
    table->slot = slot;
    table->n_slots = n_slots;
    for (size_t id = 0; id < table->n_names; id++) {
        const char *name = assay_symbol_table_name(table, id);
        table->slot[find_slot(table, name, strlen(name))] = (uint32_t)id + 1;
    }
    return ASSAY_OK;
}

assay_status assay_symbol_table_id(assay_symbol_table *table, const char *name, size_t name_size,
                                   uint32_t *out_id, assay_error *err) {
    if (name_size == 0 || name_size > ASSAY_LONGEST_SYMBOL || memchr(name, '\0', name_size) != NULL)
        return assay_error_set(err, ASSAY_E_DATA,
                               "a symbol must have 1 to %d bytes and no NUL; one has %zu bytes",
                               ASSAY_LONGEST_SYMBOL, name_size);
    if ((table->n_names + 1) * 2 > table->n_slots) {
        assay_status status = grow_slots(table, err);
        if (status != ASSAY_OK)
            return status;
    }
    size_t at = find_slot(table, name, name_size);
    if (table->slot[at] == 0) {
        assay_status status =
            ASSAY_RESERVE(table->bytes, table->bytes_capacity, table->n_bytes + name_size + 1, err);
        if (status == ASSAY_OK)
            status = ASSAY_RESERVE(table->begin, table->begin_capacity, table->n_names + 1, err);
        if (status != ASSAY_OK)
            return status;
        memcpy(table->bytes + table->n_bytes, name, name_size);
        table->bytes[table->n_bytes + name_size] = '\0';
        table->begin[table->n_names] = table->n_bytes;
        table->n_bytes += name_size + 1;
        table->n_names++;
        table->slot[at] = (uint32_t)table->n_names;
    }
    *out_id = table->slot[at] - 1;
    return ASSAY_OK;
}
