/* Feeds a target seeded random bytes: the number of inputs is the only argument; or the files that are named. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int run_file(const char *path) {
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    return LLVMFuzzerTestOneInput(data, size);
}

static void run_random(long n_inputs) {
    static uint8_t data[4096];
    uint64_t state = 20200106;
    for (long n = 0; n < n_inputs; n++) {
        size_t size = fuzz_next(&state) % sizeof data;
        for (size_t i = 0; i < size; i++) {
            uint64_t word = fuzz_next(&state);
            /* Every other input is calm: few extremes, so that most of it runs. */
            data[i] = (uint8_t)(n % 2 == 0 ? word : word % 240);
        }
        LLVMFuzzerTestOneInput(data, size);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && isdigit((unsigned char)argv[1][0]) != 0) {
        run_random(strtol(argv[1], NULL, 10));
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        if (run_file(argv[i]) != 0)
            return 1;
    }
    return 0;
}
