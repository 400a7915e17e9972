/* The corporate_actions table into a panel builder.
 *
 * Rows that say the same count as one, whatever their pay dates (the latest counts). Where the prices table itself carries a
 * split or dividend for that symbol and date, the builder takes the price row's.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/dates.h"
#include "read_prices.h"
#include "small_table.h"

typedef struct action_row {
    assay_corporate_action action;
    char type[32];
    size_t number;
} action_row;

typedef struct action_list {
    action_row *row;
    size_t n, capacity;
} action_list;

static int compare_doubles(double x, double y) {
    return (x > y) - (x < y);
}

/* Whether two rows say the same; rows are never NaN. */
static int compare_events(const action_row *x, const action_row *y) {
    const assay_corporate_action *a = &x->action, *b = &y->action;
    if (a->symbol != b->symbol) {
        return a->symbol < b->symbol ? -1 : 1;
    }
    if (a->ex_date_us != b->ex_date_us) {
        return a->ex_date_us < b->ex_date_us ? -1 : 1;
    }
    int order = compare_doubles(a->split_ratio, b->split_ratio);
    order = order != 0 ? order : compare_doubles(a->cash_dividend, b->cash_dividend);
    order = order != 0 ? order : compare_doubles(a->new_ratio, b->new_ratio);
    order = order != 0 ? order : (a->new_symbol > b->new_symbol) - (a->new_symbol < b->new_symbol);
    return order != 0 ? order : strcmp(x->type, y->type);
}

static int compare_rows(const void *a, const void *b) {
    const action_row *x = a, *y = b;
    int order = compare_events(x, y);
    if (order == 0) {
        order =
            (y->action.pay_date_us > x->action.pay_date_us) - (y->action.pay_date_us < x->action.pay_date_us);
    }
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static double number_or(const assay_cursor *cursor, size_t column, double otherwise) {
    double value = assay_cursor_double(cursor, column);
    return isnan(value) ? otherwise : value;
}

/* The builder's id of the symbol that a name meant on a day; false: not one of the run's. */
static bool find_symbol(const assay_store *store, const assay_price_reading *reading, const char *name,
                        int64_t us, uint32_t *out_id) {
    const char *instrument = assay_symbol_at(store, name, us);
    return instrument != NULL &&
           assay_symbol_lookup_has(&reading->symbols, instrument, strlen(instrument), out_id);
}

static assay_status take_spin_off(const assay_store *store, const assay_price_reading *reading,
                                  const assay_small_table *table, const char *parent, action_row *row,
                                  assay_error *err) {
    char name[256], date[32];
    assay_cursor_copy(&table->cursor, ACTION_NEW_SYMBOL, name, sizeof name);
    if (row->action.new_ratio == 0) {
        return ASSAY_OK;
    }
    if (name[0] == '\0') {
        return assay_small_table_refuse(table, err, "new_ratio without new_symbol");
    }
    if (find_symbol(store, reading, name, row->action.ex_date_us, &row->action.new_symbol)) {
        return ASSAY_OK;
    }
    assay_time_format(row->action.ex_date_us, date, sizeof date);
    return assay_small_table_refuse(table, err,
                                    "on %s each share of %s brings %g of %s, which is not one of the run's "
                                    "symbols: add it, or its worth is lost",
                                    date, parent, row->action.new_ratio, name);
}

static assay_status take_action(const assay_store *store, const assay_load_spec *spec,
                                const assay_price_reading *reading, const assay_small_table *table,
                                action_list *list, assay_error *err) {
    char name[256];
    const assay_cursor *c = &table->cursor;
    if (assay_cursor_is_null(c, ACTION_SYMBOL) || assay_cursor_is_null(c, ACTION_EX_DATE)) {
        return ASSAY_OK;
    }
    assay_cursor_copy(c, ACTION_SYMBOL, name, sizeof name);
    int64_t ex_date = (int64_t)assay_day_of_us(assay_cursor_int(c, ACTION_EX_DATE)) * ASSAY_US_PER_DAY;
    action_row row = {.action = {.ex_date_us = ex_date,
                                 .split_ratio = number_or(c, ACTION_SPLIT, 1),
                                 .cash_dividend = number_or(c, ACTION_DIVIDEND, 0),
                                 .pay_date_us = assay_cursor_is_null(c, ACTION_PAY_DATE)
                                                    ? INT64_MIN
                                                    : assay_cursor_int(c, ACTION_PAY_DATE),
                                 .new_ratio = number_or(c, ACTION_NEW_RATIO, 0)},
                      .number = list->n};
    if (ex_date > spec->end_us || !find_symbol(store, reading, name, ex_date, &row.action.symbol)) {
        return ASSAY_OK;
    }
    assay_cursor_copy(c, ACTION_TYPE, row.type, sizeof row.type);
    assay_status status = take_spin_off(store, reading, table, name, &row, err);
    if (status == ASSAY_OK) {
        status = ASSAY_RESERVE(list->row, list->capacity, list->n + 1, err);
    }
    if (status == ASSAY_OK) {
        list->row[list->n++] = row;
    }
    return status;
}

assay_status assay_events_read(assay_store *store, const assay_load_spec *spec, assay_price_reading *reading,
                               assay_error *err) {
    assay_small_table table;
    action_list list = {0};
    assay_status status = assay_small_table_open(store, &assay_actions_table, &table, err);
    while (status == ASSAY_OK && assay_small_table_next(&table)) {
        status = take_action(store, spec, reading, &table, &list, err);
    }
    assay_small_table_close(&table);
    if (list.n > 1) {
        qsort(list.row, list.n, sizeof *list.row, compare_rows);
    }
    for (size_t i = 0; status == ASSAY_OK && i < list.n; i++) {
        if (i == 0 || compare_events(&list.row[i - 1], &list.row[i]) != 0) {
            status = assay_panel_builder_add_action(reading->builder, &list.row[i].action, err);
        }
    }
    free(list.row);
    return status;
}
