#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: snpoff
# SNP counts as on when SNP_INIT is over, in whatever order the modules are loaded. The emulator
# ends the run at an RMPOPT or a write of RMPOPT_BASE before the end of SNP_INIT.
. "$(dirname "$0")/tap.sh"
begin 118
require_emulator
require_rmpopt

CCP=/sys/kernel/debug/ccp_play/cmd
END=/sys/module/ccp/parameters/end

attempts()
{
	echo $(($(emu get rmpopt.verify) + $(emu get rmpopt.report)))
}

filled()
{
	idle && [ "$(table | grep -vc ' none$')" = "$free" ]
}

phase()
{
	[ "$(emu snp phase)" = "$1" ]
}

# ccp COMMAND...: what the driver does, with the errno.
ccp()
{
	try write $CCP "$*"
}

# begins: an initialisation, which stays under way until ends.
begins()
{
	echo 0 >$END
	try write $CCP init >/tmp/ccp &
	ccp_pid=$!
	poll 60 phase initialising || bail "SNP_INIT does not begin"
}

# ends: it comes to its end, and succeeds.
ends()
{
	ok "SNP_INIT is still under way" phase initialising
	echo 1 >$END
	wait $ccp_pid
	is "it ends" "$(cat /tmp/ccp)" ok
}

# All that may lead to RMPOPT: every file read, passes asked for, cores that go and come.
disturb()
{
	for file in rmpopt-table regions stats cpu/0 cpu/3 rmp/occupancy; do
		cat $DEBUG/$file >/dev/null 2>&1
	done
	is "$1: nothing is optimised meanwhile" "$(table | grep -vc ' none$')" 0
	is "$1: regions says so" "$(awk 'NR > 1 && $2 == "optimised"' $DEBUG/regions)" ""
	is "$1: action" "$(try write $CONFIG/action 1)" ok
	is "$1: optimise" "$(try write $CONFIG/optimise 4G+1G)" ok
	echo 0 >/sys/devices/system/cpu/cpu3/online
	echo 0 >/sys/devices/system/cpu/cpu2/online
	cat $DEBUG/rmpopt-table >/dev/null
	echo 1 >/sys/devices/system/cpu/cpu2/online
	echo 1 >/sys/devices/system/cpu/cpu3/online
}

everything()
{
	within 60 "$1: all is optimised" filled
	tables_agree "$1: the table is what the cores have"
}

unload
emu snp on >/dev/null
free=$(free_regions | wc -l)
emu snp off >/dev/null
emu reset >/dev/null
ok "the driver that is played" insmod "$MODULES/ccp.ko"

# The ordinary order: the module, the driver, and an SNP_INIT that takes a while.
load
begins
disturb "the first SNP_INIT"
is "no RMPOPT and no write before it is over" "$(attempts) $(emu get rmpopt_base.writes)" "0 0"
ends
everything "the first SNP_INIT"
since=$(dmesg | sed -n 's/^\[ *\([0-9]*\)\.\([0-9]*\)\] ccp: SNP_INIT is over/\1\2/p' | tail -n 1)
until=$(dmesg | sed -n 's/^\[ *\([0-9]*\)\.\([0-9]*\)\] rmpopt: SNP has come on.*/\1\2/p' | tail -n 1)
note "noticed $(((until - since) / 1000)) ms after SNP_INIT"

# A legacy shutdown is seen by nobody. What is initialised after it is.
is "legacy shutdown" "$(ccp shutdown legacy)" ok
is "action" "$(try write $CONFIG/action 1)" ok
everything "after the legacy shutdown"
begins
disturb "SNP_INIT after a legacy shutdown"
ends
everything "SNP_INIT after a legacy shutdown"
is "that was noticed" "$(log_count 'SNP was initialised again')" 1

# RMPOPT is switched off while SNP is initialised.
is "legacy shutdown" "$(ccp shutdown legacy)" ok
begins
try write $CONFIG/enabled 0 >/tmp/enabled &
enabled_pid=$!
sleep 1
ends
wait $enabled_pid
is "enabled: 0 meanwhile, when SNP_INIT is over" "$(cat /tmp/enabled)" ok
for core in $(each_core); do
	is "core $core is off" "$(emu base "$core")" 0x0
