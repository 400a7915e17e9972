/* Stands in for the store's functions that are not written yet; linked behind the store, so that its own come first. To be
 * removed with the store's last function. */
#include "assay/assay_store.h"

static assay_status missing(assay_error *err) {
    return assay_error_set(err, ASSAY_E_INTERNAL, "this build has no such store function yet");
}

__attribute__((weak)) assay_status assay_store_sql(assay_store *store, const char *sql,
                                                   const char *const *params, size_t n_params,
                                                   assay_table **out_table, assay_error *err) {
    (void)store, (void)sql, (void)params, (void)n_params;
    *out_table = NULL;
    return missing(err);
}

__attribute__((weak)) void assay_table_destroy(assay_table *table) {
    (void)table;
}

__attribute__((weak)) assay_status assay_store_import(assay_store *store, const char *file,
                                                      const assay_import_spec *spec,
                                                      assay_import_report *out_report, assay_error *err) {
    (void)store, (void)file, (void)spec, (void)out_report;
    return missing(err);
}

__attribute__((weak)) assay_status assay_store_write_panel(assay_store *store, const assay_panel *panel,
                                                           assay_partition partition, assay_error *err) {
    (void)store, (void)panel, (void)partition;
    return missing(err);
}

__attribute__((weak)) assay_status assay_store_audit(assay_store *store, const char *run_id,
                                                     assay_audit_report *out_report, assay_error *err) {
    (void)store, (void)run_id, (void)out_report;
    return missing(err);
}

__attribute__((weak)) assay_status assay_store_compare_runs(assay_store *store, const char *run_id_a,
                                                            const char *run_id_b, size_t *out_differences,
                                                            char *out_first, size_t first_size,
                                                            assay_error *err) {
    (void)store, (void)run_id_a, (void)run_id_b, (void)out_differences, (void)out_first, (void)first_size;
    return missing(err);
}
