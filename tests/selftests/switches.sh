#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# Behaviour that the manuals do not state: with each possible behaviour the module is
# safe, and rmpopt-table shows the tables of the cores.
. "$(dirname "$0")/tap.sh"
begin 60
require_emulator
require_rmpopt

all=$(cat /sys/devices/system/cpu/online)
free=$(free_regions | wc -l)

# As many regions as have no assigned page are optimised everywhere, as the module says.
all_free()
{
	idle && [ "$(table | grep -c " $all\$")" = "$free" ]
}

# So that all switches are tried with each way in which RMPOPT_BASE can be written. What
# follows from the default is in the other scripts.
emu switch enable_sticky clear >/dev/null
while read -r name values; do
	# The first value is the default, the same for all switches. make test tries one other of each.
	for value in $(hard "$values" "${values##* }"); do
		what=$name=$value
		unload
		emu snp off >/dev/null
		emu snp on >/dev/null
		emu forget >/dev/null
		log_mark
		ok "$what" emu switch "$name" "$value"
		is "$what: insmod" "$(try insmod "$MODULE")" ok
		within 60 "$what: the first pass wins all" all_free
		tables_agree "$what: the table is what the cores have"
		echo 0 >$CONFIG/enabled
		case $what in
		enable_sticky=ignored | enable_sticky=gp)
			tables_agree "$what: disabled, the table is what the cores have"
			is "$what: disabled, all stays optimised" "$(table | grep -vc ' none$')" "$free" ;;
		*)
			is "$what: disabled, nothing is optimised" "$(table | grep -vc ' none$')" 0 ;;
		esac
		echo 1 >$CONFIG/enabled
		within 60 "$what: enabled, all is back" all_free
		ok "$what: another attempt" pass
		tables_agree "$what: the table is what the cores have"
		is "$what: no #UD" "$(field 0 state)" enabled
		is "$what: rmmod" "$(try rmmod rmpopt)" ok
		is "$what: no warning of the module" "$(log_lines 'left out')" ""
		no_splat "$what: the kernel log is clean"
	done
	emu switch "$name" "${values%% *}" >/dev/null
done <<-EOF
	outside_window cf0 ud
	function_above_1 ud mask report
	base_write_clears always change base
	unaligned_base gp align
	early_enable gp ignore
	uncovered cf1 cf0
	sub_pages zero copy
	stored_result kept off 2
	base_moves yes ignored gp
	enable_sticky clear ignored gp
EOF
sticky_as_booted

# Loaded before SNP is on, where setting RMPOPT_EN is an open question.
for value in ignore gp; do
	emu snp off >/dev/null
	emu switch early_enable $value >/dev/null
	log_mark
	load
	sleep 1.5
	emu snp on >/dev/null
	within 60 "early_enable=$value, loaded while SNP is off: all is there when it is on" all_free
	is "early_enable=$value: no warning of the module" "$(log_lines 'left out')" ""
	unload
	no_splat "early_enable=$value: the kernel log is clean"
done
finish
