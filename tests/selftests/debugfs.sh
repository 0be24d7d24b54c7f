#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# hard: one
# The status files: format, access, and files that are open while the module is unloaded.
. "$(dirname "$0")/tap.sh"
begin 43
require_rmpopt

unload
log_mark
load
poll 60 idle || bail "the first pass does not end"
first=$DEBUG/cpu/$(cpus | head -n 1)

is "all files are root's and read-only" "$(find $DEBUG -type f -exec stat -c %a:%u:%g {} + | sort -u)" 400:0:0
for cpu in $(cpus); do
	ok "there is a cpu/$cpu" test -f "$DEBUG/cpu/$cpu"
done

is "each line of rmpopt-table has the published format" \
	"$(grep -vcE '^Memory @[ 0-9]{2,}[0-9]GB: CPU\(s\): (none|[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)$' $DEBUG/rmpopt-table)" 0
is "the number is three wide" "$(sed -n 's/^Memory @\(...\)GB.*/\1/p' $DEBUG/rmpopt-table | wc -l)" "$(wc -l <$DEBUG/rmpopt-table)"
tables_agree "rmpopt-table is what the cores have"

for key in core node state rmpopt_base window_gib covered_gib optimised_gib optimisable_gib optimised_ranges last_pass; do
	ok "cpu/N has the line $key" grep -q "^$key: ." "$first"
done
is "cpu/N has nothing but such lines" "$(grep -vcE '^[a-z_]+: [^ ]' "$first")" 0
is "state" "$(field 0 state)" enabled
is "rmpopt_base is the emulator's" "$(($(field 0 rmpopt_base)))" "$(($(emu base 0)))"
is "optimised_ranges are the emulator's" "$(expand "$(field 0 optimised_ranges)" | tr '\n' ' ')" "$(expand "$(emu table 0)" | tr '\n' ' ')"
is "optimised_gib counts them" "$(field 0 optimised_gib)" "$(expand "$(field 0 optimised_ranges)" | wc -l)"
for cpu in $(cpus); do
	is "cpu/$cpu: covered_gib is the RAM in the window" "$(field "$cpu" covered_gib)" "$(covered "$cpu")"
done
is "optimisable_gib are all that are free" "$(field 0 optimisable_gib)" "$(free_regions | wc -l)"

for file in $DEBUG/rmpopt-table "$first"; do
	name=${file#"$DEBUG"/}
	is "$name: mode" "$(stat -c %a "$file")" 400
	is "$name: owner" "$(stat -c %u:%g "$file")" 0:0
	is "$name: root cannot write it" "$(try write "$file" 1)" EINVAL
	is "$name: root can read it" "$(try read "$file")" ok
	is "$name: mmap" "$(try map "$file")" ENODEV
done
# The mount point is root's alone; look behind it.
mkdir -p /tmp/debug
mount --bind /sys/kernel/debug /tmp/debug
chmod 755 /sys/kernel/debug
for name in rmpopt-table cpu/0; do
	is "$name: others cannot read it" "$(try as 1000 read $DEBUG/$name)" EACCES
	is "$name: others cannot write it" "$(try as 1000 write $DEBUG/$name 1)" EACCES
done
chmod 700 /sys/kernel/debug
umount /tmp/debug

# In small pieces it is the same.
is "rmpopt-table in pieces of 7 bytes" "$(dd if=$DEBUG/rmpopt-table bs=7 2>/dev/null)" "$(cat $DEBUG/rmpopt-table)"

# Reading costs one report for each region and core, and no verify. Now and then the
# module asks for a region by itself.
looks()
{
	echo $(($(sed -n 's/^self_checks: //p' $DEBUG/stats) - looked))
}

looked=$(sed -n 's/^self_checks: //p' $DEBUG/stats)
emu reset >/dev/null
cat $DEBUG/rmpopt-table >/dev/null
is "reading rmpopt-table verifies nothing" "$(emu get rmpopt.verify)" 0
at_most "reading rmpopt-table asks each core once per region" \
	"$(emu get rmpopt.report)" $(($(ram_regions | wc -l) * $(cores) + $(looks)))
emu reset >/dev/null
cat "$first" >/dev/null
at_most "reading cpu/N asks one core" "$(emu get rmpopt.report)" $(($(ram_regions | wc -l) + $(looks)))

# An open file holds the module.
exec 3<$DEBUG/rmpopt-table
is "rmmod while rmpopt-table is open" "$(try rmmod rmpopt)" EAGAIN
exec 3<&-
exec 3<"$first"
read -r line <&3
is "rmmod while cpu/N is open and read" "$(try rmmod rmpopt)" EAGAIN
exec 3<&-
is "rmmod when both are closed" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish
