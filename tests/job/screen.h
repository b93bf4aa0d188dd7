/* SPDX-License-Identifier: Apache-2.0 */
/** A terminal as far as pipehost uses one: bytes in, a screen of characters out. */
#ifndef TESTS_JOB_SCREEN_H
#define TESTS_JOB_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCREEN_ROWS_MAX    60
#define SCREEN_COLUMNS_MAX 300

struct screen {
    int rows;
    int columns;
    uint32_t cells[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX]; /* code points, 0 = empty */
    int row;
    int column;
    int saved_row;
    int saved_column;
    int top; /* of the scroll region, both from 0 */
    int bottom;
    char pending[64]; /* an escape sequence or a code point that is not whole yet */
    size_t pending_length;
    char unknown[64]; /* the first sequence that no terminal of these tests knows; "" = none */
    bool has_wide;    /* something else than ASCII was written */
};

void screen_init(struct screen *s, int rows, int columns);
void screen_feed(struct screen *s, const char *data, size_t length);
/* A row from 0 as UTF-8 without the blanks at its end. */
const char *screen_row(const struct screen *s, int row);
/* The first row that begins with the text, -1 = none. */
int screen_find(const struct screen *s, const char *text);

#endif
