/* SPDX-License-Identifier: Apache-2.0 */
/** One TCP connection through the proxy: two pipes of bytes, and what goes wrong in them. */
#ifndef TESTS_FAULT_RELAY_H
#define TESTS_FAULT_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPE_BYTES  65536u
#define PIPE_MARKS  128u
#define TEXT_BYTES  64u
#define NEVER       UINT64_MAX
#define FROM_CLIENT 0
#define FROM_SERVER 1

enum fault {
    FAULT_PASS,
    FAULT_LATENCY,   /**< each byte comes so much later; all connections, as long as it stands */
    FAULT_SLICE,     /**< so many bytes in one segment; likewise */
    FAULT_STALL,     /**< nothing is read or written, nothing closed, until the next `pass` */
    FAULT_RESET,     /**< both sides get RST */
    FAULT_CLOSE,     /**< one side gets FIN, the other goes on */
    FAULT_BLACK_HOLE /**< all bytes are taken and dropped, nothing is closed, for ever */
};

/** What shall go wrong. */
struct plan {
    enum fault fault;
    uint64_t amount;       /**< ms of FAULT_LATENCY, bytes of FAULT_SLICE */
    uint64_t after;        /**< how many bytes pass before, from the start or behind text */
    char text[TEXT_BYTES]; /**< "" = none */
    size_t text_length;
    int from;     /**< whose bytes are counted: FROM_CLIENT or FROM_SERVER */
    int toward;   /**< FAULT_CLOSE: who gets the FIN, as the one whose peer sends it */
    bool is_each; /**< every connection, also later ones; else the first one that comes so far */
};

/** Bytes on their way in one direction; [at, end) of data. */
struct pipe {
    char data[PIPE_BYTES];
    size_t at;
    size_t end;
    struct {
        uint64_t until; /**< bytes that came in so far */
        int64_t due_ns; /**< when they may go on */
    } marks[PIPE_MARKS];
    unsigned first_mark;
    unsigned mark_count;
    uint64_t taken;   /**< bytes ever read */
    uint64_t given;   /**< bytes ever written */
    uint64_t fire_at; /**< of given; NEVER = not armed */
    size_t matched;   /**< of the plan's text */
    bool has_ended;   /**< its reader saw the end */
    bool is_shut;     /**< its writer was told */
};

struct relay {
    int fds[2]; /**< FROM_CLIENT, FROM_SERVER; < 0 = free */
    struct pipe pipes[2];
    bool is_stalled;
    bool is_black;
};

int64_t relay_now_ns(void);

/** Takes both descriptors. */
void relay_init(struct relay *r, int client, int server, const struct plan *plan);
/** Forgets what was armed and begins to count anew; ends a stall at `pass`. */
void relay_arm(struct relay *r, const struct plan *plan);
/** Nothing comes to it any more; a stall stays. */
void relay_disarm(struct relay *r);
/** What each side waits for; answers how long at most, ns, or -1. */
int64_t relay_wants(const struct relay *r, const struct plan *plan, struct pollfd fds[2]);
/** Moves bytes. True: the plan's fault has just come to this connection. */
bool relay_step(struct relay *r, const struct plan *plan, const struct pollfd fds[2]);
bool relay_is_open(const struct relay *r);

#endif
