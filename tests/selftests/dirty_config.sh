#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# hard: one
# The controls of passes that the thread starts without a request: values, exact errors, effect at once.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 70
require_rmpopt
require_test_module snp_guest

# set FILE VALUE
set_to()
{
	try write "$CONFIG/$1" "$2"
}

unload
log_mark
insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
load
poll 60 idle || bail "the first pass does not end"
one=$(table | awk -v all="$all" '$2 == all { last = $1 } END { print last }')
note "region $one"

is "auto by default" "$(cat $CONFIG/auto)" 1
is "delay_ms by default" "$(cat $CONFIG/delay_ms)" 500
is "max_delay_ms by default" "$(cat $CONFIG/max_delay_ms)" 5000
is "full_check_s by default" "$(cat $CONFIG/full_check_s)" 600
is "optimise says how" "$(wc -l <$CONFIG/optimise)" 1

for bad in '' 2 -1 99999999999; do
	is "auto: '$bad'" "$(set_to auto "$bad")" EINVAL
done
for value in no:0 off:0 yes:1; do
	set_to auto "${value%:*}" >/dev/null
	is "auto after '${value%:*}'" "$(cat $CONFIG/auto)" "${value#*:}"
done
for file in delay_ms max_delay_ms full_check_s; do
	for bad in '' -1 x 1x 1.5 0x10 '1 2'; do
		is "$file: '$bad'" "$(set_to $file "$bad")" EINVAL
	done
	is "$file: beyond any number" "$(set_to $file 4294967296)" ERANGE
	is "$file: beyond any number" "$(set_to $file 99999999999999999999999)" ERANGE
	is "$file: 0" "$(set_to $file 0)" ok
	is "$file reads 0" "$(cat $CONFIG/$file)" 0
done
for file in delay_ms max_delay_ms; do
	is "$file: 600001" "$(set_to $file 600001)" ERANGE
	is "$file is unchanged" "$(cat $CONFIG/$file)" 0
	is "$file: 600000" "$(set_to $file 600000)" ok
	is "$file reads 600000" "$(cat $CONFIG/$file)" 600000
done
is "full_check_s: a week" "$(set_to full_check_s 604800)" ok
is "full_check_s: a second more" "$(set_to full_check_s 604801)" ERANGE

# Effect: with both delays at their longest nothing happens, until one is shorter.
is "a guest" "$(guest assign "$one" 2m 1 5)" ok
is "that ends" "$(guest release "$one")" ok
sleep 2
is "its region waits" "$(region "$one" state)" queued
is "delay_ms: 0" "$(set_to delay_ms 0)" ok
within 60 "it waits no longer" won "$one"

# auto
is "auto: 0" "$(set_to auto 0)" ok
is "auto reads 0" "$(cat $CONFIG/auto)" 0
is "a guest" "$(guest assign "$one" 2m 1 5)" ok
is "that ends" "$(guest release "$one")" ok
sleep 2
is "nothing begins by itself" "$(table_of "$one")" none
is "auto: 1" "$(set_to auto 1)" ok
within 60 "what has waited is attempted" won "$one"

# optimise
is "auto: 0" "$(set_to auto 0)" ok
for bad in '' x - + 4G 4G- 4G-4G 8G-4G 4G+0 4G--8G 4G-8Q '4G -8G' 0xg-1; do
	is "optimise: '$bad'" "$(set_to optimise "$bad")" EINVAL
done
is "optimise: beyond the address space" "$(set_to optimise 4096T+1)" ERANGE
is "optimise: beyond any number" "$(set_to optimise 0-99999999999999999999)" ERANGE
is "optimise: no RAM there" "$(set_to optimise 2000T+1G)" ERANGE
is "a guest" "$(guest assign "$one" 2m 1 5)" ok
is "that ends" "$(guest release "$one")" ok
emu reset >/dev/null
is "optimise: other regions" "$(set_to optimise "0-${one}G")" ok
poll 60 idle
is "do not win it" "$(table_of "$one")" none
is "RMPOPT in its region" "$(emu get rmpopt.by_region."$one".verify)" 0
for range in "${one}G+1" "${one}G-$((one + 1))G" "$((one << 30))+1G" \
	"$((one << 20))K+4k" "$((one << 10))m-$(((one << 10) + 1))M" \
	"$(printf '0x%x-0x%x' $((one << 30)) $(((one + 1) << 30)))"; do
	is "a guest" "$(guest assign "$one" 4k 1 5)" ok
	is "that ends" "$(guest release "$one")" ok
	emu reset >/dev/null
	is "optimise: $range" "$(set_to optimise "$range")" ok
	poll 60 idle
	is "wins it" "$(table_of "$one")" "$all"
	is "and only it is attempted" "$(emu get rmpopt.verify)" "$(emu get rmpopt.by_region."$one".verify)"
done
at_least "passes for a range" "$(passes range)" 7
is "passes for what was given back" "$(passes given-back)" 2

is "enabled: 0" "$(set_to enabled 0)" ok
is "optimise while it is off" "$(set_to optimise "${one}G+1")" EPERM
is "auto while it is off" "$(set_to auto 1)" ok
is "enabled: 1" "$(set_to enabled 1)" ok
within 60 "all is optimised" won "$one"
is "auto is still set" "$(cat $CONFIG/auto)" 1

rmmod snp_guest
unload
no_splat "the kernel log is clean"
finish
