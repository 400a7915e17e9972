#include "cli/strategies.h"

#include <stdlib.h>
#include <string.h>

#include "assay/assay_rule.h"

/* What follows a prefix; NULL: it is another reference. */
static const char *behind(const char *reference, const char *prefix) {
    size_t size = strlen(prefix);
    return strncmp(reference, prefix, size) == 0 ? reference + size : NULL;
}

bool cli_is_own_rule(const char *reference) {
    return strcmp(reference, "rule") == 0;
}

/* --- rules --- */

static bool is_rule_section(const char *section) {
    return strcmp(section, "rule") == 0 || strcmp(section, "define") == 0 ||
           strcmp(section, "parameters") == 0;
}

/* A parameter of another member of the ensemble is written MEMBER.PARAMETER. */
static bool is_line(const cli_config_entry *entry) {
    return is_rule_section(entry->section) && strchr(entry->key, '.') == NULL;
}

/* The place of a mistake in the file that the lines are of. */
static assay_status refuse_line(const cli_config_file *file, const size_t *entry_of, size_t n_lines,
                                assay_rule_place place, const assay_error *reason, assay_error *err) {
    if (place.line >= n_lines)
        return assay_error_set(err, reason->status, "%s: %s", file->name, reason->message);
    cli_config_entry entry = file->entry[entry_of[place.line]];
    entry.column += place.offset + (entry.is_quoted ? 1 : 0);
    return cli_config_refuse_value(file, &entry, err, "%s", reason->message);
}

static assay_status make_rule(const cli_config_file *file, assay_strategy **out_strategy, assay_error *err) {
    assay_rule_line *line = calloc(file->n + 1, sizeof *line);
    size_t *entry_of = calloc(file->n + 1, sizeof *entry_of), n = 0;
    if (line == NULL || entry_of == NULL) {
        free(line);
        free(entry_of);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the rule in %s", file->name);
    }
    for (size_t i = 0; i < file->n; i++) {
        if (!is_line(&file->entry[i]))
            continue;
        line[n] = (assay_rule_line){file->entry[i].section, file->entry[i].key, file->entry[i].value};
        entry_of[n++] = i;
    }
    assay_rule_place place = {0};
    assay_error reason = {0};
    assay_status status = assay_rule_create(NULL, line, n, out_strategy, &place, &reason);
    if (status == ASSAY_E_CONFIG)
        (void)refuse_line(file, entry_of, n, place, &reason, err);
    else if (status != ASSAY_OK)
        (void)assay_error_set(err, status, "%s", reason.message);
    free(line);
    free(entry_of);
    return status;
}

/* rule:FILE, or rule:{...}. */
static assay_status open_rule(const char *text, assay_strategy **out_strategy, assay_error *err) {
    cli_config_file file;
    assay_status status = text[0] == '{' ? cli_config_file_parse(text, strlen(text), "rule", &file, err)
                                         : cli_config_file_read(text, &file, err);
    if (status != ASSAY_OK)
        return status;
    status = make_rule(&file, out_strategy, err);
    cli_config_file_reset(&file);
    return status;
}

/* --- the rest --- */

static assay_status load_plugin(const char *path, assay_strategy **out_strategy, assay_error *err) {
    (void)out_strategy;
    return assay_error_set(err, ASSAY_E_CONFIG, "plugins: %s", path);
}

static assay_status open_signals(const char *source, const char *db, assay_strategy **out_strategy,
                                 assay_error *err) {
    assay_store *store = NULL;
    assay_status status = assay_store_open(cli_database(db), false, 1, &store, err);
    if (status == ASSAY_OK)
        status = assay_store_load_signals(store, source, out_strategy, err);
    assay_store_close(store);
    return status;
}

/* The value of a key at the top of a file; an error that says so where it is missing. */
static assay_status value_of(const cli_config_file *file, const char *key, const char **out_value,
                             assay_error *err) {
    for (size_t i = 0; file != NULL && i < file->n; i++) {
        *out_value = file->entry[i].value;
        if (file->entry[i].section[0] == '\0' && strcmp(file->entry[i].key, key) == 0)
            return ASSAY_OK;
    }
    return assay_error_set(err, ASSAY_E_CONFIG,
                           "`%s` alone needs a configuration with the key `%s`; without one write %s:...",
                           key, key, key);
}

