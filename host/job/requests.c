/* SPDX-License-Identifier: Apache-2.0 */
#include "job/requests.h"

#include "stats/json.h"

#include <jansson.h>
#include <string.h>

typedef void (*request_fn)(const struct stats *s, const json_t *request, struct buf *out);

static void answer_status(const struct stats *s, const json_t *request, struct buf *out)
{
    (void)request;
    buf_append_text(out, "{\"ok\":true,\"status\":");
    stats_json(out, s);
    buf_append_text(out, "}");
}

static const struct {
    const char *name;
    request_fn answer;
} requests[] = {{"status", answer_status}};

#define REQUEST_COUNT (sizeof requests / sizeof requests[0])

static void refuse(struct buf *out, const char *before, const char *text)
{
    char error[256];
    (void)snprintf(error, sizeof error, "%s%s", before, text);
    buf_append_text(out, "{\"ok\":false,\"error\":");
    buf_append_json_string(out, error, strlen(error));
    buf_append_text(out, "}");
}

void requests_answer(const struct stats *s, const char *request, size_t length, struct buf *out)
{
    json_error_t err;
    json_t *root = json_loadb(request, length, JSON_REJECT_DUPLICATES, &err);
    const char *name = json_string_value(json_object_get(root, "request"));
    if (root == NULL) {
        refuse(out, "the request is not JSON: ", err.text);
    } else if (name == NULL) {
        refuse(out, "", "the request needs a \"request\": \"status\"");
    } else {
        size_t i = 0;
        while (i < REQUEST_COUNT && strcmp(requests[i].name, name) != 0) {
            i++;
        }
        if (i < REQUEST_COUNT) {
            requests[i].answer(s, root, out);
        } else {
            refuse(out, "this pipehost knows no request ", name);
        }
    }
    json_decref(root);
}
