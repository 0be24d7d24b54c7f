#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# The module beside a kernel that has RMPOPT of its own, which native_rmpopt.ko simulates.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/trace.sh"
begin 190
require_emulator
require_rmpopt
require_test_module native_rmpopt
require_test_module snp_guest

verifies()
{
	emu get rmpopt.verify
}

seen()
{
	[ "$(stat native_passes)" -ge "$1" ]
}

# beside [PARAMETER...]: the kernel with RMPOPT, then the module.
beside()
{
	unload
	[ ! -d /sys/module/native_rmpopt ] || rmmod native_rmpopt
	insmod "$MODULES/native_rmpopt.ko" || bail "native_rmpopt.ko does not load"
	echo 1 >$NATIVE/pass
	log_mark
	emu forget >/dev/null
	emu reset >/dev/null
	load "$@"
}

# given_back WHAT: region $one was lost to a guest, and is free and not optimised.
given_back()
{
	is "$1: a guest" "$(guest assign "$one" 2m 4 5)" ok
	is "$1: it ends" "$(guest release "$one")" ok
	is "$1: its region is not optimised" "$(table_of "$one")" none
}

# occupancy GIB: what rmp/occupancy says of it: pages of guests and of the firmware, what holds it.
occupancy()
{
	awk -v gib="$1" '$1 == gib { print $3, $4, $5 }' $DEBUG/rmp/occupancy
}

# traced PATTERN: the number of such events.
traced()
{
	grep -c " $1" $TRACE/trace
}

insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"

# assist: the register is the kernel's, and what it has optimised is not touched.
beside
within 60 "assist: the first pass ends" full
like "assist: the log says what follows" "$(log_lines 'of its own')" "*native=assist*"
is "assist: nothing is scanned" "$(emu get rmpopt.scans)" 0
is "assist: nor verified" "$(verifies)" 0
is "assist: RMPOPT_BASE is not written" "$(emu get rmpopt_base.writes)" 0
is "assist: state" "$(states)" "enabled by the kernel"
is "assist: native" "$(cat $CONFIG/native)" "[assist] observe takeover"
is "assist: status: role" "$(status_of role)" assist
is "assist: status: cores" "$(status_of 'cores enabled by the kernel')" "$(cores)"
is "assist: status: not covered" "$(status_of not_covered_gib)" "0 of $(ram_regions | wc -l)"
tables_agree "assist: the table is what the cores have"
pick_two

is "assist: a guest" "$(guest assign "$one" 2m 4 5)" ok
is "assist: is seen" "$(region "$one" counted)" 2048
is "assist: holds its region" "$(region "$one" state)" held
is "assist: rmp/occupancy counts its pages" "$(occupancy "$one")" "2048 0 guest"
is "assist: rmp_entry: a page of the region" "$(try write $CONFIG/rmp_entry $((one << 30)))" ok
is "assist: rmp/entry shows that page" "$(sed -n 's/^address: //p' $DEBUG/rmp/entry)" \
	"$(printf '%#x' $((one << 30)))"
emu reset >/dev/null
echo >$TRACE/trace
echo 1 >$TRACE/events/rmpopt/enable
is "assist: the guest ends" "$(guest release "$one")" ok
within 60 "assist: its region is won back without the kernel" won "$one"
poll 60 idle
is "assist: with one scan" "$(emu get rmpopt.scans)" 1
is "assist: and one verify on each core" "$(verifies)" "$(cores)"
at_least "assist: passes for what was given back" "$(passes given-back)" 1
echo 0 >$TRACE/events/rmpopt/enable
is "assist: trace: a pass begins" "$(traced 'pass_begin: reason=given-back regions=1$')" 1
is "assist: trace: a pass ends" \
	"$(traced "pass_end: reason=given-back regions=1 cores=$(cores) scans=1 duration_us=[0-9]*$")" 1
is "assist: trace: the region" "$(traced "region_optimised: gib=$one delay_ms=[0-9]*$")" 1
is "assist: rmp/occupancy: nothing keeps the region" "$(occupancy "$one")" "0 0 none"
is "assist: no pass of the kernel's was seen" "$(stat native_passes)" 0
is "assist: RMPOPT_BASE was not written" "$(emu get rmpopt_base.writes)" 0
emu reset >/dev/null
is "assist: the kernel makes a pass" "$(try write $NATIVE/pass 1)" ok
is "assist: which has nothing to do but what is held" "$(emu get rmpopt.scans)" "$(emu get rmpopt.failed_scans)"

