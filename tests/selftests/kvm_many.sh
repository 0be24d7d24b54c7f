#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: psp
# Many of KVM's guests of random size come and go, a third of them killed, with passes,
# CPUs that go and come, and reloads of kvm_amd in between: module, emulator and kernel
# agree on every region. SEED=N repeats what was drawn.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/kvm.sh"
begin "$(hard 73 38)"
require_emulator
require_rmpopt
require_cpus 8
require_kvm_guests
require_test_module rmp_lookup

LAUNCHES=$(hard 100 12)
AT_ONCE=4
RELOAD_EVERY=$(hard 25 6)

seed=${SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
note "SEED=$seed"

# draw N: a number from 0 to N - 1, in $drawn.
draw()
{
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	drawn=$((seed / 65536 % $1))
}

# another SLOT: a guest of 2 to 64 MiB, on one of the two nodes. Every third will be killed.
another()
{
	draw 32
	mib=$((2 * drawn + 2))
	draw 2
	node=$drawn
	draw 256
	launch "$1" -m $mib -n "$node" -u $((drawn + 1))
	launched=$((launched + 1))
	rm -f "$work/$1.doomed"
	[ $((launched % 3)) != 0 ] || : >"$work/$1.doomed"
}

# last SLOT: the guest ends. One that is doomed is killed, wherever its launch is or once it is there.
last()
{
	[ -e "$work/$1.pid" ] || return 0
	draw 2
	if [ -e "$work/$1.doomed" ] && [ "$drawn" = 0 ]; then
		poll 60 said "$1" started
		early=$((early + 1))
	else
		poll 300 said "$1" 'ready|error'
		! said "$1" error || failed=$((failed + 1))
	fi
	if [ -e "$work/$1.doomed" ]; then
		end "$1" KILL
		killed=$((killed + 1))
	else
		end "$1"
	fi
	ended=$((ended + 1))
	rm -f "$work/$1".*
}

all_end()
{
	for slot in $(seq $AT_ONCE); do
		last "$slot"
	done
}

away()
{
	expand "$(cat /sys/devices/system/cpu/offline)" | grep -c .
}

all_come()
{
	for cpu in $(expand "$(cat /sys/devices/system/cpu/offline)"); do
		echo 1 >"/sys/devices/system/cpu/cpu$cpu/online"
	done
}

# something: a pass, a CPU that goes or comes, somebody who reads all counts.
something()
{
	draw 5
	case $drawn in
	0) ! echo 1 >$CONFIG/action || passes=$((passes + 1)) ;;
	1 | 2)
		draw 7
		file=/sys/devices/system/cpu/cpu$((drawn + 1))/online
		if [ "$(cat $file)" = 0 ]; then
			echo 1 >$file
		elif [ "$(away)" -lt 4 ]; then
			echo 0 >$file
		fi
		switched=$((switched + 1)) ;;
	3) cat $DEBUG/regions >/dev/null ;;
	4) all_come ;;
	esac
}

# settled: nothing more is to be done.
settled()
{
	idle && [ "$(table | grep " $all\$" | cut -d' ' -f1)" = "$(free_regions)" ] &&
		[ "$(table | grep -vc -e " $all\$" -e ' none$')" = 0 ]
}

# agree WHAT: module, emulator and kernel.
agree()
{
	within 120 "$1: all that has no assigned page is optimised, nothing else" settled
	tables_agree "$1: the table is what the cores have"
	counts_agree "$1: the module has counted what is assigned"
	emu assigned all | awk '{ print $1 + 0, $2 }' >/tmp/lookup.emulator
	is "$1: the kernel sees that, too" "$(diff /tmp/lookup.emulator /sys/kernel/debug/rmp_lookup)" ""
}

# Between two reloads the driver keeps the same pages for itself.
alone()
{
	[ "$(pages guest)" = 0 ] && [ "$(pages firmware)" = "$drivers" ] && emu psp show | grep -q ' guests=0 '
}

unload
rmmod kvm_amd ccp 2>/dev/null
emu snp off >/dev/null
# What stays when the drivers have left.
modprobe kvm_amd
rmmod kvm_amd ccp
left=$(emu assigned all)
emu snp off >/dev/null
load
insmod "$MODULES/rmp_lookup.ko"
modprobe kvm_amd
ok "SNP is initialised" initialised
drivers=$(pages firmware)
within 120 "all is optimised" settled

launched=0 ended=0 killed=0 early=0 failed=0 passes=0 switched=0 reloads=0
while [ $launched -lt $LAUNCHES ]; do
	slot=$((launched % AT_ONCE + 1))
	last $slot
	another $slot
	something
	[ $((launched % RELOAD_EVERY)) = 0 ] || continue

	# What is there stands still, and is compared.
	for slot in $(seq $AT_ONCE); do
		poll 300 said "$slot" 'ready|error'
	done
	all_come
	at_least "after $launched launches: pages of guests" "$(pages guest)" 512
	agree "after $launched launches"
	all_end
	within 60 "all guests have ended: no page is left" alone
	agree "all guests have ended"
	within 60 "kvm_amd goes" rmmod kvm_amd
	is "the firmware has left" "$(emu snp phase)" shut-down
	modprobe kvm_amd
	ok "kvm_amd comes again" initialised
	within 60 "the driver has its pages, and nobody else has any" alone
	reloads=$((reloads + 1))
done
agree "in the end"

is "launches and ends" "$launched $ended" "$LAUNCHES $LAUNCHES"
is "killed" $killed $((LAUNCHES / 3))
is "launches that failed" $failed 0
# Of a few launches chance may leave one of these out.
if [ "$RMPOPT_HARD" = 1 ]; then
	at_least "in the middle of their launch" $early 5
	at_least "passes asked for" $passes 5
	at_least "CPUs that went or came" $switched 20
fi
is "reloads of kvm_amd" $reloads $((LAUNCHES / RELOAD_EVERY))
is "no core was taken out" "$(log_count 'taken out')" 0

rmmod rmp_lookup
rmmod kvm_amd ccp
is "without the drivers the same pages are assigned as at first" "$(emu assigned all)" "$left"
unload
emu snp on >/dev/null
is "no page is leaked" "$(log_since | grep -ci 'leak')" 0
no_splat "the kernel log is clean"
finish