static bool has_section(const cli_config_file *file, const char *section) {
    for (size_t i = 0; file != NULL && i < file->n; i++) {
        if (strcmp(file->entry[i].section, section) == 0)
            return true;
    }
    return false;
}

static bool ends_in(const char *text, const char *ending) {
    size_t size = strlen(text), n = strlen(ending);
    return size > n && strcmp(text + size - n, ending) == 0;
}

static assay_status find_built_in(const char *name, const assay_strategy **out_strategy, assay_error *err) {
    assay_error reason = {0};
    *out_strategy = assay_strategy_find(name, &reason);
    /* What was asked for does not exist: wrong usage, not missing data. */
    return *out_strategy != NULL ? ASSAY_OK : assay_error_set(err, ASSAY_E_CONFIG, "%s", reason.message);
}

/* *out_made: to be destroyed, NULL where nothing was made. */
static assay_status open_one(const char *reference, const cli_config_file *file, const char *db,
                             const assay_strategy **out_strategy, assay_strategy **out_made,
                             assay_error *err) {
    assay_status status = ASSAY_OK;
    const char *what = behind(reference, "rule:"), *value = NULL;
    *out_made = NULL;
    if (what != NULL) {
        status = open_rule(what, out_made, err);
    } else if (cli_is_own_rule(reference)) {
        status =
            has_section(file, "rule")
                ? make_rule(file, out_made, err)
                : assay_error_set(err, ASSAY_E_CONFIG,
                                  "`rule` needs a configuration with a section `rule`; a rule in a file of "
                                  "its own is rule:FILE");
    } else if ((what = behind(reference, "signals:")) != NULL) {
        status = open_signals(what, db, out_made, err);
    } else if (strcmp(reference, "signals") == 0) {
        status = value_of(file, "signals", &value, err);
        if (status == ASSAY_OK)
            status = open_signals(value, db, out_made, err);
    } else if ((what = behind(reference, "plugin:")) != NULL || ends_in(reference, ".so")) {
        status = load_plugin(what != NULL ? what : reference, out_made, err);
    } else if (strcmp(reference, "plugin") == 0) {
        status = value_of(file, "plugin", &value, err);
        if (status == ASSAY_OK)
            status = load_plugin(value, out_made, err);
    } else {
        return find_built_in(reference, out_strategy, err);
    }
    *out_strategy = *out_made;
    return status;
}

assay_status cli_strategies_open(const char *const *references, size_t n, const cli_config_file *file,
                                 const char *db, cli_strategies *out, assay_error *err) {
    *out = (cli_strategies){0};
    if (n > ASSAY_MAX_MEMBERS)
        return assay_error_set(err, ASSAY_E_CONFIG, "%zu strategies in one run; at most %d", n,
                               ASSAY_MAX_MEMBERS);
    const assay_strategy *member[ASSAY_MAX_MEMBERS];
    assay_strategy *ensemble = NULL;
    assay_status status = ASSAY_OK;
    out->made = calloc(n + 1, sizeof *out->made);
    if (out->made == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu strategies", n);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        assay_strategy *made = NULL;
        status = open_one(references[i], file, db, &member[i], &made, err);
        if (made != NULL)
            out->made[out->n_made++] = made;
    }
    if (status == ASSAY_OK && n > 1)
        status = assay_ensemble_create(member, n, &ensemble, err);
    if (ensemble != NULL)
        out->made[out->n_made++] = ensemble;
    if (status != ASSAY_OK) {
        cli_strategies_reset(out);
        return status;
    }
    out->strategy = ensemble != NULL ? ensemble : member[0];
    return ASSAY_OK;
}

void cli_strategies_reset(cli_strategies *s) {
    while (s->n_made > 0) /* the ensemble before its members */
        assay_strategy_destroy(s->made[--s->n_made]);
    free(s->made);
    *s = (cli_strategies){0};
}
