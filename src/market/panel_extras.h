/* What a panel has beside prices: sectors, a benchmark, further columns. Set once, before the panel is used. */
#ifndef ASSAY_MARKET_PANEL_EXTRAS_H
#define ASSAY_MARKET_PANEL_EXTRAS_H

#include "base/hash.h"
#include "market/panel.h"

void assay_panel_reset_extras(assay_panel *panel); /* frees what they own */

/* Adds them to a fingerprint, as a panel of the first n_bars bars and these n symbols (NULL: all) has them; a panel without
 * extras adds nothing. */
void assay_panel_hash_extras(const assay_panel *panel, size_t n_bars, const uint32_t *symbol, size_t n,
                             assay_hash *hash);

#endif
