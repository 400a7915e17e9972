#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Odd constants: the binary expansions of the fractional parts of sqrt(2), sqrt(3), sqrt(5) and sqrt(7), made odd. */
static const uint64_t lane_factor[4] = {UINT64_C(0x6a09e667f3bcc909), UINT64_C(0xbb67ae8584caa73b),
                                        UINT64_C(0x3c6ef372fe94f82b), UINT64_C(0xa54ff53a5f1d36f1)};

static uint64_t rotate(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= lane_factor[1];
    x ^= x >> 29;
    x *= lane_factor[2];
    x ^= x >> 32;
    return x;
}

static uint64_t read_word(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

void assay_hash_init(assay_hash *hash) {
    for (int i = 0; i < 4; i++)
        hash->lane[i] = lane_factor[3 - i];
    hash->n_bytes = 0;
}

void assay_hash_add(assay_hash *hash, const void *bytes, size_t n_bytes) {
    const unsigned char *cursor = bytes;
    uint64_t lane[4];
    memcpy(lane, hash->lane, sizeof lane);
    size_t left = n_bytes;
    for (; left >= 32; left -= 32, cursor += 32) {
        for (int i = 0; i < 4; i++)
            lane[i] = rotate((lane[i] ^ read_word(cursor + 8 * i)) * lane_factor[i], 31);
    }
    unsigned char tail[32] = {0};
    if (left != 0)
        memcpy(tail, cursor, left);
    for (int i = 0; i < 4; i++)
        lane[i] = rotate((lane[i] ^ read_word(tail + 8 * i) ^ (uint64_t)n_bytes) * lane_factor[i], 27);
    memcpy(hash->lane, lane, sizeof lane);
    hash->n_bytes += n_bytes;
}

void assay_hash_hex(const assay_hash *hash, char out_hex[33]) {
    uint64_t high = mix(hash->lane[0] ^ rotate(hash->lane[1], 17) ^ hash->n_bytes);
    uint64_t low = mix(hash->lane[2] ^ rotate(hash->lane[3], 41) ^ high);
    high = mix(high ^ rotate(low, 23) ^ hash->lane[3]);
    snprintf(out_hex, 33, "%016" PRIx64 "%016" PRIx64, high, low);
}

uint64_t assay_hash_key(const void *bytes, size_t n_bytes) {
    const unsigned char *cursor = bytes;
    uint64_t state = n_bytes * lane_factor[0];
    for (; n_bytes >= 8; n_bytes -= 8, cursor += 8)
        state = rotate((state ^ read_word(cursor)) * lane_factor[1], 29);
    unsigned char tail[8] = {0};
    memcpy(tail, cursor, n_bytes);
    return mix((state ^ read_word(tail)) * lane_factor[2]);
}