# The controls. Before each of the first two, a region that only it can win.
echo 0 >$CONFIG/auto
given_back "assist"
is "assist: action: 1" "$(try write $CONFIG/action 1)" ok
within 60 "assist: action: wins the region" full
given_back "assist"
emu reset >/dev/null
is "assist: optimise" "$(try write $CONFIG/optimise "${one}G+1G")" ok
within 60 "assist: optimise: wins the region" full
is "assist: optimise: with one scan" "$(emu get rmpopt.scans)" 1
is "assist: optimise: and one verify on each core" "$(verifies)" "$(cores)"
is "assist: RMPOPT_BASE is still not written" "$(emu get rmpopt_base.writes)" 0
echo 1 >$CONFIG/auto
is "assist: window_policy" "$(try write $CONFIG/window_policy all)" EOPNOTSUPP
is "assist: isolated_cpus" "$(try write $CONFIG/isolated_cpus once)" ok
is "assist: isolated_cpus" "$(try write $CONFIG/isolated_cpus include)" ok
for bad in "" none Assist 1; do
	is "assist: native: '$bad'" "$(try write $CONFIG/native "$bad")" EINVAL
done

# Not enabled: nothing is attempted, and what the kernel's pass wins is counted apart.
emulator_table >/tmp/table.before
is "assist: enabled: 0" "$(try write $CONFIG/enabled 0)" ok
is "assist, off: the cores have what they had" "$(emulator_table | diff /tmp/table.before -)" ""
is "assist, off: state" "$(states)" "enabled by the kernel"
is "assist, off: action: 1" "$(try write $CONFIG/action 1)" EPERM
is "assist, off: a guest" "$(guest assign "$one" 2m 4 5)" ok
is "assist, off: it ends" "$(guest release "$one")" ok
emu reset >/dev/null
sleep 1.5
is "assist, off: nothing is attempted" "$(verifies)" 0
is "assist, off: the kernel makes a pass" "$(try write $NATIVE/pass 1)" ok
is "assist, off: which wins the region" "$(table_of "$one")" "$all"
within 60 "assist, off: a pass of the kernel's is seen" seen 1
is "assist, off: what it has won" "$(stat native_won)" 1
is "assist, off: the region" "$(region "$one" state)" optimised
emu reset >/dev/null
is "assist: enabled: 1" "$(try write $CONFIG/enabled 1)" ok
within 60 "assist, on again: all is there" full
is "assist, on again: nothing is scanned" "$(emu get rmpopt.scans)" 0

# auto=0 is the same for what guests give back.
echo 0 >$CONFIG/auto
is "assist, auto=0: a guest" "$(guest assign "$one" 2m 4 5)" ok
is "assist, auto=0: it ends" "$(guest release "$one")" ok
sleep 1.5
is "assist, auto=0: nobody wins it back" "$(table_of "$one")" none
echo 1 >$NATIVE/pass
within 60 "assist, auto=0: a pass of the kernel's is seen" seen 2
echo 1 >$CONFIG/auto

# The kernel's pass comes ten seconds after the guest's end, and auto=1 after it: what the kernel has won is not
# attempted again. A region that it has won on some cores only is attempted on the others.
poll 60 idle
won=2
for cpu in -1 0; do
	what="assist, auto=0 and 1, walked on CPU $cpu"
	some=$all
	[ $cpu = -1 ] || some=$(cat /sys/devices/system/cpu/cpu$cpu/topology/thread_siblings_list)
	lack=$(($(cores) - 1))
	[ $cpu != -1 ] || lack=0
	won=$((won + 1))
	echo 0 >$CONFIG/auto
	is "$what: a guest" "$(guest assign "$one" 2m 4 5)" ok
	is "$what: it ends" "$(guest release "$one")" ok
	sleep 10.5
	echo $cpu >/sys/module/native_rmpopt/parameters/only
	echo 1 >$NATIVE/pass
	is "$what: the kernel's pass wins the region" "$(table_of "$one")" "$some"
	emu reset >/dev/null
	echo 1 >$CONFIG/auto
	within 60 "$what: a pass of the kernel's is seen" seen $won
	is "$what: what it has won" "$(stat native_won)" $won
	within 60 "$what: all cores get the region" full
	is "$what: the cores that lacked it verify it" "$(verifies)" $lack
