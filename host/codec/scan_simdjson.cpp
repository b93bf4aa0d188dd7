/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/scan.h"

#include <memory>
#include <simdjson.h>

/* The on-demand walk costs as much again as the first stage and does not check what it skips; the
 * positions alone are enough for a cheaper and stricter walk. They are simdjson's internal
 * interface, which has been the same in all of 1.x to 3.x. */
using first_stage = simdjson::internal::dom_parser_implementation;

namespace
{

constexpr size_t FIRST_CAPACITY = 32768;
constexpr size_t DEPTH = 1; /* for stages that are not used here */

bool grow(struct scan *scan, size_t length)
{
    size_t capacity = scan->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : scan->capacity;
    while (capacity < length) {
        capacity *= 2;
    }
    std::unique_ptr<first_stage> parser;
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, DEPTH,
                                                                                parser)) {
        return false;
    }
    delete static_cast<first_stage *>(scan->parser);
    scan->at = parser->structural_indexes.get();
    scan->parser = parser.release();
    scan->capacity = capacity;
    return true;
}

enum scan_result result_of(simdjson::error_code code)
{
    switch (code) {
    case simdjson::UTF8_ERROR:
        return SCAN_UTF8;
    case simdjson::UNCLOSED_STRING:
        return SCAN_UNCLOSED;
    case simdjson::UNESCAPED_CHARS:
        return SCAN_CONTROL;
    case simdjson::EMPTY:
        return SCAN_EMPTY;
    default:
        return SCAN_MEMORY;
    }
}

} // namespace

bool scan_init(struct scan *scan)
{
    *scan = {};
    return grow(scan, 0);
}

void scan_fini(struct scan *scan)
{
    delete static_cast<first_stage *>(scan->parser);
    *scan = {};
}

enum scan_result scan_run(struct scan *scan, const uint8_t *text, uint32_t length)
{
    if (length == 0) {
        return SCAN_EMPTY;
    }
    if (length > scan->capacity && !grow(scan, length)) {
        return SCAN_MEMORY;
    }
    first_stage *parser = static_cast<first_stage *>(scan->parser);
    simdjson::error_code code = parser->stage1(text, length, simdjson::stage1_mode::regular);
    if (code != simdjson::SUCCESS) {
        return result_of(code);
    }
    scan->count = parser->n_structural_indexes;
    scan->at[scan->count] = length;
    scan->at[scan->count + 1] = length;
    return SCAN_OK;
}
