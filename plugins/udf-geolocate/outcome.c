/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include "answer.h"

#include <stdio.h>

static enum outcome outcome_of_status(const struct transfer *transfer)
{
    long status = transfer->status;
    if (status == 200) {
        return OUTCOME_OK;
    }
    if (status == 402) {
        return OUTCOME_QUOTA;
    }
    if ((status == 401 || status == 403 || status == 429) &&
        answer_blames_quota(transfer->body, transfer->body_length)) {
        return OUTCOME_QUOTA;
    }
    if (status == 429) {
        return OUTCOME_STATUS_429;
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
    case OUTCOME_UNREACHABLE:
    case OUTCOME_UNTRUSTED:
        return curl_easy_strerror(transfer->code);
    default:
        (void)snprintf(buffer, size, "HTTP status %ld", transfer->status);
        return buffer;
    }
}