done
echo -1 >/sys/module/native_rmpopt/parameters/only

# A module that waits for longer than the kernel does: what the kernel wins first is counted apart.
poll 60 idle
echo 12000 >$CONFIG/delay_ms
echo 12000 >$CONFIG/max_delay_ms
is "assist, slow: a guest" "$(guest assign "$one" 2m 4 5)" ok
is "assist, slow: it ends" "$(guest release "$one")" ok
echo 1 >$NATIVE/pass
is "assist, slow: the kernel's pass wins the region" "$(table_of "$one")" "$all"
emu reset >/dev/null
within 60 "assist, slow: a pass of the kernel's is seen" seen 5
is "assist, slow: what it has won" "$(stat native_won)" 5
is "assist, slow: the region" "$(region "$one" state)" optimised
poll 60 idle
is "assist, slow: nothing is attempted again" "$(verifies)" 0
is "assist: rmmod" "$(try rmmod rmpopt)" ok
is "assist: nothing is said to stay" "$(log_count stays)" 0
ok "assist: RMPOPT_BASE is as it was" all_cores 1
no_splat "assist: the kernel log is clean"

# observe: no verify at all.
beside native=observe
like "observe: the log says what follows" "$(log_lines 'of its own')" "*observing only*native=observe*"
is "observe: enabled reads" "$(cat $CONFIG/enabled)" 0
is "observe: enabled: 1" "$(try write $CONFIG/enabled 1)" EOPNOTSUPP
is "observe: enabled: 0" "$(try write $CONFIG/enabled 0)" ok
is "observe: action: 1" "$(try write $CONFIG/action 1)" EPERM
is "observe: optimise" "$(try write $CONFIG/optimise "${one}G+1G")" EPERM
is "observe: window_policy" "$(try write $CONFIG/window_policy all)" EOPNOTSUPP
is "observe: status: role" "$(status_of role)" observe
tables_agree "observe: the table is what the cores have"
is "observe: a guest" "$(guest assign "$one" 2m 4 5)" ok
is "observe: is seen" "$(region "$one" guest)" 2048
is "observe: it ends" "$(guest release "$one")" ok
sleep 1.5
is "observe: no verify was executed" "$(verifies)" 0
is "observe: RMPOPT_BASE was not written" "$(emu get rmpopt_base.writes)" 0
echo 1 >$NATIVE/pass
within 60 "observe: a pass of the kernel's is seen" seen 1
is "observe: what it has won" "$(stat native_won)" 1
tables_agree "observe: the table is what the cores have after it"

# Another mode while it is loaded.
emu reset >/dev/null
is "observe to assist" "$(try write $CONFIG/native assist)" ok
within 60 "observe to assist: it begins" full
is "observe to assist: nothing is scanned" "$(emu get rmpopt.scans)" 0
is "observe to assist: enabled reads" "$(cat $CONFIG/enabled)" 1
is "a guest" "$(guest assign "$one" 2m 4 5)" ok
is "it ends" "$(guest release "$one")" ok
within 60 "its region is won back" won "$one"
is "assist to observe" "$(try write $CONFIG/native observe)" ok
is "assist to observe: enabled reads" "$(cat $CONFIG/enabled)" 0
is "observe: rmmod" "$(try rmmod rmpopt)" ok
ok "observe: RMPOPT_BASE is as it was" all_cores 1
no_splat "observe: the kernel log is clean"

# A window of the kernel's that does not cover all of RAM.
rmmod native_rmpopt
unload
insmod "$MODULES/native_rmpopt.ko" base_gib=4
base=0x100000001
beyond=$(ram_regions | awk '$1 < 4' | wc -l)
log_mark
emu reset >/dev/null
load
within 60 "a window from GiB 4 on: the first pass ends" idle
is "a window from GiB 4 on: the table names what is beyond" \
	"$(grep -c 'none (not covered)$' $DEBUG/rmpopt-table)" "$beyond"
