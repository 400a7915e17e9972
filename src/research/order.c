/* Heapsort (Williams 1964). */
#include "research/order.h"

static void sift_down(uint64_t *heap, size_t at, size_t n, assay_comes_before *before, const void *context) {
    uint64_t moving = heap[at];
    for (size_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && before(context, heap[child], heap[child + 1]))
            child++;
        if (!before(context, moving, heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

void assay_order_replace_last(uint64_t *heap, size_t n, assay_comes_before *before, const void *context) {
    if (n > 1)
        sift_down(heap, 0, n, before, context);
}

void assay_order_make_heap(uint64_t *points, size_t n, assay_comes_before *before, const void *context) {
    for (size_t at = n / 2; at-- > 0;)
        sift_down(points, at, n, before, context);
}

void assay_order_points(uint64_t *points, size_t n, assay_comes_before *before, const void *context) {
    assay_order_make_heap(points, n, before, context);
    for (size_t left = n; left > 1; left--) {
        uint64_t last = points[0];
        points[0] = points[left - 1];
        points[left - 1] = last;
        sift_down(points, 0, left - 1, before, context);
    }
}
