#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: psp
# The ordinary order: the module is loaded first, then the stock drivers initialise SNP,
# which takes four seconds. After the end of each SNP_INIT every GiB without an assigned
# page is optimised, and the module has not chosen to wait for two seconds before that.
# The emulator ends the run at an RMPOPT or a write of RMPOPT_BASE before the end of SNP_INIT.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/kvm.sh"
. "$(dirname "$0")/waits.sh"
begin 45
require_emulator
require_rmpopt
require_kvm_guests

filled()
{
	idle && [ "$(table | grep " $all\$" | cut -d' ' -f1)" = "$(free_regions)" ] &&
		[ "$(table | grep -vc -e " $all\$" -e ' none$')" = 0 ]
}

initialising()
{
	[ "$(emu snp phase)" = initialising ]
}

# init WHAT COMMAND...: the command initialises SNP. Nobody asks the module for anything, but in
# the first one.
asks=1
init()
{
	what=$1
	shift
	waits_begin psp/command psp/done rmpopt/pass_end
	"$@" &
	init_pid=$!
	within 60 "$what: SNP_INIT begins" initialising
	# What was before, at the legacy shutdown's RMP, is allowed.
	emu reset >/dev/null
	is "$what: nothing is optimised meanwhile" "$(table | grep -vc ' none$')" 0
	if [ "$asks" ]; then
		is "$what: action" "$(try write $CONFIG/action 1)" ok
		asks=
	fi
	ok "$what: SNP_INIT is still under way" initialising
	is "$what: no RMPOPT and no write so far" \
		"$(emu get rmpopt.verify) $(emu get rmpopt.report) $(emu get rmpopt_base.writes)" "0 0 0"
	wait $init_pid
	ok "$what: SNP_INIT is over" initialised
	within 60 "$what: every GiB without an assigned page is optimised, and no other" filled
	waits_end psp/command psp/done rmpopt/pass_end
	tables_agree "$what: the table is what the cores have"
	# SNP_INIT_EX is command 85h. The end of the first command after its beginning is its own.
	sed -n '/ command: .*cmd=0x0*85$/,$p' /tmp/waits >/tmp/waits.init
	mv /tmp/waits.init /tmp/waits
	result=$(waited ' done: ' ' pass_end: reason=start ')
	note "$what: all is optimised ${result#* } ms after SNP_INIT, by the clock of this host"
	at_most "$what: ms that the thread chose to wait until then" "${result% *}" 2000
}

unload
rmmod kvm_amd ccp 2>/dev/null
emu snp off >/dev/null
hz=$(ticks)
note "$hz ticks a second"
load
modprobe ccp
ok "the driver's commands are traced" sh -c "
	echo 'p:psp/command __sev_do_cmd_locked cmd=%di:x32' >$WAITS/kprobe_events &&
	echo 'r:psp/done __sev_do_cmd_locked' >>$WAITS/kprobe_events"
ok "SNP_INIT_EX takes four seconds" emu psp init_ms 4000

init "the first one" modprobe kvm_amd
rmmod kvm_amd
is "kvm_amd goes: the firmware has left, SnpEn stays" "$(emu snp phase) $(emu snp show)" "shut-down on"
init "kvm_amd comes again" modprobe kvm_amd
is "a guest" "$(start 1 -m 16)" ready
end 1
rmmod kvm_amd
init "kvm_amd after a guest" modprobe kvm_amd

# Both go, and the shutdown is a full one from now on: the driver asks when it is loaded.
rmmod kvm_amd
echo >$WAITS/kprobe_events
rmmod ccp
emu switch x86_shutdown on >/dev/null
modprobe ccp
ok "the driver's commands are traced" sh -c "
	echo 'p:psp/command __sev_do_cmd_locked cmd=%di:x32' >$WAITS/kprobe_events &&
	echo 'r:psp/done __sev_do_cmd_locked' >>$WAITS/kprobe_events"
init "both come again" modprobe kvm_amd
rmmod kvm_amd
is "a full shutdown: SnpEn is clear" "$(emu snp phase) $(emu snp show)" "uninitialised off"
init "after a full shutdown" modprobe kvm_amd

rmmod kvm_amd
echo >$WAITS/kprobe_events
rmmod ccp
emu switch x86_shutdown off >/dev/null
emu psp init_ms 300 >/dev/null
unload
emu snp on >/dev/null
is "nothing came too early" "$(emu get platform.during_init)" 0
no_splat "the kernel log is clean"
finish
