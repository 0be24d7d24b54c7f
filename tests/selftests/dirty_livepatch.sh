#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# A livepatch of the functions that the module probes works, in whatever order it and the module attach and detach,
# and counts stay right.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/share.sh"
begin 46
require_rmpopt
require_test_module snp_guest
require_test_module rmp_patch
require_test_module rmp_kprobe

share_begin
share livepatch

# All that can be there together.
guest assign "$one" 4k 3 5 >/dev/null
load
poll 60 idle
come fexit
come livepatch
converts
come kretprobe
converts
agree "with a livepatch, a BPF program and a kretprobe"
go fexit
seen fexit $((2 * CONVERSIONS))
go livepatch
seen livepatch $((2 * CONVERSIONS))
go kretprobe
seen kretprobe $CONVERSIONS
share_end
