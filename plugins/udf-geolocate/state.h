/* SPDX-License-Identifier: Apache-2.0 */
/** The cache as saved state: what one generation of the operator knew, the next one need not ask.
 */
#ifndef GEOLOCATE_STATE_H
#define GEOLOCATE_STATE_H

#include "geolocate.h"

int32_t state_save(void *op, struct ph_state_writer *writer, struct ph_error *err);

/** A state of another endpoint or another form is left out, as if there were none; and any where
 * the database is asked instead of an API. */
int32_t state_restore(void *op, struct ph_state_reader *reader, struct ph_error *err);

#endif
