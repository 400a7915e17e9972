/* The findings of `assay check`, for people and as JSON. */
#ifndef ASSAY_CLI_CHECK_PRINT_H
#define ASSAY_CLI_CHECK_PRINT_H

#include "assay/assay_check.h"
#include "cli/cli.h"

void cli_print_check_text(const assay_check_spec *spec, const assay_check_report *report, size_t limit);
void cli_print_check_json(const assay_check_spec *spec, const assay_check_report *report);
/* The changes of a mended copy; `target` NULL: proposed. */
void cli_print_changes(const assay_change_list *changes, const char *target, size_t limit);
/* Every kind and threshold. */
void cli_print_check_kinds(void);

#endif
