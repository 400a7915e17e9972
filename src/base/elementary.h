/* Logarithm, exponential and power that are the same on every machine: those of the C library differ with its version and
 * with the processor. Made of + - x / and exact steps on the bits of a double; the relative error is below 1.13e-16, hardly
 * more than rounding (results below 2^-1022: one unit of theirs). Pure functions, thread-safe. */
#ifndef ASSAY_BASE_ELEMENTARY_H
#define ASSAY_BASE_ELEMENTARY_H

/* The natural logarithm: -infinity of 0, NaN of less. */
double assay_log(double x);

/* e to the x: infinity from 709.79 on, 0 below -745.13. */
double assay_exp(double x);

/* x to the y, with the special cases of C's pow (annex F): anything to the 0 is 1, a negative x needs a whole y. */
double assay_pow(double x, double y);

#endif
