/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The socket in state_dir by which other processes ask a running pipeline. A connection carries one
 * request, a JSON object that ends with a newline, and one answer, a JSON object and a newline;
 * then it is closed. Only the same user and root are heard. Everything is bounded, nothing blocks:
 * the thread that serves it does so between other things.
 *
 * Requests: {"request":"status"}. Answers: {"ok":true,...} or {"ok":false,"error":"sentence"}.
 */
#ifndef STATS_CONTROL_SOCKET_H
#define STATS_CONTROL_SOCKET_H

#include "base/buf.h"
#include "pipehost/error.h"

#define CONTROL_SOCKET_NAME "control" /**< in state_dir */

#define CONTROL_REQUEST_MAX 4096u
#define CONTROL_ANSWER_MAX  (4u * 1024u * 1024u)
#define CONTROL_CLIENTS_MAX 32u
#define CONTROL_SILENCE_MS  2000 /**< from a connection's begin to the end of its request */
#define CONTROL_TIMEOUT_MS  5000 /**< from there to its end; of one who asks, for everything */

/** Appends the answer's object. request is text without a NUL, `length` bytes. */
typedef void (*control_answer_fn)(void *arg, const char *request, size_t length, struct buf *out);

struct control_socket;

/** Replaces a socket that a dead process left: the caller holds the lock of the folder. Null: err
 * says why. */
struct control_socket *control_socket_create(const char *folder, control_answer_fn answer,
                                             void *arg, struct ph_error *err);
/** Removes the socket. Null is fine. */
void control_socket_destroy(struct control_socket *s);

/** Becomes readable when control_socket_serve has something to do. */
int control_socket_fd(const struct control_socket *s);
/** When a silent client is due to be left, monotonic; 0 = there is none. */
int64_t control_socket_due_ns(const struct control_socket *s);
void control_socket_serve(struct control_socket *s);

/**
 * The other side: sends one request and waits for the answer, at most CONTROL_TIMEOUT_MS. PH_IDLE:
 * nobody listens there. [any]
 */
__attribute__((warn_unused_result)) int32_t control_socket_ask(const char *folder,
                                                               const char *request,
                                                               struct buf *answer,
                                                               struct ph_error *err);

#endif
