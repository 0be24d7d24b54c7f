#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# Allocations of the module's thread fail: at its start, and after CPU hotplug. The thread logs
# that once, answers requests meanwhile, and carries them out as soon as there is memory.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 24
require_rmpopt
require_test_module rmp_enomem

FAIL=/sys/module/rmp_enomem/parameters

filled()
{
	idle && [ "$(table | grep -c " $all\$")" = "$(free_regions | wc -l)" ]
}

# again: the thread has come back for memory since $before.
again()
{
	[ "$(cat $FAIL/failed)" -ge $((before + 3)) ]
}

unload
log_mark
ok "the thread's memory can be taken away" insmod "$MODULES/rmp_enomem.ko" on=1

# At its start.
before=$(cat $FAIL/failed)
is "insmod" "$(try insmod "$MODULE")" ok
within 60 "the thread gets no memory, and asks again" again
is "it has said so once" "$(log_count 'no memory to work with (-12)')" 1
is "enabled reads 1" "$(cat $CONFIG/enabled)" 1
# The emulator has switched RMPOPT off before. A processor keeps what an earlier load has
# left, until SNP is shut down.
emulated on
is "nothing is optimised" "$(table | grep -vc ' none$')" 0
emulated off
is "action: 1" "$(try write $CONFIG/action 1)" ok
is "enabled: 0 is answered" "$(try write $CONFIG/enabled 0)" ok
is "enabled: 1" "$(try write $CONFIG/enabled 1)" ok
emulated on
is "still nothing is optimised" "$(table | grep -vc ' none$')" 0
emulated off
echo 0 >$FAIL/on
within 60 "there is memory: all is optimised" filled
tables_agree "the table is what the cores have"

# It can be unloaded at that time, too.
unload
echo 1 >$FAIL/on
before=$(cat $FAIL/failed)
is "insmod again" "$(try insmod "$MODULE")" ok
within 60 "the thread gets no memory" again
is "rmmod" "$(try rmmod rmpopt)" ok
echo 0 >$FAIL/on

# When CPUs come that it has never seen: a core that is away when it is loaded.
cpu=$(cpus | tail -n 1)
core=$(expand "$(cat "/sys/devices/system/cpu/cpu$cpu/topology/thread_siblings_list")")
for cpu in $core; do
	echo 0 >"/sys/devices/system/cpu/cpu$cpu/online"
done
load
within 60 "all is optimised on the others" idle
log_mark
echo 1 >$FAIL/on
before=$(cat $FAIL/failed)
for cpu in $core; do
	echo 1 >"/sys/devices/system/cpu/cpu$cpu/online"
done
within 60 "CPUs come: the thread gets no memory, and asks again" again
is "it has said so once" "$(log_count 'there is no memory to note it (-12)')" 1
is "cpu/$cpu" "$(field "$cpu" state)" "never online"
is "the others' regions stay optimised" "$(table | grep -vc ' none$')" "$(free_regions | wc -l)"
echo 0 >$FAIL/on
within 60 "there is memory: all is optimised on all CPUs" filled
is "cpu/$cpu: state" "$(field "$cpu" state)" enabled
tables_agree "the table is what the cores have"

rmmod rmp_enomem
unload
no_splat "the kernel log is clean"
finish
