#include "market/universe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/dates.h"
#include "base/number.h"

static assay_status no_memory(const assay_panel *p, assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the universe of %zu symbols", p->n_symbols);
}

static void reset_epochs(assay_panel *p) {
    free(p->epoch);
    free(p->outside);
    free(p->dated_sector);
    p->epoch = NULL;
    p->outside = NULL;
    p->dated_sector = NULL;
    p->n_epochs = 0;
}

void assay_panel_reset_universe(assay_panel *p) {
    reset_epochs(p);
    for (size_t i = 0; i < p->n_sectors; i++)
        free(p->sector_name[i]);
    free(p->sector_name);
    free(p->sector);
    free(p->membership);
    free(p->sector_change);
    free(p->delisting);
}

/* --- names of sectors --- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint32_t sector_number(const assay_panel *p, const char *name) {
    const char *own = name == NULL ? "" : name;
    char *const *found = p->n_sectors == 0 ? NULL
                                           : bsearch(&own, p->sector_name, p->n_sectors,
                                                     sizeof *p->sector_name, compare_names);
    return found == NULL ? ASSAY_NO_SECTOR : (uint32_t)(found - p->sector_name);
}

static void renumber(uint32_t *number, const uint32_t *to) {
    if (*number != ASSAY_NO_SECTOR)
        *number = to[*number];
}

/* Takes new names in; numbers follow the byte order of all names, so that those of before move. */
static assay_status add_names(assay_panel *p, const char *const *names, size_t n, assay_error *err) {
    char **all = malloc((p->n_sectors + n + 1) * sizeof *all);
    uint32_t *to = malloc((p->n_sectors + 1) * sizeof *to);
    size_t count = 0, before = p->n_sectors;
    bool whole = all != NULL && to != NULL;
    const char **fresh = calloc(n + 1, sizeof *fresh);
    size_t n_fresh = 0;
    whole = whole && fresh != NULL;
    for (size_t i = 0; whole && i < n; i++) {
        if (names[i] != NULL && names[i][0] != '\0' && sector_number(p, names[i]) == ASSAY_NO_SECTOR)
            fresh[n_fresh++] = names[i];
    }
    if (whole && n_fresh > 0)
        qsort(fresh, n_fresh, sizeof *fresh, compare_names);
    for (size_t i = 0; whole && i < before; i++)
        all[count++] = p->sector_name[i];
    for (size_t i = 0; whole && i < n_fresh; i++) {
        if (i > 0 && strcmp(fresh[i], fresh[i - 1]) == 0)
            continue;
        all[count] = strdup(fresh[i]);
        whole = all[count] != NULL;
        count += whole ? 1 : 0;
    }
    free(fresh);
    if (!whole) {
        for (size_t i = before; i < count && all != NULL; i++)
            free(all[i]);
        free(all);
        free(to);
        return no_memory(p, err);
    }
    if (count > 0)
        qsort(all, count, sizeof *all, compare_names);
    char **old = p->sector_name;
    p->sector_name = all;
    p->n_sectors = count;
    for (size_t i = 0; i < before; i++)
        to[i] = sector_number(p, old[i]);
    for (size_t s = 0; p->sector != NULL && s < p->n_symbols; s++)
        renumber(&p->sector[s], to);
    for (size_t i = 0; i < p->n_memberships; i++)
        renumber(&p->membership[i].sector, to);
    for (size_t i = 0; i < p->n_sector_changes; i++)
        renumber(&p->sector_change[i].sector, to);
    free(old);
    free(to);
    return ASSAY_OK;
}

/* --- epochs --- */

