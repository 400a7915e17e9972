/* The block of a book and its arrays. What a book means: ledger.c. */
#include "engine/book.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_LOT_CAPACITY = 64, ALIGNMENT = 16 };

static size_t aligned(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

assay_book *assay_book_create(size_t n_symbols, double initial_capital) {
    assay_book shape = {.n_symbols = (uint32_t)n_symbols, .lot_capacity = FIRST_LOT_CAPACITY};
    shape.orders_at = aligned(sizeof(assay_book) + n_symbols);
    shape.closings_at = shape.orders_at + aligned(2 * n_symbols * sizeof(assay_order));
    shape.positions_at = shape.closings_at + aligned(n_symbols * sizeof(assay_closing));
    shape.lots_at = shape.positions_at + aligned(n_symbols * sizeof(assay_position));
    shape.size = shape.lots_at + FIRST_LOT_CAPACITY * sizeof(assay_lot);
    assay_book *b = calloc(1, shape.size); /* untouched pages of the arrays cost nothing */
    if (b == NULL)
        return NULL;
    *b = shape;
    b->free_lot = ASSAY_NO_INDEX;
    b->initial_capital = initial_capital;
    b->cash = initial_capital;
    b->equity = initial_capital;
    b->peak_equity = initial_capital;
    b->next_order_id = 1;
    return b;
}

/* Where the symbol's position is, or would be. */
static uint32_t position_index(assay_book *b, uint32_t symbol) {
    const assay_position *position = assay_book_positions(b);
    uint32_t low = 0, high = b->n_positions;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (position[middle].symbol < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

assay_position *assay_book_find_position(assay_book *b, uint32_t symbol) {
    if ((assay_book_flags(b)[symbol] & ASSAY_HELD) == 0)
        return NULL;
    return assay_book_positions(b) + position_index(b, symbol);
}

assay_status assay_book_reserve_lot(assay_book **book, assay_error *err) {
    assay_book *b = *book;
    if (b->free_lot != ASSAY_NO_INDEX || b->n_lots < b->lot_capacity)
        return ASSAY_OK;
    size_t size = b->size + b->lot_capacity * sizeof(assay_lot);
    if (b->lot_capacity > UINT32_MAX / 4 || (b = realloc(b, size)) == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the lots of a portfolio");
    b->lot_capacity *= 2;
    b->size = size;
    *book = b;
    return ASSAY_OK;
}

static uint32_t take_lot(assay_book *b) {
    uint32_t index = b->free_lot;
    if (index == ASSAY_NO_INDEX)
        return b->n_lots++;
    b->free_lot = assay_book_lots(b)[index].next;
    return index;
}

void assay_book_add_lot(assay_book *b, uint32_t symbol, bool is_short, double mark, const assay_lot *lot) {
    uint32_t at = position_index(b, symbol);
    assay_position *position = assay_book_positions(b) + at;
    assay_lot *lots = assay_book_lots(b);
    uint32_t index = take_lot(b);
    lots[index] = *lot;
    lots[index].next = ASSAY_NO_INDEX;
    if ((assay_book_flags(b)[symbol] & ASSAY_HELD) == 0) {
        memmove(position + 1, position, (b->n_positions - at) * sizeof *position);
        b->n_positions++;
        *position = (assay_position){
            .symbol = symbol, .first_lot = index, .last_lot = index, .is_short = is_short, .mark = mark};
        assay_book_flags(b)[symbol] |= is_short ? ASSAY_HELD_SHORT : ASSAY_HELD_LONG;
    } else {
        lots[position->last_lot].next = index;
        position->last_lot = index;
    }
    position->quantity += lot->quantity;
}

void assay_book_drop_lot(assay_book *b, assay_position *position, uint32_t previous, uint32_t lot) {
    assay_lot *lots = assay_book_lots(b);
    if (previous == ASSAY_NO_INDEX)
        position->first_lot = lots[lot].next;
    else
        lots[previous].next = lots[lot].next;
    if (position->last_lot == lot)
        position->last_lot = previous;
    lots[lot].next = b->free_lot;
    b->free_lot = lot;
}

void assay_book_drop_position(assay_book *b, assay_position *position) {
    assay_position *end = assay_book_positions(b) + b->n_positions;
    uint8_t *flag = assay_book_flags(b) + position->symbol;
    *flag = (uint8_t)(*flag & ~ASSAY_HELD);
    memmove(position, position + 1, (size_t)(end - position - 1) * sizeof *position);
    b->n_positions--;
}

uint32_t assay_book_new_closing(assay_book *b) {
    assay_closing *closing = assay_book_closings(b);
    uint32_t index = 0;
    while (index < b->n_closings && closing[index].used != 0)
        index++;
    if (index == b->n_closings)
        b->n_closings++;
    closing[index] = (assay_closing){.used = 1, .later_ratio = 1};
    return index;
}

void assay_book_sweep_orders(assay_book *b) {
    assay_order *order = assay_book_orders(b);
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_orders; i++) {
        if (order[i].done == 0) {
            if (n != i)
                order[n] = order[i];
            n++;
        }
    }
    b->n_orders = n;
    if (n == 0)
        b->n_closings = 0;
}
