/* The sample market's random numbers, factors and price paths.
 *
 * Invariant: + - * / and sqrt alone, in a fixed order, so that every IEEE 754 machine makes the same bits; hence normal
 * deviates from sums of uniforms and Student's t from its definition, and simple returns instead of logarithms.
 */
#include "market/sample_path.h"

#include <math.h>

static const double MAX_RETURN = 0.45; /* below what a data check takes for a missing split */
static const double MAX_PX = 1e6;
static const double MIN_PX = 0.01;
enum { STUDENT_DF = 5, BARS_PER_QUARTER = 63, FALL_BARS = 90, TAKEN_BARS = 25 };

/* --- random numbers --- */

void sample_random_init(assay_rng *random, uint64_t seed, uint64_t stream) {
    assay_rng_init(random, seed);
    assay_rng_init(random, assay_rng_next(random) ^ stream);
    assay_rng_init(random, assay_rng_next(random));
}

static double between(assay_rng *random, double low, double high) {
    return low + (high - low) * assay_rng_uniform(random);
}

/* A whole number in [low, high]. */
static size_t whole(assay_rng *random, size_t low, size_t high) {
    return high <= low ? low : low + (size_t)assay_rng_below(random, high - low + 1);
}

static bool chance(assay_rng *random, double probability) {
    return assay_rng_uniform(random) < probability;
}

/* The sum of twelve uniforms less six: variance 1, close to normal within 3 standard deviations. Three uniforms of 21
 * bits from each draw. */
static double normal(assay_rng *random) {
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t bits = assay_rng_next(random);
        sum += (bits & 0x1fffff) + ((bits >> 21) & 0x1fffff) + ((bits >> 42) & 0x1fffff);
    }
    return (double)sum * 0x1p-21 - 6.0;
}

/* Student's t with 5 degrees of freedom, scaled to variance 1: normal / sqrt(chi2 / df). */
static double student(assay_rng *random) {
    double chi2 = 0.0;
    for (int i = 0; i < STUDENT_DF; i++) {
        double z = normal(random);
        chi2 += z * z;
    }
    double t = normal(random) / sqrt(fmax(chi2, 1e-3) / STUDENT_DF);
    return fmin(fmax(t * sqrt((STUDENT_DF - 2.0) / STUDENT_DF), -9.0), 9.0);
}

/* The next shock of unit long-run variance. Falls raise the variance more than rises do. */
static double garch_next(sample_garch *garch, assay_rng *random) {
    double squared = garch->last_shock * garch->last_shock;
    double alpha = garch->last_shock < 0.0 ? 0.11 : 0.03;
    garch->variance = fmin(0.03 + alpha * squared + 0.90 * garch->variance, 20.0);
    garch->last_shock = sqrt(garch->variance) * student(random);
    return garch->last_shock;
}

void sample_factor(assay_rng *random, double vol, double drift, size_t n_bars, double *out_returns) {
    sample_garch garch = {.variance = 1.0};
    double trend = 0.0;
    for (size_t t = 0; t < n_bars; t++) {
        trend = 0.985 * trend + 0.004 * normal(random);
        out_returns[t] = drift + vol * (trend + garch_next(&garch, random));
    }
}

/* --- what a symbol is like --- */

/* Every 25 symbols in a row contain each kind of end and of trouble, so that small markets have them too. */
static void set_life(sample_path *path, size_t index, size_t n_bars) {
    assay_rng *random = &path->trouble_random;
    path->first_bar = 0;
    path->last_bar = SIZE_MAX;
    path->fate = SAMPLE_LIVES;
    bool is_late = index % 4 == 1;
    size_t listed = whole(random, n_bars / 20, n_bars * 6 / 10);
    size_t life = whole(random, n_bars / 5, n_bars - 1);
    if (path->is_clean) {
        return;
    }
    if (is_late) {
        path->first_bar = listed;
    }
    switch (index % 25) {
    case 7:
        path->fate = SAMPLE_FAILS;
        break;
    case 15:
        path->fate = SAMPLE_IS_TAKEN;
        break;
    case 22:
        path->fate = SAMPLE_ENDS;
        break;
    default:
        return;
    }
    size_t end = path->first_bar + life;
    size_t latest = n_bars - 1 - n_bars / 25;
    path->last_bar = end > latest ? (path->first_bar + latest + 1) / 2 : end;
}

