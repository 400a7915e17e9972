/* log, exp and pow against the C library's in extended precision, on millions of seeded values, and their special cases. */
#include "support.h"

#include <float.h>
#include <string.h>

#include "base/elementary.h"
#include "base/rng.h"

enum { N_VALUES = 1000000 };

/* A positive double with every exponent as likely, subnormal ones included. */
static double any_positive(assay_rng *rng) {
    uint64_t bits = assay_rng_next(rng) >> 1;
    double x;
    if (bits >> 52 == 0x7ff)
        bits ^= UINT64_C(1) << 62; /* no infinity, no NaN */
    memcpy(&x, &bits, sizeof x);
    return x == 0 ? 1 : x;
}

/* Rounding to the nearest double alone may cost 1.11e-16; a little more is allowed for what comes before it. */
static const long double allowed = 1.13e-16L;

static void check_close(double got, long double exact, const char *what, double x, double y) {
    long double error = fabsl((long double)got - exact);
    if (fabsl(exact) < (long double)DBL_MIN) /* one unit of the subnormal numbers */
        assert_true(error <= (long double)0x1p-1074);
    else if (!(error <= allowed * fabsl(exact)))
        fail_msg("%s(%a, %a) is %.17g, relative error %Lg", what, x, y, got, error / fabsl(exact));
}

static void test_log(void **state) {
    (void)state;
    assay_rng rng;
    assay_rng_init(&rng, 1);
    for (int i = 0; i < N_VALUES; i++) {
        double x = any_positive(&rng), near_1 = 0.5 + 1.5 * assay_rng_uniform(&rng);
        double at_1 = 1 + (assay_rng_uniform(&rng) - 0.5) * pow(2, -(double)assay_rng_below(&rng, 50));
        check_close(assay_log(x), logl((long double)x), "log", x, 0);
        check_close(assay_log(near_1), logl((long double)near_1), "log", near_1, 0);
        check_close(assay_log(at_1), logl((long double)at_1), "log", at_1, 0);
    }
    assert_number(assay_log(1), 0);
    assert_number(assay_log(0), -ASSAY_INFINITY);
    assert_number(assay_log(-0.0), -ASSAY_INFINITY);
    assert_number(assay_log(-1), NO_VALUE);
    assert_number(assay_log(-ASSAY_INFINITY), NO_VALUE);
    assert_number(assay_log(ASSAY_INFINITY), ASSAY_INFINITY);
    assert_number(assay_log(NO_VALUE), NO_VALUE);
}

static void test_exp(void **state) {
    (void)state;
    assay_rng rng;
    assay_rng_init(&rng, 2);
    for (int i = 0; i < N_VALUES; i++) {
        double x = -745 + (745 + 709.7) * assay_rng_uniform(&rng), small = assay_rng_uniform(&rng) - 0.5;
        double tiny = small * pow(2, -(double)assay_rng_below(&rng, 60));
        check_close(assay_exp(x), expl((long double)x), "exp", x, 0);
        check_close(assay_exp(small), expl((long double)small), "exp", small, 0);
        check_close(assay_exp(tiny), expl((long double)tiny), "exp", tiny, 0);
    }
    assert_number(assay_exp(0), 1);
    assert_number(assay_exp(-0.0), 1);
    assert_true(assay_exp(709.78) < ASSAY_INFINITY);
    assert_number(assay_exp(709.79), ASSAY_INFINITY);
    assert_number(assay_exp(1e300), ASSAY_INFINITY);
    assert_number(assay_exp(ASSAY_INFINITY), ASSAY_INFINITY);
    assert_true(assay_exp(-745.13) > 0);
    assert_number(assay_exp(-745.14), 0);
    assert_number(assay_exp(-1e300), 0);
    assert_number(assay_exp(-ASSAY_INFINITY), 0);
    assert_number(assay_exp(NO_VALUE), NO_VALUE);
}

static void test_pow(void **state) {
    (void)state;
    assay_rng rng;
    assay_rng_init(&rng, 3);
    for (int i = 0; i < N_VALUES; i++) {
        double x = any_positive(&rng), exponent = -700 + 1400 * assay_rng_uniform(&rng);
        double y = exponent / log(x), near_1 = 0.5 + assay_rng_uniform(&rng);
        double moderate = 20 * (assay_rng_uniform(&rng) - 0.5);
        check_close(assay_pow(x, y), powl((long double)x, (long double)y), "pow", x, y);
        check_close(assay_pow(near_1, moderate), powl((long double)near_1, (long double)moderate), "pow",
                    near_1, moderate);
    }
}

/* What a double can hold is what comes out. */
static void test_exact_powers(void **state) {
    (void)state;
    for (int x = 2; x <= 1000; x++) {
        double product = 1;
        for (int n = 1; (product *= x) < 0x1p53; n++) {
            assert_number(assay_pow(x, n), product);
            assert_number(assay_pow(-x, n), n % 2 == 0 ? product : -product);
            if (n == 2)
                assert_number(assay_pow(product, 0.5), x);
        }
    }
    for (int k = -1074; k <= 1023; k++)
        assert_number(assay_pow(2, k), ldexp(1, k));
    assert_number(assay_pow(0.5, -3), 8);
}

/* C17, F.10.4.4. */
static void test_special_powers(void **state) {
    (void)state;
    static const double special[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     2,
                                     -2,
                                     0.5,
                                     -0.5,
                                     3,
                                     -3,
                                     4,
                                     1.5,
                                     -1.5,
                                     1e300,
                                     -1e300,
                                     1e17,
                                     -1e17,
                                     9007199254740991.0,
                                     5e-324,
                                     -5e-324,
                                     2e-308,
                                     1e-300,
                                     33,
                                     -33,
                                     0.1,
                                     -0.1,
                                     DBL_MAX,
                                     (double)INFINITY,
                                     -(double)INFINITY,
                                     ASSAY_NAN};
    for (size_t i = 0; i < LENGTH(special); i++) {
        for (size_t k = 0; k < LENGTH(special); k++) {
            double got = assay_pow(special[i], special[k]), wanted = pow(special[i], special[k]);
            check_number(got, wanted, 4e-16, "pow", __FILE__, __LINE__);
            if (!isnan(wanted))
                assert_int_equal(signbit(got), signbit(wanted));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_pow),
        cmocka_unit_test(test_exact_powers),
        cmocka_unit_test(test_special_powers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
