/* Sectors and the point-in-time universe of a panel: what is true of a symbol from one bar to another.
 *
 * Rows come with dates. They are worked out once into epochs, spans of bars in which nothing changes:
 *
 *   epoch[t]                                   of each bar
 *   outside[epoch x n_symbols + s]             1: the symbol is not in the universe
 *   dated_sector[epoch x n_symbols + s]        number of its sector, or ASSAY_NO_SECTOR
 */
#ifndef ASSAY_MARKET_UNIVERSE_H
#define ASSAY_MARKET_UNIVERSE_H

#include "base/hash.h"
#include "market/panel.h"

void assay_panel_reset_universe(assay_panel *panel); /* frees what they own */

/* One byte a symbol of bar t: 1 = outside the universe; NULL: the panel has none. */
static inline const uint8_t *assay_panel_outside(const assay_panel *p, size_t t) {
    return p->outside == NULL ? NULL : p->outside + (size_t)p->epoch[t] * p->n_symbols;
}

/* The sector numbers of bar t; NULL: no symbol ever has one. */
static inline const uint32_t *assay_panel_sectors(const assay_panel *p, size_t t) {
    return p->dated_sector == NULL ? p->sector : p->dated_sector + (size_t)p->epoch[t] * p->n_symbols;
}

/* Copies rows of `from` that are known at its bar `cut` to a panel of the same symbols' names; ends of memberships after the
 * cut become others. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_panel_copy_universe(const assay_panel *from, assay_panel *to, size_t cut,
                                                       assay_error *err);

/* Adds them to a fingerprint, as a panel of the first n_bars bars and these n symbols (NULL: all) has them. */
void assay_panel_hash_universe(const assay_panel *panel, size_t n_bars, const uint32_t *symbol, size_t n,
                               assay_hash *hash);

#endif
