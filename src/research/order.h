/* Ordering numbers of points by what they mean: heaps, in place, the same order everywhere. */
#ifndef ASSAY_RESEARCH_ORDER_H
#define ASSAY_RESEARCH_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether point a comes before point b. Must be a strict total order (break ties by number): then the result does not depend
 * on where the points stood before. */
typedef bool assay_comes_before(const void *context, uint64_t a, uint64_t b);

/* Sorts n points. n log n, no memory. */
void assay_order_points(uint64_t *points, size_t n, assay_comes_before *before, const void *context);

/* Restores a heap of n points, whose first is the one that comes last, after the first was replaced. */
void assay_order_replace_last(uint64_t *heap, size_t n, assay_comes_before *before, const void *context);
/* Makes such a heap. */
void assay_order_make_heap(uint64_t *points, size_t n, assay_comes_before *before, const void *context);

#endif
