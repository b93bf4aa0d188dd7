/* SPDX-License-Identifier: Apache-2.0 */
#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* create has no stage yet: its fault comes from the environment. */
void *part_create(size_t size, const struct ph_host *host, struct ph_error *err)
{
    const char *refuses = getenv("STAGE_NO_CREATE");
    if (refuses != NULL && strcmp(refuses, host->operator_name) == 0) {
        (void)ph_error_set(err, PH_ERR_FATAL, "stage create failed");
        return NULL;
    }
    struct part *p = (struct part *)calloc(1, size);
    if (p == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    p->host = host;
    p->wait = (const struct ph_wait *)host->get_service(host, PH_SERVICE_WAIT);
    p->clock = (const struct ph_clock *)host->get_service(host, PH_SERVICE_CLOCK);
    p->batches = (const struct ph_batches *)host->get_service(host, PH_SERVICE_BATCHES);
    p->epochs = (const struct ph_epochs *)host->get_service(host, PH_SERVICE_EPOCHS);
    return p;
}

static int find_point(const char *name, size_t length)
{
    for (int i = 0; i < AT_COUNT; i++) {
        if (strlen(stage_points[i]) == length && strncmp(stage_points[i], name, length) == 0) {
            return i;
        }
    }
    return -1;
}

static uint32_t find_flags(const char *name)
{
    static const struct {
        const char *name;
        uint32_t flags;
    } table[] = {{"retriable", PH_ERR_RETRIABLE}, {"poison", PH_ERR_POISON},
                 {"config", PH_ERR_CONFIG},       {"fatal", PH_ERR_FATAL},
                 {"fenced", PH_ERR_FENCED},       {"silent", 0}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return table[i].flags;
        }
    }
    return UINT32_MAX;
}

static int32_t add_fault(struct part *p, const char *text, struct ph_error *err)
{
    struct part_fault *f = &p->faults[p->fault_count];
    char point[32];
    char flags[32];
    unsigned long long first = 1;
    unsigned long long count = 1000000000;
    if (p->fault_count == PART_FAULTS_MAX ||
        sscanf(text, "%31[^:]:%31[^:]:%llu:%llu", point, flags, &first, &count) < 2) {
        return ph_error_set(err, PH_ERR_CONFIG, "no fault: %s", text);
    }
    *f = (struct part_fault){.point = find_point(point, strlen(point)),
                             .flags = find_flags(flags),
                             .first = first,
                             .count = count};
    if (f->point < 0 || f->flags == UINT32_MAX) {
        return ph_error_set(err, PH_ERR_CONFIG, "no fault: %s", text);
    }
    p->fault_count++;
    return PH_OK;
}

static int32_t map(struct part *p, const char *path, struct ph_error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *data = fd < 0 ? MAP_FAILED
                        : mmap(NULL, sizeof *p->stage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (data == MAP_FAILED) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s: %s", path, strerror(errno));
    }
    p->stage = (struct stage *)data;
    return PH_OK;
}

int32_t part_init(struct part *p, const struct ph_config *config, struct ph_error *err)
{
    const struct ph_value *fail = config->get(config, "fail");
    p->slot = (uint32_t)ph_config_integer(config, "slot");
    p->mode = ph_config_text(config, "mode");
    p->every = ph_config_integer(config, "every");
    for (uint32_t i = 0; i < fail->item_count; i++) {
        if (add_fault(p, fail->items[i].text, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    if (map(p, ph_config_text(config, "stage"), err) != PH_OK) {
        return PH_ERROR;
    }
    (void)part_at(p, AT_CREATE, 0, NULL);
    return part_at(p, AT_INIT, 0, err);
}

void part_destroy(void *self)
{
    struct part *p = (struct part *)self;
    if (p->stage != NULL) {
        (void)part_at(p, AT_DESTROY, 0, NULL);
        (void)munmap(p->stage, sizeof *p->stage);
    }
    free(p);
}

bool part_is_mode(const struct part *p, const char *mode)
{
    return strcmp(p->mode, mode) == 0;
}

static bool is_lifecycle(enum stage_point point)
{
    return point <= AT_START || point >= AT_RELEASE;
}

static uint64_t count_active(const struct stage *s)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < STAGE_SLOTS; i++) {
        count += atomic_load(&s->calls[i][AT_ACTIVATE]) > 0;
    }
    return count;
}

/* With STAGE_MEET=N nobody is active before N operators are: whoever starts them has the
 * deadline. */
static void meet(const struct part *p)
{
    const char *wanted = getenv("STAGE_MEET");
    while (wanted != NULL && count_active(p->stage) < strtoull(wanted, NULL, 10)) {
        (void)sched_yield();
    }
}

int32_t part_at(struct part *p, enum stage_point point, uint32_t lane, struct ph_error *err)
{
    uint64_t call = 1 + atomic_fetch_add(&p->stage->calls[p->slot][point], 1);
    if (point == AT_ACTIVATE) {
        meet(p);
    }
    if (is_lifecycle(point)) {
        uint32_t at = atomic_fetch_add(&p->stage->trace_count, 1);
        if (at < STAGE_TRACE) {
            p->stage->trace[at] =
                (struct stage_call){(uint8_t)point, (uint8_t)p->slot, (uint8_t)lane};
        }
    }
    for (uint32_t i = 0; i < p->fault_count; i++) {
        const struct part_fault *f = &p->faults[i];
        if (f->point == (int)point && call >= f->first && call - f->first < f->count) {
            return f->flags == 0
                       ? PH_ERROR
                       : ph_error_set(err, f->flags, "stage %s failed", stage_points[point]);
        }
    }
    return PH_OK;
}

uint8_t part_source_slot(const struct ph_partition *partition)
{
    const char *colon = strchr(partition->source, ':'); /* a replay: "s0:k" */
    return colon != NULL ? (uint8_t)(0x80u | (uint8_t)colon[1])
                         : (uint8_t)(partition->source[1] - '0');
}

PH_ENTRY(&source_descriptor, &udf_descriptor, &pure_descriptor, &waits_descriptor,
         &stateful_descriptor, &async_descriptor, &sink_descriptor, &single_descriptor,
         &ephemeral_descriptor, &durable_descriptor);
