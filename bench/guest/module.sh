# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# How scenarios.sh deals with the module. Sourced in front of it by bench/run.

CONTROL=/sys/kernel/config/rmpopt

algorithm=module

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
	echo "algorithm module"
	if [ -e $CONTROL/auto ]; then
		echo "delay_ms $(cat $CONTROL/delay_ms)"
	fi
}

idle() {
	bench-step idle idle $CONTROL/action last 4000
}

# cold NAME
cold() {
	echo 0 >$CONTROL/enabled
	bench-step "$1" port forget write $CONTROL/enabled 1 idle $CONTROL/action
}

# asked NAME [OPTION...]: a pass over everything, as an administrator orders it.
asked() {
	bench-step "$@" write $CONTROL/action 1 idle $CONTROL/action
}

# ended NAME REGIONS [OPTION...]: guests ended, these regions came free. The
# module finds that out by itself; two seconds more show all that it does.
ended() {
	name=$1 regions=$2
	shift 2
	if [ -e $CONTROL/auto ]; then
		bench-step "$name" "$@" regions "$regions" idle $CONTROL/action last 2500
	else
		bench-step "$name" "$@" write $CONTROL/action 1 regions "$regions" idle $CONTROL/action
	fi
}
