# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# How scenarios.sh deals with the published algorithm. Sourced in front of it by
# bench/run.

CONTROL=/sys/kernel/debug/rmpopt_published

# shellcheck disable=SC2034 # scenarios.sh has it
algorithm=published

# samples NAME: as many as in module.sh, as the least of them counts.
samples() {
	echo "$1 $1.2 $1.3 $1.4 $1.5 $1.met"
}

load() {
	insmod /rmpopt/modules/rmpopt_published.ko || exit
	settle
}

unload() {
	rmmod rmpopt_published
}

# The pass at load.
settle() {
	while [ "$(cat $CONTROL/passes)" = 0 ]; do
		sleep 0.2
	done
	sleep 0.5
}

about() {
	echo "algorithm published"
	echo "delay_ms 10000"
}

idle() {
	measure idle last 4000
}

# cold NAME. Writing the base empties a core's table.
cold() {
	name=$1
	base=$(emu base 0)
	set -- port "switch base_write_clears always"
	core=0
	while [ $core -lt "$CORES" ]; do
		set -- "$@" port "base $core 0" port "base $core $base"
		core=$((core + 1))
	done
	measure "$name" "$@" port forget write $CONTROL/pass 1
}

asked() {
	measure "$@" write $CONTROL/pass 1
}

# The pass is the same one, only that it comes 10 s later. It is not waited for
# here; the report adds it.
ended() {
	name=$1 regions=$2
	shift 2
	measure "$name" "$@" write $CONTROL/pass 1 regions "$regions"
}

# Its interrupts are as many as its formula says: nothing to be told apart.
traced() {
	:
}
