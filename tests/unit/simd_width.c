/* The way into one copy of the features, compiled for one vector width (see meson.build). Its other symbols are hidden in
 * its own shared library. */
#include "market/feature.h"

__attribute__((visibility("default"))) assay_status
FEATURE_COMPUTE(const assay_panel *panel, const assay_feature *feature, double *out, assay_error *err);

assay_status FEATURE_COMPUTE(const assay_panel *panel, const assay_feature *feature, double *out,
                             assay_error *err) {
    return assay_feature_compute(panel, feature, out, err);
}