void sample_path_init(sample_path *path, uint64_t seed, size_t index, size_t n_bars, bool is_clean) {
    *path = (sample_path){.is_clean = is_clean, .garch = {.variance = 1.0}};
    sample_random_init(&path->price_random, seed, 0x100000000u + 2 * index);
    sample_random_init(&path->trouble_random, seed, 0x100000000u + 2 * index + 1);
    set_life(path, index, n_bars);

    assay_rng *random = &path->price_random;
    bool is_poor = index % 25 == 12; /* on its way to a reverse split */
    path->is_thin = index % 20 == 3;
    path->market_beta = between(random, 0.4, 1.6);
    path->sector_beta = between(random, 0.5, 1.4);
    double u = assay_rng_uniform(random);
    path->own_vol = is_poor ? 0.035 : 0.008 + 0.020 * u * u + (path->is_thin ? 0.006 : 0.0);
    /* Half the variance is what simple returns lose to compounding. */
    path->drift = between(random, -0.0002, 0.0003) + 0.5 * path->own_vol * path->own_vol;
    path->px = between(random, 8.0, 140.0);
    if (is_poor) {
        path->px = between(random, 1.2, 3.0);
        path->drift = -0.0010;
    }
    double yield = between(random, 0.005, 0.05);
    path->dividend_yield = chance(random, 0.55) && !is_poor ? yield : 0.0;
    path->dividend_phase = whole(random, 0, BARS_PER_QUARTER - 1);
    path->dividend = path->px * path->dividend_yield / 4.0;
    double ceiling = between(random, 90.0, 320.0);
    path->split_ceiling = chance(random, 0.15) ? 2.0 * MAX_PX : ceiling;
    double v = assay_rng_uniform(random);
    double money = 1e6 * (1.0 + 150.0 * v * v * v * v);
    path->base_volume = path->is_thin ? between(random, 150.0, 2500.0) : money / path->px;
}

/* --- corporate actions --- */

static double to_cents(double px) {
    double cents = (double)(int64_t)(fmin(px, 2.0 * MAX_PX) * 100.0 + 0.5);
    return fmax(cents, 1.0) / 100.0;
}

static double choose_split(sample_path *path) {
    assay_rng *random = &path->price_random;
    double when = assay_rng_uniform(random);
    double which = assay_rng_uniform(random);
    if (path->fate == SAMPLE_FAILS && path->px < 5.0) {
        return 0.0;
    }
    if (path->px > path->split_ceiling || (path->px > 30.0 && when < 1.0 / 1600.0)) {
        return which < 0.55 ? 2.0 : which < 0.75 ? 3.0 : 1.5;
    }
    return path->px < 1.0 && when < 1.0 / 30.0 ? 0.1 : 0.0;
}

/* Quarterly; raised a little now and then, halved when it has become too much for the price. */
static double choose_dividend(sample_path *path, size_t t, bool is_falling) {
    if (path->dividend_yield <= 0.0 || t == path->first_bar || t % BARS_PER_QUARTER != path->dividend_phase) {
        return 0.0;
    }
    double wanted = path->px * path->dividend_yield / 4.0;
    if (is_falling || path->dividend > 3.0 * wanted) {
        path->dividend *= 0.5;
    } else if (path->dividend < 1.2 * wanted) {
        path->dividend *= 1.02;
    }
    double cents = (double)(int64_t)(path->dividend * 100.0 + 0.5);
    double amount = cents / 100.0;
    return amount < 0.1 * path->px ? amount : 0.0;
}

/* --- days --- */

