# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What is measured, the same for all algorithms. Runs in the guest, behind
# module.sh or published.sh.

: "${algorithm:?}" "${notice?}"
# The CPU on which other work waits: the first of the second core.
waits=$THREADS
GUEST=/sys/kernel/debug/snp_guest/cmd

# Regions with RAM.
regions=$(sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/\1 \2/p' /proc/iomem |
	while read -r from to; do
		from=$((0x$from >> 30)) to=$((0x$to >> 30))
		while [ "$from" -le "$to" ]; do
			echo "$from"
			from=$((from + 1))
		done
	done | sort -n | uniq)

# samples NAME: a step is measured so often. Its own part is small, and what the
# rest of the system does comes now and then.
samples() {
	echo "$1 $1.2 $1.3 $1.4 $1.5 $1.met"
	case $1 in
	cold | every_region_held | guest_of_8_gib) echo "$1.wait $1.wait2 $1.wait3" ;;
	esac
}

# measure NAME OPTION...: a step in which RMPOPT takes no time, so that nothing
# but the work is counted. In NAME.met it does: that shows how many cores meet. In
# NAME.wait it does too, and other work waits on one CPU.
measure() {
	case $1 in
	*.met) set -- "$@" port "time model" ;;
	*.wait*) set -- "$@" port "time model" wait "$waits" ;;
	*) set -- "$@" port "time none" ;;
	esac
	bench-step "$@"
}

list() {
	# shellcheck disable=SC2086 # one word each
	echo $1 | tr ' ' ','
}

guest() {
	echo "$*" >$GUEST || {
		echo "scenarios: $*: refused" >&2
		exit 1
	}
}

# A page in the last 2 MiB of each region: a scan finds it last.
at_the_ends() {
	set -- "$1"
	for region in $regions; do
		set -- "$@" port "set-entry $(((region + 1) * 1073741824 - 4096)) assigned=1 size=4k asid=9"
	done
	asked "$@"
}

# The cost of a probe: 4,096 pages are given back.
conversions() {
	for sample in $1 $1.2 $1.3; do
		guest assign "$first" 4k 4096 7
		measure "$sample" write $GUEST "release $first"
	done
}

# fill SIZE COUNT REGION...: guests move in.
fill() {
	size=$1 count=$2
	shift 2
	for region in "$@"; do
		guest assign "$region" "$size" "$count" 5
	done
	settle
}

insmod /rmpopt/modules/snp_guest.ko || exit
# Regions with pages of the firmware: never free.
firmware=
# Guests live where there is room for them: some regions are full of what the
# kernel itself has.
homes=
for region in $(echo "$regions" | sort -n -r); do
	case $(emu assigned "$region") in
	"0 "*) ;;
	*)
		firmware="$firmware $region"
		continue ;;
	esac
	if echo "assign $region 2m 4 5" >$GUEST; then
		homes="$homes $region"
	fi 2>/dev/null
done
guest release all
# shellcheck disable=SC2086 # a list
set -- $homes
echo "homes $*"
if [ $# -lt 8 ]; then
	echo "scenarios: room for a guest in $# regions only" >&2
	exit 1
fi
first=$1
eight="$1 $2 $3 $4 $5 $6 $7 $8"

[ "$algorithm" != module ] || conversions conversions_without

load
about
echo "host cpus=$CPUS cores=$CORES threads=$THREADS nodes=$NODES"
echo "regions $(list "$regions")"
echo "firmware $firmware"
emu version | sed 's/^/emulator /'
echo "kernel $(uname -r)"

idle idle
idle idle.wait
for sample in $(samples cold); do
	cold "$sample"
done
traced
for sample in $(samples unchanged); do
	asked "$sample"
done

# These pages come behind the kernel's back: a check between them and the pass would
# find them missing, and make a pass of its own.
checked
for sample in $(samples every_region_held); do
	at_the_ends "$sample"
done
for region in $regions; do
	emu set-entry $(((region + 1) * 1073741824 - 4096)) assigned=0
done
asked refill
# The kernel's pass visits holes, too: these are through before it is asked again.
[ "$algorithm" != assist ] || swept swept_before

for sample in $(samples one_region); do
	fill 4k 1 "$first"
	ended "$sample" "$first" before $GUEST "release $first"
done

eight_end() {
	# shellcheck disable=SC2086 # a list
	fill 2m 4 $eight
	for region in $eight; do
		set -- "$@" before $GUEST "release $region"
	done
	ended "$@"
}
for sample in $(samples guest_of_8_gib); do
	eight_end "$sample" "$(list "$eight")"
done
# Once more, looked at often, for the time alone.
eight_end timed "$(list "$eight")" every 5
[ "$algorithm" != assist ] || swept swept

for sample in $(samples every_guest); do
	# shellcheck disable=SC2086 # a list
	fill 2m 1 $homes
	ended "$sample" "$(list "$homes")" before $GUEST "release all"
done

# A guest of 4 GiB starts and one ends every five seconds, for two minutes, each
# time where the last one was. Looked at are the eight regions that they use.
churn() {
	starts="$5 $6 $7 $8" ends="$1 $2 $3 $4"
	# shellcheck disable=SC2086 # a list
	fill 2m 4 $ends
	set -- churn every 20 within 180000 watch "$(list "$eight")" last 120000
	seconds=0
	while [ $seconds -lt 120 ]; do
		for region in $starts; do
			set -- "$@" at ${seconds}000 $GUEST "assign $region 2m 4 5"
		done
		for region in $ends; do
			set -- "$@" at ${seconds}000 $GUEST "release $region"
		done
		[ ! "$notice" ] || set -- "$@" at ${seconds}000 "$notice" 1
		last=$starts starts=$ends ends=$last
		seconds=$((seconds + 5))
	done
	measure "$@"
	guest release all
	settle
}
# shellcheck disable=SC2086 # a list
[ "$CPUS" != 16 ] || churn $eight

if [ "$algorithm" = module ]; then
	conversions conversions_with
	unload
	insmod /rmpopt/modules/rmpopt_bench_probe.ko && {
		conversions conversions_bare
		rmmod rmpopt_bench_probe
	}
else
	unload
fi
rmmod snp_guest
echo "done"
