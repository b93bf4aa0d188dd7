/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/syntax.h"

#include "manifest/place.h"

#include <stdio.h>
#include <string.h>

/* Jansson speaks to programmers, and says what it met, which may be a secret. The first row whose
 * text begins its message counts; a message without a row says what was expected. */
static const struct {
    const char *said;
    const char *sentence;
} sentences[] = {
    {"\\u0000 is not allowed", "a text cannot hold \\u0000"},
    {"NUL byte in object key", "a key cannot hold \\u0000"},
    {"too big", "this whole number does not fit 64 bits; write it as a text, in quotes"},
    {"real number overflow", "this number is too large"},
    {"end of file expected", "this is not JSON: there is text behind the last brace"},
    {"invalid Unicode", "this is not JSON: half of a character stands alone, since \\uD800 to "
                        "\\uDFFF come in pairs"},
    {"unable to decode byte", "the text is not UTF-8: save it as UTF-8"},
    {"invalid token", "this is not JSON: a value is a text in double quotes, a number, true, "
                      "false, null, [ or {; there are no comments"},
    {"invalid escape", "this is not JSON: behind a backslash stands one of \" \\ / b f n r t, or u "
                       "and four hexadecimal digits; write \\\\ for a backslash"},
    {"unexpected newline", "this is not JSON: the text has no closing quote on its line"},
    {"control character", "this is not JSON: the text holds a control character"},
    {"unexpected token", "this is not JSON: a value is missing here"},
    {"premature end", "this is not JSON: the file ends within a value"},
    {"string or '}' expected", "this is not JSON: a key in double quotes expected, or '}'"},
    {"'}' expected", "this is not JSON: ',' or '}' expected"},
    {"']' expected", "this is not JSON: ',' or ']' expected"},
    {"':' expected", "this is not JSON: ':' expected"},
};

static const char *sentence_of(const char *said)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (strncmp(said, sentences[i].said, strlen(sentences[i].said)) == 0) {
            return sentences[i].sentence;
        }
    }
    return "this is not JSON";
}

/* Whether what closes a list or an object stands at offset, behind a comma. */
static bool is_behind_comma(const char *text, size_t offset)
{
    if (text[offset] != '}' && text[offset] != ']') {
        return false;
    }
    while (offset > 0 && strchr(" \t\r\n", text[offset - 1]) != NULL) {
        offset--;
    }
    return offset > 0 && text[offset - 1] == ',';
}

bool syntax_refuse(struct reader *r, const json_error_t *error)
{
    if (json_error_code(error) == json_error_out_of_memory || error->text[0] == '\0') {
        return reader_no_memory(r);
    }
    size_t offset = error->position > 0 ? (size_t)error->position - 1 : 0;
    offset = offset > r->m->text_length ? r->m->text_length : offset;
    offset = place_token(r->m->text, r->m->text_length, offset);
    const char *sentence = is_behind_comma(r->m->text, offset)
                               ? "this is not JSON: there is a comma too many before this"
                               : sentence_of(error->text);
    manifest_errors_add_offset(r->errs, r->m, "", offset, "%s", sentence);
    return false;
}
