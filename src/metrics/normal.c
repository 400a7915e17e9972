/* Logarithm and error function are taken in extended precision, whose rounding to double does not depend on the processor.
 *
 * Source of the quantile: M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988), 477-484.
 */
#include "metrics/normal.h"

#include <math.h>
#include <stddef.h>

#include "base/number.h"

double assay_normal_cdf(double x) {
    static const long double sqrt_half = 0.70710678118654752440084436210484903928L;
    return (double)(erfcl(-(long double)x * sqrt_half) / 2);
}

/* Coefficients from the lowest power: numerator and denominator of the three regions. */
typedef struct rational {
    double above[8], below[8];
} rational;

static const rational central = {
    {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
    {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
     3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3},
};

static const rational middle = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2,
     7.74545014278341407640e-4},
    {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9},
};

static const rational tail = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5,
     2.01033439929228813265e-7},
    {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15},
};

static double evaluate(const rational *f, double r) {
    double above = f->above[7], below = f->below[7];
    for (size_t i = 7; i-- > 0;) {
        above = above * r + f->above[i];
        below = below * r + f->below[i];
    }
    return above / below;
}

double assay_normal_quantile(double probability) {
    if (!(probability >= 0 && probability <= 1))
        return ASSAY_NAN;
    double q = probability - 0.5;
    if (fabs(q) <= 0.425)
        return q * evaluate(&central, 0.180625 - q * q);
    double outside = q < 0 ? probability : 1 - probability;
    if (outside == 0)
        return q < 0 ? -(double)INFINITY : (double)INFINITY;
    double r = (double)sqrtl(-logl((long double)outside));
    double x = r <= 5 ? evaluate(&middle, r - 1.6) : evaluate(&tail, r - 5);
    return q < 0 ? -x : x;
}
