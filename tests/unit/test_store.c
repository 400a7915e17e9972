/* The store's small parts: natural order of files, quoting, frequencies, symbol lookup, publishing. What the store does as a
 * whole is tested from Python (tests/python/test_store_*.py), where pandas and pyarrow say what must come out. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/frequency.h"
#include "store/import_columns.h"
#include "store/point_in_time.h"
#include "store/publish.h"
#include "store/row_source.h"
#include "store/store.h"
#include "store/symbol_lookup.h"
#include "store/table_files.h"

static void test_natural_order(void **state) {
    (void)state;
    static const char *const ascending[] = {"a/month=1/0",  "a/month=2/0",   "a/month=10/0", "a/month=010/0",
                                            "a/month=11/9", "a/month=11/10", "ab",           "b"};
    size_t n = sizeof ascending / sizeof *ascending;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            int order = assay_files_compare(ascending[i], ascending[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void test_quoting(void **state) {
    (void)state;
    assay_sql sql = {0};
    assay_sql_identifier(&sql, "a\"b");
    assay_sql_add(&sql, " = %d, ", 7);
    assay_sql_literal(&sql, "it's");
    assert_string_equal(sql.text, "\"a\"\"b\" = 7, 'it''s'");
    assay_sql_reset(&sql);
    assert_null(sql.text);
}

static void test_frequency_names(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"1d", "1d"},  {"D", "1d"},  {" Daily ", "1d"}, {"1D", "1d"},     {"60min", "1h"}, {"1m", "1m"},
        {"1M", "1mo"}, {"M", "1mo"}, {"1h", "1h"},      {"tick", "tick"}, {"", ""},        {"week", "1w"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char name[32];
        assert_string_equal(assay_frequency_name(pairs[i][0], strlen(pairs[i][0]), name), pairs[i][1]);
    }
}

/* Random sequences over short and long names: ids must be those of a plain search. */
static void test_symbol_lookup(void **state) {
    (void)state;
    enum { N_NAMES = 3000, N_ROWS = 2000, N_BLOCKS = 40 };
    static char names[N_NAMES][40];
    static duckdb_string_t rows[N_ROWS];
    static uint32_t ids[N_ROWS];
    static int64_t first_id[N_NAMES];
    assay_panel_builder *builder = NULL;
    assay_symbol_lookup lookup;
    assert_int_equal(assay_panel_builder_create(&builder, NULL), ASSAY_OK);
    assay_symbol_lookup_init(&lookup, builder);
    for (size_t i = 0; i < N_NAMES; i++) {
        (void)snprintf(names[i], sizeof names[i], i % 3 == 0 ? "S%zu" : "A_NAME_LONGER_THAN_TWELVE_%zu", i);
        first_id[i] = -1;
    }
    uint32_t random = 1, next_id = 0;
    for (size_t block = 0; block < N_BLOCKS; block++) {
        static size_t chosen[N_ROWS];
        for (size_t i = 0; i < N_ROWS; i++) {
            random = random * 1664525U + 1013904223U;
            chosen[i] = block % 2 == 0 ? i % 500 : (random >> 8) % N_NAMES;
            rows[i] = assay_row_text(names[chosen[i]]);
        }
        assert_int_equal(assay_symbol_lookup_ids(&lookup, rows, NULL, N_ROWS, ids, NULL), ASSAY_OK);
        for (size_t i = 0; i < N_ROWS; i++) {
            if (first_id[chosen[i]] < 0) {
                first_id[chosen[i]] = next_id++;
            }
            assert_int_equal(ids[i], first_id[chosen[i]]);
        }
    }
    for (size_t i = 0; i < N_NAMES; i++) {
        uint32_t id = 0;
        assert_int_equal(assay_symbol_lookup_has(&lookup, names[i], strlen(names[i]), &id), first_id[i] >= 0);
        assert_true(first_id[i] < 0 || id == (uint32_t)first_id[i]);
    }
    assay_symbol_lookup_reset(&lookup);
    assay_panel_builder_destroy(builder);
}

/* --- values as they become known --- */

static const int64_t day = INT64_C(86400000000);

