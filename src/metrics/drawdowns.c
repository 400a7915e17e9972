#include "metrics/drawdowns.h"

#include <stdbool.h>
#include <string.h>

static size_t keep(assay_drawdown *out, size_t n, size_t most, const assay_drawdown *d) {
    size_t at = n;
    while (at > 0 && d->depth < out[at - 1].depth)
        at--;
    if (at == most)
        return n;
    size_t kept = n < most ? n : most - 1;
    memmove(out + at + 1, out + at, (kept - at) * sizeof *out);
    out[at] = *d;
    return kept + 1;
}

size_t assay_worst_drawdowns(double initial_capital, const double *equity, size_t n, assay_drawdown *out,
                             size_t most) {
    double peak = initial_capital;
    size_t n_kept = 0;
    assay_drawdown now = {0, ASSAY_BEFORE_FIRST, 0, ASSAY_NOT_RECOVERED};
    for (size_t i = 0; i < n && most > 0; i++) {
        double depth = equity[i] / peak - 1;
        if (equity[i] >= peak || depth > -1e-12) { /* rounding is no drawdown */
            if (now.depth < 0) {
                now.recovery = i;
                n_kept = keep(out, n_kept, most, &now);
            }
            peak = equity[i] > peak ? equity[i] : peak;
            now = (assay_drawdown){0, i, i, ASSAY_NOT_RECOVERED};
        } else if (depth < now.depth) {
            now.depth = depth;
            now.trough = i;
        }
    }
    return now.depth < 0 ? keep(out, n_kept, most, &now) : n_kept;
}
