/* The settings of a run: a strategy with its parameters, and the engine's keys.
 *
 * Every key is one row of a table (name, type, bounds, default, unit, meaning): see assay_setting_at and docs/settings.md.
 * Values are set from text, as a configuration file or `--set key=value` has them, and come back as canonical text.
 */
#ifndef ASSAY_CONFIG_H
#define ASSAY_CONFIG_H

#include "assay/assay_error.h"
#include "assay/assay_panel.h"
#include "assay/assay_strategy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_config assay_config;

typedef enum assay_setting_type {
    ASSAY_SETTING_DOUBLE = 0,
    ASSAY_SETTING_INTEGER = 1,
    ASSAY_SETTING_BOOL = 2,
    ASSAY_SETTING_CHOICE = 3,
    ASSAY_SETTING_DATE = 4,      /* YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS; empty: unset */
    ASSAY_SETTING_DATE_LIST = 5, /* dates with commas between */
    ASSAY_SETTING_TEXT = 6       /* any text, at most 63 bytes */
} assay_setting_type;

typedef enum assay_setting_group {
    ASSAY_GROUP_PERIOD = 0,
    ASSAY_GROUP_ENGINE = 1,
    ASSAY_GROUP_RISK = 2
} assay_setting_group;

/* One row of the table of settings. Static storage. */
typedef struct assay_setting {
    const char *name;
    assay_setting_type type;
    assay_setting_group group;
    const char *default_text;
    double min, max;     /* inclusive; for numbers */
    const char *choices; /* "a|b|c"; for choices */
    const char *unit;
    const char *help;
    bool planned; /* known, but only its neutral default is accepted so far */
} assay_setting;

ASSAY_API size_t assay_setting_count(void);
ASSAY_API const assay_setting *assay_setting_at(size_t index);

/* A configuration of `strategy` with every default. The strategy must outlive it. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_config_create(const assay_strategy *strategy,
                                                           assay_config **out_config, assay_error *err);
ASSAY_API void assay_config_destroy(assay_config *config); /* NULL: nothing */
ASSAY_API ASSAY_NODISCARD assay_status assay_config_copy(const assay_config *config, assay_config **out_copy,
                                                         assay_error *err);

/* Sets a strategy parameter or a setting (a parameter's name wins). ASSAY_E_CONFIG: unknown key (the message has the
 * nearest known name), wrong type, out of bounds, or planned. */
ASSAY_API ASSAY_NODISCARD assay_status assay_config_set(assay_config *config, const char *key,
                                                        const char *value, assay_error *err);

/* The canonical text of a key's value, NUL-terminated, cut at `size`: numbers in the fewest digits that read back the
 * same. ASSAY_E_CONFIG: unknown key. */
ASSAY_API ASSAY_NODISCARD assay_status assay_config_get(const assay_config *config, const char *key,
                                                        char *out_text, size_t size, assay_error *err);

ASSAY_API const assay_strategy *assay_config_strategy(const assay_config *config);
/* n_params values, in the order of the strategy's table. */
ASSAY_API const double *assay_config_params(const assay_config *config);

/* What the settings say of the bars to run on; it points into the configuration. False: bars as they are. */
ASSAY_API bool assay_config_bars(const assay_config *config, assay_bars_spec *out_spec);

/* The same of the bars that strategies see (signal_frequency). False: those of the run. */
ASSAY_API bool assay_config_signal_bars(const assay_config *config, assay_bars_spec *out_spec);

/* Asks `go_on` before every few bars of a run with this configuration, in the thread that runs it; false ends the run with
 * ASSAY_E_CANCELLED. A copy of the configuration asks as well. NULL: nobody is asked. */
ASSAY_API void assay_config_set_watch(assay_config *config, bool (*go_on)(void *context), void *context);

/* Checks the settings together (an inverted period, say). ASSAY_E_CONFIG. */
ASSAY_API ASSAY_NODISCARD assay_status assay_config_check(const assay_config *config, assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
