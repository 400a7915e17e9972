#include "cli/check_print.h"

#include <inttypes.h>
#include <string.h>

#include "base/dates.h"

enum { DATE_SIZE = 40 };

static const char *date_of(int64_t us, char out_text[DATE_SIZE]) {
    assay_time_format(us, out_text, DATE_SIZE);
    return out_text;
}

static const char *plural(size_t n) {
    return n == 1 ? "" : "s";
}

/* --- text --- */

static void print_head(const assay_check_report *r) {
    char first[DATE_SIZE], last[DATE_SIZE];
    printf("%zu rows, %zu symbols, %zu bars of frequency %s from %s to %s\n", r->n_rows, r->n_symbols,
           r->n_bars, r->frequency, date_of(r->first_us, first), date_of(r->last_us, last));
    printf("%zu of %zu symbols end before the last date, %zu begin after the first\n", r->n_ended,
           r->n_symbols, r->n_begin_late);
}

static void print_finding(const assay_finding *f) {
    printf("    %s%s%zu:", f->symbol == NULL ? "" : f->symbol, f->symbol == NULL ? "" : "  ", f->count);
    for (size_t i = 0; i < f->n_examples; i++)
        printf("%s %s", i == 0 ? "" : ";", f->example[i]);
    printf("%s\n", f->count > f->n_examples && f->n_examples == ASSAY_MOST_EXAMPLES ? "; ..." : "");
}

/* The findings [begin, end) of one kind. */
static void print_kind(const assay_check_spec *spec, const assay_check_report *r, size_t begin, size_t end,
                       size_t limit) {
    const assay_check_kind *kind = assay_check_kind_at(r->finding[begin].kind);
    size_t count = 0;
    for (size_t i = begin; i < end; i++)
        count += r->finding[i].count;
    printf("\n%s  %s: %zu", assay_severity_name(kind->severity), kind->name, count);
    if (r->finding[begin].symbol != NULL)
        printf(" in %zu symbol%s", end - begin, plural(end - begin));
    printf("\n  %s\n  a run %s\n  to do: %s\n", kind->what, kind->run_would[spec->on_bad_data], kind->advice);
    for (size_t i = begin; i < end && i - begin < limit; i++)
        print_finding(&r->finding[i]);
    if (end - begin > limit)
        printf("    and %zu symbols more (--limit)\n", end - begin - limit);
}

void cli_print_check_text(const assay_check_spec *spec, const assay_check_report *r, size_t limit) {
    print_head(r);
    for (size_t i = 0; i < r->n_findings;) {
        size_t end = i + 1;
        while (end < r->n_findings && r->finding[end].kind == r->finding[i].kind)
            end++;
        print_kind(spec, r, i, end, limit);
        i = end;
    }
    const size_t *n = r->n_by_severity;
    if (r->n_findings == 0)
        printf("nothing was found\n");
    else
        printf("\n%zu error%s, %zu warning%s, %zu note%s\n", n[ASSAY_SEVERITY_ERROR],
               plural(n[ASSAY_SEVERITY_ERROR]), n[ASSAY_SEVERITY_WARNING], plural(n[ASSAY_SEVERITY_WARNING]),
               n[ASSAY_SEVERITY_NOTE], plural(n[ASSAY_SEVERITY_NOTE]));
}

/* --- JSON --- */

static void print_key(const char *indent, const char *key) {
    printf("%s\"%s\": ", indent, key);
}

static void print_text_member(const char *indent, const char *key, const char *text) {
    print_key(indent, key);
    if (text == NULL)
        printf("null");
    else
        cli_print_json_text(text);
    printf(",\n");
}

static void print_date_member(const char *indent, const char *key, bool known, int64_t us) {
    char date[DATE_SIZE];
    print_text_member(indent, key, known ? date_of(us, date) : NULL);
}

