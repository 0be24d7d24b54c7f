#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: zen5 zen4
# On a processor without RMPOPT the module loads and observes; it executes no instruction
# that the processor does not have, and writes no register.
. "$(dirname "$0")/tap.sh"
begin 31
require_model zen5 zen4
require_test_module snp_guest

# core_has CPU LIST: the CPU's core has these CPUs.
core_has()
{
	case "$(field "$1" core)" in
	*" (CPUs $2)") ;;
	*) false ;;
	esac
}

unload
log_mark
emu reset >/dev/null
is "insmod" "$(try insmod "$MODULE")" ok
like "the log says what follows" "$(log_lines observ)" "*observ*"
is "in one line" "$(log_count)" 1
sleep 1

is "action reads idle" "$(cat $CONFIG/action)" idle
is "enabled reads 0" "$(cat $CONFIG/enabled)" 0
is "action: 1" "$(try write $CONFIG/action 1)" EPERM
is "action: 2" "$(try write $CONFIG/action 2)" EINVAL
is "enabled: 1" "$(try write $CONFIG/enabled 1)" EOPNOTSUPP
is "enabled: 0" "$(try write $CONFIG/enabled 0)" ok
is "enabled: 2" "$(try write $CONFIG/enabled 2)" EINVAL
is "the table has a line for each region with RAM" "$(table | cut -d' ' -f1 | tr '\n' ' ')" "$(ram_regions | tr '\n' ' ')"
is "nothing is optimised" "$(table | grep -vcE ' none \((could be optimised|held by [a-z,]+)\)$')" 0
for cpu in $(cpus); do
	is "cpu/$cpu: state" "$(field "$cpu" state)" off
done

insmod "$MODULES/snp_guest.ko"
is "a guest gets pages" "$(try write $GUEST/cmd "assign 4 2m 1 5")" ok
is "and gives them back" "$(try write $GUEST/cmd "release all")" ok
rmmod snp_guest

# Memory goes and comes: the DIMM that the emulated hosts have.
emulated on
last=$(ram_regions | tail -n 1)
ok "GiB $last goes offline" memory_state "$last" offline
within 60 "it has no line any more" unlisted "$last"
ok "GiB $last comes back" memory_state "$last" online
within 60 "it has a line again" listed "$last"
emulated off

# CPUs and memory come that the module has never seen: they were away when it was loaded.
is "rmmod" "$(try rmmod rmpopt)" ok
came=$(cpus | tail -n 1)
sibling=$(expand "$(cat "/sys/devices/system/cpu/cpu$came/topology/thread_siblings_list")" | head -n 1)
echo 0 >"/sys/devices/system/cpu/cpu$came/online"
echo 0 >"/sys/devices/system/cpu/cpu$sibling/online"
[ -z "$EMULATOR" ] || memory_state "$last" offline
log_mark
is "insmod without a core" "$(try insmod "$MODULE")" ok
like "the log counts the others" "$(log_lines observ)" "* $(cores) cores; *"
is "cpu/$came: state" "$(field "$came" state)" "never online"
echo 1 >"/sys/devices/system/cpu/cpu$came/online"
within 60 "CPU $came comes: it is a core" core_has "$came" "$came"
is "cpu/$came: state" "$(field "$came" state)" off
echo 1 >"/sys/devices/system/cpu/cpu$sibling/online"
within 60 "CPU $sibling comes: they are one" core_has "$came" "$sibling-$came"
is "cpu/$sibling: core" "$(field "$sibling" core)" "$(field "$came" core)"
emulated on
ok "GiB $last has no line" unlisted "$last"
ok "GiB $last comes" memory_state "$last" online
within 60 "it has a line" listed "$last"
emulated off

is "no RMPOPT was executed" \
	"$(($(emu get rmpopt.verify) + $(emu get rmpopt.report) + $(emu get rmpopt.ud)))" 0
is "RMPOPT_BASE was not written" "$(emu get rmpopt_base.writes)" 0
is "rmmod" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish
