# SPDX-License-Identifier: GPL-2.0
# host: one smt dimms
# The first pass on all of RAM: its result, and what it costs.
. "$(dirname "$0")/tap.sh"
begin 14

# calls: function-call interrupts so far, one number per CPU.
calls()
{
	awk '$1 == "CAL:" { for (i = 2; $i ~ /^[0-9]+$/; i++) print $i }' /proc/interrupts
}

number()
{
	emu get "$1"
}

unload
log_mark
emu forget >/dev/null
emu reset >/dev/null
load
within 60 "the first pass ends" idle

scans=$(number rmpopt.scans)
failed=$(number rmpopt.failed_scans)
verify=$(number rmpopt.verify)
report=$(number rmpopt.report)
ud=$(number rmpopt.ud)
writes=$(number rmpopt_base.writes)

regions=$(ram_regions | wc -l)
cores=$(cores)
note "$regions regions, $cores cores: $verify verify, $report report, $scans scans, $failed of them failed"

[ "${DIMMS:-0}" != 200 ] || is "the host has the regions of 200 DIMMs and its own" "$regions" 204
is "the table has a line for each region with RAM" "$(table | cut -d' ' -f1 | tr '\n' ' ')" "$(ram_regions | tr '\n' ' ')"
tables_agree "the table is what the cores have"
is "every region without an assigned page is optimised on every CPU" \
	"$(table | grep -v ' none$' | cut -d' ' -f1 | tr '\n' ' ')" "$(free_regions | tr '\n' ' ')"
is "on every CPU" "$(table | grep -v ' none$' | cut -d' ' -f2 | sort -u)" "$(cat /sys/devices/system/cpu/online)"
at_least "regions that are optimised" "$(table | grep -vc ' none$')" 1
is "one scan for each region with RAM" "$scans" "$regions"
is "scans that failed are those of the other regions" "$failed" "$((regions - $(free_regions | wc -l)))"
at_most "RMPOPT in all" $((verify + report)) $((regions * cores + cores * failed))
at_least "RMPOPT in all" $((verify + report)) $((scans + (cores - 1) * (regions - failed)))
is "no #UD" "$ud" 0
at_most "writes of RMPOPT_BASE" "$writes" "$cores"

# Interrupts. What the module causes comes in each cycle, what the rest of the
# system causes does not: so each CPU's least of several cycles counts. First
# that the meter works: an MSR is read by an interrupt on the CPU asked.
[ -e /dev/cpu/0/msr ] || insmod $MODULES/msr.ko 2>/dev/null
last=$(cpus | tail -n 1)
if [ "$last" = 0 ]; then
	skip "the meter: three MSR reads are three interrupts" "one CPU is never interrupted by another"
else
	before=$(calls | tail -n 1)
	for turn in 1 2 3; do
		dd if="/dev/cpu/$last/msr" of=/dev/null bs=8 count=1 skip=$((0xc0010010 / 8)) iflag=skip_bytes 2>/dev/null ||
			taskset 1 dd if="/dev/cpu/$last/msr" of=/dev/null bs=8 count=1 skip=2 2>/dev/null
	done
	at_least "the meter: MSR reads interrupt the CPU" $(($(calls | tail -n 1) - before)) 3
fi

: >/tmp/cycles
for cycle in 1 2 3 4 5; do
	echo 0 >$CONFIG/enabled
	emu forget >/dev/null
	emu reset >/dev/null
	sleep 0.3
	calls >/tmp/calls.before
	echo 1 >$CONFIG/enabled
	while read -r state <$CONFIG/action; [ "$state" != idle ]; do
		sleep 0.2
	done
	calls >/tmp/calls.after
	[ "$(number rmpopt.scans)" = "$regions" ] || tap_fail "cycle $cycle scans each region"
	paste /tmp/calls.before /tmp/calls.after >>/tmp/cycles
done
worst=$(awk -v cpus="$(cpus | wc -l)" '
	{ cpu = (NR - 1) % cpus; d = $2 - $1; if (!(cpu in least) || d < least[cpu]) least[cpu] = d }
	END { for (cpu in least) if (least[cpu] > worst) worst = least[cpu]; print worst + 0 }' /tmp/cycles)
at_most "function-call interrupts that a pass causes on the worst CPU" "$worst" 2

unload
no_splat "the kernel log is clean"
finish
