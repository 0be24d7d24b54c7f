# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What is measured, the same for both algorithms. Runs in the guest, behind
# module.sh or published.sh.

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
	set -- every_region_held
	for region in $regions; do
		set -- "$@" port "set-entry $(((region + 1) * 1073741824 - 4096)) $ends"
	done
	asked "$@"
}

# The cost of a probe: 4,096 pages are given back.
conversions() {
	guest assign "$first" 4k 4096 7
	bench-step "$1" write $GUEST "release $first"
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

[ $algorithm = published ] || conversions conversions_without

load
about
echo "host cpus=$CPUS cores=$CORES threads=$THREADS nodes=$NODES"
echo "regions $(list "$regions")"
echo "firmware $firmware"
emu version | sed 's/^/emulator /'
echo "kernel $(uname -r)"

idle
# Some samples: interrupts of the rest of the system come now and then.
for sample in cold cold.2 cold.3; do
	cold $sample
done
traced
asked unchanged

ends='assigned=1 size=4k asid=9'
at_the_ends
for region in $regions; do
	emu set-entry $(((region + 1) * 1073741824 - 4096)) assigned=0
done
asked refill

guest assign "$first" 4k 1 5
settle
ended one_region "$first" before $GUEST "release $first"

for region in $eight; do
	guest assign "$region" 2m 4 5
done
settle
set --
for region in $eight; do
	set -- "$@" before $GUEST "release $region"
done
ended guest_of_8_gib "$(list "$eight")" "$@"

for region in $homes; do
	guest assign "$region" 2m 1 6
done
settle
ended every_guest "$(list "$homes")" before $GUEST "release all"

if [ $algorithm = module ]; then
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
echo done
