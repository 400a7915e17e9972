/* What the fuzz targets share: bytes as choices, a market of them, and what must hold of every run.
 *
 * A target is LLVMFuzzerTestOneInput in a file of its own. Two programs come of each: with libFuzzer (README.md), and with
 * fuzz_standalone.c one that feeds itself seeded random bytes, which the tests run briefly, or the files that are named as its
 * arguments.
 */
#ifndef ASSAY_TESTS_FUZZ_H
#define ASSAY_TESTS_FUZZ_H

#include <stdint.h>

#include "assay/assay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes as choices; after the end everything is 0. */
typedef struct fuzz_input {
    const uint8_t *data;
    size_t size, at;
} fuzz_input;

uint8_t fuzz_byte(fuzz_input *in);
uint64_t fuzz_word(fuzz_input *in);

/* SplitMix64, as in src/base/rng.h; of its own, so that a fuzz target needs the public headers only. */
uint64_t fuzz_next(uint64_t *state);

/* Ends the program: a finding. */
_Noreturn void fuzz_fail(const char *what, const char *message);

/* A refusal must be of a kind that bad input can have, and say something. */
void fuzz_check_refusal(assay_status status, const assay_error *err);

/* A market, sometimes with sectors and a benchmark; NULL: refused. */
assay_panel *fuzz_panel(fuzz_input *in);

/* No record that cannot be. */
void fuzz_check_records(const assay_result *result);

#endif
