/* log, exp and pow in pairs of doubles.
 *
 * A pair is an unevaluated sum hi + lo, with |lo| at most half a unit in the last place of hi: some 105 bits. Sums and
 * products of doubles as pairs are exact (Knuth 1969; Dekker 1971, Veltkamp's splitting). With the logarithm known as a
 * pair, x^y = exp(y log x) loses nothing that would show: an error of the exponent's last bit alone would be multiplied by
 * up to 745.
 *
 *   log   x = 2^k m with m from sqrt(1/2) to sqrt(2);  log m = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1)
 *   exp   x = k ln 2 + r with |r| <= ln(2)/2;          e^r = 1 + r + r^2/2 + r^3/6 + ...
 *
 * The first terms of each series are pairs, the small rest is plain.
 */
#include "base/elementary.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"

typedef struct pair {
    double hi, lo;
} pair;

/* --- exact sums and products --- */

static inline pair exact_sum(double a, double b) {
    double hi = a + b, of_b = hi - a, of_a = hi - of_b;
    return (pair){hi, (a - of_a) + (b - of_b)};
}

/* The upper 26 bits of a. */
static inline double upper_half(double a) {
    double shifted = a * 134217729.0; /* 2^27 + 1 */
    return shifted - (shifted - a);
}

static inline pair exact_product(double a, double b) {
    double a_hi = upper_half(a), a_lo = a - a_hi, b_hi = upper_half(b), b_lo = b - b_hi, hi = a * b;
    return (pair){hi, ((a_hi * b_hi - hi) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo};
}

static inline pair add(pair a, pair b) {
    pair sum = exact_sum(a.hi, b.hi);
    return exact_sum(sum.hi, sum.lo + (a.lo + b.lo));
}

static inline pair multiply(pair a, pair b) {
    pair product = exact_product(a.hi, b.hi);
    return exact_sum(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* --- the bits of a double --- */

/* 2^k for k from -1022 to 1023. */
static inline double power_of_2(int k) {
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* x > 0 and finite as 2^*out_k times the result, which lies from sqrt(1/2) to sqrt(2). */
static inline double take_apart(double x, int *out_k) {
    int k = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    k += (int)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000);
    double m;
    memcpy(&m, &bits, sizeof m);
    bool is_upper = m > 0x1.6a09e667f3bcdp+0; /* sqrt(2) */
    *out_k = is_upper ? k + 1 : k;
    return is_upper ? m / 2 : m;
}

/* ln 2: 42 bits, so that products with exponents are exact, and the rest. */
static const double ln2_hi = 0x1.62e42fefa38p-1, ln2_lo = 0x1.ef35793c7673p-45;

/* --- logarithm --- */

/* (m - 1) / (m + 1); m - 1 is exact. */
static inline pair log_argument(double m) {
    double above = m - 1;
    pair below = exact_sum(m, 1);
    double hi = above / below.hi;
    pair back = exact_product(hi, below.hi);
    return (pair){hi, ((above - back.hi) - back.lo - hi * below.lo) / below.hi};
}

/* Of x > 0, finite. */
static pair log_pair(double x) {
    static const pair third = {1.0 / 3, 0x1.5555555555555p-56}, fifth = {0.2, -0x1.999999999999ap-57};
    int k;
    pair s = log_argument(take_apart(x, &k));
    pair z = multiply(s, s);
    static const double inverse_odd[] = {1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15,
                                         1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25};
    double tail = 1.0 / 27; /* of z^n / (2n + 1): from n = 13 down to 3 */
    for (int n = 9; n >= 0; n--)
        tail = inverse_odd[n] + z.hi * tail;
    pair rest = add(fifth, (pair){z.hi * tail, 0});
    rest = add(third, multiply(z, rest));
    rest = multiply(z, rest);
    pair half = add(s, multiply(s, rest));
    pair whole = {k * ln2_hi, k * ln2_lo};
    return add(whole, (pair){2 * half.hi, 2 * half.lo});
}

double assay_log(double x) {
    if (isnan(x) || x < 0)
        return ASSAY_NAN;
    if (x == 0)
        return -ASSAY_INFINITY;
    return isinf(x) ? x : log_pair(x).hi;
}

/* --- exponential --- */

/* e^(x.hi + x.lo), |x.hi| < 1e6. */
static double exp_of(pair x) {
    const double to_whole = 0x1.8p52; /* added and taken away: rounds to a whole number */
    double k = (x.hi * 0x1.71547652b82fep+0 + to_whole) - to_whole;
    if (k > 1025)
        return ASSAY_INFINITY;
    if (k < -1080)
        return 0;
    pair r = exact_sum(x.hi - k * ln2_hi, x.lo - k * ln2_lo);
    double tail = 1.0 / 87178291200; /* 1 / 14!; of r^n / n! from n = 14 down to 3 */
    static const double inverse_factorial[] = {
        1.0 / 6,      1.0 / 24,      1.0 / 120,      1.0 / 720,       1.0 / 5040,      1.0 / 40320,
        1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
    for (int n = 10; n >= 0; n--)
        tail = inverse_factorial[n] + r.hi * tail;
    pair square = exact_product(r.hi, r.hi);
    double small = (square.lo / 2 + r.hi * r.lo) + r.hi * square.hi * tail;
    pair linear = exact_sum(1, r.hi), sum = exact_sum(linear.hi, square.hi / 2);
    double e = sum.hi + (((linear.lo + r.lo) + sum.lo) + small);
    int half = (int)k / 2; /* in two steps: 2^k itself may be out of range. Only the second one rounds. */
    return e * power_of_2(half) * power_of_2((int)k - half);
}

double assay_exp(double x) {
    if (isnan(x))
        return x;
    if (x > 1000)
        return ASSAY_INFINITY;
    return x < -1000 ? 0 : exp_of((pair){x, 0});
}

/* --- power --- */

/* Both are no NaN, x is not 1 and y not 0. 0 or infinity where one of x, y is. */
static double pow_of_extremes(double x, double y) {
    if (isinf(y)) {
        if (fabs(x) == 1)
            return 1;
        return (fabs(x) > 1) == (y > 0) ? ASSAY_INFINITY : 0;
    }
    return (x == 0) == (y > 0) ? 0 : ASSAY_INFINITY;
}

static double pow_of_positive(double x, double y) {
    if (x == 1)
        return 1; /* whatever y: below, any y that is left is of moderate size */
    pair log_x = log_pair(x);
    double about = y * log_x.hi;
    if (about > 1000)
        return ASSAY_INFINITY;
    if (about < -1000)
        return 0;
    pair exponent = exact_product(y, log_x.hi);
    return exp_of(exact_sum(exponent.hi, exponent.lo + y * log_x.lo));
}

double assay_pow(double x, double y) {
    if (y == 0 || x == 1)
        return 1;
    if (isnan(x) || isnan(y))
        return ASSAY_NAN;
    bool is_whole = floor(y) == y; /* infinity too; beyond 2^53 all are, and even */
    bool is_odd = is_whole && !isinf(y) && floor(y / 2) * 2 != y;
    bool is_extreme = x == 0 || isinf(x) || isinf(y);
    if (x < 0 && !is_whole && !is_extreme)
        return ASSAY_NAN;
    double size = is_extreme ? pow_of_extremes(x, y) : pow_of_positive(fabs(x), y);
    return is_odd && signbit(x) ? -size : size;
}
