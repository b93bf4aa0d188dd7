#include "geo.h"

/* A country has as many lines as its share of the answers; names outside ASCII are there on
 * purpose. */
static const struct geo_answer places[] = {
    {"US", "United States of America", "California", "Mountain View"},
    {"US", "United States of America", "California", "San Francisco"},
    {"US", "United States of America", "New York", "New York City"},
    {"US", "United States of America", "Texas", "Austin"},
    {"US", "United States of America", "Washington", "Seattle"},
    {"US", "United States of America", "Virginia", "Ashburn"},
    {"US", "United States of America", "Illinois", "Chicago"},
    {"CN", "China", "Beijing", "Beijing"},
    {"CN", "China", "Guangdong", "Shenzhen"},
    {"CN", "China", "Zhejiang", "Hangzhou"},
    {"IN", "India", "Karnataka", "Bengaluru"},
    {"IN", "India", "Maharashtra", "Mumbai"},
    {"IN", "India", "Telangana", "Hyderabad"},
    {"DE", "Germany", "Hessen", "Frankfurt am Main"},
    {"DE", "Germany", "Bayern", "München"},
    {"GB", "United Kingdom of Great Britain and Northern Ireland", "England", "London"},
    {"GB", "United Kingdom of Great Britain and Northern Ireland", "Scotland", "Edinburgh"},
    {"BR", "Brazil", "Sao Paulo", "São Paulo"},
    {"BR", "Brazil", "Rio de Janeiro", "Rio de Janeiro"},
    {"JP", "Japan", "Tokyo", "Tokyo"},
    {"JP", "Japan", "Osaka", "Osaka"},
    {"FR", "France", "Ile-de-France", "Paris"},
    {"FR", "France", "Auvergne-Rhone-Alpes", "Saint-Étienne"},
    {"CA", "Canada", "Quebec", "Montréal"},
    {"CA", "Canada", "British Columbia", "Vancouver"},
    {"AU", "Australia", "New South Wales", "Sydney"},
    {"NL", "Netherlands (Kingdom of the)", "Noord-Holland", "Amsterdam"},
    {"SG", "Singapore", "Singapore", "Singapore"},
    {"CI", "Côte d'Ivoire", "Abidjan", "Abidjan"},
};

/* FNV-1a, then MurmurHash3's finaliser: neighbouring addresses differ in few bits and must spread
 * over the table. */
uint64_t geo_hash(const char *ip, size_t ip_len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < ip_len; i++) {
        h = (h ^ (unsigned char)ip[i]) * 0x100000001b3u;
    }
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

void geo_answer(const char *ip, size_t ip_len, struct geo_answer *out)
{
    *out = places[geo_hash(ip, ip_len) % (sizeof places / sizeof places[0])];
}

bool geo_fails(const char *ip, size_t ip_len, uint32_t percent)
{
    /* Other bits than those that chose the place, so that failures hit every country. */
    return (geo_hash(ip, ip_len) >> 40) % 100 < percent;
}
