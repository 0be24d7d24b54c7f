# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Shared by kvm_*.sh: SNP guests of KVM, on a host with a firmware processor.

work=/tmp/kvm_guests
rm -rf $work && mkdir $work

require_kvm_guests()
{
	require "needs a firmware processor" grep -q 0x14ca /sys/bus/pci/devices/*/device
	require "needs kvm_snp_guest" command -v kvm_snp_guest
}

# Assigned pages of guests and of the firmware, in all memory.
pages()
{
	emu assigned all | awk -v of="$1" '
		{ for (i = 3; i <= NF; i++) { split($i, f, "="); if (f[1] == of) n += f[2] } }
		END { print n + 0 }'
}

# launch N OPTION...: guest N, whose stdin is the fifo $work/N.in.
launch()
{
	number=$1
	shift
	rm -f "$work/$number".*
	mkfifo "$work/$number".in
	kvm_snp_guest "$@" <"$work/$number".in >"$work/$number".out 2>&1 &
	echo $! >"$work/$number".pid
	# Somebody has to hold the other end.
	sleep 1000 >"$work/$number".in &
	echo $! >"$work/$number".hold
}

# start N OPTION...: launches it, and waits until it says that it is there or fails.
start()
{
	launch "$@"
	poll 120 said "$number" 'ready|error'
	tail -n 1 "$work/$number".out
}

said()
{
	grep -qE "$2" "$work/$1".out
}

gone()
{
	! kill -0 "$(cat "$work/$1".pid)" 2>/dev/null
}

# tell N COMMAND...: its answer.
tell()
{
	number=$1
	shift
	lines=$(wc -l <"$work/$number".out)
	echo "$*" >"$work/$number".in
	poll 60 answered
	tail -n 1 "$work/$number".out
}

answered()
{
	[ "$(wc -l <"$work/$number".out)" -gt "$lines" ]
}

# end N [SIGNAL]: by the end of its stdin, or by a signal.
end()
{
	[ -z "$2" ] || kill -"$2" "$(cat "$work/$1".pid)"
	kill "$(cat "$work/$1".hold)" 2>/dev/null
	poll 60 gone "$1"
}

# KVM frees a guest's memory when the last descriptor is closed, the firmware's page last.
as_before()
{
	[ "$(emu assigned all)" = "$before" ] && emu psp show | grep -q ' guests=0 '
}

initialised()
{
	[ "$(emu snp phase)" = initialised ]
}
