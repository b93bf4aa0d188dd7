/* SPDX-License-Identifier: Apache-2.0 */
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void screen_init(struct screen *s, int rows, int columns)
{
    memset(s, 0, sizeof *s);
    s->rows = rows;
    s->columns = columns;
    s->bottom = rows - 1;
}

static void clear(struct screen *s, int row, int column, int end)
{
    for (int i = column; i < end; i++) {
        s->cells[row][i] = 0;
    }
}

static void line_feed(struct screen *s)
{
    if (s->row == s->bottom) {
        memmove(s->cells[s->top], s->cells[s->top + 1],
                (size_t)(s->bottom - s->top) * sizeof s->cells[0]);
        clear(s, s->bottom, 0, s->columns);
    } else if (s->row < s->rows - 1) {
        s->row++;
    }
}

static void put(struct screen *s, uint32_t c)
{
    if (s->column == s->columns) { /* the last column was written: now it wraps */
        s->column = 0;
        line_feed(s);
    }
    s->has_wide = s->has_wide || c > 0x7e;
    s->cells[s->row][s->column++] = c;
}

static int limit(int value, int most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* ESC [ parameters final */
static void control(struct screen *s, const char *parameters, char final)
{
    int a = 0;
    int b = 0;
    int count = sscanf(parameters, "%d;%d", &a, &b);
    switch (final) {
    case 'A':
        s->row = limit(s->row - (count >= 1 ? a : 1), s->rows - 1);
        return;
    case 'H':
        s->row = limit(count >= 1 ? a - 1 : 0, s->rows - 1);
        s->column = limit(count >= 2 ? b - 1 : 0, s->columns - 1);
        return;
    case 'r':
        s->top = count == 2 ? a - 1 : 0;
        s->bottom = count == 2 ? b - 1 : s->rows - 1;
        s->row = 0;
        s->column = 0;
        return;
    case 'K':
        clear(s, s->row, 0, s->columns);
        return;
    case 'J':
        clear(s, s->row, s->column, s->columns);
        for (int row = s->row + 1; row < s->rows; row++) {
            clear(s, row, 0, s->columns);
        }
        return;
    case 'm':
        return;
    default:
        (void)snprintf(s->unknown, sizeof s->unknown, "ESC [ %s %c", parameters, final);
    }
}

/* True: the pending bytes are done with. */
static bool escape(struct screen *s)
{
    char last = s->pending[s->pending_length - 1];
    if (s->pending_length < 2) {
        return false;
    }
    if (s->pending_length == 2 && last == '7') {
        s->saved_row = s->row;
        s->saved_column = s->column;
        return true;
    }
    if (s->pending_length == 2 && last == '8') {
        s->row = s->saved_row;
        s->column = s->saved_column;
        return true;
    }
    if (s->pending[1] != '[') {
        (void)snprintf(s->unknown, sizeof s->unknown, "ESC %c", s->pending[1]);
        return true;
    }
    if (s->pending_length == 2 || last < '@' || last > '~') {
        return s->pending_length == sizeof s->pending - 1;
    }
    s->pending[s->pending_length - 1] = '\0';
    control(s, s->pending + 2, last);
    return true;
}

static bool code_point(struct screen *s)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned char first = (unsigned char)s->pending[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (s->pending_length < length) {
        return false;
    }
    uint32_t c = first & masks[length];
    for (size_t i = 1; i < length; i++) {
        c = c << 6 | ((unsigned char)s->pending[i] & 0x3fu);
    }
    if (c == '\n') {
        line_feed(s);
    } else if (c == '\r') {
        s->column = 0;
    } else if (c >= 0x20) {
        put(s, c);
    } else {
        (void)snprintf(s->unknown, sizeof s->unknown, "byte %u", c);
    }
    return true;
}

void screen_feed(struct screen *s, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        s->pending[s->pending_length++] = data[i];
        if (s->pending[0] == '\033' ? escape(s) : code_point(s)) {
            s->pending_length = 0;
        }
    }
}

const char *screen_row(const struct screen *s, int row)
{
    static char text[SCREEN_COLUMNS_MAX * 4 + 1];
    size_t at = 0;
    size_t end = 0;
    for (int i = 0; i < s->columns; i++) {
        uint32_t c = s->cells[row][i] == 0 ? ' ' : s->cells[row][i];
        if (c < 0x80) {
            text[at++] = (char)c;
        } else if (c < 0x800) {
            text[at++] = (char)(0xc0 | c >> 6);
            text[at++] = (char)(0x80 | (c & 0x3f));
        } else {
            text[at++] = (char)(0xe0 | c >> 12);
            text[at++] = (char)(0x80 | (c >> 6 & 0x3f));
            text[at++] = (char)(0x80 | (c & 0x3f));
        }
        end = c != ' ' ? at : end;
    }
    text[end] = '\0';
    return text;
}

int screen_find(const struct screen *s, const char *text)
{
    for (int row = 0; row < s->rows; row++) {
        if (strncmp(screen_row(s, row), text, strlen(text)) == 0) {
            return row;
        }
    }
    return -1;
}
