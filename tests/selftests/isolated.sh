#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: isolated
# CPUs isolated by isolcpus=, nohz_full= or a cpuset partition: included in passes, filled once, or skipped.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/trace.sh"
. "$(dirname "$0")/dirty.sh"
begin 130
require_emulator
require_rmpopt
require_isolated
require_test_module native_rmpopt
require_test_module snp_guest

free=$(free_regions | tr '\n' ' ')
is "CPUs under isolcpus=" "$(cat /sys/devices/system/cpu/isolated)" 3-5
is "CPUs under nohz_full=" "$(cat /sys/devices/system/cpu/nohz_full)" 6-7

has()
{
	[ "$(expand "$(emu table "$1")" | tr '\n' ' ')" = "$free" ]
}

has_none()
{
	[ "$(emu base "$1")" = 0x0 ]
}

kept()
{
	[ "$(field "$1" state)" = "kept by the processor" ]
}

enabled()
{
	[ "$(field "$1" state)" = enabled ]
}

# verified CORE: RMPOPT that it ran to verify, since the last reset.
verified()
{
	emu get "rmpopt.by_core.$1.verify"
}

# This script, and the threads that the kernel begins to make, on CPUs that are not isolated:
# those of nohz_full= are open to any task, and who waits there is woken there.
taskset -p 7 $$ >/dev/null
taskset -p 7 2 >/dev/null

# What the module does on a CPU: an interrupt that it sends there, alone or to several CPUs at
# once, a thread of its own that runs there, work that it queues there.
events="ipi/ipi_send_cpu ipi/ipi_send_cpumask sched/sched_switch workqueue/workqueue_queue_work"

watch()
{
	echo >$TRACE/trace
	# shellcheck disable=SC2086 # a list
	stacks_on $events
	# Where the module's code is: in a trace that is read when the module has gone, its
	# functions have no names.
	text=$(awk '/\[rmpopt\]$/ && $2 ~ /^[tT]$/ { print "0x" $1 }' /proc/kallsyms | sort)
}

# watched FILE: what was traced, to FILE.
watched()
{
	# shellcheck disable=SC2086 # a list
	stacks_off $events
	awk -v from="$(echo "$text" | head -n 1)" -v to="$(echo "$text" | tail -n 1)" '
		BEGIN { sub(/...$/, "fff", to) }
		/^ => 0x/ && from != "" && $2 "" >= from "" && $2 "" <= to "" { $0 = " => gone [rmpopt]" }
		{ print }' $TRACE/trace >"$1"
}

# seen FIRST LAST FILE: what the module did on these CPUs, each kind and CPU once. While the
# kernel registers a probe on one of its functions, or removes it, it changes its own text, and
# the pages that hold it, and interrupts all CPUs for that, whoever asks. Such an interrupt is
# a "text interrupt".
#
# The trace is sorted by time, so that other CPUs' lines may stand between an event and its
# stack. The stack belongs to the last event of its own CPU that has none yet.
seen()
{
	awk -v first="$1" -v last="$2" '
		function see(what, cpus,  n, i, cpu) {
			n = split(cpus, cpu, ",")
			for (i = 1; i <= n; i++)
				if (cpu[i] + 0 >= first && cpu[i] + 0 <= last)
					seen[what " on CPU " cpu[i]] = 1
		}
		function settle() {
			if (what != "" && ours)
				see(what == "interrupt" && text ? "text interrupt" : what, where)
			what = ""
		}
		# An event of this CPU whose stack will follow: what was done, and on which CPUs.
		function event(what, where,  at) {
			at = events[on]++
			kind[on, at] = what
			target[on, at] = where
		}
		# The CPUs of a mask as the kernel prints it: hexadecimal, CPU 0 is the last bit.
		function cpus_of(hex,  i, digit, bit, list) {
			gsub(/,/, "", hex)
			list = ""
			for (i = 0; i < length(hex); i++) {
				digit = index("0123456789abcdef", substr(hex, length(hex) - i, 1)) - 1
				for (bit = 0; bit < 4; bit++) {
					if (digit % 2)
						list = list (list == "" ? "" : ",") (4 * i + bit)
					digit = int(digit / 2)
				}
			}
			return list
		}
		# What an interrupt does on the way is not ours, nor what the functions do that the
		# module counts: it calls them where their caller would have.
		/^ => / {
			if (/ asm_| (rmp_make_private|rmp_make_shared|psmash)\+/) through = 1
			if (/\[rmpopt\]/ && !through) ours = 1
			if (/text_poke|register_(ftrace_function|fprobe|kprobe)/) text = 1
			next
		}
		!match($0, /\[[0-9][0-9][0-9]\]/) { next }
		{
			settle()
			on = substr($0, RSTART + 1, 3) + 0
		}
		/<stack trace>/ {
			ours = through = text = 0
			if (events[on] > 0) {
				what = kind[on, --events[on]]
				where = target[on, events[on]]
			}
		}
		/: ipi_send_cpu:/ {
			match($0, /cpu=[0-9]+/)
			event("interrupt", substr($0, RSTART + 4, RLENGTH - 4))
		}
		/: ipi_send_cpumask:/ {
			match($0, /cpumask=[0-9a-f,]+/)
			event("interrupt", cpus_of(substr($0, RSTART + 8, RLENGTH - 8)))
		}
		/: sched_switch:/ {
			if (/next_comm=rmpopt/)
				see("thread", on)
			event("", on)
		}
		/: workqueue_queue_work:/ {
			if (/ \[rmpopt\]/)
				see("work", on)
			event("work", on)
		}
		END {
			settle()
			for (line in seen)
				print line
		}' "$3" | sort
}

