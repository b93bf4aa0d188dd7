/* SPDX-License-Identifier: Apache-2.0 */
/** udf-upper: writes a text's ASCII letters as capitals; other letters stay as they are. */
#include "pipehost/scalar.h"

static int32_t upper(struct ph_call *call)
{
    struct ph_bytes text = ph_arg_text(call, 0);
    uint8_t *room = ph_result_room(call, text.length);
    for (uint32_t i = 0; room != NULL && i < text.length; i++) {
        uint8_t c = text.data[i];
        room[i] = c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
    }
    return room == NULL ? PH_MORE : PH_OK;
}

PH_SCALAR_UDF("udf-upper", PH_SDK_VERSION, "writes a text's ASCII letters as capitals",
              .function = upper, .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING});
