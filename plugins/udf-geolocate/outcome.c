/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include "answer.h"

#include <stdio.h>

/* What the body of a refusal complains of; OUTCOME_STATUS_4XX where neither of quota nor key. */
static enum outcome blame(const struct transfer *transfer)
{
    if (answer_blames_quota(transfer->body, transfer->body_length)) {
        return OUTCOME_QUOTA;
    }
    return answer_blames_key(transfer->body, transfer->body_length) ? OUTCOME_KEY
                                                                    : OUTCOME_STATUS_4XX;
}

static enum outcome outcome_of_status(const struct transfer *transfer)
{
    long status = transfer->status;
    if (status == 200) {
        return OUTCOME_OK;
    }
    if (status == 402) {
        return OUTCOME_QUOTA;
    }
    if (status == 429) {
        /* With a time it is no more than a plea for patience. */
        return transfer->retry_after_ns == 0 && blame(transfer) == OUTCOME_QUOTA
                   ? OUTCOME_QUOTA
                   : OUTCOME_STATUS_429;
    }
    if (status == 401 || status == 403) {
        return blame(transfer) == OUTCOME_QUOTA ? OUTCOME_QUOTA : OUTCOME_KEY;
    }
    if (status == 400) {
        return blame(transfer);
    }
    if (status >= 400 && status < 500) {
        return OUTCOME_STATUS_4XX;
    }
    return status >= 500 ? OUTCOME_STATUS_5XX : OUTCOME_STATUS_OTHER;
}

enum outcome outcome_of(const struct transfer *transfer)
{
    if (transfer->too_large) {
        return OUTCOME_TOO_LARGE;
    }
    if (transfer->no_memory) {
        return OUTCOME_NO_MEMORY;
    }
    switch (transfer->code) {
    case CURLE_OK:
        return outcome_of_status(transfer);
    case CURLE_OPERATION_TIMEDOUT:
        return OUTCOME_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
        return OUTCOME_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY:
        return OUTCOME_NO_MEMORY;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return OUTCOME_UNTRUSTED;
    default:
        return OUTCOME_UNREACHABLE;
    }
}

enum outcome outcome_of_body(const struct transfer *transfer, bool is_error)
{
    enum outcome outcome = is_error ? blame(transfer) : OUTCOME_BAD_BODY;
    return outcome == OUTCOME_STATUS_4XX ? OUTCOME_BAD_BODY : outcome;
}

bool outcome_is_refusal(enum outcome outcome)
{
    return outcome == OUTCOME_QUOTA || outcome == OUTCOME_KEY;
}

bool outcome_is_silence(enum outcome outcome, const struct transfer *transfer)
{
    return transfer->status == 0 && (outcome == OUTCOME_TIMEOUT || outcome == OUTCOME_UNREACHABLE);
}

bool outcome_is_plea(enum outcome outcome, const struct transfer *transfer)
{
    return transfer->retry_after_ns > 0 &&
           (outcome == OUTCOME_STATUS_429 ||
            (outcome == OUTCOME_STATUS_5XX && transfer->status == 503));
}

bool outcome_is_transient(enum outcome outcome)
{
    return outcome == OUTCOME_STATUS_429 || outcome == OUTCOME_STATUS_5XX ||
           outcome == OUTCOME_TIMEOUT || outcome == OUTCOME_UNREACHABLE ||
           outcome == OUTCOME_NO_MEMORY;
}

const char *outcome_phrase(enum outcome outcome, const struct transfer *transfer, char *buffer,
                           size_t size)
{
    switch (outcome) {
    case OUTCOME_BAD_BODY:
        return "a body that is no answer";
    case OUTCOME_TOO_LARGE:
        return "a body above answer_max_bytes";
    case OUTCOME_TIMEOUT:
        return "no answer within timeout_ms";
    case OUTCOME_NO_MEMORY:
        return "out of memory";
    case OUTCOME_NOT_IN_DATABASE:
        return "no such address";
    case OUTCOME_KEY:
    case OUTCOME_QUOTA:
        if (transfer->status == 0) {
            return "a refusal a moment ago";
        }
        break;
    case OUTCOME_UNREACHABLE:
    case OUTCOME_UNTRUSTED:
        return curl_easy_strerror(transfer->code);
    default:
        break;
    }
    (void)snprintf(buffer, size, "HTTP status %ld", transfer->status);
    return buffer;
}