# done_on FIRST LAST FILE: "seen" without what the kernel did for its text.
done_on()
{
	seen "$@" | grep -v '^text'
}

unload
load
within 60 "the first pass ends" idle
is "the default" "$(cat $CONFIG/isolated_cpus)" "include [once] skip"
for core in 0 1 2 3; do
	ok "once: core $core has all" has $core
done
for bad in "" all "[once]" "once skip"; do
	is "isolated_cpus: '$bad'" "$(try write $CONFIG/isolated_cpus "$bad")" EINVAL
done

# The processor keeps RMPOPT_EN: the core is left alone with what it has.
echo skip >$CONFIG/isolated_cpus
for cpu in 4 5 6 7; do
	within 60 "skip, kept: state of cpu/$cpu" kept $cpu
done
poll 60 idle
for core in 2 3; do
	ok "skip, kept: core $core still has all" has $core
done
emu reset >/dev/null
ok "skip, kept: a pass" pass
is "skip, kept: core 2 ran nothing" "$(verified 2)" 0
is "skip, kept: core 3 ran nothing" "$(verified 3)" 0
is "skip, kept: RMPOPT_BASE is not written again" "$(emu get rmpopt_base.writes)" 0
echo include >$CONFIG/isolated_cpus
for cpu in 4 5 6 7; do
	within 60 "include: state of cpu/$cpu" enabled $cpu
done
poll 60 idle
is "include: that costs no scan" "$(emu get rmpopt.by_core.2.scans)" 0

emu switch enable_sticky clear >/dev/null
echo once >$CONFIG/isolated_cpus
within 60 "once: that ends" idle
emu reset >/dev/null
ok "once: a pass" pass
is "once: core 2 ran nothing" "$(verified 2)" 0
is "once: core 3 ran nothing" "$(verified 3)" 0
at_least "once: core 0 did" "$(verified 0)" 1
for core in 2 3; do
	ok "once: core $core still has all" has $core
done

echo include >$CONFIG/isolated_cpus
poll 60 idle
emu reset >/dev/null
watch
ok "include: a pass" pass
is "include: the table can be read" "$(try read $DEBUG/rmpopt-table)" ok
watched /tmp/include
at_least "include: core 2 takes part" "$(verified 2)" 1
at_least "include: core 3 takes part" "$(verified 3)" 1
like "include: a thread is seen on CPU 4" "$(seen 4 7 /tmp/include)" "*thread on CPU 4*"
like "include: and on CPU 6" "$(seen 4 7 /tmp/include)" "*thread on CPU 6*"

echo skip >$CONFIG/isolated_cpus
for core in 2 3; do
	within 60 "skip: RMPOPT is off on core $core" has_none $core
done
poll 60 idle
for core in 0 1; do
	ok "skip: core $core has all, one of its threads is not isolated" has $core
