/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes as a plugin's file: note_read answers, and an error comes with a sentence. */
#include "module/note.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct note note;
    struct ph_error err;
    int32_t r;
    ph_error_clear(&err);
    if (fd < 0) {
        fd = memfd_create("fuzz_note", MFD_CLOEXEC);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
        abort();
    }
    r = note_read(fd, "x.so", &note, &err);
    if (r == PH_OK) {
        r = note_judge(&note, "x.so", &err);
    }
    if ((r == PH_OK) == ph_error_is_set(&err) || (r != PH_OK && err.text[0] == '\0')) {
        abort();
    }
    return 0;
}
