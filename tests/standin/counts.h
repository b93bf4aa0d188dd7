/* How often each address was asked for: a table of fixed size, so that no feed can make the
 * stand-in grow. */
#ifndef TESTS_STANDIN_COUNTS_H
#define TESTS_STANDIN_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct counts {
    struct count_slot *slots;
    uint64_t requests;
    uint64_t distinct;
    uint64_t most; /* requests for the address that was asked for most */
    bool full; /* further new addresses are no longer told apart: `distinct` and `most` are lower
                  bounds */
};

__attribute__((warn_unused_result)) bool counts_init(struct counts *c);
void counts_fini(struct counts *c);

/* Two addresses with the same 64-bit hash count as one. */
void counts_add(struct counts *c, uint64_t hash);

#endif