is "a window from GiB 4 on: status, too" "$(status_of not_covered_gib)" "$beyond of $(ram_regions | wc -l)"
is "a window from GiB 4 on: and the log" \
	"$(log_count "^rmpopt: $beyond of $(ram_regions | wc -l) GiB with RAM lie beyond the kernel's window")" 1
is "a window from GiB 4 on: what is in it is optimised" "$(table | grep -c " $all\$")" \
	"$(free_regions | awk '$1 >= 4' | wc -l)"
is "a window from GiB 4 on: no #UD" "$(emu get rmpopt.ud)" 0
ok "a window from GiB 4 on: RMPOPT_BASE is the kernel's" all_cores $base

# takeover, by name: the module's window, and the kernel's again in the end.
is "takeover" "$(try write $CONFIG/native takeover)" ok
within 60 "takeover: all is optimised" full
like "takeover: the log says what is replaced" "$(log_lines takeover)" "*replaced on $(cores) of $(cores) cores*"
ok "takeover: the window is the module's" all_cores 1
is "takeover: state" "$(states)" enabled
is "takeover: window_policy" "$(try write $CONFIG/window_policy all)" ok
poll 60 idle
is "takeover: enabled: 0" "$(try write $CONFIG/enabled 0)" ok
ok "takeover, off: RMPOPT_BASE is the kernel's" all_cores $base
is "takeover, off: state" "$(states)" "enabled by the kernel"
is "takeover, off: nothing is said to stay" "$(log_count stays)" 0
is "takeover: enabled: 1" "$(try write $CONFIG/enabled 1)" ok
within 60 "takeover, on again: all is optimised" full
ok "takeover, on again: the window is the module's" all_cores 1
is "back to assist" "$(try write $CONFIG/native assist)" ok
poll 60 idle
ok "back to assist: RMPOPT_BASE is the kernel's" all_cores $base
is "back to assist: state" "$(states)" "enabled by the kernel"
is "rmmod" "$(try rmmod rmpopt)" ok
load native=takeover
within 60 "native=takeover: all is optimised" full
is "native=takeover: rmmod" "$(try rmmod rmpopt)" ok
ok "native=takeover: RMPOPT_BASE is the kernel's again" all_cores $base

# takeover where the processor does not let the window move: the cores keep the kernel's.
in_window=$(free_regions | awk '$1 >= 4' | wc -l)
window_full()
{
	idle && [ "$(table | grep -c " $all\$")" = "$in_window" ]
}
for moves in $(hard "ignored gp" gp); do
	what="takeover, base_moves=$moves"
	emu switch base_moves $moves >/dev/null
	load
	within 60 "$what: assist before it" window_full
	log_mark
	emu reset >/dev/null
	is "$what" "$(try write $CONFIG/native takeover)" ok
	within 60 "$what: what the kernel's window covers is optimised" window_full
	ok "$what: the window is the kernel's" all_cores $base
	is "$what: state" "$(states)" "enabled, other window"
	like "$what: the log says that no window is replaced" "$(log_lines takeover)" \
		"*replaced on 0 of $(cores) cores*"
	is "$what: status: cores" "$(status_of 'cores enabled, other window')" "$(cores)"
	is "$what: status: not covered" "$(status_of not_covered_gib)" "$beyond of $(ram_regions | wc -l)"
	is "$what: each core was tried once" "$(emu get rmpopt_base.writes)" "$(cores)"
	is "$what: nothing is scanned again" "$(emu get rmpopt.scans)" 0
	is "$what: a guest" "$(guest assign "$one" 2m 4 5)" ok
	is "$what: it ends" "$(guest release "$one")" ok
	within 60 "$what: its region is won back" won "$one"
	tables_agree "$what: the table is what the cores have"
	is "$what: enabled: 0" "$(try write $CONFIG/enabled 0)" ok
	is "$what, off: state" "$(states)" "enabled by the kernel"
	is "$what: enabled: 1" "$(try write $CONFIG/enabled 1)" ok
	within 60 "$what, on again: all is there" window_full
	is "$what, on again: state" "$(states)" "enabled, other window"
	is "$what: back to assist" "$(try write $CONFIG/native assist)" ok
	within 60 "$what, back to assist: all is there" window_full
	is "$what, back to assist: state" "$(states)" "enabled by the kernel"
	is "$what: rmmod" "$(try rmmod rmpopt)" ok
	ok "$what: RMPOPT_BASE is the kernel's" all_cores $base
	is "$what: no #UD" "$(emu get rmpopt.ud)" 0
	is "$what: no warning" "$(warnings)" ""
	no_splat "$what: the kernel log is clean"
