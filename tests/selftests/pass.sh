#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: one smt dimms
# The first pass on all of RAM: its result, and what it costs.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/trace.sh"
begin 17
require_rmpopt

number()
{
	emu get "$1"
}

# The counters of /proc/interrupts cannot tell the module's from all others, so each
# one sent is traced with its stack.
ipis="ipi/ipi_send_cpu ipi/ipi_send_cpumask"

kmem="kmem/kmalloc kmem/kmem_cache_alloc kmem/mm_page_alloc"

# allocations: each with the module on the stack, as the function of the module that
# made it. What an interrupt does on the way is not ours.
allocations()
{
	awk '
		/<stack trace>/ { through = 0; next }
		through || !/^ => / { next }
		/asm_/ { through = 1; next }
		/\[rmpopt\]/ { print $2; through = 1 }' $TRACE/trace
}

# scanned_by: "REGION CORE[,CORE...]" lines, as the emulator has counted.
scanned_by()
{
	number rmpopt.by_region | tr '}' '\n' |
		sed -n 's/.*"\([0-9]*\)":{.*"scanned_by":\[\([0-9,]*\)\].*/\1 \2/p'
}

# nodes: "region N NODE" of each region's first memory, "core N NODE" of each core.
nodes()
{
	per=$((0x40000000 / 0x$(cat /sys/devices/system/memory/block_size_bytes)))
	for block in /sys/devices/system/node/node*/memory[0-9]*; do
		node=${block%/*}
		echo "${block##*/memory} ${node##*/node}"
	done | sort -n | awk -v per="$per" '!seen[int($1 / per)]++ { print "region", int($1 / per), $2 }'
	for core in $(each_core); do
		node=$(echo /sys/devices/system/cpu/cpu$((core * $(threads)))/node*)
		echo "core $core ${node##*/node}"
	done
}

# led: how the regions' nodes were led, each combination once: "node N by core C of node M".
led()
{
	{
		nodes
		scanned_by
	} | awk '
		NF == 3 { node[$1 $2] = $3; next }
		{ print "node " node["region" $1] " by core " $2 " of node " node["core" $2] }' | sort -u
}

# leads: how they are to be led: those of each node by its first core.
leads()
{
	nodes | awk '$1 == "core" && !seen[$3]++ { print "node " $3 " by core " $2 " of node " $3 }' | sort -u
}

# worst FILE [KIND]: the most of them that one core got.
worst()
{
	grep "${2:-.}" "$1" | cut -d' ' -f1 | sort | uniq -c | awk '$1 > m { m = $1 } END { print (m + 0) }'
}

# polite PASS: what must hold of the interrupts of a pass that gave work to all cores. A core
# that is awake may take its work without an interrupt.
works=0
polite()
{
	is "$1: no interrupt was broadcast" "$(grep broadcast /tmp/interrupts)" ""
	works=$((works + $(grep -c ' work ' /tmp/interrupts)))
	at_most "$1: function-call interrupts that bring work to the worst core" "$(worst /tmp/interrupts ' work ')" 2
	at_most "$1: those that wake the thread, in all" "$(grep -c ' wake ' /tmp/interrupts)" 3
	note "$1: worst core $(worst /tmp/interrupts) in all"
}

traced=
if [ "$(cores)" != 1 ] && [ -e $TRACE/events/ipi/ipi_send_cpu/enable ]; then
	traced=1
	# shellcheck disable=SC2086 # a list
	stacks_on $ipis
fi

unload
# What is switched off here and on again begins with nothing.
emu switch enable_sticky clear >/dev/null
log_mark
emu forget >/dev/null
emu reset >/dev/null
[ -z "$traced" ] || echo >$TRACE/trace
load
within 60 "the first pass ends" idle
[ -z "$traced" ] || interrupts "$(threads)" >/tmp/interrupts

emulated on
scans=$(number rmpopt.scans)
failed=$(number rmpopt.failed_scans)
verify=$(number rmpopt.verify)
# Reports but those of the self-checks. Both numbers are read between two self-checks. The
# module counts a self-check before the core executes its report, so that one may be missing.
looks()
{
	sed -n 's/^self_checks: //p' $DEBUG/stats
}

reports()
{
	before=$(looks)
	report=$(number rmpopt.report)
	[ "$(looks)" = "$before" ] && report=$((report - before))
}
poll 60 reports
ud=$(number rmpopt.ud)
writes=$(number rmpopt_base.writes)
led >/tmp/led
emulated off

regions=$(ram_regions | wc -l)
cores=$(cores)
free=$(free_regions)
frees=$(echo "$free" | wc -l)
note "$regions regions, $cores cores: $verify verify, $report report, $scans scans, $failed of them failed"

[ "${DIMMS:-0}" != 200 ] || is "the host has the regions of 200 DIMMs and its own" "$regions" 204
is "the table has a line for each region with RAM" "$(table | cut -d' ' -f1 | tr '\n' ' ')" "$(ram_regions | tr '\n' ' ')"
tables_agree "the table is what the cores have"
is "every region without an assigned page is optimised on every CPU" \
	"$(table | grep -v ' none$' | cut -d' ' -f1 | tr '\n' ' ')" "$(echo "$free" | tr '\n' ' ')"
is "on every CPU" "$(table | grep -v ' none$' | cut -d' ' -f2 | sort -u)" "$(cat /sys/devices/system/cpu/online)"
at_least "regions that are optimised" "$(table | grep -vc ' none$')" 1
emulated on
is "one scan for each region with RAM" "$scans" "$regions"
is "those of a node by one core, which is of that node" "$(cat /tmp/led)" "$(leads)"
is "scans that failed are those of the other regions" "$failed" "$((regions - frees))"
at_most "RMPOPT in all" $((verify + report)) $((regions * cores + cores * failed))
at_least "RMPOPT in all, and a self-check's that is to come" $((verify + report + 1)) $((scans + (cores - 1) * (regions - failed)))
is "no #UD" "$ud" 0
at_most "writes of RMPOPT_BASE" "$writes" "$cores"
emulated off

if [ "$cores" = 1 ]; then
	skip "interrupts that a pass causes" "there is one core"
elif [ -z "$traced" ]; then
	tap_fail "the kernel can trace interrupts" "no $TRACE/events/ipi/ipi_send_cpu"
else
	polite "the first pass"
	for cycle in $(seq "$(hard 5 2)"); do
		echo 0 >$CONFIG/enabled
		emu forget >/dev/null
		emu reset >/dev/null
		sleep 0.3
		echo >$TRACE/trace
		echo 1 >$CONFIG/enabled
		poll 60 idle
		interrupts "$(threads)" >/tmp/interrupts
		is "cycle $cycle: each region was scanned" "$(number rmpopt.scans)" "$regions"
		polite "cycle $cycle"
		worst=$(worst /tmp/interrupts)
		[ "$worst" -ge "${least:-$worst}" ] || least=$worst
		least=${least:-$worst}
	done
	at_least "interrupts that brought work to cores, in all these passes" "$works" 1
	# Two bring work, and up to three wake the thread, which may sit on any CPU.
	at_most "all function-call interrupts of the worst core, in the quietest cycle" "$least" 5
	# shellcheck disable=SC2086 # a list
	stacks_off $ipis
fi

# Memory. What a survey allocates shows that the module would be seen.
# shellcheck disable=SC2086 # a list
stacks_on $kmem
echo >$TRACE/trace
echo all >$CONFIG/window_policy
poll 60 idle
at_least "allocations of a survey" "$(allocations | wc -l)" 1
echo 0 >$CONFIG/enabled
sleep 0.3
echo >$TRACE/trace
echo 1 >$CONFIG/enabled
poll 60 idle
echo 1 >$CONFIG/action
poll 60 idle
allocations >/tmp/allocations
at_least "allocations that were traced" "$(grep -c '<stack trace>' $TRACE/trace)" 1
is "nothing is allocated in passes" "$(sort /tmp/allocations | uniq -c | head -8)" ""
# shellcheck disable=SC2086 # a list
stacks_off $kmem

unload
sticky_as_booted
no_splat "the kernel log is clean"
finish
