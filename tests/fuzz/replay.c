/* SPDX-License-Identifier: Apache-2.0 */
/** Runs a fuzz target without a fuzzer: over each file of a folder, each prefix of it, and it with
 * one byte changed. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_LIMIT   65536u
#define PREFIX_LIMIT 4096u /* longer seeds are cut at fewer places */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An allocation of exactly this size, so that a sanitizer sees a read behind its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_around(uint8_t *data, size_t size)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    size_t step = size > PREFIX_LIMIT ? size / PREFIX_LIMIT : 1;
    run(data, size);
    for (size_t at = 0; at < size; at += step) {
        run(data, at);
        for (size_t i = 0; i < sizeof changes; i++) {
            data[at] ^= changes[i];
            run(data, size);
            data[at] ^= changes[i];
        }
    }
}

static int run_file(const char *folder, const char *name)
{
    static uint8_t seed[SEED_LIMIT];
    char path[4096];
    FILE *in;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    in = fopen(path, "rb");
    if (in == NULL) {
        (void)fprintf(stderr, "%s cannot be opened\n", path);
        return 1;
    }
    size = fread(seed, 1, sizeof seed, in);
    (void)fclose(in);
    run_around(seed, size);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *entry = d == NULL ? NULL : readdir(d);
    int count = 0;
    int failed = 0;
    for (; entry != NULL; entry = readdir(d)) {
        if (entry->d_name[0] != '.') {
            failed += run_file(argv[1], entry->d_name);
            count++;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    if (count == 0) {
        (void)fprintf(stderr, "usage: %s FOLDER_WITH_SEEDS\n", argv[0]);
        return 1;
    }
    (void)printf("%d seeds\n", count);
    return failed == 0 ? 0 : 1;
}
