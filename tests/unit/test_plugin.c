/* Plugins: the example is loaded, run, swept and verified; whatever is wrong with a plugin is refused and said, and nothing
 * that a file holds ends the program.
 *
 * The plugins are built beside this test (tests/plugins); ASSAY_TEST_PLUGINS is their folder. */
#define _XOPEN_SOURCE 700 /* realpath, mkdtemp, setenv */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#include "assay/assay_plugin.h"
#include "assay/assay_sweep.h"
#include "assay/assay_verify.h"
#include "base/rng.h"

/* --- files --- */

static char folder[] = "/tmp/assay-test-plugin-XXXXXX";

static const char *built(const char *name) {
    static char path[600];
    const char *where = getenv("ASSAY_TEST_PLUGINS");
    if (where == NULL)
        fail_msg("ASSAY_TEST_PLUGINS is not set: run this through meson test");
    snprintf(path, sizeof path, "%s/%s.so", where == NULL ? "" : where, name);
    return path;
}

static const char *scratch(const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

typedef struct bytes {
    unsigned char *at;
    size_t size;
} bytes;

static bytes read_whole(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s cannot be read", path);
    struct stat about;
    assert_int_equal(fstat(fileno(file), &about), 0);
    bytes b = {malloc((size_t)about.st_size), (size_t)about.st_size};
    assert_int_equal(fread(b.at, 1, b.size, file), b.size);
    fclose(file);
    return b;
}

/* A new file each time, as a compiler writes one: what is loaded of an old one stays. */
static void write_whole(const char *path, const unsigned char *at, size_t size) {
    (void)unlink(path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(at, 1, size, file), size);
    fclose(file);
}

static void copy_file(const char *from, const char *to) {
    bytes b = read_whole(from);
    write_whole(to, b.at, b.size);
    free(b.at);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    static const char *const left[] = {"copy.so", "cut.so", "text.so", "pipe.so", "link.so", "a b#c.so"};
    (void)state;
    for (size_t i = 0; i < LENGTH(left); i++)
        (void)unlink(scratch(left[i]));
    return rmdir(folder);
}

/* --- loading --- */

static assay_strategy *load(const char *path) {
    assay_strategy *strategy = NULL;
    assay_error err = {0};
    if (assay_plugin_load(path, &strategy, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return strategy;
}

static void refuse(const char *path, assay_status expected, const char *part) {
    assay_strategy *strategy = (assay_strategy *)folder; /* anything */
    assay_error err = {0};
    assert_refused(assay_plugin_load(path, &strategy, &err), expected, &err, part);
    assert_null(strategy);
    if (strncmp(err.message, "plugin ", 7) != 0)
        fail_msg("the message \"%s\" does not name the plugin", err.message);
}

static void the_example_describes_itself(void **state) {
    (void)state;
    assay_strategy *s = load(built("breakout"));
    assert_string_equal(s->name, "volatility_breakout");
    assert_int_equal(s->n_params, 4);
    assert_int_equal(s->n_kinds, 3);
    char expected[700], *path = realpath(built("breakout"), NULL);
    snprintf(expected, sizeof expected, "plugin:%s#", path);
    assert_int_equal(strncmp(s->reference, expected, strlen(expected)), 0);
    assert_int_equal(strlen(s->reference), strlen(expected) + 12);
    assert_int_equal(strspn(s->reference + strlen(expected), "0123456789abcdef"), 12);
    /* Twice at once is two strategies of one library. */
    assay_strategy *again = load(s->reference + strlen("plugin:"));
    assert_ptr_not_equal(s, again);
    assert_string_equal(s->reference, again->reference);
    assay_strategy_destroy(s);
    assert_string_equal(again->name, "volatility_breakout");
    assay_strategy_destroy(again);
    free(path);
}

static void the_digits_say_which_version(void **state) {
    (void)state;
    char path[700];
    assay_strategy *s = load(built("breakout"));
    char *digits = strrchr(s->reference, '#');
    copy_file(built("breakout"), scratch("a b#c.so"));
    snprintf(path, sizeof path, "%s%s", scratch("a b#c.so"), digits);
    assay_strategy *copy = load(path);
    assert_string_equal(strrchr(copy->reference, '#'), digits); /* of the bytes, wherever they lie */
    assay_strategy_destroy(copy);
    copy_file(built("evil"), scratch("a b#c.so"));
    refuse(path, ASSAY_E_DATA, "has changed since the run");
    refuse(path, ASSAY_E_DATA, digits + 1);
    /* Digits of another number are a part of the name. */
    snprintf(path, sizeof path, "%s#123", built("breakout"));
    refuse(path, ASSAY_E_IO, "breakout.so#123 cannot be read: No such file");
    assay_strategy_destroy(s);
}

/* The loader looks for a name without a slash where libraries are; this one does not. */
static void names_are_those_of_the_working_directory(void **state) {
    (void)state;
    char *before = realpath(".", NULL);
    copy_file(built("breakout"), scratch("copy.so"));
    (void)unlink(scratch("link.so"));
    assert_int_equal(symlink("copy.so", scratch("link.so")), 0);
    assert_int_equal(chdir(folder), 0);
    assay_strategy *plain = load("copy.so"), *link = load("./link.so");
    assert_int_equal(chdir(before), 0);
    assert_non_null(strstr(plain->reference, "/copy.so#"));
    assert_string_equal(link->reference, plain->reference);
    assay_strategy_destroy(plain);
    assay_strategy_destroy(link);
    refuse("libm.so.6", ASSAY_E_IO, "plugin libm.so.6 cannot be read: No such file");
    free(before);
}

static void a_version_in_use_hides_no_other(void **state) {
    (void)state;
    copy_file(built("breakout"), scratch("copy.so"));
    assay_strategy *first = load(scratch("copy.so"));
    copy_file(built("evil"), scratch("copy.so"));
    refuse(scratch("copy.so"), ASSAY_E_STRATEGY, "another version of it is still in use");
    assay_strategy_destroy(first);
    assay_strategy *second = load(scratch("copy.so"));
    assert_string_equal(second->name, "evil");
    assay_strategy_destroy(second);
}

/* --- running it --- */

static const assay_panel *market(void) {
    static assay_panel *panel;
    if (panel == NULL)
        panel = panel_of_sample(40, 500, 11);
    return panel;
}

/* A long time stop may not be passed; a sell needs a fall. */
static void check_breakout(const assay_result *r, double breadth, double max_bars) {
    size_t n_stops = 0;
    assert_true(n_trades(r) > 50);
    for (size_t i = 0; i < n_signals(r); i++) {
        assay_signal s = signal_at(r, i);
        n_stops += s.kind == 2;
        assert_true(s.kind == 0 ? s.value > breadth : s.kind == 1 ? s.value < -breadth : s.value >= max_bars);
    }
    assert_true(n_stops > 10);
    for (size_t i = 0; i < n_trades(r); i++) {
        assay_trade t = trade_at(r, i);
        if (t.exit_signal != ASSAY_NO_SIGNAL && signal_at(r, t.exit_signal).kind == 2)
            assert_true(t.bars_held >= max_bars);
        assert_string_equal(assay_result_strategy_name(r, t.strategy), "volatility_breakout");
    }
}

static void the_example_runs(void **state) {
    (void)state;
    assay_strategy *s = load(built("breakout"));
    assay_result *first = run_with(market(), s, (const char *const[]){"breadth", "1.2", NULL});
    assay_result *second = run_with(market(), s, (const char *const[]){"breadth", "1.2", NULL});
    check_breakout(first, 1.2, 20);
    assert_same_records(first, second);
    char reason[100];
    for (size_t i = 0; signal_at(first, i).kind != 2; i++)
        assert_true(i + 1 < n_signals(first));
    for (size_t i = 0; i < n_signals(first); i++) {
        assay_signal signal = signal_at(first, i);
        static const char *const parts[] = {"Up ", "Down ", "Held for "};
        assay_signal_reason(s, &signal, reason, sizeof reason);
        assert_int_equal(strncmp(reason, parts[signal.kind], strlen(parts[signal.kind])), 0);
    }
    assay_result_destroy(first);
    assay_result_destroy(second);
    assay_strategy_destroy(s);
}

static void the_example_is_blind(void **state) {
    (void)state;
    static const assay_verify_spec spec = {.n_cuts = 4, .seed = 3};
    assay_strategy *s = load(built("breakout"));
    assay_config *config = config_of(s, (const char *const[]){"breadth", "1", NULL});
    assay_verify_report report;
    assay_error err = {0};
    if (assay_verify_config(market(), config, &spec, &report, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    if (report.n_failed_runs != 0)
        fail_msg("%s", report.first);
    assert_true(report.n_signals > 100);
    assay_config_destroy(config);
    assay_strategy_destroy(s);
}

static void the_example_sweeps(void **state) {
    (void)state;
    enum { POINTS = 6 };
    assay_strategy *s = load(built("breakout"));
    assay_config *config[POINTS];
    size_t n = assay_metric_count();
    double *swept = malloc(POINTS * n * sizeof *swept);
    for (size_t i = 0; i < POINTS; i++) {
        char window[8], breadth[16];
        snprintf(window, sizeof window, "%zu", 8 + 4 * (i % 3));
        snprintf(breadth, sizeof breadth, "%zu.3", 1 + i / 3);
        config[i] = config_of(s, (const char *const[]){"atr_window", window, "breadth", breadth, NULL});
    }
    assert_int_equal(
        assay_sweep_run(market(), (const assay_config *const *)config, POINTS, 2, NULL, NULL, swept, NULL),
        ASSAY_OK);
    for (size_t i = 0; i < POINTS; i++) {
        assay_result *single = NULL;
        assert_int_equal(assay_run(market(), config[i], ASSAY_KEEP_METRICS, &single, NULL), ASSAY_OK);
        assert_memory_equal(swept + i * n, assay_result_metrics(single), n * sizeof *swept);
        assert_true(i == 0 || memcmp(swept + i * n, swept, n * sizeof *swept) != 0);
        assay_result_destroy(single);
        assay_config_destroy(config[i]);
    }
    free(swept);
    assay_strategy_destroy(s);
}

static void plugins_are_members_of_ensembles(void **state) {
    (void)state;
    assay_strategy *plugin = load(built("breakout")), *both = NULL;
    const assay_strategy *members[] = {plugin, assay_strategy_at(0)};
    assert_int_equal(assay_ensemble_create(members, 2, &both, NULL), ASSAY_OK);
    assert_non_null(strstr(both->reference, plugin->reference));
    assay_result *r = run_with(market(), both,
                               (const char *const[]){"volatility_breakout.breadth", "1", "momentum.threshold",
                                                     "0.05", "combine", "sleeves", NULL});
    size_t n_members;
    const assay_strategy_result *row = assay_result_strategies(r, &n_members);
    assert_int_equal(n_members, 2);
    assert_true(row[0].n_signals > 100 && row[1].n_signals > 100);
    assay_result_destroy(r);
    assay_strategy_destroy(both);
    assay_strategy_destroy(plugin);
}

/* --- descriptors that are wrong --- */

static void wrong_descriptors_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *evil, *part;
    } cases[] = {
        {"NULL", "assay_plugin() returned NULL"},
        {"version", "built for version 1 of the strategy interface, this is version 2: build it again"},
        {"version alone", "built for version 99 of the strategy interface"},
        {"neither", "neither on_bar nor threshold_form"},
        {"name NULL", "its strategy has no name"},
        {"name", "called 'evil+evil'; a name is letters, digits and _"},
        {"name empty", "called ''"},
        {"name long", "has at most 60 of them"},
        {"summary NULL", "has no summary"},
        {"param NULL", "parameter 2 has no name"},
        {"param twice", "two parameters 'window'"},
        {"param name", "'long-window' is no name of a parameter"},
        {"param digit", "'2nd' is no name of a parameter"},
        {"param long", "at most 60 letters"},
        {"param bounds", "window has the default 20 and the bounds 30 and 500"},
        {"param NaN", "the bounds 2 and "},
        {"param default", "threshold has the default 2 and the bounds 0 and 1"},
        {"param default NaN", "threshold has the default "},
        {"param whole", "window is an integer, but its default is 20.5"},
        {"param type", "threshold has the unknown type 9"},
        {"param help", "unit or help of parameter threshold is NULL"},
        {"too many params", "129 parameters and 3 kinds of signals; at most 128 and 128"},
        {"params NULL", "counts parameters, but its table is NULL"},
        {"kinds none", "has no kinds of signals"},
        {"kinds NULL", "counts kinds of signals, but its table is NULL"},
        {"too many kinds", "129 kinds of signals"},
        {"kind type NULL", "kind 2 has no signal_type"},
        {"kind type empty", "kind 2 has no signal_type"},
        {"kind reason", "the reason of evil_sell is NULL"},
        {"kind action", "evil_sell has the unknown action 6"},
        {"kind target", "evil_sell has target_position 1.01"},
        {"kind target NaN", "evil_sell has target_position "},
        {"form feature", "threshold_form names feature 2, but 2 are declared"},
        {"form param", "threshold_form names parameter 2, but there are 2"},
        {"form kind", "threshold_form names kind 3, but there are 3"},
        {"form without features", "threshold_form needs features"},
        {"too many features", "declares 65 features; at most 64"},
        {"expression", "feature 'sma(close, windw) / close', character 12: unknown name 'windw': did you "
                       "mean 'window'?"},
        {"expression NULL", "a feature's expression is NULL"},
        {"expression of positions", "cannot look at positions"},
        {"feature kind", "a feature has the unknown kind 17"},
        {"feature window", "window of 1 bars is too short"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        setenv("ASSAY_TEST_EVIL", cases[i].evil, 1);
        refuse(built("evil"), ASSAY_E_STRATEGY, cases[i].part);
        refuse(built("evil"), ASSAY_E_STRATEGY, "evil.so");
    }
    unsetenv("ASSAY_TEST_EVIL");
}

static void a_plugin_is_not_what_it_pretends(void **state) {
    (void)state;
    setenv("ASSAY_TEST_EVIL", "pretends", 1);
    assay_strategy *s = load(built("evil"));
    unsetenv("ASSAY_TEST_EVIL");
    assert_null(s->ensemble);
    assert_non_null(strstr(s->reference, "evil.so#"));
    assay_strategy_destroy(s);
}

static void a_threshold_form_runs(void **state) {
    (void)state;
    setenv("ASSAY_TEST_EVIL", "form", 1);
    assay_strategy *s = load(built("evil"));
    unsetenv("ASSAY_TEST_EVIL");
    const char *const settings[] = {"threshold", "0.05", NULL};
    assay_result *r = run_with(market(), s, settings);
    assay_result *same = run_with(market(), assay_strategy_find("momentum", NULL), settings);
    assert_true(n_fills(r) > 50);
    assert_int_equal(n_fills(r), n_fills(same));
    assert_number(snapshot_at(r, n_snapshots(r) - 1).total_value,
                  snapshot_at(same, n_snapshots(same) - 1).total_value);
    assay_result_destroy(r);
    assay_result_destroy(same);
    assay_strategy_destroy(s);
}

/* --- runs that are wrong --- */

/* A run of the evil plugin; its status, and its message in *err. */
static assay_status run_evil(const char *evil, assay_error *err) {
    assay_strategy *s = load(built("evil"));
    setenv("ASSAY_TEST_EVIL", evil, 1);
    assay_config *config = config_of(s, (const char *const[]){NULL});
    assay_result *r = NULL;
    assay_status status = assay_run(market(), config, ASSAY_KEEP_ALL, &r, err);
    if (status != ASSAY_OK)
        assert_null(r);
    assay_result_destroy(r);
    assay_config_destroy(config);
    assay_strategy_destroy(s);
    unsetenv("ASSAY_TEST_EVIL");
    return status;
}

static void wrong_runs_stop(void **state) {
    (void)state;
    static const struct {
        const char *evil, *part;
    } cases[] = {
        {"create fails", "strategy evil: the moon is full"},
        {"create says nothing", "strategy evil: "},
        {"on_bar fails", "strategy evil: the moon is new (at "},
        {"NaN strength", "strength must lie in [0, 1]"},
        {"large strength", "has strength 1.5"},
        {"unknown symbol", "names symbol 40, but there are 40"},
        {"huge symbol", "names symbol 18446744073709551615"},
        {"unknown kind", "has kind 3, but there are 3"},
        {"large target", "has target_position -1.5"},
        {"infinite target", "has target_position inf"},
        {"no target", "has no target_position, and neither has its kind"},
        {"late symbol", "must come in ascending symbol order"},
        {"same symbol", "must come in ascending symbol order"},
        {"late symbol ignored",
         "must come in ascending symbol order"}, /* though on_bar says that all is well */
        {"no feature", "is declared"},
    };
    for (size_t i = 0; i + 1 < LENGTH(cases); i++) {
        assay_error err = {0};
        assert_refused(run_evil(cases[i].evil, &err), ASSAY_E_STRATEGY, &err, cases[i].part);
        assert_non_null(strstr(err.message, "strategy evil: "));
    }
    assay_error err = {0};
    assert_int_equal(run_evil("on_bar gives another status", &err), 77);
    assert_int_equal(err.status, 77);
    assert_int_equal(run_evil("asks for anything", &err), ASSAY_OK);
}

/* --- files that are none --- */

static void other_files_are_refused(void **state) {
    (void)state;
    static const char text[] = "const assay_strategy *assay_plugin(void) { return &breakout; }\n";
    refuse(scratch("missing.so"), ASSAY_E_IO, "missing.so cannot be read: No such file");
    refuse("", ASSAY_E_IO, "cannot be read: No such file");
    refuse("#0123456789ab", ASSAY_E_IO, "cannot be read");
    refuse(folder, ASSAY_E_DATA, "is no file");
    refuse("/dev/null", ASSAY_E_DATA, "is no file");
    assert_int_equal(mkfifo(scratch("pipe.so"), 0600), 0);
    refuse(scratch("pipe.so"), ASSAY_E_DATA, "is no file");
    write_whole(scratch("text.so"), (const unsigned char *)text, sizeof text - 1);
    refuse(scratch("text.so"), ASSAY_E_DATA, "text.so is no shared library: one is built with cc");
    refuse(built("no_symbol"), ASSAY_E_STRATEGY, "does not export the function assay_plugin");
    refuse(built("unresolved"), ASSAY_E_STRATEGY, "function_that_nobody_has");
    char program[600]; /* this one */
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(n > 0);
    program[n] = '\0';
    refuse(program, ASSAY_E_STRATEGY, "cannot be loaded");
}

static void other_machines_are_refused(void **state) {
    (void)state;
    bytes b = read_whole(built("breakout"));
    static const struct {
        size_t at;
        unsigned char value;
    } cases[] = {{4, 1}, {5, 2}, {18, 243}}; /* 32 bits; the other byte order; RISC-V */
    for (size_t i = 0; i < LENGTH(cases); i++) {
        unsigned char kept = b.at[cases[i].at];
        b.at[cases[i].at] = cases[i].value;
        write_whole(scratch("cut.so"), b.at, b.size);
        refuse(scratch("cut.so"), ASSAY_E_STRATEGY, "built for another kind of machine");
        b.at[cases[i].at] = kept;
    }
    b.at[16] = 1; /* an object file */
    write_whole(scratch("cut.so"), b.at, b.size);
    refuse(scratch("cut.so"), ASSAY_E_DATA, "is no shared library");
    free(b.at);
}

/* The first `size` bytes of the example, the rest cut off or never written. */
static void refuse_damaged(const bytes *b, size_t size, bool is_filled) {
    unsigned char *copy = calloc(b->size, 1);
    memcpy(copy, b->at, size);
    write_whole(scratch("cut.so"), copy, is_filled ? b->size : size);
    refuse(scratch("cut.so"), ASSAY_E_DATA, "cut.so is ");
    free(copy);
}

static void truncated_files_are_refused(void **state) {
    (void)state;
    bytes b = read_whole(built("breakout"));
    for (size_t size = 0; size < b.size; size += size < 1200 ? 7 : 211) {
        refuse_damaged(&b, size, false);
        refuse_damaged(&b, size, true);
    }
    refuse_damaged(&b, b.size - 1, false);
    free(b.at);
}

/* A header of this machine, and anything behind it. */
static void garbage_is_refused(void **state) {
    (void)state;
    bytes b = read_whole(built("breakout"));
    assay_rng rng;
    assay_rng_init(&rng, 5);
    for (int n = 0; n < 500; n++) {
        size_t from = n % 2 == 0 ? 20 : 64; /* what says which machine it is; the whole header */
        for (size_t i = from; i < b.size; i++)
            b.at[i] = (unsigned char)assay_rng_below(&rng, n % 3 == 0 ? 4 : 256);
        write_whole(scratch("cut.so"), b.at, b.size);
        refuse(scratch("cut.so"), ASSAY_E_DATA, "cut.so is ");
    }
    free(b.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_describes_itself),
        cmocka_unit_test(the_digits_say_which_version),
        cmocka_unit_test(names_are_those_of_the_working_directory),
        cmocka_unit_test(a_version_in_use_hides_no_other),
        cmocka_unit_test(the_example_runs),
        cmocka_unit_test(the_example_is_blind),
        cmocka_unit_test(the_example_sweeps),
        cmocka_unit_test(plugins_are_members_of_ensembles),
        cmocka_unit_test(wrong_descriptors_are_refused),
        cmocka_unit_test(a_plugin_is_not_what_it_pretends),
        cmocka_unit_test(a_threshold_form_runs),
        cmocka_unit_test(wrong_runs_stop),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(other_machines_are_refused),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(garbage_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
