/* SPDX-License-Identifier: Apache-2.0 */
/* Exits 0 where standard input is one line or more, each a JSON object without a double key. */
#include <jansson.h>
#include <stdio.h>

int main(void)
{
    static char line[1u << 16];
    unsigned int count = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        json_error_t error;
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(object)) {
            (void)printf("not a JSON object (%s): %s", error.text, line);
            return 1;
        }
        json_decref(object);
        count++;
    }
    return count > 0 ? 0 : 1;
}
