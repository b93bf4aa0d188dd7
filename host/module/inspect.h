/* SPDX-License-Identifier: Apache-2.0 */
/** Prints what a module's plugins declare, for people, for programs and as a reference page. */
#ifndef MODULE_INSPECT_H
#define MODULE_INSPECT_H

#include "module/module.h"

#include <stdio.h>

enum inspect_format { INSPECT_TEXT, INSPECT_JSON, INSPECT_MARKDOWN };

/** Whether out took it all is for the caller to ask (ferror). The same module gives the same bytes;
 * Markdown names no folder. */
void inspect_print(FILE *out, const struct module *m, enum inspect_format format);

/* One for each format. */
void inspect_print_text(FILE *out, const struct module *m);
void inspect_print_json(FILE *out, const struct module *m);
void inspect_print_markdown(FILE *out, const struct module *m);

#endif
