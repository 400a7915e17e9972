/* The bottom layer: dates, numbers as text, names, arrays, hashes, the symbol table, compensated sums. */
#include "support.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/dates.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/sum.h"
#include "base/text.h"
#include "market/symbol_table.h"

/* --- dates --- */

static bool leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Counts the days of 1900 … 2200 one by one, as a wall calendar does. 1900-01-01 is day −25567 and a Monday (the
 * Unix epoch, a Thursday, is 25567 = 70 x 365 + 17 days later, 1900 itself being no leap year). */
static void test_every_day_from_1900_to_2200(void **state) {
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t day = -25567, weekday = 0, week = assay_week_number(-25567);
    int32_t month_number = assay_month_number(day) - 1, quarter_number = assay_quarter_number(day) - 1;
    for (int year = 1900; year <= 2200; year++) {
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 && leap(year) ? 1 : 0);
            month_number++;
            quarter_number += month % 3 == 1 ? 1 : 0;
            for (int d = 1; d <= length; d++, day++) {
                int32_t y, m, back;
                assay_civil_from_day(day, &y, &m, &back);
                assert_true(y == year && m == month && back == d);
                assert_int_equal(assay_day_from_civil(year, month, d), day);
                assert_int_equal(assay_week_number(day), week);
                assert_int_equal(assay_month_number(day), month_number);
                assert_int_equal(assay_quarter_number(day), quarter_number);
                weekday = (weekday + 1) % 7;
                week += weekday == 0 ? 1 : 0; /* a new ISO week begins on Monday */
                char text[32], wanted[32];
                int64_t us = 0;
                snprintf(wanted, sizeof wanted, "%04d-%02d-%02d", year, month, d);
                assay_time_format(day * ASSAY_US_PER_DAY, text, sizeof text);
                assert_string_equal(text, wanted);
                assert_true(assay_time_parse(wanted, &us));
                assert_true(us == day * ASSAY_US_PER_DAY);
                assert_int_equal(assay_day_of_us(us), day);
                assert_int_equal(assay_day_of_us(us + ASSAY_US_PER_DAY - 1), day);
                assert_int_equal(assay_day_of_us(us - 1), day - 1);
            }
        }
    }
}

/* ISO 8601: 2020-12-31 (Thursday) and 2021-01-01 (Friday) are of week 53 of 2020, which begins on Monday 2020-12-28;
 * 2018-12-31 is a Monday and begins week 1 of 2019. */
static void test_iso_weeks_do_not_end_with_the_year(void **state) {
    (void)state;
    int32_t monday = assay_week_number(assay_day_from_civil(2020, 12, 28));
    assert_int_equal(assay_week_number(assay_day_from_civil(2020, 12, 31)), monday);
    assert_int_equal(assay_week_number(assay_day_from_civil(2021, 1, 3)), monday);
    assert_int_equal(assay_week_number(assay_day_from_civil(2021, 1, 4)), monday + 1);
    assert_int_equal(assay_week_number(assay_day_from_civil(2018, 12, 31)),
                     assay_week_number(assay_day_from_civil(2018, 12, 30)) + 1);
    assert_int_equal(assay_week_number(assay_day_from_civil(2018, 12, 31)),
                     assay_week_number(assay_day_from_civil(2019, 1, 6)));
}

