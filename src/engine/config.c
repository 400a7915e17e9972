/* Settings from text and back, all from the one table in settings.def. */
#include "engine/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/text.h"
#include "engine/signal_bars.h"
#include "strategy/descriptor.h"

/* A row of the table with the place of its value. */
typedef struct setting_row {
    assay_setting public_row;
    size_t offset;
    double default_number;
} setting_row;

#define GROUP(group) ASSAY_GROUP_##group
#define AT(name) offsetof(assay_settings, name)

static const setting_row rows[] = {
#define ASSAY_DOUBLE(name, group, value, min, max, unit, help)                                               \
    {{#name, ASSAY_SETTING_DOUBLE, GROUP(group), #value, min, max, NULL, unit, help, false}, AT(name), value},
#define ASSAY_INTEGER(name, group, value, min, max, unit, help)                                              \
    {{#name, ASSAY_SETTING_INTEGER, GROUP(group), #value, min, max, NULL, unit, help, false},                \
     AT(name),                                                                                               \
     value},
#define ASSAY_BOOL(name, group, value, help)                                                                 \
    {{#name, ASSAY_SETTING_BOOL, GROUP(group), (value) ? "true" : "false", 0, 1, NULL, "", help, false},     \
     AT(name),                                                                                               \
     value},
#define ASSAY_CHOICE(name, group, value, choices, help)                                                      \
    {{#name, ASSAY_SETTING_CHOICE, GROUP(group), value, 0, 0, choices, "", help, false}, AT(name), 0},
#define ASSAY_DATE(name, group, help)                                                                        \
    {{#name, ASSAY_SETTING_DATE, GROUP(group), "", 0, 0, NULL, "", help, false}, AT(name), 0},
#define ASSAY_DATES(name, group, help)                                                                       \
    {{#name, ASSAY_SETTING_DATE_LIST, GROUP(group), "", 0, 0, NULL, "", help, false}, AT(name), 0},
#define ASSAY_TEXT(name, group, help)                                                                        \
    {{#name, ASSAY_SETTING_TEXT, GROUP(group), "", 0, 0, NULL, "", help, false}, AT(name), 0},
#define ASSAY_PLANNED(name, group, neutral, help)                                                            \
    {{#name, ASSAY_SETTING_CHOICE, GROUP(group), neutral, 0, 0, neutral, "", help, true}, 0, 0},
#include "engine/settings.def"
};

enum { N_SETTINGS = sizeof rows / sizeof *rows };

size_t assay_setting_count(void) {
    return N_SETTINGS;
}

const assay_setting *assay_setting_at(size_t index) {
    return index < N_SETTINGS ? &rows[index].public_row : NULL;
}

static void *value_of(assay_settings *settings, const setting_row *row) {
    return (char *)settings + row->offset;
}

static size_t size_of_config(const assay_strategy *strategy) {
    return sizeof(assay_config) + strategy->n_params * sizeof(double);
}

assay_status assay_config_create(const assay_strategy *strategy, assay_config **out_config,
                                 assay_error *err) {
    *out_config = NULL;
    assay_status status = assay_descriptor_check(strategy, err);
    if (status != ASSAY_OK)
        return status;
    assay_config *config = calloc(1, size_of_config(strategy));
    *out_config = config;
    if (config == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a configuration");
    config->strategy = strategy;
    for (uint32_t i = 0; i < strategy->n_params; i++)
        config->params[i] = strategy->params[i].default_value;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        void *value = value_of(&config->settings, &rows[i]);
        switch (rows[i].public_row.type) {
        case ASSAY_SETTING_DOUBLE:
            *(double *)value = rows[i].default_number;
            break;
        case ASSAY_SETTING_INTEGER:
        case ASSAY_SETTING_BOOL:
        case ASSAY_SETTING_CHOICE:
            if (!rows[i].public_row.planned)
                *(int64_t *)value = (int64_t)rows[i].default_number;
            break;
        case ASSAY_SETTING_DATE:
            *(int64_t *)value = ASSAY_NO_DATE;
            break;
        case ASSAY_SETTING_DATE_LIST:
        case ASSAY_SETTING_TEXT:
            break;
        }
    }
    return ASSAY_OK;
}

void assay_config_destroy(assay_config *config) {
    if (config == NULL)
        return;
    free(config->settings.rebalance_dates.us);
    free(config->settings.early_closes.us);
    free(config);
}

static bool copy_dates(const assay_date_list *from, assay_date_list *to) {
    to->us = from->n == 0 ? NULL : malloc(from->n * sizeof *to->us);
    if (to->us != NULL)
        memcpy(to->us, from->us, from->n * sizeof *to->us);
    return to->us != NULL || from->n == 0;
}

void assay_config_set_watch(assay_config *config, bool (*go_on)(void *context), void *context) {
    config->go_on = go_on;
    config->go_on_context = context;
}

assay_status assay_config_copy(const assay_config *config, assay_config **out_copy, assay_error *err) {
    const assay_settings *from = &config->settings;
    assay_config *copy = malloc(size_of_config(config->strategy));
    *out_copy = NULL;
    if (copy == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a configuration");
    memcpy(copy, config, size_of_config(config->strategy));
    bool whole = copy_dates(&from->rebalance_dates, &copy->settings.rebalance_dates);
    whole = copy_dates(&from->early_closes, &copy->settings.early_closes) && whole;
    if (!whole) {
        assay_config_destroy(copy);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a configuration");
    }
    *out_copy = copy;
    return ASSAY_OK;
}

/* --- from text --- */

static assay_status refuse_number(const char *key, const char *text, bool integer, double min, double max,
                                  assay_error *err) {
    return assay_error_set(err, ASSAY_E_CONFIG, "%s = '%s': it must be %s from %g to %g", key, text,
                           integer ? "a whole number" : "a number", min, max);
}

static assay_status parse_number(const char *key, const char *text, bool integer, double min, double max,
                                 double *out_value, assay_error *err) {
    double value = 0;
    int64_t whole = 0;
    bool read = integer && assay_integer_parse(text, &whole);
    if (read)
        value = (double)whole;
    else
        read = assay_double_parse(text, &value) && (!integer || value == floor(value));
    if (!read || value < min || value > max)
        return refuse_number(key, text, integer, min, max, err);
    *out_value = value;
    return ASSAY_OK;
}

static assay_status parse_bool(const char *key, const char *text, int64_t *out_value, assay_error *err) {
    static const char *const yes[] = {"true", "yes", "on", "1", "True"};
    static const char *const no[] = {"false", "no", "off", "0", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out_value = strcmp(text, yes[i]) == 0;
            return ASSAY_OK;
        }
    }
    return assay_error_set(err, ASSAY_E_CONFIG, "%s = '%s': it must be true or false", key, text);
}

/* Choice number i of "a|b|c" as text; false past the end. */
static bool choice_at(const char *choices, int64_t index, char *out_text, size_t size) {
    const char *begin = choices;
    for (; index > 0; index--) {
        begin = strchr(begin, '|');
        if (begin == NULL)
            return false;
        begin++;
    }
    snprintf(out_text, size, "%.*s", (int)strcspn(begin, "|"), begin);
    return true;
}

static assay_status parse_choice(const char *key, const char *text, const char *choices, int64_t *out_value,
                                 assay_error *err) {
    char choice[64], nearest[64] = "";
    for (int64_t i = 0; choice_at(choices, i, choice, sizeof choice); i++) {
        if (strcmp(choice, text) == 0) {
            *out_value = i;
            return ASSAY_OK;
        }
        if (assay_nearer_name(text, nearest[0] == '\0' ? NULL : nearest, choice) == choice)
            memcpy(nearest, choice, sizeof nearest);
    }
    return assay_error_set(err, ASSAY_E_CONFIG, "%s = '%s': it must be one of %s%s%s%s", key, text, choices,
                           nearest[0] == '\0' ? "" : "; did you mean '", nearest,
                           nearest[0] == '\0' ? "" : "'?");
}

static assay_status parse_date(const char *key, const char *text, int64_t *out_us, assay_error *err) {
    if (text[0] == '\0') {
        *out_us = ASSAY_NO_DATE;
        return ASSAY_OK;
    }
    if (!assay_time_parse(text, out_us))
        return assay_error_set(err, ASSAY_E_CONFIG, "%s = '%s': it must be a date such as 2020-12-31", key,
                               text);
    return ASSAY_OK;
}

static int compare_us(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static assay_status parse_dates(const char *key, const char *text, assay_date_list *list, assay_error *err) {
    size_t room = 1;
    for (const char *c = text; *c != '\0'; c++)
        room += *c == ',';
    int64_t *us = malloc(room * sizeof *us);
    if (us == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu dates", room);
    size_t n = 0;
    for (const char *at = text; *text != '\0' && at != NULL;
         at = strchr(at, ',') == NULL ? NULL : strchr(at, ',') + 1) {
        char date[40];
        const char *begin = at + strspn(at, " ");
        size_t length = strcspn(begin, ",");
        while (length > 0 && begin[length - 1] == ' ')
            length--;
        snprintf(date, sizeof date, "%.*s", (int)length, begin);
        bool whole = length > 0 && length < sizeof date; /* else the whole text is no date either */
        assay_status status = parse_date(key, whole ? date : text, &us[n], err);
        if (status != ASSAY_OK) {
            free(us);
            return status;
        }
        n++;
    }
    qsort(us, n, sizeof *us, compare_us);
    free(list->us);
    *list = (assay_date_list){us, n};
    return ASSAY_OK;
}

static assay_status set_setting(assay_config *config, const setting_row *row, const char *text,
                                assay_error *err) {
    const assay_setting *s = &row->public_row;
    void *value = value_of(&config->settings, row);
    if (s->planned) {
        double given = 0, neutral = 0;
        bool same_number = assay_double_parse(text, &given) &&
                           assay_double_parse(s->default_text, &neutral) && given == neutral;
        if (strcmp(text, s->default_text) == 0 || same_number)
            return ASSAY_OK;
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "%s = '%s': this version does not have it yet; leave it out", s->name, text);
    }
    switch (s->type) {
    case ASSAY_SETTING_DOUBLE:
        return parse_number(s->name, text, false, s->min, s->max, value, err);
    case ASSAY_SETTING_INTEGER: {
        double number = 0;
        assay_status status = parse_number(s->name, text, true, s->min, s->max, &number, err);
        if (status == ASSAY_OK)
            *(int64_t *)value = (int64_t)number;
        return status;
    }
    case ASSAY_SETTING_BOOL:
        return parse_bool(s->name, text, value, err);
    case ASSAY_SETTING_CHOICE:
        return parse_choice(s->name, text, s->choices, value, err);
    case ASSAY_SETTING_DATE:
        return parse_date(s->name, text, value, err);
    case ASSAY_SETTING_DATE_LIST:
        return parse_dates(s->name, text, value, err);
    case ASSAY_SETTING_TEXT:
        if (strlen(text) >= ASSAY_SETTING_TEXT_SIZE)
            return assay_error_set(err, ASSAY_E_CONFIG, "%s = '%.60s…': at most %d bytes", s->name, text,
                                   ASSAY_SETTING_TEXT_SIZE - 1);
        memset(value, 0, ASSAY_SETTING_TEXT_SIZE);
        memcpy(value, text, strlen(text));
        return ASSAY_OK;
    }
    return assay_error_set(err, ASSAY_E_INTERNAL, "setting %s has no type", s->name);
}

static const setting_row *find_setting(const char *key) {
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (strcmp(rows[i].public_row.name, key) == 0)
            return &rows[i];
    }
    return NULL;
}

static int find_param(const assay_strategy *strategy, const char *key) {
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        if (strcmp(strategy->params[i].name, key) == 0)
            return (int)i;
    }
    return -1;
}

/* The parameter of a member whose own name is nearest; NULL: none is near, or there are no members. */
static const char *nearest_of_members(const assay_strategy *strategy, const char *key, const char **out_own) {
    const char *found = NULL;
    *out_own = NULL;
    for (uint32_t i = 0; strategy->ensemble != NULL && i < strategy->n_params; i++) {
        const char *name = strategy->params[i].name, *own = strrchr(name, '.') + 1;
        if (assay_nearer_name(key, *out_own, own) != own)
            continue;
        *out_own = own;
        found = name;
    }
    return found;
}

static assay_status refuse_key(const assay_strategy *strategy, const char *key, assay_error *err) {
    const char *own = NULL, *member = nearest_of_members(strategy, key, &own), *nearest = own;
    for (uint32_t i = 0; i < strategy->n_params; i++)
        nearest = assay_nearer_name(key, nearest, strategy->params[i].name);
    for (size_t i = 0; i < N_SETTINGS; i++)
        nearest = assay_nearer_name(key, nearest, rows[i].public_row.name);
    if (nearest == own)
        nearest = member;
    return assay_error_set(err, ASSAY_E_CONFIG, "unknown key '%s' for strategy %s%s%s%s", key, strategy->name,
                           nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                           nearest == NULL ? "; `assay strategies --settings` lists the keys" : "'?");
}

assay_status assay_config_set(assay_config *config, const char *key, const char *value, assay_error *err) {
    int param = find_param(config->strategy, key);
    if (param >= 0) {
        const assay_param *p = &config->strategy->params[param];
        return parse_number(key, value, p->type == ASSAY_PARAM_INTEGER, p->min, p->max,
                            &config->params[param], err);
    }
    const setting_row *row = find_setting(key);
    return row == NULL ? refuse_key(config->strategy, key, err) : set_setting(config, row, value, err);
}

/* --- to text --- */

static void write_dates(const assay_date_list *list, char *out_text, size_t size) {
    size_t used = 0;
    out_text[0] = '\0';
    for (size_t i = 0; i < list->n; i++) {
        char date[32];
        assay_time_format(list->us[i], date, sizeof date);
        int n = snprintf(out_text + used, size - used, "%s%s", i == 0 ? "" : ",", date);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}

assay_status assay_config_get(const assay_config *config, const char *key, char *out_text, size_t size,
                              assay_error *err) {
    int param = find_param(config->strategy, key);
    if (param >= 0) {
        assay_double_format(config->params[param], out_text, size);
        return ASSAY_OK;
    }
    const setting_row *row = find_setting(key);
    if (row == NULL)
        return refuse_key(config->strategy, key, err);
    const void *value = (const char *)&config->settings + row->offset;
    const assay_setting *s = &row->public_row;
    if (s->planned) {
        snprintf(out_text, size, "%s", s->default_text);
        return ASSAY_OK;
    }
    switch (s->type) {
    case ASSAY_SETTING_DOUBLE:
        assay_double_format(*(const double *)value, out_text, size);
        break;
    case ASSAY_SETTING_INTEGER:
        snprintf(out_text, size, "%" PRId64, *(const int64_t *)value);
        break;
    case ASSAY_SETTING_BOOL:
        snprintf(out_text, size, "%s", *(const int64_t *)value != 0 ? "true" : "false");
        break;
    case ASSAY_SETTING_CHOICE:
        (void)choice_at(s->choices, *(const int64_t *)value, out_text, size);
        break;
    case ASSAY_SETTING_DATE:
        if (*(const int64_t *)value == ASSAY_NO_DATE)
            snprintf(out_text, size, "%s", "");
        else
            assay_time_format(*(const int64_t *)value, out_text, size);
        break;
    case ASSAY_SETTING_DATE_LIST:
        write_dates(value, out_text, size);
        break;
    case ASSAY_SETTING_TEXT:
        snprintf(out_text, size, "%s", (const char *)value);
        break;
    }
    return ASSAY_OK;
}

const assay_strategy *assay_config_strategy(const assay_config *config) {
    return config->strategy;
}

const double *assay_config_params(const assay_config *config) {
    return config->params;
}

assay_status assay_config_check(const assay_config *config, assay_error *err) {
    const assay_settings *s = &config->settings;
    int64_t last = s->end_date == ASSAY_NO_DATE ? INT64_MAX : s->end_date;
    if (last % ASSAY_US_PER_DAY == 0)
        last += ASSAY_US_PER_DAY - 1; /* a date means all of its day */
    if (s->start_date != ASSAY_NO_DATE && s->start_date > last) {
        char start[32], end[32];
        assay_time_format(s->start_date, start, sizeof start);
        assay_time_format(s->end_date, end, sizeof end);
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "the period is inverted: start_date %s is after end_date %s", start, end);
    }
    assay_status status = assay_settings_check_bars(s, err);
    if (status != ASSAY_OK)
        return status;
    const char *warning = NULL;
    return config->strategy->check == NULL
               ? ASSAY_OK
               : config->strategy->check(config->strategy->context, config->params, &warning, err);
}