done
emu reset >/dev/null
watch
ok "skip: a pass" pass
for file in rmpopt-table regions stats status cpu/0 cpu/4 cpu/6 rmp/config rmp/segments rmp/occupancy; do
	is "skip: $file can be read" "$(try read $DEBUG/$file)" ok
done
watched /tmp/skip
is "skip: core 2 ran nothing" "$(verified 2)" 0
is "skip: core 3 ran nothing" "$(verified 3)" 0
at_least "skip: core 1 did" "$(verified 1)" 1
like "skip: a thread is seen on CPU 0" "$(seen 0 0 /tmp/skip)" "*thread on CPU 0*"
is "skip: nothing is done on the others" "$(seen 3 7 /tmp/skip)" ""
is "skip: cpu/4: state" "$(field 4 state)" skipped
is "skip: cpu/4: rmpopt_base" "$(field 4 rmpopt_base)" "not read"
is "skip: cpu/0: state" "$(field 0 state)" enabled
is "skip: the table lists the other cores" "$(table | grep -v ' none$' | cut -d' ' -f2 | sort -u)" 0-3

# From the beginning.
unload
emu reset >/dev/null
watch
load skip_isolated=1
within 60 "skip_isolated=1: the first pass ends" idle
is "skip_isolated=1: the table can be read" "$(try read $DEBUG/rmpopt-table)" ok
is "skip_isolated=1: isolated_cpus" "$(cat $CONFIG/isolated_cpus)" "include once [skip]"
watched /tmp/load
watch
is "skip_isolated=1: rmmod" "$(try rmmod rmpopt)" ok
watched /tmp/leave
like "skip_isolated=1: a thread is seen on CPU 0" "$(seen 0 0 /tmp/load)" "*thread on CPU 0*"
texts=$(for cpu in 3 4 5 6 7; do printf 'text interrupt on CPU %s ' $cpu; done)
for what in load leave; do
	is "skip_isolated=1: $what: nothing is done on the others" "$(done_on 3 7 /tmp/$what)" ""
	is "skip_isolated=1: $what: but the kernel changes its text, which interrupts them" \
		"$(seen 3 7 /tmp/$what | tr '\n' ' ')" "$texts"
done
is "skip_isolated=1: core 2 ran nothing" "$(verified 2)" 0

# wakers FIRST LAST FILE: those of these CPUs that woke the deciding thread.
wakers()
{
	awk -v first="$1" -v last="$2" '
		/: sched_waking: comm=rmpopt / {
			match($0, /\[[0-9][0-9][0-9]\]/)
			cpu = substr($0, RSTART + 1, 3) + 0
			if (cpu >= first && cpu <= last)
				woken[cpu] = 1
		}
		END { for (cpu in woken) print cpu }' "$3" | sort
}

# Who decides is woken, but not where a page is converted, and no work is queued.
insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
load skip_isolated=1
within 60 "the first pass ends" idle
one=$(table | awk '$1 >= 4 && $2 != "none" { print $1; exit }')
won_back()
{
	[ "$(passes given-back)" -gt "$won" ] && idle
}
won=$(passes given-back)
watch
echo 1 >$TRACE/events/sched/sched_waking/enable
for command in "assign $one 4k 3 5" "release $one"; do
	is "on an isolated CPU: $command" "$(taskset 10 try write $GUEST/cmd "$command")" ok
done
within 60 "the region is won back" won_back
echo 0 >$TRACE/events/sched/sched_waking/enable
watched /tmp/conversions
is "nothing is done on isolated CPUs" "$(seen 3 7 /tmp/conversions)" ""
is "no work is queued anywhere" "$(seen 0 7 /tmp/conversions | grep '^work')" ""
like "who decides ran elsewhere" "$(seen 0 2 /tmp/conversions)" "*thread on CPU*"
is "no isolated CPU executes a wake-up" "$(wakers 3 7 /tmp/conversions)" ""
at_least "others do" "$(wakers 0 2 /tmp/conversions | wc -l)" 1

# Where an administrator wants it, it stays.
decider=$(grep -lx rmpopt /proc/[0-9]*/comm | cut -d/ -f3)
is "one thread decides" "$(echo "$decider" | wc -w)" 1
is "it may run on the CPUs that are not isolated" "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/"$decider"/status)" 0-2
taskset -p 4 "$decider" >/dev/null
echo all >$CONFIG/window_policy
poll 60 idle
ok "a pass" pass
is "it is where taskset wants it" "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/"$decider"/status)" 2
unload
rmmod snp_guest

