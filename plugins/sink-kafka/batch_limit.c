/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_limit.h"

#include "topic_setting.h"

#include <stdlib.h>

int64_t batch_limit_ask(struct producer *p)
{
    char text[24];
    if (topic_setting_ask(&p->link, p->settings->topic, "max.message.bytes", text, sizeof text)) {
        return strtoll(text, NULL, 10);
    }
    link_log(&p->link, PH_LOG_DEBUG,
             "topic \"%s\" does not tell its max.message.bytes: taken to be %lld",
             p->settings->topic, (long long)p->message_bytes);
    return 0;
}
