/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The lines between those who log and the thread that writes them. A stderr that nobody reads (a
 * stopped terminal, a full pipe) then stops neither data nor signals: lines that find no room are
 * dropped, counted, and the count is written where they would stand.
 *
 *   put ──▶ [ bytes of whole lines, 256 KiB ] ──▶ thread "ph-log" ──▶ write(fd)
 *
 * One mutex guards all of it; it is never held over a write.
 */
#ifndef BASE_LOG_QUEUE_H
#define BASE_LOG_QUEUE_H

#include "base/log_line.h"

/** Where lines go from now on; stderr before any call. [control] */
void log_queue_set_fd(int fd);

/**
 * Adds a copy of the line. Waits where there is no room, and for the line to be written where
 * `wait` is set (it may be the last before a crash), 50 ms at most, and not at all while a stall
 * lasts that somebody has waited for. [any]
 */
void log_queue_put(const struct log_line *line, bool wait);

/** Waits until every line is written; gives up when none was for 0.5 s, or after 5 s. [any] */
void log_queue_flush(void);

/** Makes the line that stands for dropped ones. Called with the queue locked; log.c has it. */
void log_queue_describe(struct log_line *out, uint64_t dropped);

#endif