static void test_times_of_day(void **state) {
    (void)state;
    /* 2021-03-04 is day 18690 (Python: (date(2021,3,4) - date(1970,1,1)).days). */
    const int64_t midnight = INT64_C(18690) * ASSAY_US_PER_DAY;
    static const struct {
        const char *text;
        int64_t us;
        const char *canonical;
    } times[] = {
        {"2021-03-04", 0, "2021-03-04"},
        {"2021-03-04T00:00", 0, "2021-03-04"},
        {"2021-03-04 09:30", INT64_C(34200000000), "2021-03-04T09:30:00"},
        {"2021-03-04T09:30:01Z", INT64_C(34201000000), "2021-03-04T09:30:01"},
        {"2021-03-04T23:59:59.5", INT64_C(86399500000), "2021-03-04T23:59:59.500000"},
        {"2021-03-04T23:59:59.123456", INT64_C(86399123456), "2021-03-04T23:59:59.123456"},
    };
    for (size_t i = 0; i < LENGTH(times); i++) {
        int64_t us = 0;
        char text[32];
        assert_true(assay_time_parse(times[i].text, &us));
        assert_true(us - midnight == times[i].us);
        assay_time_format(us, text, sizeof text);
        assert_string_equal(text, times[i].canonical);
    }
    char text[32]; /* before the epoch: one microsecond before 1970 */
    assay_time_format(-1, text, sizeof text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999");
}

static void test_impossible_dates_are_refused(void **state) {
    (void)state;
    static const char *const refused[] = {"",
                                          "2021",
                                          "2021-02-29",
                                          "2100-02-29",
                                          "2021-04-31",
                                          "2021-13-01",
                                          "2021-00-01",
                                          "2021-01-00",
                                          "2021-1-01",
                                          "21-01-01",
                                          "2021/01/01",
                                          "2021-01-01x",
                                          "2021-01-01T",
                                          "2021-01-01T24:00",
                                          "2021-01-01T12:60",
                                          "2021-01-01T12:00:60",
                                          "2021-01-01T12:00:",
                                          "2021-01-01T12:00:01.",
                                          "2021-01-01T9:30",
                                          " 2021-01-01",
                                          "2021-01-01 ",
                                          "2021-01-01T12:00+01:00",
                                          "tomorrow"};
    for (size_t i = 0; i < LENGTH(refused); i++) {
        int64_t us = 0;
        if (assay_time_parse(refused[i], &us))
            fail_msg("'%s' was read as a time", refused[i]);
    }
    int64_t us;
    assert_true(assay_time_parse("2000-02-29", &us)); /* and a leap day of a century that has one is not */
}

/* --- numbers as text --- */

static void test_doubles_survive_their_text(void **state) {
    (void)state;
    assay_rng rng;
    assay_rng_init(&rng, 20200106);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = assay_rng_next(&rng);
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (i % 2 == 0) /* half of them of a size that people use */
            value = (assay_rng_uniform(&rng) - 0.5) * 1e6;
        if (!isfinite(value))
            continue;
        char text[32];
        assay_double_format(value, text, sizeof text);
        assert_true(assay_double_parse(text, &back));
        assert_memory_equal(&back, &value, sizeof value);
    }
}

