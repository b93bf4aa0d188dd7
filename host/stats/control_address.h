/* SPDX-License-Identifier: Apache-2.0 */
/** The address of the control socket in a folder whose path may be longer than an address holds. */
#ifndef STATS_CONTROL_ADDRESS_H
#define STATS_CONTROL_ADDRESS_H

#include "pipehost/error.h"

#include <sys/un.h>

struct control_address {
    struct sockaddr_un address;
    int folder_fd; /**< -1 = not needed */
};

__attribute__((warn_unused_result)) int32_t control_address_init(struct control_address *a,
                                                                 const char *folder,
                                                                 struct ph_error *err);
void control_address_fini(struct control_address *a);

#endif
