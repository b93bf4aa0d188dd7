/* SPDX-License-Identifier: Apache-2.0 */
#include "module/trust.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static int32_t check_one(const char *path, const char *part, struct ph_error *err)
{
    struct stat st;
    const char *what = part == path ? "it" : part;
    if (stat(part, &st) != 0) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s: not loaded: %s cannot be looked at: %s", path,
                            what, strerror(errno));
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: not loaded: %s belongs to user %u, neither to root nor to this "
                            "user (%u): chown it, or copy the plugin to a folder of yours",
                            path, what, st.st_uid, geteuid());
    }
    if ((st.st_mode & S_IWOTH) != 0 && !(S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0)) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: not loaded: %s is writable by everybody (mode %04o): chmod o-w "
                            "it, so that nobody else can replace the code",
                            path, what, st.st_mode & 07777u);
    }
    return PH_OK;
}

int32_t trust_check(const char *path, struct ph_error *err)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (path[0] != '/' || length >= sizeof part) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s: not loaded: no absolute path of less than %d",
                            path, PATH_MAX);
    }
    if (check_one(path, path, err) != PH_OK) {
        return PH_ERROR;
    }
    memcpy(part, path, length + 1);
    for (char *slash = strrchr(part, '/'); slash != NULL; slash = strrchr(part, '/')) {
        bool is_root = slash == part;
        slash[is_root ? 1 : 0] = '\0';
        if (check_one(path, part, err) != PH_OK) {
            return PH_ERROR;
        }
        if (is_root) {
            break;
        }
    }
    return PH_OK;
}
