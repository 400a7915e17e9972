/* Loops over the symbols of a bar are plain C that the compiler vectorises. ASSAY_SIMD compiles such a function for several
 * widths and picks one at load time. Each symbol keeps its own order of operations and nothing is contracted
 * (-ffp-contract=off), so every width gives the same bits. */
#ifndef ASSAY_BASE_SIMD_H
#define ASSAY_BASE_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__) && defined(__gnu_linux__)
#define ASSAY_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ASSAY_SIMD
#endif

#endif