load
poll 60 idle
emu snp off >/dev/null
emu snp on >/dev/null
echo 1 >$CONFIG/action
for core in 0 1 2 3; do
	within 60 "once: SNP is initialised again, core $core is filled again" has $core
done

# Beside a kernel that has RMPOPT of its own, RMPOPT_BASE of the cores that are left out is the kernel's.
unload
insmod "$MODULES/native_rmpopt.ko" || bail "native_rmpopt.ko does not load"
emu reset >/dev/null
load skip_isolated=1
within 60 "assist, skip: the first pass ends" idle
sleep 2.5
for core in 0 1; do
	ok "assist, skip: core $core has all" has $core
done
for core in 2 3; do
	is "assist, skip: RMPOPT_BASE of core $core" "$(emu base $core)" 0x1
	is "assist, skip: core $core is not asked" "$(emu get rmpopt.by_core.$core.report)" 0
	is "assist, skip: core $core attempts nothing" "$(verified $core)" 0
done
is "assist, skip: cpu/4: state" "$(field 4 state)" skipped
is "assist, skip: isolated_cpus: include" "$(try write $CONFIG/isolated_cpus include)" ok
for core in 2 3; do
	within 60 "assist, include: core $core has all" has $core
done
is "assist, include: cpu/4: state" "$(field 4 state)" "enabled by the kernel"
poll 60 idle
is "assist, include to skip" "$(try write $CONFIG/isolated_cpus skip)" ok
poll 60 idle
for core in 2 3; do
	is "assist, skip again: RMPOPT_BASE of core $core" "$(emu base $core)" 0x1
	ok "assist, skip again: core $core still has all" has $core
done
is "assist: RMPOPT_BASE is never written" "$(emu get rmpopt_base.writes)" 0
unload
rmmod native_rmpopt
load

# A partition, made and ended while the module is loaded: core 0.
CGROUP=/tmp/cgroup
mkdir -p $CGROUP
mount -t cgroup2 cgroup $CGROUP
echo +cpuset >$CGROUP/cgroup.subtree_control
mkdir -p $CGROUP/apart
apart()
{
	echo 0-1 >$CGROUP/apart/cpuset.cpus && echo isolated >$CGROUP/apart/cpuset.cpus.partition
	[ "$(cat $CGROUP/apart/cpuset.cpus.partition)" = isolated ]
}

poll 60 idle
ok "CPUs 0 and 1 become an isolated partition" apart
is "the kernel counts them as isolated" "$(cat $CGROUP/cpuset.cpus.isolated)" 0-1,3-5
within 60 "once: a pass" pass
emu reset >/dev/null
ok "once: another pass" pass
is "once: core 0 ran nothing" "$(verified 0)" 0
at_least "once: core 1 did" "$(verified 1)" 1
ok "once: core 0 still has all" has 0
echo skip >$CONFIG/isolated_cpus
within 60 "skip: RMPOPT is off on core 0" has_none 0
poll 60 idle
watch
is "skip: the table can be read" "$(try read $DEBUG/rmpopt-table)" ok
ok "skip: a pass" pass
watched /tmp/partition
is "skip: nothing is done on CPUs 0 and 1" "$(seen 0 1 /tmp/partition)" ""
echo once >$CONFIG/isolated_cpus
within 60 "once: core 0 is filled" has 0
echo member >$CGROUP/apart/cpuset.cpus.partition
is "the partition ends" "$(cat $CGROUP/cpuset.cpus.isolated)" 3-5
ok "a pass" pass
poll 60 idle
emu reset >/dev/null
ok "another pass" pass
at_least "core 0 takes part again" "$(verified 0)" 1

# The mask of isolated CPUs is replaced while it is looked into.
turn=0
while [ $turn -lt 20 ]; do
	echo 1 >$CONFIG/action
	apart
	cat $DEBUG/rmpopt-table >/dev/null
	echo member >$CGROUP/apart/cpuset.cpus.partition
	turn=$((turn + 1))
done
within 60 "passes while the partition came and went 20 times" idle
rmdir $CGROUP/apart
umount $CGROUP

tables_agree "the table is what the cores have"
sticky_as_booted
unload
no_splat "the kernel log is clean"
finish
