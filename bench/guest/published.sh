# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# How scenarios.sh deals with a published algorithm. Sourced in front of it by
# bench/run, behind june.sh or taken.sh, which say which one.

CONTROL=/sys/kernel/debug/${player:?}
# shellcheck disable=SC2034 # scenarios.sh has it
notice=$CONTROL/guest_ended

load() {
	insmod "/rmpopt/modules/$player.ko" || exit
	settle
	# A pass now, instead of in ten seconds.
	echo 1 >"$CONTROL/pass"
}

unload() {
	rmmod "$player"
}

# Nothing is under way: a write of "pass" returns when the pass is over.
settle() {
	sleep 0.5
}

about() {
	echo "algorithm ${algorithm:?}"
	echo "delay_ms 10000"
}

# idle NAME
idle() {
	measure "$1" last 4000
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
	measure "$name" "$@" port forget write "$CONTROL/pass" 1
}

# Nothing checks anything.
checked() {
	:
}

asked() {
	measure "$@" write "$CONTROL/pass" 1
}

# The pass is the same one, only that it comes 10 s later. It is not waited for
# here; the report adds it.
ended() {
	name=$1 regions=$2
	shift 2
	measure "$name" "$@" write "$CONTROL/pass" 1 regions "$regions"
}

# Its interrupts are as many as its formula says: nothing to be told apart.
traced() {
	:
}
