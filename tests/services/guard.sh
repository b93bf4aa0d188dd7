#!/bin/bash
# guard.sh RUN_DIR OWNER_PID: waits for the owner to be gone, then stops every process of the run and removes RUN_DIR. It is
# what tidies up after an owner that was killed with signal 9; an owner that ends in order ends its guard.
set -u
# shellcheck source=process.sh
. "$(dirname -- "$0")/process.sh"
trap '' INT HUP
tail --pid="$2" -f /dev/null
RUN_DIR=$1
run_close