static void test_doubles_in_the_fewest_digits(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {{0.1, "0.1"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {100000, "100000"},
                 {1.0 / 3, "0.3333333333333333"},
                 {-0.0, "-0"},
                 {5e-324, "4.94065645841247e-324"},
                 {DBL_MAX, "1.7976931348623157e+308"}};
    char text[32];
    for (size_t i = 0; i < LENGTH(known); i++) {
        assay_double_format(known[i].value, text, sizeof text);
        assert_string_equal(text, known[i].text);
    }
    assay_double_format(ASSAY_NAN, text, sizeof text);
    assert_string_equal(text, "nan");
    assay_double_format((double)INFINITY, text, sizeof text);
    assert_string_equal(text, "inf");
    assay_double_format(-(double)INFINITY, text, sizeof text);
    assert_string_equal(text, "-inf");
}

static void test_numbers_that_are_none(void **state) {
    (void)state;
    static const char *const refused[] = {"",   "1x", "x",   "nan", "inf",   "0x10",
                                          "1 ", " 1", "1,5", ".",   "1e400", "--1"};
    double number;
    int64_t integer;
    for (size_t i = 0; i < LENGTH(refused); i++) {
        if (assay_double_parse(refused[i], &number) || assay_integer_parse(refused[i], &integer))
            fail_msg("'%s' was read as a number", refused[i]);
    }
    assert_false(assay_integer_parse("1.5", &integer));
    assert_false(assay_integer_parse("9223372036854775808", &integer));
    assert_true(assay_integer_parse("-9223372036854775808", &integer) && integer == INT64_MIN);
    assert_true(assay_double_parse("-1.5e-3", &number));
    assert_number(number, -1.5e-3);
}

/* Distances worked out by hand: letters changed, put in, left out, or two neighbours swapped. */
static void test_printable(void **state) {
    (void)state;
    static const struct {
        const char *text, *printable;
    } known[] = {
        {"", ""},
        {"plain\ttext\n", "plain\ttext\n"},
        {"\xc3\x84 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\x84 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\x1b[31m\r\x7f", "?[31m??"},
        {"a\xe2\x82", "a"},           /* cut */
        {"a\xe2\x82 b", "a?? b"},     /* not a cut: something follows */
        {"\xc0\xaf", "??"},           /* overlong */
        {"\xe0\x80\xaf", "???"},      /* overlong */
        {"\xed\xa0\x80", "???"},      /* a surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* beyond the last character */
        {"\xff\xfe"
         "a",
         "??a"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", known[i].text);
        assay_text_make_printable(text);
        assert_string_equal(text, known[i].printable);
    }
}

static void test_edit_distance(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } known[] = {{"", "", 0},
                 {"abc", "abc", 0},
                 {"", "abc", 3},
                 {"kitten", "sitting", 3},
                 {"fill", "fil", 1},
                 {"ab", "ba", 1},
                 {"lookback", "lokback", 1},
                 {"flaw", "lawn", 2},
                 {"comission", "commission", 1}};
    for (size_t i = 0; i < LENGTH(known); i++) {
        assert_int_equal(assay_edit_distance(known[i].a, known[i].b), known[i].distance);
        assert_int_equal(assay_edit_distance(known[i].b, known[i].a), known[i].distance);
    }
    char longer[100];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_true(assay_edit_distance(longer, "a") >= 63); /* far apart, and nothing overflows */
}

static void test_nearest_name(void **state) {
    (void)state;
    assert_string_equal(assay_nearer_name("slipage_bps", "fill", "slippage_bps"), "slippage_bps");
    assert_null(assay_nearer_name("zzz", NULL, "commission_pct"));
    const char *first = "abcd";
    assert_ptr_equal(assay_nearer_name("abce", first, "abcf"), first); /* a tie keeps the earlier */
}

/* --- arrays --- */

static void test_arrays_grow_and_keep(void **state) {
    (void)state;
    int *block = NULL;
    size_t capacity = 0;
    for (size_t n = 1; n <= 1000; n++) {
        assert_int_equal(ASSAY_RESERVE(block, capacity, n, NULL), ASSAY_OK);
        assert_true(capacity >= n);
        block[n - 1] = (int)n;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(block[i], i + 1);
    free(block);
}

static void test_sizes_that_overflow_are_refused(void **state) {
    (void)state;
    double *block = NULL;
    size_t capacity = 0;
    assert_int_equal(ASSAY_RESERVE(block, capacity, 4, NULL), ASSAY_OK);
    double *before = block;
    size_t capacity_before = capacity;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8, SIZE_MAX / 8 + 2, SIZE_MAX / 4 + 1};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        assay_error err = {0};
        assert_refused(ASSAY_RESERVE(block, capacity, sizes[i], &err), ASSAY_E_NOMEM, &err, "memory");
        assert_ptr_equal(block, before); /* nothing changed */
        assert_true(capacity == capacity_before);
    }
    assert_null(assay_aligned_alloc(SIZE_MAX / 4, 8));
    assert_null(assay_aligned_alloc(SIZE_MAX, 1));
    assert_null(assay_aligned_alloc(SIZE_MAX - 10, 1)); /* overflows only when it is rounded up */
    free(block);
}

static void test_aligned_blocks(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 7, 1000, 600000};
    for (size_t i = 0; i < LENGTH(counts); i++) {
        double *block = assay_aligned_alloc(counts[i], sizeof *block);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % ASSAY_CACHE_LINE, 0);
        if (counts[i] != 0)
            block[counts[i] - 1] = 1;
        free(block);
    }
}

/* --- hashes --- */

static void hash_of(const unsigned char *bytes, size_t n, char out_hex[33]) {
    assay_hash hash;
    assay_hash_init(&hash);
    assay_hash_add(&hash, bytes, n);
    assay_hash_hex(&hash, out_hex);
}

static void test_hash_changes_with_any_bit(void **state) {
    (void)state;
    unsigned char bytes[131];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    char before[33], after[33];
    hash_of(bytes, sizeof bytes, before);
    assert_int_equal(strlen(before), 32);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ 1u << bit % 8);
        hash_of(bytes, sizeof bytes, after);
        assert_string_not_equal(before, after);
        /* Well mixed: both halves of the hash change, whatever the place. */
        assert_int_not_equal(memcmp(before, after, 16), 0);
        assert_int_not_equal(memcmp(before + 16, after + 16, 16), 0);
        bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ 1u << bit % 8);
    }
    hash_of(bytes, sizeof bytes, after);
    assert_string_equal(before, after);
}

static int compare_hex(const void *a, const void *b) {
    return memcmp(a, b, 33);
}

