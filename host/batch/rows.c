/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/rows.h"

uint32_t row_set_list_others(const struct row_set *set, uint32_t row_count, uint32_t *rows)
{
    uint32_t count = 0;
    for (uint32_t base = 0; base < row_count; base += 64) {
        uint64_t others = ~set->words[base >> 6];
        if (row_count - base < 64) {
            others &= (UINT64_C(1) << (row_count - base)) - 1;
        }
        for (; others != 0; others &= others - 1) {
            rows[count++] = base + (uint32_t)__builtin_ctzll(others);
        }
    }
    return count;
}
