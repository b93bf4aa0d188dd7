/* SPDX-License-Identifier: Apache-2.0 */
#include "job/letter_place.h"

#include "job/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void add(const struct job *job, struct manifest_errors *errs, const struct ph_error *err)
{
    manifest_errors_add(errs, job->manifest, "/dead_letter/file", "%s", err->text);
}

static int32_t no_folder(const char *file, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_CONFIG,
                        "the folder of the dead-letter file %s cannot be made: %s", file,
                        strerror(errno));
}

/* Whether the folders that are missing could be made in the nearest one that is there. */
static int32_t look_for_folder(const char *file, bool *is_there, struct ph_error *err)
{
    char path[PATH_MAX];
    struct stat s;
    (void)snprintf(path, sizeof path, "%s", file);
    *is_there = true;
    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        slash[slash == path] = '\0';
        if (stat(path, &s) == 0) {
            errno = S_ISDIR(s.st_mode) ? errno : ENOTDIR;
            bool fits = S_ISDIR(s.st_mode) && (*is_there || access(path, W_OK | X_OK) == 0);
            return fits ? PH_OK : no_folder(file, err);
        }
        *is_there = false;
        if (errno != ENOENT || slash == path) {
            return no_folder(file, err);
        }
    }
    return PH_OK;
}

/* In state_dir, which the run makes, and perhaps another user. */
static bool is_default(const struct manifest *m)
{
    size_t length = strlen(m->state_dir);
    return strncmp(m->dead_letter_file, m->state_dir, length) == 0 &&
           strcmp(m->dead_letter_file + length, "/dead.jsonl") == 0;
}

void letter_place_check(const struct job *job, struct manifest_errors *errs)
{
    const char *file = job->manifest->dead_letter_file;
    struct ph_error err;
    bool is_there;
    ph_error_clear(&err);
    if (is_default(job->manifest) && access(file, F_OK) != 0) {
        return;
    }
    if (look_for_folder(file, &is_there, &err) != PH_OK ||
        (is_there && dead_letters_check(job->dead_letters, &err) != PH_OK)) {
        add(job, errs, &err);
    }
}

bool letter_place_make(const struct job *job)
{
    const char *file = job->manifest->dead_letter_file;
    struct ph_error err;
    struct manifest_errors errs;
    ph_error_clear(&err);
    if ((folder_make_for(file) == 0 || no_folder(file, &err) == PH_OK) &&
        dead_letters_check(job->dead_letters, &err) == PH_OK) {
        return true;
    }
    manifest_errors_init(&errs);
    add(job, &errs, &err);
    manifest_errors_log_first(&errs);
    manifest_errors_fini(&errs);
    return false;
}
