/* SPDX-License-Identifier: Apache-2.0 */
/** Everything a plugin needs in one include. */
#ifndef PIPEHOST_PIPEHOST_H
#define PIPEHOST_PIPEHOST_H

#include "pipehost/check.h"
#include "pipehost/encode.h"
#include "pipehost/plugin.h"
#include "pipehost/positions.h"
#include "pipehost/rebalance.h"
#include "pipehost/watermark.h"

#endif
