/* The reader of an expression: the grammar (read.c) and the words in it (words.c). */
#ifndef ASSAY_EXPRESSION_READ_H
#define ASSAY_EXPRESSION_READ_H

#include "expression/graph.h"

typedef struct assay_reader {
    assay_graph *graph;
    const assay_scope *scope;
    const char *text, *at; /* the text being read, and the next byte */
    int definition;        /* which one it is; -1: the text itself */
    unsigned depth;
    assay_mistake *mistake;
    assay_error *err;
} assay_reader;

/* --- read.c --- */

/* A mistake at `where`; what stands next, where something else is needed. */
assay_status assay_reader_refuse(assay_reader *r, const char *where, const char *format, ...)
    ASSAY_PRINTF(3, 4);
assay_status assay_reader_refuse_next(assay_reader *r, const char *wanted);

/* Adds a node; what is wrong with it is wrong at `where`. */
ASSAY_NODISCARD assay_status assay_reader_add(assay_reader *r, const char *where, assay_node node,
                                              uint32_t *out);
ASSAY_NODISCARD assay_status assay_reader_add_const(assay_reader *r, const char *where, double value,
                                                    uint32_t *out);
ASSAY_NODISCARD assay_status assay_reader_binary(assay_reader *r, const char *where, assay_op op, uint32_t a,
                                                 uint32_t b, uint32_t *out);

void assay_reader_skip_space(assay_reader *r);
bool assay_is_word_byte(char c);
/* Takes an operator or a word, where it stands next. */
bool assay_reader_take(assay_reader *r, const char *token);

/* A whole expression. */
ASSAY_NODISCARD assay_status assay_read_or(assay_reader *r, uint32_t *out);

/* --- words.c --- */

/* "and", "or", "not". */
bool assay_is_operator_word(const char *name);

/* A name by itself, and a name behind which a bracket has been taken. */
ASSAY_NODISCARD assay_status assay_read_name(assay_reader *r, const char *where, const char *name,
                                             uint32_t *out);
ASSAY_NODISCARD assay_status assay_read_call(assay_reader *r, const char *where, const char *name,
                                             uint32_t *out);

#endif
