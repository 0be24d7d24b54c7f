# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The guest's part of tests/panic, in the crash kernel: which commands the firmware got. This is no test of the
# collection.
. "$(dirname "$0")/tap.sh"

echo "panic_second.sh: the firmware is $(emu snp phase);" \
	"shutdown $(emu get psp.shutdown), snp-page-reclaim $(emu get psp.snp-page-reclaim)," \
	"snp-shutdown-ex $(emu get psp.snp-shutdown-ex)" >/dev/kmsg
