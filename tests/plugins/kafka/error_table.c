/* SPDX-License-Identifier: Apache-2.0 */
#include "error_table.h"

#include "kafka/errors.h"

#include <check.h>

/* What means the same to each plugin. */
static const struct error_class classes[] = {
    {PH_ERR_RETRIABLE, PH_ERR_RETRIABLE,
     "_BEGIN _FAIL _TRANSPORT _RESOLVE _MSG_TIMED_OUT _PARTITION_EOF _FS _ALL_BROKERS_DOWN "
     "_TIMED_OUT _QUEUE_FULL _ISR_INSUFF _NODE_UPDATE _WAIT_COORD _UNKNOWN_GROUP "
     "_IN_PROGRESS _PREV_IN_PROGRESS _EXISTING_SUBSCRIPTION _ASSIGN_PARTITIONS "
     "_REVOKE_PARTITIONS _CONFLICT _STATE _UNKNOWN_PROTOCOL _NO_OFFSET _OUTDATED "
     "_TIMED_OUT_QUEUE _WAIT_CACHE _INTR _KEY_SERIALIZATION _VALUE_SERIALIZATION "
     "_KEY_DESERIALIZATION _VALUE_DESERIALIZATION _PARTIAL _READ_ONLY _NOENT _UNDERFLOW "
     "_INVALID_TYPE _RETRY _PURGE_QUEUE _PURGE_INFLIGHT _INCONSISTENT _GAPLESS_GUARANTEE "
     "_MAX_POLL_EXCEEDED _UNKNOWN_BROKER _NOT_CONFIGURED _APPLICATION _ASSIGNMENT_LOST _NOOP "
     "_END UNKNOWN NO_ERROR LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION REQUEST_TIMED_OUT "
     "BROKER_NOT_AVAILABLE REPLICA_NOT_AVAILABLE STALE_CTRL_EPOCH "
     "NETWORK_EXCEPTION COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE "
     "NOT_COORDINATOR NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND "
     "ILLEGAL_GENERATION INCONSISTENT_GROUP_PROTOCOL UNKNOWN_MEMBER_ID "
     "INVALID_SESSION_TIMEOUT REBALANCE_IN_PROGRESS INVALID_COMMIT_OFFSET_SIZE "
     "TOPIC_ALREADY_EXISTS INVALID_PARTITIONS INVALID_REPLICATION_FACTOR "
     "INVALID_REPLICA_ASSIGNMENT INVALID_CONFIG NOT_CONTROLLER INVALID_REQUEST "
     "OUT_OF_ORDER_SEQUENCE_NUMBER DUPLICATE_SEQUENCE_NUMBER "
     "INVALID_TXN_STATE INVALID_PRODUCER_ID_MAPPING "
     "CONCURRENT_TRANSACTIONS TRANSACTION_COORDINATOR_FENCED "
     "OPERATION_NOT_ATTEMPTED KAFKA_STORAGE_ERROR "
     "LOG_DIR_NOT_FOUND UNKNOWN_PRODUCER_ID REASSIGNMENT_IN_PROGRESS "
     "DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_NOT_FOUND "
     "DELEGATION_TOKEN_OWNER_MISMATCH DELEGATION_TOKEN_REQUEST_NOT_ALLOWED "
     "DELEGATION_TOKEN_AUTHORIZATION_FAILED DELEGATION_TOKEN_EXPIRED INVALID_PRINCIPAL_TYPE "
     "NON_EMPTY_GROUP GROUP_ID_NOT_FOUND FETCH_SESSION_ID_NOT_FOUND "
     "INVALID_FETCH_SESSION_EPOCH LISTENER_NOT_FOUND TOPIC_DELETION_DISABLED "
     "FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH STALE_BROKER_EPOCH OFFSET_NOT_AVAILABLE "
     "MEMBER_ID_REQUIRED PREFERRED_LEADER_NOT_AVAILABLE GROUP_MAX_SIZE_REACHED "
     "FENCED_INSTANCE_ID ELIGIBLE_LEADERS_NOT_AVAILABLE ELECTION_NOT_NEEDED "
     "NO_REASSIGNMENT_IN_PROGRESS GROUP_SUBSCRIBED_TO_TOPIC UNSTABLE_OFFSET_COMMIT "
     "THROTTLING_QUOTA_EXCEEDED RESOURCE_NOT_FOUND DUPLICATE_RESOURCE "
     "UNACCEPTABLE_CREDENTIAL INCONSISTENT_VOTER_SET INVALID_UPDATE_VERSION "
     "FEATURE_UPDATE_FAILED PRINCIPAL_DESERIALIZATION_FAILURE"},
    {PH_ERR_CONFIG, PH_ERR_RETRIABLE,
     "_SSL _AUTHENTICATION UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE SECURITY_DISABLED "
     "SASL_AUTHENTICATION_FAILED"},
    {PH_ERR_CONFIG, PH_ERR_FATAL, "_INVALID_ARG _UNSUPPORTED_FEATURE UNSUPPORTED_VERSION"},
    {PH_ERR_FATAL, PH_ERR_FATAL, "_BAD_COMPRESSION _DESTROY _CRIT_SYS_RESOURCE _NOT_IMPLEMENTED"},
};

static bool is_among(const char *name, const char *names)
{
    size_t length = strlen(name);
    for (const char *at = strstr(names, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* How many of the classes name it; *which: the last one that does. */
static uint32_t times_listed(const char *name, const struct error_class *list, size_t count,
                             const struct error_class **which)
{
    uint32_t times = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_among(name, list[i].names)) {
            *which = &list[i];
            times++;
        }
    }
    return times;
}

static uint32_t count_names(const struct error_class *list, size_t count)
{
    uint32_t names = 0;
    for (size_t i = 0; i < count; i++) {
        for (const char *at = list[i].names; at != NULL; at = strchr(at + 1, ' ')) {
            names++;
        }
    }
    return names;
}

static void check_code(const struct rd_kafka_err_desc *code, const struct error_class *own,
                       size_t count)
{
    const struct error_class *class = NULL;
    uint32_t times = times_listed(code->name, classes, sizeof classes / sizeof classes[0], &class) +
                     times_listed(code->name, own, count, &class);
    ck_assert_msg(times == 1, "%s is in %u classes: put it into one", code->name, times);
    ck_assert_msg(errors_flags(code->code, ERRORS_AT_START) == class->at_start, "%s at the start",
                  code->name);
    ck_assert_msg(errors_flags(code->code, ERRORS_AT_WORK) == class->at_work, "%s at work",
                  code->name);
}

void error_table_check(const struct error_class *own, size_t count)
{
    const struct rd_kafka_err_desc *all;
    size_t all_count;
    uint32_t names = 0;
    rd_kafka_get_err_descs(&all, &all_count);
    for (size_t i = 0; i < all_count; i++) {
        if (all[i].name != NULL) {
            check_code(&all[i], own, count);
            names++;
        }
    }
    ck_assert_uint_eq(names, count_names(classes, sizeof classes / sizeof classes[0]) +
                                 count_names(own, count));
}