done
is "enabled: 1" "$(try write $CONFIG/enabled 1)" ok
everything "enabled again"

# The full shutdown.
is "full shutdown" "$(ccp shutdown full)" ok
begins
disturb "SNP_INIT after a full shutdown"
ends
everything "SNP_INIT after a full shutdown"

# SNP_INIT is refused, the first one and a later one, and tried again.
said_off=$(log_count 'SNP has gone off')
is "full shutdown" "$(ccp shutdown full)" ok
says_off()
{
	[ "$(log_count 'SNP has gone off')" -gt "$said_off" ]
}
within 60 "the log says that SNP is off" says_off
said_waiting=$(log_count 'SNP_INIT is not over, waiting')
is "an SNP_INIT that is refused" "$(ccp refuse)" EIO
emu reset >/dev/null
disturb "a refused SNP_INIT"
says_waiting()
{
	[ "$(log_count 'SNP_INIT is not over, waiting')" -gt "$said_waiting" ]
}
within 60 "the log says what it waits for" says_waiting
sleep 2.5
is "no RMPOPT and no write after it" "$(attempts) $(emu get rmpopt_base.writes)" "0 0"
begins
ends
everything "after a refused SNP_INIT"
is "legacy shutdown" "$(ccp shutdown legacy)" ok
is "an SNP_INIT that is refused" "$(ccp refuse)" EIO
begins
ends
everything "after a refused later SNP_INIT"

# The module comes while SNP is initialised, for the first time and for a later one, or after that.
for how in full legacy; do
	unload
	is "$how shutdown" "$(ccp shutdown $how)" ok
	begins
	load
	disturb "loaded during SNP_INIT ($how)"
	ends
	everything "loaded during SNP_INIT ($how)"
done
unload
load
everything "loaded after SNP_INIT"

# It leaves while SNP is initialised.
is "legacy shutdown" "$(ccp shutdown legacy)" ok
begins
try rmmod rmpopt >/tmp/rmmod &
rmmod_pid=$!
sleep 1
ends
wait $rmmod_pid
is "rmmod meanwhile, when SNP_INIT is over" "$(cat /tmp/rmmod)" ok
for core in $(each_core); do
	is "core $core is off" "$(emu base "$core")" 0x0
done

# A driver that initialises SNP while it is being loaded itself.
for order in before during; do
	rmmod ccp
	emu snp off >/dev/null
	[ $order = during ] || load
	insmod "$MODULES/ccp.ko" init=1 &
	ccp_pid=$!
	poll 60 phase initialising
	[ $order = before ] || load
	disturb "a driver that is being loaded ($order)"
	ok "SNP_INIT is still under way" phase initialising
	echo 1 >$END
	wait $ccp_pid
	everything "a driver that is being loaded ($order)"
	unload
done

# Without a driver: SnpEn alone is not enough.
rmmod ccp
emu snp off >/dev/null
load
emu snp prepare >/dev/null
emu reset >/dev/null
sleep 2.5
disturb "SnpEn alone"
emu snp init-begin >/dev/null
sleep 1.5
is "no RMPOPT and no write" "$(attempts) $(emu get rmpopt_base.writes)" "0 0"
emu snp init-end >/dev/null
everything "without a driver"
is "nothing came too early" "$(emu get platform.during_init)" 0

# An initialisation whose beginning nobody can see: the self-checks go on in the middle of it.
# Whatever the processor does then, the module survives, and wins all when it is over.
too_early()
{
	[ "$(emu get platform.during_init)" -ge 1 ]
}
for how in ud cleared; do
	emu switch during_init $how >/dev/null
	emu reset >/dev/null
	emu snp off-legacy >/dev/null
	emu snp init-begin >/dev/null
	within 60 "during_init=$how: RMPOPT is executed before the end of an SNP_INIT" too_early
	is "during_init=$how: action" "$(try write $CONFIG/action 1)" ok
	sleep 1.5
	is "during_init=$how: the table can be read" "$(try read $DEBUG/rmpopt-table)" ok
	emu snp init-end >/dev/null
	everything "during_init=$how"
done
emu switch during_init fatal >/dev/null
unload
no_splat "the kernel log is clean"
finish