done
emu switch base_moves yes >/dev/null

for bad in "" Assist 1 assist,observe; do
	is "native='$bad'" "$(try insmod "$MODULE" native="$bad")" EINVAL
done
no_splat "takeover: the kernel log is clean"
rmmod native_rmpopt

# A kernel that enables RMPOPT only after the module was loaded, and has made no pass yet.
insmod "$MODULES/native_rmpopt.ko" enable=0
clear_cores
log_mark
emu forget >/dev/null
emu reset >/dev/null
load
poll 60 idle
sleep 2.5
is "late: state before that" "$(states)" off
is "late: nothing is attempted before that" "$(verifies)" 0
is "late: RMPOPT_BASE is not written" "$(emu get rmpopt_base.writes)" 0
is "late: the kernel enables RMPOPT" "$(try write $NATIVE/enable 1)" ok
within 60 "late: that is noticed, and all is optimised" full
is "late: state" "$(states)" "enabled by the kernel"
is "late: RMPOPT_BASE was written by the kernel alone" "$(emu get rmpopt_base.writes)" "$(cores)"
tables_agree "late: the table is what the cores have"

# A core on which the kernel does not enable RMPOPT disturbs no other core.
last=$(each_core | tail -n 1)
emu base "$last" 0 >/dev/null
ok "late, one core is off: a pass" pass
is "late, one core is off: status" "$(status_of 'cores off')" 1
starts=$(passes start)
checks=$(stat self_checks)
emu reset >/dev/null
sleep 3.5
reports=$(emu get rmpopt.report)
at_most "late, one core is off: reports that no self-check made" $((reports - $(stat self_checks) + checks)) 1
is "late, one core is off: no pass is made" "$(passes start)" "$starts"
emu base "$last" 1 >/dev/null
within 60 "late, the core is on again: all is optimised" full

# SNP is shut down and initialised again; the kernel enables RMPOPT some time after that.
gone_off()
{
	[ "$(log_count 'SNP has gone off')" -ge 1 ] && [ "$(status_of 'cores off')" = "$(cores)" ] &&
		! awk '$2 == "optimised" { n++ } END { exit !n }' $DEBUG/regions
}
come_on()
{
	[ "$(log_count 'SNP has come on')" -ge 1 ] && idle
}
emu snp off >/dev/null
within 60 "SNP off: log, status and regions say so" gone_off
is "SNP off: nothing is optimised in the table" "$(table | awk '$2 != "none"')" ""
emu forget >/dev/null
emu reset >/dev/null
emu snp on >/dev/null
within 60 "SNP on: that is noticed" come_on
is "SNP on: nothing is attempted before the kernel enables RMPOPT" "$(verifies)" 0
is "SNP on: RMPOPT_BASE is not written" "$(emu get rmpopt_base.writes)" 0
is "SNP on: the kernel enables RMPOPT" "$(try write $NATIVE/enable 1)" ok
within 60 "SNP on: all is optimised" full
is "SNP on: state" "$(states)" "enabled by the kernel"
is "SNP on: RMPOPT_BASE was written by the kernel alone" "$(emu get rmpopt_base.writes)" "$(cores)"
tables_agree "SNP on: the table is what the cores have"
unload
rmmod native_rmpopt
no_splat "late: the kernel log is clean"

# The same registers and no feature bit: an earlier load has left them.
clear_cores
for core in $(each_core); do
	emu base "$core" 1 >/dev/null
done
log_mark
is "no such kernel: insmod" "$(try insmod "$MODULE")" ok
within 60 "no such kernel: all is optimised" full
is "no such kernel: state" "$(states)" enabled
is "no such kernel: native" "$(try write $CONFIG/native observe)" EOPNOTSUPP
is "no such kernel: status: role" "$(status_of role)" optimise
unload
rmmod snp_guest
no_splat "the kernel log is clean"
finish