/* Six daily bars of two symbols. */
static assay_panel *six_days(void) {
    enum { N = 12 };
    static uint32_t symbol[N];
    static int64_t time[N];
    static double close[N];
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    assert_int_equal(assay_panel_builder_create(&builder, NULL), ASSAY_OK);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t id;
        assert_int_equal(assay_panel_builder_symbol(builder, i == 0 ? "A" : "B", 1, &id, NULL), ASSAY_OK);
    }
    for (size_t i = 0; i < N; i++) {
        symbol[i] = i % 2 == 0 ? 0 : 1;
        time[i] = (int64_t)(i / 2) * day;
        close[i] = 1;
    }
    const assay_panel_rows rows = {
        .n_rows = N, .symbol = symbol, .timestamp_us = time, .column[ASSAY_COLUMN_CLOSE] = close};
    assert_int_equal(assay_panel_builder_add_rows(builder, &rows, NULL), ASSAY_OK);
    assert_int_equal(assay_panel_builder_finish(builder, &options, &panel, NULL, NULL), ASSAY_OK);
    assay_panel_builder_destroy(builder);
    return panel;
}

static void test_values_as_they_become_known(void **state) {
    (void)state;
    /* In days: when it is known, what it speaks of, the version; the value. Symbol 1 has two, and 0 the rest. */
    static const struct {
        double known;
        int speaks_of, version;
        uint32_t symbol;
        double value;
    } facts[] = {
        {3.0, 2, 0, 0, 30},          /* the newest period */
        {4.5, 1, 0, 0, 99},          /* a restatement of an older one does not hide it */
        {1.75, 1, 1, 0, 10},         /* inside a day: at that day's bar */
        {1.75, 1, 2, 0, 11},         /* a newer version */
        {2.0, 2, 0, 0, (double)NAN}, /* a hole keeps the last */
        {6.0, 6, 0, 0, 60},          /* after the last bar's end */
        {1.0, 0, 0, 1, 7},           {0.0, 0, 0, 1, 5},
    };
    assay_panel *panel = six_days();
    assay_dated_rows rows = {.n_values = 1};
    double spread[12], *columns[] = {spread};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        double *value = NULL;
        const assay_dated_row row = {(int64_t)(facts[i].known * (double)day), facts[i].speaks_of * day,
                                     facts[i].version, facts[i].symbol, 0};
        assert_int_equal(assay_dated_rows_add(&rows, row, &value, NULL), ASSAY_OK);
        *value = facts[i].value;
    }
    assay_dated_rows_spread(&rows, panel, 2 * day, columns);
    static const double wanted[12] = {(double)NAN, 5, 11, 7, 11, 7, 30, 7, 30, (double)NAN, 30, (double)NAN};
    for (size_t i = 0; i < 12; i++) {
        bool is_missing = isnan(wanted[i]) != 0;
        assert_int_equal(isnan(spread[i]) != 0, is_missing);
        assert_true(is_missing || (spread[i] >= wanted[i] && spread[i] <= wanted[i]));
    }
    assay_dated_rows_reset(&rows);
    assay_panel_destroy(panel);
}

/* --- publishing --- */

static char *scratch_folder(void) {
    static char path[64];
    (void)snprintf(path, sizeof path, "/tmp/assay-store-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool holds(const char *folder, const char *name, const char *text) {
    char path[300], found[64] = "";
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return text == NULL;
    }
    size_t n = fread(found, 1, sizeof found - 1, file);
    found[n] = '\0';
    (void)fclose(file);
    return text != NULL && strcmp(found, text) == 0;
}

static void remove_folder(const char *folder) {
    char command[120];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0); /* NOLINT: a folder of our own making */
}

static void test_publication(void **state) {
    (void)state;
    char *folder = scratch_folder();
    const char *path = NULL;
    assay_publication *publication = NULL;
    assay_error err;
    assert_int_equal(assay_publish_begin(folder, &publication, &err), ASSAY_OK);
    assert_int_equal(assay_publish_put(publication, "t/year=2020/a", &path, &err), ASSAY_OK);
    write_text(path, "one");
    assert_true(holds(folder, "t/year=2020/a", NULL));
    assert_int_equal(assay_publish_commit(publication, &err), ASSAY_OK);
    assay_publish_end(publication);
    assert_true(holds(folder, "t/year=2020/a", "one"));

    /* Not committed: nothing changes. */
    assert_int_equal(assay_publish_begin(folder, &publication, &err), ASSAY_OK);
    assert_int_equal(assay_publish_put(publication, "t/year=2020/a", &path, &err), ASSAY_OK);
    write_text(path, "two");
    assay_publish_end(publication);
    assert_true(holds(folder, "t/year=2020/a", "one"));

    /* Replaced and moved; the folder that empties goes away. */
    assert_int_equal(assay_publish_begin(folder, &publication, &err), ASSAY_OK);
    assert_int_equal(assay_publish_remove(publication, "t/year=2020/a", &err), ASSAY_OK);
    assert_int_equal(assay_publish_put(publication, "t/year=2021/a", &path, &err), ASSAY_OK);
    write_text(path, "three");
    assert_int_equal(assay_publish_commit(publication, &err), ASSAY_OK);
    assay_publish_end(publication);
    assert_true(holds(folder, "t/year=2020/a", NULL));
    assert_true(holds(folder, "t/year=2021/a", "three"));
    char gone[200];
    (void)snprintf(gone, sizeof gone, "%s/t/year=2020", folder);
    assert_int_not_equal(access(gone, F_OK), 0);
    remove_folder(folder);
}

