#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: timed
# Memory goes offline and comes back, also during passes.
. "$(dirname "$0")/tap.sh"
begin 18
require_time
require_rmpopt

turns=$(hard 100 30)
all=$(cat /sys/devices/system/cpu/online)

everywhere()
{
	[ "$(table_of "$1")" = "$all" ]
}

# Every region with RAM has a line, and those without assigned pages are
# optimised on all CPUs.
complete()
{
	idle && [ "$(table | wc -l)" = "$(ram_regions | wc -l)" ] &&
		[ "$(table | grep -c " $all\$")" = "$(free_regions | wc -l)" ]
}

unload
load
within 120 "all of RAM is optimised" complete

# The last DIMMs hold nothing that cannot be moved.
set -- $(ram_regions | tail -n 12)
first=$1
ok "GiB $first goes offline" memory_state "$first" offline
within 60 "it has no line any more" unlisted "$first"
is "no other line is gone" "$(table | wc -l)" $(($(ram_regions | wc -l) - 1))
# Meanwhile it gets an assigned page and loses it: no core has it any more, and
# nobody has said so.
page=$(printf '0x%x' $((first * 0x40000000)))
ok "a page of it is assigned" emu set-entry "$page" assigned=1 asid=1
ok "and released" emu set-entry "$page"
is "no core has it" "$(emu optimised "$first")" none
emu reset >/dev/null
ok "GiB $first comes back" memory_state "$first" online
within 60 "it has a line again" listed "$first"
within 60 "it is optimised on all CPUs" everywhere "$first"
at_most "that cost a scan at most" "$(emu get rmpopt.scans)" 1
at_most "and RMPOPT for this GiB only" "$(emu get rmpopt.verify)" "$(cores)"

# Only what happens while a pass is under way counts.
ok "RMPOPT takes time" emu time model
turn=0
gone=0
came=0
while [ $gone -lt $turns ] && [ $turn -lt $((2 * turns)) ]; do
	region=$(eval "echo \${$((turn % 10 + 1))}")
	[ $((turn % 20)) != 0 ] || emu forget >/dev/null
	during || break
	memory_state "$region" offline 2>/dev/null && gone=$((gone + 1))
	during && memory_state "$region" online 2>/dev/null && came=$((came + 1))
	turn=$((turn + 1))
done
emu time none
is "memory went in the middle of passes" $gone $turns
at_least "memory came in the middle of passes" $came $turns
within 120 "all of RAM is optimised in the end" complete
tables_agree "the table is what the cores have"

is "rmmod" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish
