#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# hard: one
# The administrator's controls: values, exact errors, and effects.
. "$(dirname "$0")/tap.sh"
begin 68
require_rmpopt

action()
{
	try write $CONFIG/action "$1"
}

enabled()
{
	try write $CONFIG/enabled "$1"
}

slice()
{
	try write $CONFIG/slice_us "$1"
}

optimised()
{
	table | grep -vc ' none$'
}

unload
log_mark
load
poll 60 idle || bail "the first pass does not end"
had=$(optimised)
at_least "regions that are optimised" "$had" 1

for file in enabled action description; do
	is "$file: mode" "$(stat -c %a:%u:%g $CONFIG/$file)" 660:0:0
done
is "enabled reads 1" "$(cat $CONFIG/enabled)" 1
is "action reads idle" "$(cat $CONFIG/action)" idle
is "description is one line" "$(wc -l <$CONFIG/description)" 1
is "description is read-only in effect" "$(try write $CONFIG/description x)" EACCES

for bad in 0 2 -1 11 1x x idle ' ' '1 1' 99999999999999999999; do
	is "action: '$bad'" "$(action "$bad")" EINVAL
done
is "action: an empty write" "$(action '')" EINVAL
is "action: 1 without a newline" "$(try rawwrite $CONFIG/action 1)" ok
poll 60 idle
is "action: 1" "$(action 1)" ok
within 60 "action: the pass ends" idle

for bad in 2 -1 x o ' ' 4294967296; do
	is "enabled: '$bad'" "$(enabled "$bad")" EINVAL
done
for yes in on y Y True; do
	is "enabled: '$yes'" "$(enabled "$yes")" ok
done
poll 60 idle
is "enabled: an empty write" "$(enabled '')" EINVAL
is "enabled is still 1" "$(cat $CONFIG/enabled)" 1
is "nothing was lost by all that" "$(optimised)" "$had"

is "slice_us by default" "$(cat $CONFIG/slice_us)" 50
for bad in '' ' ' -1 x 1x 1.5 0x10 '1 2'; do
	is "slice_us: '$bad'" "$(slice "$bad")" EINVAL
done
for bad in 10001 4294967296 99999999999999999999; do
	is "slice_us: $bad" "$(slice $bad)" ERANGE
done
is "slice_us is unchanged" "$(cat $CONFIG/slice_us)" 50
for good in 0 10000 50; do
	is "slice_us: $good" "$(slice $good)" ok
	is "slice_us reads $good" "$(cat $CONFIG/slice_us)" $good
done

log_mark
is "enabled: 0" "$(enabled 0)" ok
is "enabled reads 0" "$(cat $CONFIG/enabled)" 0
is "action reads idle" "$(cat $CONFIG/action)" idle
ok "the processor keeps RMPOPT_EN on all cores" all_cores 1
is "and what they have" "$(optimised)" "$had"
is "cpu/0: state" "$(field 0 state)" "kept by the processor"
is "cpu/0: what that means" "$(field 0 kept)" \
	"stays optimised until SNP is shut down: RMPOPT_EN cannot be cleared"
is "the log says so, once" "$(log_count 'stays optimised until SNP is shut down: RMPOPT_EN cannot be cleared')" 1
tables_agree "the table is what the cores have"
emu reset >/dev/null
is "action: 1 while not enabled" "$(action 1)" EPERM
is "action: 2 while not enabled" "$(action 2)" EINVAL
sleep 0.5
is "nothing is attempted while not enabled" \
	"$(($(emu get rmpopt.verify) + $(emu get rmpopt.report) + $(emu get rmpopt.ud)))" 0
is "enabled: 0 again" "$(enabled 0)" ok
is "nothing is said again" "$(log_count)" 1

emu reset >/dev/null
is "enabled: 1" "$(enabled 1)" ok
within 60 "that ends" idle
is "nothing is scanned again" "$(emu get rmpopt.scans)" 0
is "cpu/0: state" "$(field 0 state)" enabled
is "as much as before is optimised" "$(optimised)" "$had"
tables_agree "the table is what the cores have"
is "enabled: 1 again" "$(enabled 1)" ok
within 60 "that ends, too" idle
is "and loses nothing" "$(optimised)" "$had"

# Requests during a pass and the rest after it make one more pass, not one each: 2000
# of them, each one write(2), against the RMPOPT of one pass. How many passes there is
# time for depends on the machine; rounds.sh has one that lasts.
emu reset >/dev/null
pass
one=$(($(emu get rmpopt.verify) + $(emu get rmpopt.report)))
at_least "RMPOPT of one pass" "$one" 1
yes 1 | head -n 2000 >/tmp/ones
emu reset >/dev/null
is "2000 requests are taken" "$(dd if=/tmp/ones of=$CONFIG/action bs=2 2>&1 | sed -n 's/+0 records out//p')" 2000
within 60 "the passes end" idle
emulated on
all=$(($(emu get rmpopt.verify) + $(emu get rmpopt.report)))
at_least "RMPOPT of 2000 requests" "$all" "$one"
at_most "RMPOPT of 2000 requests, which coalesce" "$all" $((one * 50))
emulated off

# The file's words while a pass is under way.
words=$(
	seen=
	for turn in $(seq 200); do
		echo 1 >$CONFIG/action
		read -r word <$CONFIG/action
		case $word in
		idle | pending) ;;
		*) seen=$word; break ;;
		esac
	done
	echo "$seen"
)
case $words in
'')	skip "action while a pass is under way" "every pass was over before it was seen" ;;
*)	like "action while a pass is under way" "$words" "running: [0-9]* of [0-9]* *" ;;
esac
poll 60 idle

is "an ordinary user cannot write action" "$(try as 1000 write $CONFIG/action 1)" EACCES
is "an ordinary user cannot write enabled" "$(try as 1000 write $CONFIG/enabled 0)" EACCES
is "nothing can be made here" "$(mkdir $CONFIG/x 2>/dev/null; echo $?)" 1

# Off and away: rmmod must not need the switch.
enabled 0 >/dev/null
is "rmmod while not enabled" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish
