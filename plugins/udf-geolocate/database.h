/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A MaxMind DB file (format 2.0) that places addresses without a request. It is mapped: a newer
 * file has to take its name by rename, and is then opened in its stead. [any] but for open and
 * fini.
 */
#ifndef GEOLOCATE_DATABASE_H
#define GEOLOCATE_DATABASE_H

#include "address.h"
#include "answer.h"
#include "pipehost/pipehost.h"
#include "place.h"

#include <maxminddb.h>
#include <sys/stat.h>

/** The file's name is looked at no more often. */
#define DATABASE_CHECK_NS INT64_C(1000000000)

/** By which a replaced file is known. */
struct database_identity {
    dev_t device;
    ino_t inode;
    struct timespec modified;
    off_t size;
};

struct database {
    const char *path; /**< borrowed; null = there is no database */
    pthread_rwlock_t lock;
    bool is_made;
    _Atomic int64_t next_check_ns;
    _Atomic uint32_t generation; /**< files opened so far */
    /* Written under the lock, by one thread at a time. */
    MMDB_s mmdb;
    struct database_identity identity; /**< of the last file that was tried */
    bool is_missing;                   /**< said in the log */
};

/** A zeroed one. path must outlive it. A file that cannot be used is an error of /database.
 * [control] */
int32_t database_open(struct database *database, const char *path, struct ph_error *err)
    __attribute__((warn_unused_result));
/** Also of a zeroed one. [control] */
void database_fini(struct database *database);

/** Between the two the file stays the same. */
void database_lock(struct database *database);
void database_unlock(struct database *database);

enum database_answer {
    DATABASE_PLACE,
    DATABASE_UNKNOWN, /**< the file does not have the address, or nothing of use about it */
    DATABASE_DAMAGED
};

/** Within database_lock. Country, state and city as far as the file has them: by the names of
 * GeoIP2 and GeoLite2, or by flat ones (country_code, region_name or state1, city_name or city). */
enum database_answer database_find(const struct database *database, const struct address *address,
                                   struct answer *out) __attribute__((warn_unused_result));

enum database_change { DATABASE_SAME, DATABASE_REPLACED, DATABASE_TROUBLE };

/** Opens the file anew if another one has its name, at most once in DATABASE_CHECK_NS. Together
 * with that all places are forgotten (null = none). On DATABASE_TROUBLE, told once for each file,
 * the old one stays in use and why says why. */
enum database_change database_refresh(struct database *database, struct places *places,
                                      int64_t now_ns, char *why, size_t size)
    __attribute__((warn_unused_result));

#endif
