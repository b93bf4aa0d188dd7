/* SPDX-License-Identifier: Apache-2.0 */
/**
 * libmicrohttpd, loaded when a metrics page is asked for. It brings GnuTLS and a dozen libraries:
 * linked to the executable they would cost every start some milliseconds, and stand before a
 * plugin's own in each look-up of a symbol.
 */
#ifndef STATS_MICROHTTPD_H
#define STATS_MICROHTTPD_H

#include "pipehost/error.h"

#include <microhttpd.h>

struct microhttpd {
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_get_daemon_info) *get_daemon_info;
    __typeof__(MHD_get_timeout) *get_timeout;
    __typeof__(MHD_run) *run;
    __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_destroy_response) *destroy_response;
};

/** Stays loaded until the process ends. Null: err says why. [control] */
const struct microhttpd *microhttpd_load(struct ph_error *err);

#endif