static double next_return(sample_path *path, size_t t, double market_return, double sector_return,
                          double *out_vol) {
    assay_rng *random = &path->price_random;
    double shock = garch_next(&path->garch, random);
    path->trend = 0.97 * path->trend + 0.006 * normal(random);
    double own = path->own_vol * (shock + path->trend);
    double common = path->market_beta * market_return + path->sector_beta * sector_return;
    double vol = path->own_vol * sqrt(path->garch.variance);
    double change = path->drift + common + own;
    size_t left = path->last_bar - t;
    if (path->fate == SAMPLE_FAILS && left < FALL_BARS) {
        change = 1.6 * change - 0.022;
        vol *= 1.6;
    } else if (path->fate == SAMPLE_IS_TAKEN && left < TAKEN_BARS) {
        change = left == TAKEN_BARS - 1 ? 0.28 : 0.08 * change;
        vol *= 0.1;
    }
    *out_vol = fmin(1.3 * vol, 0.3);
    return fmin(fmax(change, -MAX_RETURN), MAX_RETURN);
}

static bool is_missing(sample_path *path, size_t t) {
    if (path->is_clean) {
        return false;
    }
    assay_rng *random = &path->trouble_random;
    bool is_gap = chance(random, 1.0 / 350.0);
    bool starts_halt = chance(random, 1.0 / 4000.0);
    size_t length = whole(random, 2, 25);
    if (path->halt_left > 0) {
        path->halt_left--;
        return true;
    }
    if (t == path->first_bar || t == path->last_bar) {
        return false; /* so that a symbol's life has the dates that it was given */
    }
    if (starts_halt) {
        path->halt_left = length - 1;
    }
    return is_gap || starts_halt;
}

static double next_volume(sample_path *path, double change, double vol) {
    assay_rng *random = &path->price_random;
    double noise = 0.4 + 0.8 * assay_rng_uniform(random) + 0.4 * assay_rng_uniform(random);
    bool is_dead = chance(random, 0.02);
    double move = fmin(fabs(change) / fmax(vol, 1e-4), 4.0);
    double volume = path->base_volume * noise * (0.7 + 0.5 * move);
    return path->is_thin && is_dead ? 0.0 : (double)(int64_t)fmin(volume + 0.5, 1e12);
}

void sample_path_step(sample_path *path, size_t t, double market_return, double sector_return,
                      sample_bar *out_bar) {
    assay_rng *random = &path->price_random;
    bool is_first = t == path->first_bar;
    double vol = 0.0;
    double change = next_return(path, t, market_return, sector_return, &vol);
    bool is_falling = path->fate == SAMPLE_FAILS && path->last_bar - t < FALL_BARS;

    double ratio = is_first ? 0.0 : choose_split(path);
    if (ratio > 0.0) {
        path->px /= ratio;
        path->dividend /= ratio;
        path->base_volume *= ratio;
    }
    double dividend = choose_dividend(path, t, is_falling);
    double before = fmax(path->px - dividend, MIN_PX);
    double volume = next_volume(path, change, vol);
    double overnight = 0.35 * change + 0.2 * vol * normal(random);
    double reach_up = 0.5 * vol * fabs(normal(random));
    double reach_down = fmin(0.5 * vol * fabs(normal(random)), 0.4);
    if (volume <= 0.0) { /* nobody traded: the last price stands */
        change = overnight = reach_up = reach_down = 0.0;
    }
    path->px = fmin(fmax(before * (1.0 + change), MIN_PX), MAX_PX);

    *out_bar = (sample_bar){.is_present = !is_missing(path, t),
                            .open = to_cents(before * (1.0 + fmax(overnight, -0.5))),
                            .close = to_cents(path->px),
                            .volume = volume,
                            .split_ratio = ratio,
                            .cash_dividend = dividend};
    double top = fmax(out_bar->open, out_bar->close);
    double bottom = fmin(out_bar->open, out_bar->close);
    out_bar->high = fmax(to_cents(top * (1.0 + reach_up)), top);
    out_bar->low = fmin(to_cents(bottom * (1.0 - reach_down)), bottom);
}
