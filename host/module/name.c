/* SPDX-License-Identifier: Apache-2.0 */
#include "module/name.h"

#include "pipehost/pipehost.h"

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_name(const char *s, char joint, size_t limit)
{
    size_t i = 1;
    if (!is_lower(s[0])) {
        return false;
    }
    while (i <= limit && (is_lower(s[i]) || is_digit(s[i]) || s[i] == joint)) {
        i++;
    }
    return i <= limit && s[i] == '\0';
}

bool name_is_id(const char *s)
{
    return is_lower_name(s, '-', NAME_ID_MAX);
}

bool name_is_key(const char *s)
{
    return is_lower_name(s, '_', NAME_KEY_MAX);
}

bool name_is_file(const char *s)
{
    size_t i = 0;
    for (; i <= NAME_FILE_MAX && s[i] != '\0'; i++) {
        char lower = (char)(s[i] | 0x20);
        bool may_start = is_lower(lower) || is_digit(s[i]) || s[i] == '_';
        if (!may_start && (i == 0 || (s[i] != '.' && s[i] != '-'))) {
            return false;
        }
    }
    return i > 0 && i <= NAME_FILE_MAX;
}

const char *name_of_kind(uint32_t kind)
{
    static const char *const names[] = {"", "source", "udf", "async udf", "sink"};
    return kind < sizeof names / sizeof names[0] ? names[kind] : "";
}

const char *name_of_delivery(uint32_t delivery)
{
    static const char *const names[] = {"", "transactional", "durable", "ephemeral"};
    return delivery < sizeof names / sizeof names[0] ? names[delivery] : "";
}

const char *name_of_flag(uint32_t index)
{
    static const char *const names[] = {"pure", "stateful", "reloadable", "waits", "single"};
    return index < sizeof names / sizeof names[0] ? names[index] : NULL;
}

const char *name_of_config_type(uint32_t type)
{
    static const char *const names[] = {"",     "string",   "secret", "bool", "int",  "float",
                                        "enum", "duration", "size",   "path", "list", "map"};
    return type < sizeof names / sizeof names[0] ? names[type] : "";
}