/* All lengths of zero bytes differ, and so does every order and cut of fields. */
static void test_hash_sees_lengths_order_and_fields(void **state) {
    (void)state;
    static unsigned char zeros[300];
    static char hex[303][33];
    size_t n = 0;
    for (size_t length = 0; length < sizeof zeros; length++)
        hash_of(zeros, length, hex[n++]);
    static const char *const cuts[][2] = {{"ab", "c"}, {"a", "bc"}, {"c", "ab"}};
    for (size_t i = 0; i < LENGTH(cuts); i++) {
        assay_hash hash;
        assay_hash_init(&hash);
        assay_hash_add(&hash, cuts[i][0], strlen(cuts[i][0]));
        assay_hash_add(&hash, cuts[i][1], strlen(cuts[i][1]));
        assay_hash_hex(&hash, hex[n++]);
    }
    qsort(hex, n, sizeof *hex, compare_hex);
    for (size_t i = 1; i < n; i++)
        assert_string_not_equal(hex[i - 1], hex[i]);
}

/* --- symbols --- */

enum { MANY = 100000 };

static void test_a_hundred_thousand_symbols(void **state) {
    (void)state;
    assay_symbol_table table = {0};
    char name[32];
    for (int round = 0; round < 2; round++) { /* the second time nothing is new */
        for (uint32_t i = 0; i < MANY; i++) {
            uint32_t id = UINT32_MAX;
            int size =
                snprintf(name, sizeof name, "SYM%" PRIu32 "%s", i * 7919 % MANY, i % 3 == 0 ? ".L" : "");
            assert_int_equal(assay_symbol_table_id(&table, name, (size_t)size, &id, NULL), ASSAY_OK);
            assert_int_equal(id, i);
            assert_string_equal(assay_symbol_table_name(&table, id), name);
        }
    }
    assert_int_equal(table.n_names, MANY);
    assay_symbol_table_reset(&table);
    assert_null(table.bytes);
}

static void test_symbol_names(void **state) {
    (void)state;
    assay_symbol_table table = {0};
    uint32_t a, b;
    assay_error err = {0};
    assert_int_equal(assay_symbol_table_id(&table, "ABCxyz", 3, &a, NULL), ASSAY_OK); /* 3 bytes: ABC */
    assert_int_equal(assay_symbol_table_id(&table, "ABCD", 4, &b, NULL), ASSAY_OK);
    assert_int_not_equal(a, b);
    assert_int_equal(assay_symbol_table_id(&table, "ABC", 3, &b, NULL), ASSAY_OK);
    assert_int_equal(a, b);
    assert_refused(assay_symbol_table_id(&table, "", 0, &a, &err), ASSAY_E_DATA, &err, "0 bytes");
    assert_refused(assay_symbol_table_id(&table, "A\0B", 3, &a, &err), ASSAY_E_DATA, &err, "NUL");
    char longest[256];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(assay_symbol_table_id(&table, longest, 255, &a, &err), ASSAY_OK);
    assert_refused(assay_symbol_table_id(&table, longest, 256, &a, &err), ASSAY_E_DATA, &err, "256 bytes");
    assay_symbol_table_reset(&table);
}

/* --- sums --- */

static void test_sums_lose_nothing(void **state) {
    (void)state;
    assay_sum sum = {0};
    assay_sum_add(&sum, 1);
    for (int i = 0; i < 1000; i++)
        assay_sum_add(&sum, 1e-17); /* each alone would vanish beside the 1 */
    assert_number(assay_sum_value(&sum), 1 + 1e-14);
    assay_sum_add(&sum, 1e100); /* larger than all before: Neumaier's case */
    assay_sum_add(&sum, -1e100);
    assert_near(assay_sum_value(&sum), 1, 1e-13);
    /* 0.1 a million times, against exact integers: 1e6 x 0.1 = 100000.00000000000555 rounds to 100000. */
    assay_sum tenth = {0};
    for (int i = 0; i < 1000000; i++)
        assay_sum_add(&tenth, 0.1);
    assert_number(assay_sum_value(&tenth), 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day_from_1900_to_2200),
        cmocka_unit_test(test_iso_weeks_do_not_end_with_the_year),
        cmocka_unit_test(test_times_of_day),
        cmocka_unit_test(test_impossible_dates_are_refused),
        cmocka_unit_test(test_doubles_survive_their_text),
        cmocka_unit_test(test_doubles_in_the_fewest_digits),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_edit_distance),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_nearest_name),
        cmocka_unit_test(test_arrays_grow_and_keep),
        cmocka_unit_test(test_sizes_that_overflow_are_refused),
        cmocka_unit_test(test_aligned_blocks),
        cmocka_unit_test(test_hash_changes_with_any_bit),
        cmocka_unit_test(test_hash_sees_lengths_order_and_fields),
        cmocka_unit_test(test_a_hundred_thousand_symbols),
        cmocka_unit_test(test_symbol_names),
        cmocka_unit_test(test_sums_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
