/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/nesting.h"

#include <string.h>

/* { "operators": [ { "config": { "map": {
 * 1              2 3           4        5  */
#define DEPTH_OPERATOR 3u
#define DEPTH_MAP      5u

static void open_container(struct nesting *n, bool is_object)
{
    n->depth += n->depth < NESTING_DEPTH_MAX ? 1u : 0u;
    n->is_object[n->depth] = is_object;
    n->wants_key = is_object;
}

void nesting_step(struct nesting *n, char c)
{
    switch (c) {
    case '{':
    case '[':
        open_container(n, c == '{');
        break;
    case '}':
    case ']':
        n->depth -= n->depth > 0 ? 1u : 0u;
        n->wants_key = false;
        break;
    case ',':
        n->wants_key = n->is_object[n->depth];
        break;
    case ':':
        n->wants_key = false;
        break;
    default:
        break;
    }
}

bool nesting_string(struct nesting *n, const char *text, size_t length)
{
    bool is_key = n->wants_key;
    n->wants_key = false;
    if (is_key && n->depth == DEPTH_OPERATOR) {
        n->in_format = length == 6 && memcmp(text, "format", 6) == 0;
    }
    return is_key;
}

bool nesting_in_config_map(const struct nesting *n)
{
    return n->depth >= DEPTH_MAP && n->is_object[DEPTH_MAP] && !n->in_format;
}
