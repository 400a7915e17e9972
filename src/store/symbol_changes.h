/* Instruments that changed their symbol. Internal to loading.
 *
 * The table symbol_changes (old_symbol, new_symbol, date) makes spells: from when until when a name meant which instrument. An
 * instrument has the last name of its chain. A name outside its spells is another instrument of that name; where the name is
 * an instrument's last one already, there is no name left for that other, and its rows are left out.
 */
#ifndef ASSAY_STORE_SYMBOL_CHANGES_H
#define ASSAY_STORE_SYMBOL_CHANGES_H

#include "store.h"

typedef struct assay_symbol_spell {
    char *name;
    int64_t since_us, until_us; /* until is not included */
    char *instrument;           /* its last name */
} assay_symbol_spell;

/* Reads the table into the store, anew at each load; nothing happens where the database does not have it. ASSAY_E_DATA: a row
 * without names or date, two changes of one name on one day, changes in a circle. ASSAY_E_IO, ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_symbol_changes_load(assay_store *store, assay_error *err);
void assay_symbol_changes_reset(assay_store *store);

/* The instrument that a name meant at a time; NULL: one whose rows are left out. */
const char *assay_symbol_at(const assay_store *store, const char *name, int64_t us);

/* What a load of these symbols (their names at any time) reads: all names of the instruments, and the instruments. Without
 * changes both are `symbols` itself. Reset it in every case. */
typedef struct assay_wanted_symbols {
    const char **name;
    size_t n_names;
    const char **instrument;
    size_t n_instruments;
} assay_wanted_symbols;
ASSAY_NODISCARD assay_status assay_symbol_changes_want(assay_store *store, const char *const *symbols,
                                                       size_t n, assay_wanted_symbols *out, assay_error *err);
void assay_wanted_symbols_reset(assay_wanted_symbols *wanted);

/* SQL around a query with columns p_symbol and p_timestamp, before and behind it: p_symbol becomes the instrument, what has no
 * name left and what was not wanted goes. Nothing where there are no changes. */
/* SQL of the instrument that the name in column `name` meant at the time in column `time`; the names of columns are plain words. */
void assay_symbol_changes_of(const assay_store *store, const char *name, const char *time, assay_sql *sql);
void assay_symbol_changes_before(const assay_store *store, assay_sql *sql);
void assay_symbol_changes_behind(const assay_store *store, assay_sql *sql);

#endif
