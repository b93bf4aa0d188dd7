/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes as an env file, and as a connection string whose password is cut out. */
#include "manifest/environment.h"
#include "manifest/secret.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* What was cut out once is not found again: masking a second time finds the masks only. */
static void check_mask(const char *text, size_t length)
{
    struct buf once;
    struct buf twice;
    buf_init(&once, 1u << 24);
    buf_init(&twice, 1u << 24);
    (void)secret_mask_dsn(text, length, &once);
    require(!once.failed && once.data != NULL);
    require(secret_register_dsn(text));
    (void)secret_mask_dsn(once.data, once.length, &twice);
    require(!twice.failed);
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const none[] = {NULL};
    struct environment e;
    struct manifest_errors errs;
    char *text = malloc(size + 1);
    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    environment_init(&e, none);
    manifest_errors_init(&errs);
    environment_load_text(&e, "x.env", text, size, &errs);
    require(!errs.out_of_memory);
    (void)environment_get(&e, "A", 1);
    check_mask(text, strlen(text));
    environment_fini(&e);
    manifest_errors_fini(&errs);
    secret_clear();
    free(text);
    return 0;
}
