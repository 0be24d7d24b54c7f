# SPDX-License-Identifier: GPL-2.0
# host: window
# RAM beyond the window of a core: the emulator's table spans 6 GiB here.
. "$(dirname "$0")/tap.sh"
begin 15

window=6
all=$(cat /sys/devices/system/cpu/online)
below=$(free_regions | awk -v w="$window" '$1 < w' | wc -l)
above=$(free_regions | awk -v w="$window" '$1 >= w' | wc -l)
at_least "free regions in the window of $window GiB" "$below" 1
at_least "free regions above it" "$above" 1

for value in cf0 ud; do
	unload
	emu switch outside_window $value >/dev/null
	log_mark
	emu forget >/dev/null
	emu reset >/dev/null
	is "outside_window=$value: insmod window_gib=$window" "$(try insmod $MODULE window_gib="$window")" ok
	within 60 "outside_window=$value: the first pass ends" idle
	tables_agree "outside_window=$value: the table is what the cores have"
	is "outside_window=$value: the window's regions are optimised" "$(table | grep -c " $all\$")" "$below"
	is "outside_window=$value: the others have their line" "$(table | wc -l)" "$(ram_regions | wc -l)"
	is "outside_window=$value: no #UD" "$(emu get rmpopt.ud)" 0
	is "outside_window=$value: cpu/0 knows its window" "$(field 0 window_gib)" "0-$((window - 1))"
	unload
	no_splat "outside_window=$value: the kernel log is clean"
done

# The module believes in a larger window than the core has: what is outside
# faults. The cores are taken out, nothing worse.
log_mark
load
within 60 "a window that is too large: the first pass ends" idle
tables_agree "a window that is too large: the table is what the cores have"
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