static void print_finding_json(const assay_check_spec *spec, const assay_finding *f) {
    const assay_check_kind *kind = assay_check_kind_at(f->kind);
    const char *indent = "      ";
    printf("    {\n");
    print_text_member(indent, "kind", kind->name);
    print_text_member(indent, "severity", assay_severity_name(kind->severity));
    print_text_member(indent, "symbol", f->symbol);
    print_date_member(indent, "first", f->has_dates, f->first_us);
    print_date_member(indent, "last", f->has_dates, f->last_us);
    print_key(indent, "count");
    printf("%zu,\n", f->count);
    print_key(indent, "examples");
    printf("[");
    for (size_t i = 0; i < f->n_examples; i++) {
        printf("%s", i == 0 ? "" : ", ");
        cli_print_json_text(f->example[i]);
    }
    printf("],\n");
    print_text_member(indent, "what", kind->what);
    print_text_member(indent, "run_would", kind->run_would[spec->on_bad_data]);
    print_key(indent, "to_do");
    cli_print_json_text(kind->advice);
    printf("\n    }");
}

void cli_print_check_json(const assay_check_spec *spec, const assay_check_report *r) {
    static const char *const policies[] = {"error", "drop", "keep"};
    printf("{\n");
    print_text_member("  ", "on_bad_data", policies[spec->on_bad_data]);
    print_text_member("  ", "frequency", r->frequency);
    printf("  \"rows\": %zu,\n  \"symbols\": %zu,\n  \"bars\": %zu,\n", r->n_rows, r->n_symbols, r->n_bars);
    print_date_member("  ", "first", r->n_symbols > 0, r->first_us);
    print_date_member("  ", "last", r->n_symbols > 0, r->last_us);
    printf("  \"symbols_ended\": %zu,\n  \"symbols_begin_late\": %zu,\n", r->n_ended, r->n_begin_late);
    printf("  \"errors\": %zu,\n  \"warnings\": %zu,\n  \"notes\": %zu,\n",
           r->n_by_severity[ASSAY_SEVERITY_ERROR], r->n_by_severity[ASSAY_SEVERITY_WARNING],
           r->n_by_severity[ASSAY_SEVERITY_NOTE]);
    printf("  \"findings\": [");
    for (size_t i = 0; i < r->n_findings; i++) {
        printf("%s\n", i == 0 ? "" : ",");
        print_finding_json(spec, &r->finding[i]);
    }
    printf("%s]\n}\n", r->n_findings == 0 ? "" : "\n  ");
}

/* --- changes --- */

void cli_print_changes(const assay_change_list *changes, const char *target, size_t limit) {
    size_t shown = 0;
    for (size_t i = 0; i < changes->n; i++) {
        const assay_change *c = &changes->change[i];
        bool is_first = i == 0 || c->kind != changes->change[i - 1].kind;
        if (is_first) {
            printf("%s: %s\n", assay_check_kind_at(c->kind)->name, assay_check_kind_at(c->kind)->fix);
            shown = 0;
        }
        if (shown++ < limit)
            printf("    %s  %s  (%s)\n", c->symbol[0] == '\0' ? "-" : c->symbol, c->what, c->file);
        else if (i + 1 == changes->n || changes->change[i + 1].kind != c->kind)
            printf("    and %zu more (--limit)\n", shown - limit);
    }
    printf("%zu change%s; %s%s\n", changes->n, plural(changes->n),
           target == NULL ? "nothing was written" : "the mended copy is ", target == NULL ? "" : target);
}

void cli_print_check_kinds(void) {
    static const char *const fixable[] = {"no", "when named with --fix-kinds", "yes"};
    printf("kinds\n");
    for (size_t i = 0; i < assay_check_kind_count(); i++) {
        const assay_check_kind *kind = assay_check_kind_at(i);
        printf("  %s (%s): %s\n", kind->name, assay_severity_name(kind->severity), kind->what);
        if (kind->fixable != ASSAY_FIX_NEVER)
            printf("      mended: %s; %s\n", fixable[kind->fixable], kind->fix);
    }
    printf("\nthresholds\n");
    for (size_t i = 0; i < assay_check_threshold_count(); i++) {
        const assay_check_threshold *t = assay_check_threshold_at(i);
        printf("  %s (%g %s): %s\n", t->name, t->standard, t->unit, t->help);
    }
}