/* A put that cannot be is refused before anything changes. */
static void test_publication_in_the_way(void **state) {
    (void)state;
    char *folder = scratch_folder(), blocker[200];
    const char *path = NULL;
    assay_publication *publication = NULL;
    assay_error err = {.message = ""};
    (void)snprintf(blocker, sizeof blocker, "%s/t", folder);
    write_text(blocker, "a file");
    assert_int_equal(assay_publish_begin(folder, &publication, &err), ASSAY_OK);
    assert_int_equal(assay_publish_put(publication, "u/a", &path, &err), ASSAY_OK);
    write_text(path, "u");
    assert_int_equal(assay_publish_put(publication, "t/year=2020/a", &path, &err), ASSAY_OK);
    write_text(path, "t");
    assert_int_equal(assay_publish_commit(publication, &err), ASSAY_E_IO);
    assert_non_null(strstr(err.message, "nothing was changed"));
    assay_publish_end(publication);
    assert_true(holds(folder, "t", "a file"));
    assert_true(holds(folder, "u/a", NULL));
    (void)snprintf(blocker, sizeof blocker, "%s/u", folder);
    assert_int_not_equal(access(blocker, F_OK), 0);
    remove_folder(folder);
}

/* What a dead process left: with a journal it is finished, without one it goes. Its lock file is not held any more. */
static void test_recovery(void **state) {
    (void)state;
    char *folder = scratch_folder(), path[300];
    static const char *const folders[] = {".assay", ".assay/txn-1-0", ".assay/txn-1-1", "t"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    static const char *const files[][2] = {
        {".assay/txn-1-0.lock", ""},
        {".assay/txn-1-0/0", "new"},
        {".assay/txn-1-0/journal", "put\t0\tt/sub/a\nput\t1\tt/b\nremove\tt/c\nend\n"},
        {".assay/txn-1-1.lock", ""},
        {".assay/txn-1-1/0", "never"},
        {"t/b", "done before"},
        {"t/c", "to go"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i][0]);
        write_text(path, files[i][1]);
    }
    assert_int_equal(assay_publish_recover(folder, NULL), ASSAY_OK);
    assert_true(holds(folder, "t/sub/a", "new"));
    assert_true(holds(folder, "t/b", "done before"));
    assert_true(holds(folder, "t/c", NULL));
    (void)snprintf(path, sizeof path, "%s/.assay/txn-1-0", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof path, "%s/.assay/txn-1-1.lock", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(assay_publish_recover(folder, NULL), ASSAY_OK);
    remove_folder(folder);
}

/* A set that is in the making survives a recovery by somebody else. */
static void test_recovery_leaves_the_living(void **state) {
    (void)state;
    char *folder = scratch_folder();
    const char *path = NULL;
    assay_publication *publication = NULL;
    assay_error err;
    assert_int_equal(assay_publish_begin(folder, &publication, &err), ASSAY_OK);
    assert_int_equal(assay_publish_put(publication, "t/a", &path, &err), ASSAY_OK);
    write_text(path, "alive");
    assert_int_equal(assay_publish_recover(folder, &err), ASSAY_OK);
    assert_int_equal(assay_publish_commit(publication, &err), ASSAY_OK);
    assay_publish_end(publication);
    assert_true(holds(folder, "t/a", "alive"));
    remove_folder(folder);
}

static void test_open_errors(void **state) {
    (void)state;
    assay_store *store = NULL;
    assay_error err = {.message = ""};
    assert_int_equal(assay_store_open("/no/such/folder", false, 1, &store, &err), ASSAY_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "/no/such/folder"));
    assert_null(store);
    assert_int_equal(assay_store_open("/dev/null", false, 1, &store, &err), ASSAY_E_IO);
    assert_int_equal(assay_store_open("", true, 1, &store, &err), ASSAY_E_ARGUMENT);
    assay_store_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_natural_order),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_frequency_names),
        cmocka_unit_test(test_symbol_lookup),
        cmocka_unit_test(test_values_as_they_become_known),
        cmocka_unit_test(test_publication),
        cmocka_unit_test(test_publication_in_the_way),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_recovery_leaves_the_living),
        cmocka_unit_test(test_open_errors),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
