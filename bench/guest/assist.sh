# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The module beside a kernel that has RMPOPT itself, in its mode "assist". Sourced
# behind module.sh.

NATIVE=/sys/kernel/debug/native_rmpopt

# shellcheck disable=SC2034 # scenarios.sh has them
algorithm=assist notice=$NATIVE/guest_ended

load() {
	insmod /rmpopt/modules/native_rmpopt.ko || exit
	echo 1 >$NATIVE/pass
	insmod /rmpopt/rmpopt.ko || exit
	settle
}

unload() {
	rmmod rmpopt
	rmmod native_rmpopt
}

# cold NAME. The tables are the kernel's: "enabled" does not empty them, writing the
# base does.
cold() {
	name=$1
	echo 0 >"$CONTROL/enabled"
	[ "$name" != traced ] || echo >"$TRACE/trace"
	base=$(emu base 0)
	set --
	core=0
	while [ $core -lt "$CORES" ]; do
		set -- "$@" port "base $core 0" port "base $core $base"
		core=$((core + 1))
	done
	measure "$name" every 40 "$@" port forget write "$CONTROL/enabled" 1 idle "$CONTROL/action"
}

# The kernel's pass after the module has won back what guests gave.
swept() {
	measure "$1" write $NATIVE/pass 1
}
