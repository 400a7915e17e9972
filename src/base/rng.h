/* A seeded generator, the same numbers on every machine: SplitMix64 (Steele, Lea, Flood 2014), which passes BigCrush, has
 * period 2^64 and can be split into independent streams by seeding with another stream's output. */
#ifndef ASSAY_BASE_RNG_H
#define ASSAY_BASE_RNG_H

#include <stdint.h>

typedef struct assay_rng {
    uint64_t state;
} assay_rng;

static inline void assay_rng_init(assay_rng *rng, uint64_t seed) {
    rng->state = seed;
}

static inline uint64_t assay_rng_next(assay_rng *rng) {
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, 1), 53 bits. */
static inline double assay_rng_uniform(assay_rng *rng) {
    return (double)(assay_rng_next(rng) >> 11) * 0x1p-53;
}

/* Uniform in 0 … n − 1; 0 < n < 2^53. The bias is below n / 2^53. */
static inline uint64_t assay_rng_below(assay_rng *rng, uint64_t n) {
    return (uint64_t)(assay_rng_uniform(rng) * (double)n);
}

#endif
