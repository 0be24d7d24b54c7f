# SPDX-License-Identifier: GPL-2.0
# host: window
# RAM beyond the window of a core: the emulator's table spans 6 GiB here.
. "$(dirname "$0")/tap.sh"
begin 15

window=6
all=$(cat /sys/devices/system/cpu/online)

# in_window CPU: the free regions in the window that cpu/N names.
in_window()
{
	range=$(field "$1" window_gib)
	for region in $free; do
		[ "$region" -lt "${range%-*}" ] || [ "$region" -gt "${range#*-}" ] || echo "$region"
	done | tr '\n' ' '
}

free=$(free_regions)
below=$(echo "$free" | awk -v w=$window '$1 < w' | wc -l)
above=$(echo "$free" | awk -v w=$window '$1 >= w' | wc -l)
at_least "free regions in the lowest window of $window GiB" "$below" 1
at_least "free regions above it" "$above" 1

for value in cf0 ud; do
	unload
	emu switch outside_window $value >/dev/null
	log_mark
	emu forget >/dev/null
	emu reset >/dev/null
	is "outside_window=$value: insmod window_gib=$window" "$(try insmod $MODULE window_gib=$window)" ok
	for policy in auto all node socket; do
		[ -e $CONFIG/window_policy ] || [ $policy = auto ] || continue
		[ $policy = auto ] || echo $policy >$CONFIG/window_policy
		what="outside_window=$value, $policy"
		within 60 "$what: the pass ends" idle
		tables_agree "$what: the table is what the cores have"
		for cpu in $(cpus); do
			range=$(field "$cpu" window_gib)
			is "$what: cpu/$cpu has a window of $window" $((${range#*-} - ${range%-*} + 1)) $window
			is "$what: cpu/$cpu has all of its window $range" \
				"$(expand "$(field "$cpu" optimised_ranges)" | tr '\n' ' ')" "$(in_window "$cpu")"
		done
		is "$what: each region has its line" "$(table | wc -l)" "$(ram_regions | wc -l)"
	done
	if [ -e $CONFIG/window_policy ]; then
		echo all >$CONFIG/window_policy
		within 60 "outside_window=$value, all: the pass ends" idle
		is "outside_window=$value, all: the lowest window on all CPUs" "$(table | grep -c " $all\$")" "$below"
	fi
	is "outside_window=$value: no #UD" "$(emu get rmpopt.ud)" 0
	unload
	no_splat "outside_window=$value: the kernel log is clean"
done

# The module believes in a larger window than the core has: what is outside
# faults. The cores are taken out, nothing worse.
log_mark
load
within 60 "a window that is too large: the first pass ends" idle
at_most "a window that is too large: warnings" "$(log_count 'left out')" "$(cores)"
at_least "a window that is too large: warnings" "$(log_count 'left out')" 1
is "a window that is too large: rmmod" "$(try rmmod rmpopt)" ok
no_splat "a window that is too large: the kernel log is clean"
emu switch outside_window cf0 >/dev/null

for bad in 0 4096 x -1; do
	is "window_gib=$bad" "$(try insmod $MODULE window_gib=$bad)" EINVAL
done
unload
finish
