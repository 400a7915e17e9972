/* Large blocks: ordinary memory up to a limit, beyond it in files; what is written stays, whatever is given back. */
#include "base/block.h"

#include <string.h>
#include <time.h>

#include "assay/assay_memory.h"
#include "support.h"

enum { MEGABYTE = 1 << 20, PAGES = 4096 };

static void pause_ms(long ms) {
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void set_limit(size_t bytes) {
    assert_int_equal(assay_memory_limit(bytes, NULL, NULL), ASSAY_OK);
}

/* The limit of 20 MB lets 10 MB of blocks be memory; the second 8 MB lie in a file. */
static void test_blocks_beyond_half_of_the_limit_lie_in_files(void **state) {
    (void)state;
    assay_memory_count_from(MEGABYTE);
    set_limit(20 * MEGABYTE);
    void *small = assay_block_alloc(1000, 8), *first = assay_block_alloc(MEGABYTE, 8),
         *second = assay_block_alloc(MEGABYTE, 8);
    assert_true(small != NULL && first != NULL && second != NULL);
    assert_int_equal(assay_memory_used().in_memory, 8 * MEGABYTE);
    assert_int_equal(assay_memory_used().in_files, 8 * MEGABYTE);
    assay_block_free(first);
    assert_int_equal(assay_memory_used().in_memory, 0);
    void *third = assay_block_alloc(MEGABYTE, 8); /* there is room again */
    assert_int_equal(assay_memory_used().in_memory, 8 * MEGABYTE);
    assay_block_free(third);
    assay_block_free(second);
    assay_block_free(small);
    assay_block_free(NULL);
    assert_int_equal(assay_memory_used().in_memory + assay_memory_used().in_files, 0);
}

/* With a limit of one byte everything is given back all the time, while it is written and read. */
static void test_nothing_is_lost_when_memory_is_given_back(void **state) {
    (void)state;
    set_limit(1);
    unsigned char *block[4];
    for (int b = 0; b < 4; b++) {
        block[b] = assay_block_alloc(4 * MEGABYTE, 1);
        assert_non_null(block[b]);
        assert_int_equal((uintptr_t)block[b] % 64, 0);
    }
    for (int round = 0; round < 20; round++) {
        for (int b = 0; b < 4; b++)
            memset(block[b], 16 * b + round, 4 * MEGABYTE);
        pause_ms(7);
        for (int b = 0; b < 4; b++) {
            for (size_t i = 0; i < 4 * MEGABYTE; i += 511)
                assert_int_equal(block[b][i], 16 * b + round);
        }
    }
    for (int b = 0; b < 4; b++)
        assay_block_free(block[b]);
    assert_int_equal(assay_memory_used().in_files, 0);
}

static void test_what_cannot_be_had_is_refused(void **state) {
    (void)state;
    assay_error err;
    assert_null(assay_block_alloc(SIZE_MAX / 4, 8));
    set_limit(1);
    assert_int_equal(assay_memory_limit(1, "/nowhere/at/all", &err), ASSAY_OK);
    assert_null(assay_block_alloc(4 * MEGABYTE, 1));
    char name[5000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(assay_memory_limit(1, name, &err), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_memory_limit(0, "/var/tmp", &err), ASSAY_OK);
    assert_true(assay_memory_used().limit > 64 * (size_t)MEGABYTE); /* half of the machine's */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_beyond_half_of_the_limit_lie_in_files),
        cmocka_unit_test(test_nothing_is_lost_when_memory_is_given_back),
        cmocka_unit_test(test_what_cannot_be_had_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
