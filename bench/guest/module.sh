# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# How scenarios.sh deals with the module. Sourced in front of it by bench/run; with
# assist.sh in between, beside a kernel that has RMPOPT itself.

# TRACE, and what is traced.
. /rmpopt/tests/selftests/trace.sh

CONTROL=/sys/kernel/config/rmpopt

# shellcheck disable=SC2034 # scenarios.sh has it
algorithm=module
# Where the kernel learns that a guest has ended, if it has RMPOPT itself.
# shellcheck disable=SC2034 # scenarios.sh has it
notice=

load() {
	insmod /rmpopt/rmpopt.ko || exit
	settle
}

unload() {
	rmmod rmpopt
}

# Until nothing is under way or about to be.
settle() {
	sleep 1
	while read -r state <$CONTROL/action; [ "$state" != idle ]; do
		sleep 0.2
	done
}

about() {
	echo "algorithm $algorithm"
	if [ -e $CONTROL/auto ]; then
		echo "delay_ms $(cat $CONTROL/delay_ms)"
	fi
}

# idle NAME
idle() {
	measure "$1" idle $CONTROL/action last 4000
}

# cold NAME
cold() {
	echo 0 >$CONTROL/enabled
	[ "$1" != traced ] || echo >$TRACE/trace
	measure "$1" every 40 port forget write $CONTROL/enabled 1 idle $CONTROL/action
}

# Returns when the thread has just checked its own core, which it does once a second.
checked() {
	checks=$(self_checks)
	while [ "$(self_checks)" = "$checks" ]; do
		sleep 0.02
	done
}

self_checks() {
	sed -n 's/^self_checks: *//p' /sys/kernel/debug/rmpopt/stats
}

# asked NAME [OPTION...]: a pass over everything, as an administrator orders it.
asked() {
	measure "$@" every 40 write $CONTROL/action 1 idle $CONTROL/action
}

# ended NAME REGIONS [OPTION...]: guests ended, these regions came free. The
# module finds that out by itself. It waits less than it would, so that less of
# the idle system is counted with it; only for the time it waits as by default.
ended() {
	name=$1 regions=$2
	shift 2
	if [ -e $CONTROL/auto ]; then
		delay_ms=$(cat $CONTROL/delay_ms)
		[ "$name" = timed ] || echo 150 >$CONTROL/delay_ms
		measure "$name" every 100 "$@" regions "$regions" idle $CONTROL/action last 250
		echo "$delay_ms" >$CONTROL/delay_ms
	else
		measure "$name" "$@" write $CONTROL/action 1 regions "$regions" idle $CONTROL/action
	fi
}

# A cold pass again, with each function-call interrupt traced: /proc/interrupts
# cannot tell the module's from all others. "work" is by core, and so are those that
# wake the module's thread, "wake"; "broadcast" are those to several CPUs at once.
traced() {
	stacks_on ipi/ipi_send_cpu ipi/ipi_send_cpumask
	cold traced
	echo 0 >$TRACE/tracing_on
	interrupts "$THREADS" | awk -v cores="$CORES" '
		function by_core(kind) {
			printf "%s", kind
			for (core = 0; core < cores; core++)
				printf " %d", sent[core, kind]
			printf "\n"
		}
		$1 == "broadcast" { broadcast++ }
		{ sent[$1, $2]++ }
		END {
			by_core("work")
			by_core("wake")
			printf "broadcast %d\n", broadcast
		}'
	stacks_off ipi/ipi_send_cpu ipi/ipi_send_cpumask
}
