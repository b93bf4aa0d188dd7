#include "geodata.h"

#include <stdbool.h>
#include <string.h>

#include "geo.h"

struct room {
    char *buf;
    size_t cap;
    size_t len;
    bool full;
};

static void put(struct room *room, const char *text, size_t len)
{
    if (room->full || len > room->cap - room->len) {
        room->full = true;
        return;
    }
    memcpy(room->buf + room->len, text, len);
    room->len += len;
}

static void put_escaped(struct room *room, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            put(room, (char[]){'\\', (char)c}, 2);
        } else if (c < 0x20) {
            put(room, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        } else {
            put(room, text + i, 1);
        }
    }
}

size_t geodata_write(char *buf, size_t cap, const char *country, size_t country_len,
                     const char *state, size_t state_len, const char *city, size_t city_len)
{
    struct room room = {.buf = buf, .cap = cap};
    put(&room, "{\"country\":\"", 12);
    put_escaped(&room, country, country_len);
    put(&room, "\",\"state\":\"", 11);
    put_escaped(&room, state, state_len);
    put(&room, "\",\"city\":\"", 10);
    put_escaped(&room, city, city_len);
    put(&room, "\"}", 2);
    return room.full ? 0 : room.len;
}

size_t geodata_of(const char *ip, size_t ip_len, char *buf, size_t cap)
{
    struct geo_answer a;
    geo_answer(ip, ip_len, &a);
    return geodata_write(buf, cap, a.country_code, strlen(a.country_code), a.region_name,
                         strlen(a.region_name), a.city_name, strlen(a.city_name));
}
