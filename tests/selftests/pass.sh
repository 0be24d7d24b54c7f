# SPDX-License-Identifier: GPL-2.0
# host: one smt dimms
# The first pass on all of RAM: its result, and what it costs.
. "$(dirname "$0")/tap.sh"
begin 13

number()
{
	emu get "$1"
}

# Interrupts. The counters of /proc/interrupts cannot tell the module's from all
# others, so each one sent is traced with its stack. The module's are those with
# the module in it, and the end of its work, which is a tail call.
trace=/sys/kernel/tracing

trace_on()
{
	echo 1 >$trace/options/sym-offset
	echo 4096 >$trace/buffer_size_kb
	for event in ipi_send_cpu ipi_send_cpumask; do
		echo stacktrace >$trace/events/ipi/$event/trigger
		echo 1 >$trace/events/ipi/$event/enable
	done
}

trace_off()
{
	for event in ipi_send_cpu ipi_send_cpumask; do
		echo 0 >$trace/events/ipi/$event/enable
		echo '!stacktrace' >$trace/events/ipi/$event/trigger
	done
}

# interrupts: for each of the module's function-call interrupts "CORE work", or
# "CORE wake" where it is the thread that is woken, not a core that gets work.
# One to several CPUs at once is none that the module may send: "broadcast".
# What loading itself sends, to look at each core, belongs to no pass.
interrupts()
{
	awk -v threads="$(threads)" '
		function settle() {
			if ((ours || end) && !loading)
				print (cpu < 0 ? "broadcast" : int(cpu / threads)), (wake || end ? "wake" : "work")
			cpu = ""
		}
		/: ipi_send_/ {
			if (cpu != "")
				settle()
			ours = end = wake = timer = last_complete = loading = 0
			cpu = ""
			if (/callback=generic_smp_call_function_single/ || /ipi_send_cpumask/)
				cpu = match($0, /cpu=[0-9]+/) ? substr($0, RSTART + 4, RLENGTH - 4) : -1
			next
		}
		cpu == "" { next }
		/^ => / {
			# What an interrupt of its own does on the way is not ours.
			if (/asm_sysvec_/)
				timer = 1
			if (timer)
				next
			if (last_complete && /process_one_work/)
				end = 1
			last_complete = /complete_all/
			if (/\[rmpopt\]/)
				ours = 1
			if (/do_init_module/)
				loading = 1
			if (/complete_all|__wake_up/)
				wake = 1
		}
		END { if (cpu != "") settle() }' $trace/trace
}

# worst FILE [KIND]: the most of them that one core got.
worst()
{
	grep "${2:-.}" "$1" | cut -d' ' -f1 | sort | uniq -c | awk '$1 > m { m = $1 } END { print (m + 0) }'
}

# polite PASS: what must hold of the interrupts of a pass that gave work to all cores.
polite()
{
	is "$1: no interrupt was broadcast" "$(grep -c broadcast /tmp/interrupts)" 0
	at_least "$1: cores got work by interrupts" "$(grep -c work /tmp/interrupts)" 1
	at_most "$1: function-call interrupts that bring work to the worst core" "$(worst /tmp/interrupts work)" 2
	at_most "$1: those that wake the thread, in all" "$(grep -c wake /tmp/interrupts)" 3
	note "$1: worst core $(worst /tmp/interrupts) in all"
}

traced=
if [ "$(cores)" != 1 ] && [ -e $trace/events/ipi/ipi_send_cpu/enable ]; then
	traced=1
	trace_on
fi

unload
log_mark
emu forget >/dev/null
emu reset >/dev/null
[ -z "$traced" ] || echo >$trace/trace
load
within 60 "the first pass ends" idle
[ -z "$traced" ] || interrupts >/tmp/interrupts

scans=$(number rmpopt.scans)
failed=$(number rmpopt.failed_scans)
verify=$(number rmpopt.verify)
report=$(number rmpopt.report)
ud=$(number rmpopt.ud)
writes=$(number rmpopt_base.writes)

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
is "one scan for each region with RAM" "$scans" "$regions"
is "scans that failed are those of the other regions" "$failed" "$((regions - frees))"
at_most "RMPOPT in all" $((verify + report)) $((regions * cores + cores * failed))
at_least "RMPOPT in all" $((verify + report)) $((scans + (cores - 1) * (regions - failed)))
is "no #UD" "$ud" 0
at_most "writes of RMPOPT_BASE" "$writes" "$cores"

if [ "$cores" = 1 ]; then
	skip "interrupts that a pass causes" "there is one core"
elif [ -z "$traced" ]; then
	tap_fail "the kernel can trace interrupts" "no $trace/events/ipi/ipi_send_cpu"
else
	polite "the first pass"
	for cycle in 1 2 3 4 5; do
		echo 0 >$CONFIG/enabled
		emu forget >/dev/null
		emu reset >/dev/null
		sleep 0.3
		echo >$trace/trace
		echo 1 >$CONFIG/enabled
		poll 60 idle
		interrupts >/tmp/interrupts
		is "cycle $cycle: each region was scanned" "$(number rmpopt.scans)" "$regions"
		polite "cycle $cycle"
		worst=$(worst /tmp/interrupts)
		[ "$worst" -ge "${least:-$worst}" ] || least=$worst
		least=${least:-$worst}
	done
	# A worker that is just returning when the thread looks wakes it once more, now and then.
	at_most "all function-call interrupts of the worst core, in the quietest cycle" "$least" 2
	trace_off
fi

unload
no_splat "the kernel log is clean"
finish