static size_t first_bar_of_day(const assay_panel *p, int64_t day) {
    size_t low = 0, high = p->n_bars;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->day[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first bar at whose end a time has passed. */
static size_t first_bar_knowing(const assay_panel *p, int64_t us, int64_t bar_length) {
    size_t low = 0, high = p->n_bars;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (assay_panel_end_of(p, middle, bar_length) <= us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef struct bar_span {
    size_t first, after;
} bar_span;

static bar_span span_of(const assay_panel *p, const assay_panel_membership *m) {
    return (bar_span){first_bar_of_day(p, m->first_day), first_bar_of_day(p, (int64_t)m->last_day + 1)};
}

/* The epochs that a span of bars covers; the span is made of whole epochs. */
static bar_span epochs_of(const assay_panel *p, bar_span bars) {
    if (bars.first >= bars.after)
        return (bar_span){0, 0};
    return (bar_span){p->epoch[bars.first], (size_t)p->epoch[bars.after - 1] + 1};
}

static void number_epochs(assay_panel *p, int64_t bar_length) {
    memset(p->epoch, 0, (p->n_bars + 1) * sizeof *p->epoch);
    for (size_t i = 0; i < p->n_memberships; i++) {
        bar_span bars = span_of(p, &p->membership[i]);
        p->epoch[bars.first] = 1;
        p->epoch[bars.after] = 1;
    }
    for (size_t i = 0; i < p->n_sector_changes; i++)
        p->epoch[first_bar_knowing(p, p->sector_change[i].known_us, bar_length)] = 1;
    uint32_t epoch = 0;
    for (size_t t = 0; t < p->n_bars; t++) {
        epoch += t > 0 ? p->epoch[t] : 0;
        p->epoch[t] = epoch;
    }
    p->n_epochs = (size_t)epoch + 1;
}

static void fill_outside(assay_panel *p) {
    memset(p->outside, 1, p->n_epochs * p->n_symbols);
    for (size_t i = 0; i < p->n_memberships; i++) {
        bar_span span = epochs_of(p, span_of(p, &p->membership[i]));
        for (size_t e = span.first; e < span.after; e++)
            p->outside[e * p->n_symbols + p->membership[i].symbol] = 0;
    }
}

/* What is said for all times; else what has become known; what a membership says of its own days goes before both. */
static void fill_sectors(assay_panel *p, int64_t bar_length) {
    size_t n = p->n_symbols;
    for (size_t e = 0; e < p->n_epochs; e++) {
        for (size_t s = 0; s < n; s++)
            p->dated_sector[e * n + s] = p->sector == NULL ? ASSAY_NO_SECTOR : p->sector[s];
    }
    for (size_t i = 0; i < p->n_sector_changes; i++) {
        const assay_panel_sector_change *c = &p->sector_change[i];
        size_t bar = first_bar_knowing(p, c->known_us, bar_length);
        bool is_told = p->sector != NULL && p->sector[c->symbol] != ASSAY_NO_SECTOR;
        for (size_t e = bar < p->n_bars ? p->epoch[bar] : p->n_epochs; !is_told && e < p->n_epochs; e++)
            p->dated_sector[e * n + c->symbol] = c->sector;
    }
    for (size_t i = p->n_memberships; i-- > 0;) { /* of two that overlap the first counts */
        const assay_panel_membership *m = &p->membership[i];
        bar_span span = epochs_of(p, span_of(p, m));
        for (size_t e = span.first; m->sector != ASSAY_NO_SECTOR && e < span.after; e++)
            p->dated_sector[e * n + m->symbol] = m->sector;
    }
    for (size_t i = 0; p->outside != NULL && i < p->n_epochs * n; i++)
        p->dated_sector[i] = p->outside[i] != 0 ? ASSAY_NO_SECTOR : p->dated_sector[i];
}

/* After any of the rows has changed. */
static assay_status work_out(assay_panel *p, assay_error *err) {
    reset_epochs(p);
    if (!p->has_universe && p->n_sector_changes == 0)
        return ASSAY_OK;
    int64_t bar_length = assay_panel_bar_length(p);
    p->epoch = malloc((p->n_bars + 1) * sizeof *p->epoch);
    if (p->epoch == NULL)
        return no_memory(p, err);
    number_epochs(p, bar_length);
    size_t cells = p->n_epochs * p->n_symbols;
    p->outside = p->has_universe ? malloc(cells + 1) : NULL;
    p->dated_sector = p->n_sectors != 0 ? malloc((cells + 1) * sizeof *p->dated_sector) : NULL;
    if ((p->has_universe && p->outside == NULL) || (p->n_sectors != 0 && p->dated_sector == NULL)) {
        reset_epochs(p);
        return no_memory(p, err);
    }
    if (p->outside != NULL)
        fill_outside(p);
    if (p->dated_sector != NULL)
        fill_sectors(p, bar_length);
    return ASSAY_OK;
}

/* --- setting --- */

assay_status assay_panel_set_sectors(assay_panel *p, const char *const *sectors, assay_error *err) {
    assay_status status = add_names(p, sectors, p->n_symbols, err);
    if (status == ASSAY_OK && p->sector == NULL) {
        p->sector = malloc((p->n_symbols + 1) * sizeof *p->sector);
        if (p->sector == NULL)
            status = no_memory(p, err);
    }
    bool any = false;
    for (size_t s = 0; s < p->n_symbols && status == ASSAY_OK; s++) {
        p->sector[s] = sector_number(p, sectors[s]);
        any = any || p->sector[s] != ASSAY_NO_SECTOR;
    }
    if (status == ASSAY_OK && !any) {
        free(p->sector);
        p->sector = NULL;
    }
    return status == ASSAY_OK ? work_out(p, err) : status;
}

static assay_status check_symbol(const assay_panel *p, uint32_t symbol, assay_error *err) {
    return symbol < p->n_symbols
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_ARGUMENT, "symbol %u of %zu", symbol, p->n_symbols);
}

assay_status assay_panel_set_universe(assay_panel *p, const assay_membership *rows, size_t n,
                                      assay_error *err) {
    const char **names = calloc(n + 1, sizeof *names);
    assay_panel_membership *kept = malloc((n + 1) * sizeof *kept);
    assay_status status = names == NULL || kept == NULL ? no_memory(p, err) : ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        names[i] = rows[i].sector;
        status = check_symbol(p, rows[i].symbol, err);
    }
    if (status == ASSAY_OK)
        status = add_names(p, names, n, err);
    free(names);
    if (status != ASSAY_OK) {
        free(kept);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        kept[i] = (assay_panel_membership){
            .symbol = rows[i].symbol,
            .first_day = rows[i].start_us == INT64_MIN ? INT32_MIN : assay_day_of_us(rows[i].start_us),
            .last_day = rows[i].end_us == INT64_MAX ? INT32_MAX : assay_day_of_us(rows[i].end_us),
            .sector = sector_number(p, rows[i].sector)};
    free(p->membership);
    p->membership = kept;
    p->n_memberships = n;
    p->has_universe = true;
    return work_out(p, err);
}

static int compare_changes(const void *a, const void *b) {
    const assay_panel_sector_change *x = a, *y = b;
    if (x->known_us != y->known_us)
        return x->known_us < y->known_us ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

assay_status assay_panel_set_sector_history(assay_panel *p, const assay_sector_row *rows, size_t n,
                                            assay_error *err) {
    const char **names = calloc(n + 1, sizeof *names);
    assay_panel_sector_change *kept = malloc((n + 1) * sizeof *kept);
    assay_status status = names == NULL || kept == NULL ? no_memory(p, err) : ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        names[i] = rows[i].sector;
        status = check_symbol(p, rows[i].symbol, err);
    }
    if (status == ASSAY_OK)
        status = add_names(p, names, n, err);
    free(names);
    if (status != ASSAY_OK) {
        free(kept);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        kept[i] = (assay_panel_sector_change){rows[i].known_us, rows[i].symbol,
                                              sector_number(p, rows[i].sector), (uint32_t)i};
    if (n > 1)
        qsort(kept, n, sizeof *kept, compare_changes);
    free(p->sector_change);
    p->sector_change = kept;
    p->n_sector_changes = n;
    return work_out(p, err);
}

/* --- asking --- */

static const char *name_of(const assay_panel *p, uint32_t number) {
    return number == ASSAY_NO_SECTOR ? NULL : p->sector_name[number];
}

const char *assay_panel_sector(const assay_panel *p, size_t symbol) {
    return p->sector == NULL || symbol >= p->n_symbols ? NULL : name_of(p, p->sector[symbol]);
}

const char *assay_panel_sector_at(const assay_panel *p, size_t symbol, size_t bar) {
    if (symbol >= p->n_symbols || bar >= p->n_bars)
        return NULL;
    const uint32_t *sectors = assay_panel_sectors(p, bar);
    return sectors == NULL ? NULL : name_of(p, sectors[symbol]);
}

bool assay_panel_is_inside(const assay_panel *p, size_t symbol, size_t bar) {
    if (symbol >= p->n_symbols || bar >= p->n_bars)
        return false;
    const uint8_t *outside = assay_panel_outside(p, bar);
    return outside == NULL || outside[symbol] == 0;
}

bool assay_panel_has_universe(const assay_panel *p) {
    return p->has_universe;
}

/* --- delistings --- */

static int compare_delistings(const void *a, const void *b) {
    const assay_panel_delisting *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

assay_status assay_panel_set_delistings(assay_panel *p, const assay_delisting *rows, size_t n,
                                        assay_error *err) {
    assay_panel_delisting *kept = malloc((n + 1) * sizeof *kept);
    if (kept == NULL)
        return no_memory(p, err);
    for (size_t i = 0; i < n; i++) {
        assay_status status = check_symbol(p, rows[i].symbol, err);
        if (status == ASSAY_OK && (rows[i].delisting_return < -1 || isinf(rows[i].delisting_return)))
            status =
                assay_error_set(err, ASSAY_E_DATA, "the delisting return of %s is %g: it must be at least -1",
                                p->name[rows[i].symbol], rows[i].delisting_return);
        if (status != ASSAY_OK) {
            free(kept);
            return status;
        }
        kept[i] = (assay_panel_delisting){assay_day_of_us(rows[i].date_us), rows[i].symbol,
                                          rows[i].delisting_return};
    }
    if (n > 1)
        qsort(kept, n, sizeof *kept, compare_delistings);
    free(p->delisting);
    p->delisting = kept;
    p->n_delistings = n;
    return ASSAY_OK;
}

/* --- another future --- */

/* The number in `to` of each symbol of `from`; UINT32_MAX: it has no rows there. */
static uint32_t *symbol_map(const assay_panel *from, const assay_panel *to) {
    uint32_t *map = malloc((from->n_symbols + 1) * sizeof *map);
    for (size_t s = 0; map != NULL && s < from->n_symbols; s++) {
        size_t found;
        map[s] = assay_panel_find_symbol(to, from->name[s], &found) ? (uint32_t)found : UINT32_MAX;
    }
    return map;
}

static int64_t us_of_day(int32_t day) {
    return day == INT32_MIN ? INT64_MIN : day == INT32_MAX ? INT64_MAX : (int64_t)day * ASSAY_US_PER_DAY;
}

static assay_status copy_memberships(const assay_panel *from, assay_panel *to, int32_t day,
                                     const uint32_t *map, assay_error *err) {
    assay_membership *rows = malloc((from->n_memberships + 1) * sizeof *rows);
    size_t n = 0;
    if (rows == NULL)
        return no_memory(from, err);
    for (size_t i = 0; i < from->n_memberships; i++) {
        const assay_panel_membership *m = &from->membership[i];
        if (m->first_day > day || map[m->symbol] == UINT32_MAX)
            continue;
        /* whoever is inside leaves on the next day, or stays for ever: not what was going to be */
        int32_t last = m->last_day < day ? m->last_day : m->last_day == INT32_MAX ? day : INT32_MAX;
        rows[n++] = (assay_membership){map[m->symbol], us_of_day(m->first_day), us_of_day(last),
                                       name_of(from, m->sector)};
    }
    assay_status status = assay_panel_set_universe(to, rows, n, err);
    free(rows);
    return status;
}

static assay_status copy_sector_changes(const assay_panel *from, assay_panel *to, int64_t end_us,
                                        const uint32_t *map, assay_error *err) {
    assay_sector_row *rows = malloc((from->n_sector_changes + 1) * sizeof *rows);
    size_t n = 0;
    if (rows == NULL)
        return no_memory(from, err);
    for (size_t i = 0; i < from->n_sector_changes; i++) {
        const assay_panel_sector_change *c = &from->sector_change[i];
        if (c->known_us < end_us && map[c->symbol] != UINT32_MAX)
            rows[n++] = (assay_sector_row){map[c->symbol], c->known_us, name_of(from, c->sector)};
    }
    assay_status status = n == 0 ? ASSAY_OK : assay_panel_set_sector_history(to, rows, n, err);
    free(rows);
    return status;
}

static assay_status copy_delistings(const assay_panel *from, assay_panel *to, int32_t day,
                                    const uint32_t *map, assay_error *err) {
    assay_delisting *rows = malloc((from->n_delistings + 1) * sizeof *rows);
    size_t n = 0;
    if (rows == NULL)
        return no_memory(from, err);
    for (size_t i = 0; i < from->n_delistings; i++) {
        const assay_panel_delisting *d = &from->delisting[i];
        if (d->day <= day && map[d->symbol] != UINT32_MAX)
            rows[n++] = (assay_delisting){map[d->symbol], us_of_day(d->day), d->delisting_return};
    }
    assay_status status = assay_panel_set_delistings(to, rows, n, err);
    free(rows);
    return status;
}

assay_status assay_panel_copy_universe(const assay_panel *from, assay_panel *to, size_t cut,
                                       assay_error *err) {
    uint32_t *map = symbol_map(from, to);
    int32_t day = from->day[cut];
    int64_t end_us = assay_panel_bar_end_us(from, cut);
    assay_status status = map == NULL ? no_memory(from, err) : ASSAY_OK;
    if (status == ASSAY_OK && from->has_universe)
        status = copy_memberships(from, to, day, map, err);
    if (status == ASSAY_OK && from->n_sector_changes != 0)
        status = copy_sector_changes(from, to, end_us, map, err);
    if (status == ASSAY_OK && from->n_delistings != 0)
        status = copy_delistings(from, to, day, map, err);
    free(map);
    return status;
}

/* --- the fingerprint --- */

static void hash_epoch(const assay_panel *p, size_t t, const uint32_t *symbol, size_t n, assay_hash *hash) {
    const uint8_t *outside = assay_panel_outside(p, t);
    const uint32_t *sectors = assay_panel_sectors(p, t);
    assay_hash_add(hash, &p->timestamp_us[t], sizeof p->timestamp_us[t]);
    for (size_t i = 0; i < n; i++) {
        size_t s = symbol == NULL ? i : symbol[i];
        const char *name = sectors == NULL ? NULL : name_of(p, sectors[s]);
        const char *text = name == NULL ? "" : name;
        if (outside != NULL)
            assay_hash_add(hash, &outside[s], 1);
        assay_hash_add(hash, text, strlen(text) + 1);
    }
}

void assay_panel_hash_universe(const assay_panel *p, size_t n_bars, const uint32_t *symbol, size_t n,
                               assay_hash *hash) {
    for (size_t i = 0; p->epoch == NULL && p->sector != NULL && i < n; i++) {
        const char *sector = assay_panel_sector(p, symbol == NULL ? i : symbol[i]);
        const char *text = sector == NULL ? "" : sector;
        assay_hash_add(hash, text, strlen(text) + 1);
    }
    for (size_t t = 0; p->epoch != NULL && t < n_bars; t++) {
        if (t == 0 || p->epoch[t] != p->epoch[t - 1])
            hash_epoch(p, t, symbol, n, hash);
    }
    for (size_t k = 0; k < p->n_delistings; k++) {
        const assay_panel_delisting *d = &p->delisting[k];
        for (size_t i = 0; i < n && n_bars > 0 && d->day <= p->day[n_bars - 1]; i++) {
            size_t s = symbol == NULL ? i : symbol[i];
            if (s != d->symbol)
                continue;
            assay_hash_add(hash, p->name[s], strlen(p->name[s]) + 1);
            assay_hash_add(hash, &d->day, sizeof d->day);
            assay_hash_add(hash, &d->delisting_return, sizeof d->delisting_return);
        }
    }
}
