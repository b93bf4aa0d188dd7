#include "tuple.h"

#include <stddef.h>

int64_t tuple_integer(struct tuple_value v)
{
    uint64_t bits = 0;
    if (v.at == NULL || v.len > 8) {
        return -1;
    }
    for (int32_t i = 0; i < v.len; i++) {
        bits = bits << 8 | (uint8_t)v.at[i];
    }
    return (int64_t)bits;
}

static bool read_value(const char **at, const char *end, struct tuple_value *v)
{
    if (end - *at < 4) {
        return false;
    }
    v->len = (int32_t)tuple_integer((struct tuple_value){*at, 4});
    *at += 4;
    if (v->len > end - *at) {
        return false;
    }
    v->at = v->len < 0 ? NULL : *at;
    *at += v->len < 0 ? 0 : v->len;
    return true;
}

bool tuple_read(const char *at, const char *end, struct tuple_value *row, int count, bool *is_end)
{
    if (end - at < 2) {
        return false;
    }
    int64_t found = tuple_integer((struct tuple_value){at, 2});
    at += 2;
    *is_end = found == UINT16_MAX;
    for (int i = 0; i < count && !*is_end; i++) {
        if (found != count || !read_value(&at, end, &row[i])) {
            return false;
        }
    }
    return true;
}
