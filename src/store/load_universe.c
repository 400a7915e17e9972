/* The tables universe and delistings to a panel: who may be bought on which day, and what became of those that ended. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/dates.h"
#include "small_table.h"
#include "symbol_changes.h"

/* --- the universe --- */

typedef struct member_list {
    assay_membership *row;
    size_t n, capacity;
} member_list;

static void reset_members(member_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        free((char *)list->row[i].sector);
    }
    free(list->row);
}

static assay_status take_member(const assay_store *store, const assay_small_table *table,
                                const assay_panel *panel, member_list *list, assay_error *err) {
    char name[256], sector[256];
    size_t symbol;
    const assay_cursor *c = &table->cursor;
    assay_cursor_copy(c, UNIVERSE_SYMBOL, name, sizeof name);
    if (name[0] == '\0') {
        return assay_small_table_refuse(table, err, "no symbol");
    }
    assay_membership m = {
        .start_us = assay_cursor_is_null(c, UNIVERSE_START) ? INT64_MIN : assay_cursor_int(c, UNIVERSE_START),
        .end_us = assay_cursor_is_null(c, UNIVERSE_END) ? INT64_MAX : assay_cursor_int(c, UNIVERSE_END)};
    if (m.end_us < m.start_us) {
        return assay_small_table_refuse(table, err, "%s ends before it begins", name);
    }
    const char *instrument = assay_symbol_at(store, name, m.start_us);
    if (instrument == NULL || !assay_panel_find_symbol(panel, instrument, &symbol)) {
        return ASSAY_OK;
    }
    assay_status status = ASSAY_RESERVE(list->row, list->capacity, list->n + 1, err);
    if (status != ASSAY_OK) {
        return status;
    }
    m.symbol = (uint32_t)symbol;
    assay_cursor_copy(c, UNIVERSE_SECTOR, sector, sizeof sector);
    if (sector[0] != '\0') {
        m.sector = strdup(sector);
        if (m.sector == NULL) {
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the universe");
        }
    }
    list->row[list->n++] = m;
    return ASSAY_OK;
}

static bool is_ever_inside(const assay_panel *panel) {
    for (size_t t = 0; t < assay_panel_n_bars(panel); t++) {
        for (size_t s = 0; s < assay_panel_n_symbols(panel); s++) {
            if (assay_panel_is_inside(panel, s, t)) {
                return true;
            }
        }
    }
    return false;
}

assay_status assay_store_load_universe(assay_store *store, assay_panel *panel, assay_error *err) {
    if (store == NULL || panel == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "assay_store_load_universe needs a store and a panel");
    }
    assay_store_single_thread(store); /* rows keep the order of their files */
    assay_small_table table;
    member_list list = {0};
    assay_status status = assay_small_table_open(store, &assay_universe_table, &table, err);
    bool is_there = table.files.count > 0;
    while (status == ASSAY_OK && assay_small_table_next(&table)) {
        status = take_member(store, &table, panel, &list, err);
    }
    assay_small_table_close(&table);
    if (status == ASSAY_OK && is_there) {
        status = assay_panel_set_universe(panel, list.row, list.n, err);
        if (status == ASSAY_OK && !is_ever_inside(panel)) {
            status =
                assay_error_set(err, ASSAY_E_DATA,
                                "the table universe of %s never has any of the run's symbols: correct it, "
                                "choose others, or set point_in_time_universe: false",
                                store->folder);
        }
    }
    reset_members(&list);
    return status;
}

/* --- delistings --- */

typedef struct delisting_list {
    assay_delisting *row;
    size_t n, capacity;
} delisting_list;

static assay_status take_delisting(const assay_store *store, const assay_small_table *table,
                                   const assay_panel *panel, delisting_list *list, assay_error *err) {
    char name[256];
    size_t symbol;
    const assay_cursor *c = &table->cursor;
    double delisting_return = assay_cursor_double(c, DELISTING_RETURN);
    assay_cursor_copy(c, DELISTING_SYMBOL, name, sizeof name);
    if (name[0] == '\0' || assay_cursor_is_null(c, DELISTING_DATE)) {
        return assay_small_table_refuse(table, err, "no %s", name[0] == '\0' ? "symbol" : "date");
    }
    if (delisting_return < -1 || isinf(delisting_return)) {
        return assay_small_table_refuse(table, err,
                                        "the return of %s is %g: it is a fraction, -1 where all is lost",
                                        name, delisting_return);
    }
    const char *instrument = assay_symbol_at(store, name, assay_cursor_int(c, DELISTING_DATE));
    if (instrument == NULL || !assay_panel_find_symbol(panel, instrument, &symbol)) {
        return ASSAY_OK;
    }
    assay_status status = ASSAY_RESERVE(list->row, list->capacity, list->n + 1, err);
    if (status == ASSAY_OK) {
        list->row[list->n++] =
            (assay_delisting){(uint32_t)symbol, assay_cursor_int(c, DELISTING_DATE), delisting_return};
    }
    return status;
}

assay_status assay_store_load_delistings(assay_store *store, assay_panel *panel, assay_error *err) {
    if (store == NULL || panel == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "assay_store_load_delistings needs a store and a panel");
    }
    assay_store_single_thread(store);
    assay_small_table table;
    delisting_list list = {0};
    assay_status status = assay_small_table_open(store, &assay_delistings_table, &table, err);
    while (status == ASSAY_OK && assay_small_table_next(&table)) {
        status = take_delisting(store, &table, panel, &list, err);
    }
    assay_small_table_close(&table);
    if (status == ASSAY_OK && list.n > 0) {
        status = assay_panel_set_delistings(panel, list.row, list.n, err);
    }
    free(list.row);
    return status;
}
