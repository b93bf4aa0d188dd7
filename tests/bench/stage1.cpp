#include "stage1.h"

#include <memory>
#include <new>
#include <simdjson.h>

struct stage1 {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
    size_t longest_text;
};

struct stage1 *stage1_create(size_t longest_text)
{
    struct stage1 *stage = new (std::nothrow) stage1{nullptr, longest_text};
    if (stage && simdjson::get_active_implementation()->create_dom_parser_implementation(
                     longest_text, 1, stage->parser)) {
        delete stage;
        return nullptr;
    }
    return stage;
}

void stage1_destroy(struct stage1 *stage)
{
    delete stage;
}

uint32_t stage1_run(struct stage1 *stage, const char *json, size_t len, const uint32_t **tokens)
{
    if (len == 0 || len > stage->longest_text ||
        stage->parser->stage1(reinterpret_cast<const uint8_t *>(json), len,
                              simdjson::stage1_mode::regular)) {
        return 0;
    }
    *tokens = stage->parser->structural_indexes.get();
    return stage->parser->n_structural_indexes;
}
