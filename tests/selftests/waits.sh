# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Shared by the scripts on what the module promises to do within a time. How long
# something takes says nothing on an emulated host under load. What the module's
# thread has chosen to wait for does: the timeouts with which it went to sleep, and that
# ran to their end.

WAITS=/sys/kernel/tracing
WAITS_SLEEPS="timer/timer_start timer/timer_cancel"

# thread_pid: that of the module's thread.
thread_pid()
{
	grep -lx rmpopt /proc/[0-9]*/comm | head -n 1 | sed 's|/proc/||; s|/comm||'
}

# ticks: jiffies of a second, as the kernel counts them.
ticks()
{
	sed -n 's/^jiffies: //p' /proc/timer_list | head -n 1 >/tmp/ticks
	read -r ticks_up _ </proc/uptime
	sleep 2
	sed -n 's/^jiffies: //p' /proc/timer_list | head -n 1 >>/tmp/ticks
	read -r ticks_end _ </proc/uptime
	awk -v from="$ticks_up" -v to="$ticks_end" '
		NR == 1 { first = $1 }
		NR == 2 {
			measured = ($1 - first) / (to - from)
			n = split("100 250 300 1000", hz)
			for (i = 1; i <= n; i++) {
				off = hz[i] < measured ? measured - hz[i] : hz[i] - measured
				if (!best || off < least) {
					best = hz[i]
					least = off
				}
			}
			print best
		}' /tmp/ticks
}

# waits_begin [EVENT...]: records the thread's sleeps, and these events (SYSTEM/NAME).
waits_begin()
{
	echo 0 >$WAITS/tracing_on
	echo mono >$WAITS/trace_clock
	echo >$WAITS/trace
	for event in $WAITS_SLEEPS; do
		echo "common_pid == $(thread_pid)" >$WAITS/events/"$event"/filter
	done
	for event in $WAITS_SLEEPS "$@"; do
		echo 1 >$WAITS/events/"$event"/enable
	done
	echo 1 >$WAITS/tracing_on
}

# waits_mark TEXT: a line of one's own.
waits_mark()
{
	echo "$1" >$WAITS/trace_marker
}

# waits_end [EVENT...]
waits_end()
{
	echo 0 >$WAITS/tracing_on
	for event in $WAITS_SLEEPS "$@"; do
		echo 0 >$WAITS/events/"$event"/enable
	done
	for event in $WAITS_SLEEPS; do
		echo 0 >$WAITS/events/"$event"/filter
	done
	grep -v '^#' $WAITS/trace >/tmp/waits
	echo local >$WAITS/trace_clock
	echo 1 >$WAITS/tracing_on
}

# waited FROM TO: milliseconds for which the thread chose to sleep, and did, from the first
# line that matches FROM to the first after it that matches TO; of a sleep that began before,
# what was left. Then what the clock of the host says. Nothing if there are no such lines.
# A sleep that was ended before its time was a wait for somebody else: for a core, or for
# the next event. So is the time from psp/command to psp/done, for the firmware.
waited()
{
	awk -v from="$1" -v to="$2" -v hz="$hz" '
		# The last sleep ran to its end, or it was removed before.
		function slept() {
			if (begun && sleep > 0)
				waits += from_at > begun ? sleep : sleep - (begun - from_at)
			sleep = 0
		}
		/^ *rmpopt-[0-9]+ .* command: / { commands++ }
		/^ *rmpopt-[0-9]+ .* done: / { commands-- }
		match($0, / [0-9]+\.[0-9]+: /) { at = substr($0, RSTART + 1, RLENGTH - 3) * 1000 }
		/ timer_(start|cancel): / {
			timer = $0
			sub(/.*timer=/, "", timer)
			sub(/ .*/, "", timer)
		}
		/ timer_cancel: / && timer == sleeper { sleep = 0 }
		/ timer_start: .*function=process_timeout/ && match($0, /timeout=[0-9]+/) {
			timeout = substr($0, RSTART + 8, RLENGTH - 8) * 1000 / hz
			slept()
			sleeper = timer
			if (commands <= 0) {
				sleep = timeout
				from_at = at
			}
		}
		!begun && $0 ~ from {
			if (sleep > 0 && from_at + sleep < at)
				sleep = 0
			begun = at
			next
		}
		begun && $0 ~ to {
			slept()
			print int(waits), int(at - begun)
			exit
		}' /tmp/waits
}
