/* What the benchmarks share: the clock, memory, a sample panel. */
#ifndef ASSAY_BENCH_H
#define ASSAY_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "assay/assay.h"
#include "assay/assay_sample.h"

static inline double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline int bench_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The middle of n values; sorts them. */
static inline double bench_median(double *values, size_t n) {
    qsort(values, n, sizeof *values, bench_compare);
    return values[n / 2];
}

static inline double bench_peak_rss_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static inline void bench_check(assay_status status, const assay_error *err) {
    if (status != ASSAY_OK) {
        fprintf(stderr, "bench: %s\n", err->message);
        exit(1);
    }
}

/* A size of this process by its name in /proc/self/status ("VmRSS:" now, "VmHWM:" the peak), in MB; 0 where unknown. */
static inline double bench_memory_mb(const char *name) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double found = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            found = atof(line + strlen(name)) / 1024;
    if (file != NULL)
        fclose(file);
    return found;
}

/* Lets the peak begin anew at what is resident now, where the system can. */
static inline void bench_reset_peak(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file != NULL) {
        (void)fputs("5", file);
        fclose(file);
    }
}

/* Doubles that one core reads from memory in a second, now. */
static inline double bench_read_rate(void) {
    enum { N = 1 << 23 };
    double *block = malloc(N * sizeof *block), sum[8] = {0};
    if (block == NULL)
        exit(1);
    for (size_t i = 0; i < N; i++)
        block[i] = (double)i;
    double start = bench_now();
    for (size_t i = 0; i < N; i += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] += block[i + k];
    double seconds = bench_now() - start;
    volatile double sink = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
    (void)sink;
    free(block);
    return N / seconds;
}

static inline assay_panel *bench_sample_panel(size_t n_symbols, size_t n_bars) {
    assay_error err;
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    assay_sample_spec spec;
    assay_sample_spec_init(&spec);
    spec.n_symbols = n_symbols;
    spec.n_bars = n_bars;
    bench_check(assay_panel_builder_create(&builder, &err), &err);
    bench_check(assay_sample_build(&spec, builder, &err), &err);
    bench_check(assay_panel_builder_finish(builder, &options, &panel, NULL, &err), &err);
    assay_panel_builder_destroy(builder);
    return panel;
}

#endif
