# SPDX-License-Identifier: GPL-2.0
# Shared by dirty_livepatch.sh, dirty_bpf.sh, dirty_kprobe.sh: others attach to the functions that the module probes.

FUNCTIONS="rmp_make_private rmp_make_shared psmash"

# come OTHER, go OTHER: it attaches to the functions, and leaves. "go" sets $calls, how many it has seen.
come()
{
	case $1 in
	livepatch)
		is "a livepatch comes" "$(try insmod "$MODULES/rmp_patch.ko")" ok
		within 60 "all tasks take it over" patched 1 ;;
	fentry | fexit)
		rm -f /tmp/bpf
		# shellcheck disable=SC2086 # a list
		bpf_attach "$1" /tmp/bpf $FUNCTIONS &
		bpf=$!
		poll 60 test -s /tmp/bpf
		is "a BPF program for $1 comes" "$(cat /tmp/bpf)" ok ;;
	kprobe)
		is "a kprobe with a post handler comes" "$(try insmod "$MODULES/rmp_kprobe.ko")" ok ;;
	kretprobe)
		is "a kretprobe comes" "$(try insmod "$MODULES/rmp_kprobe.ko" returns=1)" ok ;;
	esac
}

go()
{
	case $1 in
	livepatch)
		calls=$(cat /sys/module/rmp_patch/parameters/calls)
		is "the livepatch goes" "$(try write /sys/kernel/livepatch/rmp_patch/enabled 0)" ok
		within 60 "all tasks leave it" test ! -e /sys/kernel/livepatch/rmp_patch
		rmmod rmp_patch ;;
	fentry | fexit)
		kill "$bpf"
		wait "$bpf"
		calls=$(tail -n 1 /tmp/bpf) ;;
	kprobe | kretprobe)
		calls=$(cat /sys/module/rmp_kprobe/parameters/calls)
		rmmod rmp_kprobe ;;
	esac
}

patched()
{
	[ "$(cat /sys/kernel/livepatch/rmp_patch/transition)" = 0 ] &&
		[ "$(cat /sys/kernel/livepatch/rmp_patch/enabled)" = "$1" ]
}

# A guest of three pages grows by 2 MiB, which is split, and goes; the next one has three pages again.
converts()
{
	guest assign "$one" 2m 1 5 >/dev/null
	guest smash "$one" >/dev/null
	guest release "$one" >/dev/null
	guest assign "$one" 4k 3 5 >/dev/null
	guest assign "$two" 4k 1 6 >/dev/null
	guest release "$two" >/dev/null
}
CONVERSIONS=522

shared()
{
	[ "$(stat probes)" = fprobe ]
}

# A region whose pages are not known is counted when it is due.
counted()
{
	! awk '$3 == "-" { found = 1 } END { exit !found }' "$DEBUG/regions"
}

# agree WHAT
agree()
{
	within 60 "$1: all is counted" counted
	counts_agree "$1: as it is"
}

seen()
{
	is "$1 has seen each conversion" "$calls" "$2"
}

# The module's first words, with no other there.
share_begin()
{
	unload
	log_mark
	echo 1 >/proc/sys/kernel/bpf_stats_enabled
	insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
	load
	poll 60 idle || bail "the first pass does not end"
	pick_two
	is "nobody else is there" "$(stat probes)" direct
	# In a direct call's address bit 0 means a jump.
	is "trampolines" "$(grep -c 'rmpopt_direct_.*_trampoline' /proc/kallsyms)" 3
	is "they are aligned as functions are" \
		"$(grep 'rmpopt_direct_.*_trampoline' /proc/kallsyms | grep -v '^[0-9a-f]*0 ')" ""
	unload
}

# share OTHER: with it there first, second, and in between.
share()
{
	other=$1
	guest assign "$one" 4k 3 5 >/dev/null

	# It is there first, and goes first.
	come "$other"
	load
	poll 60 idle
	is "$other first: shared" "$(stat probes)" fprobe
	before=$(stat conversions)
	converts
	is "$other first: each conversion is counted" "$(($(stat conversions) - before))" $CONVERSIONS
	agree "$other first"
	go "$other"
	seen "$other" $CONVERSIONS
	converts
	agree "$other first, gone first"
	unload

	# The module is there first, and goes first.
	load
	poll 60 idle
	is "alone" "$(stat probes)" direct
	converts
	agree "the module first"
	come "$other"
	converts
	agree "the module first, then $other"
	within 60 "they share" shared
	before=$(stat conversions)
	converts
	is "each conversion is counted" "$(($(stat conversions) - before))" $CONVERSIONS
	agree "$other beside the module"
	unload
	converts
	go "$other"
	seen "$other" $((3 * CONVERSIONS))

	# The module is there before and after.
	load
	poll 60 idle
	come "$other"
	converts
	go "$other"
	seen "$other" $CONVERSIONS
	converts
	# Until then counts may be forgotten once more.
	within 60 "$other between: the change-over ends" shared
	agree "$other between"
	is "missed" "$(stat missed)" 0
	unload
	is "a clean slate" "$(guest release all)" ok
}

share_end()
{
	[ -d /sys/module/rmpopt ] || load
	is "all is given back" "$(guest release all)" ok
	within 60 "and optimised again" won "$one"
	agree "in the end"
	tables_agree "the table is what the cores have"
	unload
	rmmod snp_guest
	like "nothing is watched any more" "$(cat /sys/kernel/tracing/enabled_functions)" ""
	echo 0 >/proc/sys/kernel/bpf_stats_enabled
	no_splat "the kernel log is clean"
	finish
}
