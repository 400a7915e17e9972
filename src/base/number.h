/* Missing and undefined, as a double (NAN is a float, and -Wdouble-promotion minds). */
#ifndef ASSAY_BASE_NUMBER_H
#define ASSAY_BASE_NUMBER_H

#include <math.h>

#define ASSAY_NAN ((double)NAN)

#endif
