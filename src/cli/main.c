/* The program `assay`: picks the subcommand. */
#include "assay/assay.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("assay %s\n", ASSAY_VERSION);
        return 0;
    }
    fprintf(stderr, "usage: assay --version\n");
    return 2;
}
