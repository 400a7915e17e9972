#include "metrics/attribution.h"

#include <math.h>

#include "base/elementary.h"
#include "base/number.h"
#include "base/sum.h"

/* (ln(1 + a) - ln(1 + b)) / (a - b) = ln(1 + x) / (x (1 + b)) with x = (a - b) / (1 + b); a series where x is small. */
static double link(double a, double b) {
    double x = (a - b) / (1 + b);
    double ratio = fabs(x) < 1e-4 ? 1 - x / 2 + x * x / 3 - x * x * x / 4 : assay_log(1 + x) / x;
    return ratio / (1 + b);
}

static double benchmark_of(const assay_attribution_input *in, size_t t) {
    assay_sum sum = {0};
    for (size_t i = t * in->n_segments; i < (t + 1) * in->n_segments; i++) {
        if (in->benchmark_weight[i] != 0)
            assay_sum_add(&sum, in->benchmark_weight[i] * in->benchmark_return[i]);
    }
    return assay_sum_value(&sum);
}

/* Adds a period's effects, times k, to those of the segments; returns what the segments do not explain. */
static double add_period(const assay_attribution_input *in, size_t t, double benchmark, double k,
                         assay_attribution_effect *segment) {
    assay_sum explained = {0};
    for (size_t s = 0; s < in->n_segments; s++) {
        size_t i = t * in->n_segments + s;
        double wp = in->portfolio_weight[i], wb = in->benchmark_weight[i];
        double rb = wb == 0 && isnan(in->benchmark_return[i]) ? benchmark : in->benchmark_return[i];
        double rp = wp == 0 ? rb : in->portfolio_return[i];
        assay_attribution_effect e = {(wp - wb) * (rb - benchmark), wb * (rp - rb), (wp - wb) * (rp - rb)};
        segment[s].allocation += k * e.allocation;
        segment[s].selection += k * e.selection;
        segment[s].interaction += k * e.interaction;
        assay_sum_add(&explained, e.allocation);
        assay_sum_add(&explained, e.selection);
        assay_sum_add(&explained, e.interaction);
    }
    return in->total_return[t] - benchmark - assay_sum_value(&explained);
}

assay_status assay_attribute(const assay_attribution_input *in, assay_attribution *out,
                             assay_attribution_effect *out_segment, assay_error *err) {
    double portfolio = 1, benchmark = 1;
    for (size_t t = 0; t < in->n_periods; t++) {
        double rb = benchmark_of(in, t), rp = in->total_return[t];
        if (!(rp > -1) || !(rb > -1))
            return assay_error_set(
                err, ASSAY_E_DATA,
                "attribution: period %zu has a return of %g (benchmark %g), which cannot be "
                "linked over time",
                t + 1, rp, rb);
        portfolio *= 1 + rp;
        benchmark *= 1 + rb;
    }
    double whole = link(portfolio - 1, benchmark - 1);
    assay_sum other = {0};
    for (size_t s = 0; s < in->n_segments; s++)
        out_segment[s] = (assay_attribution_effect){0, 0, 0};
    for (size_t t = 0; t < in->n_periods; t++) {
        double rb = benchmark_of(in, t), k = link(in->total_return[t], rb) / whole;
        assay_sum_add(&other, k * add_period(in, t, rb, k, out_segment));
    }
    *out = (assay_attribution){.portfolio_return = portfolio - 1, .benchmark_return = benchmark - 1};
    for (size_t s = 0; s < in->n_segments; s++) {
        out->allocation += out_segment[s].allocation;
        out->selection += out_segment[s].selection;
        out->interaction += out_segment[s].interaction;
    }
    out->other = assay_sum_value(&other);
    return ASSAY_OK;
}
