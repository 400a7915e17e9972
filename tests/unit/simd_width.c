/* The way into one copy of the features, or of the indicators, compiled for one vector width (see meson.build). Its other
 * symbols are hidden in its own shared library. */
#include "indicator/function.h"
#include "market/feature.h"

#ifdef FEATURE_COMPUTE
__attribute__((visibility("default"))) assay_status
FEATURE_COMPUTE(const assay_panel *panel, const assay_feature *feature, double *out, assay_error *err);

assay_status FEATURE_COMPUTE(const assay_panel *panel, const assay_feature *feature, double *out,
                             assay_error *err) {
    return assay_feature_compute(panel, feature, out, err);
}
#endif

#ifdef INDICATOR_COMPUTE
__attribute__((visibility("default"))) assay_status
INDICATOR_COMPUTE(size_t function, const assay_kernel_input *in, double *out, assay_error *err);

assay_status INDICATOR_COMPUTE(size_t function, const assay_kernel_input *in, double *out, assay_error *err) {
    return assay_function_at(function)->compute(in, out, err);
}
#endif
