#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: snpoff timed
# SNP is off when the module is loaded, comes on, goes off and comes on again.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 38
require_emulator
require_rmpopt

turns=$(hard 100 30)
attempts()
{
	echo $(($(emu get rmpopt.verify) + $(emu get rmpopt.report)))
}

filled()
{
	idle && [ "$(table | grep -vc ' none$')" = "$free" ]
}

gone_off()
{
	[ "$(log_count 'SNP has gone off')" -ge 1 ]
}

unload
emu snp on >/dev/null
free=$(free_regions | wc -l)
emu snp off >/dev/null
log_mark
emu reset >/dev/null
is "insmod while SNP is off" "$(try insmod "$MODULE")" ok
at_least "the log says that it waits, and for what" "$(log_count 'SNP')" 1
sleep 2.5
is "no RMPOPT before SNP is on" "$(attempts)" 0
is "and no #UD" "$(emu get rmpopt.ud)" 0
is "enabled reads 1" "$(cat $CONFIG/enabled)" 1
is "action: 1" "$(try write $CONFIG/action 1)" ok
within 60 "that ends without SNP, too" idle
is "still no RMPOPT" "$(attempts)" 0
is "nothing is optimised" "$(table | grep -vc ' none$')" 0

emu snp on >/dev/null
within 60 "it starts by itself when SNP comes on" filled
tables_agree "the table is what the cores have"
is "cpu/0: state" "$(field 0 state)" enabled

# Off while it is loaded and asleep: noticed by itself.
emu snp off >/dev/null
is "nothing is optimised while SNP is off" "$(table | grep -vc ' none$')" 0
within 60 "it is noticed" gone_off
is "action: 1" "$(try write $CONFIG/action 1)" ok
within 60 "that ends" idle
is "the log says that SNP has gone off" "$(log_count 'SNP has gone off')" 1
is "nothing is optimised" "$(table | grep -vc ' none$')" 0
is "cpu/0: state once it was noticed" "$(field 0 state)" off
emu snp on >/dev/null
within 60 "it goes on by itself when SNP is back" filled
is "cpu/0: state after that" "$(field 0 state)" enabled
tables_agree "the table is what the cores have"

# A new initialisation between two looks: RMPOPT_BASE is 0, the tables are empty.
emu snp off >/dev/null
emu snp on >/dev/null
is "action: 1" "$(try write $CONFIG/action 1)" ok
within 60 "wins all back" filled
is "cpu/0: state after that" "$(field 0 state)" enabled
tables_agree "the table is what the cores have"

# The same, and only one region is asked for.
emu snp off >/dev/null
emu snp on >/dev/null
one=$(free_regions | tail -n 1)
is "optimise: one region" "$(try write $CONFIG/optimise "${one}G+1G")" ok
within 60 "that is enough to notice: all is back" filled
tables_agree "the table is what the cores have"

# The same, and nobody asks for anything.
emu snp off >/dev/null
emu snp on >/dev/null
within 60 "it is noticed all the same: all is back" filled
is "cpu/0: state after that" "$(field 0 state)" enabled
tables_agree "the table is what the cores have"

# The legacy shutdown leaves all set.
emu snp off-legacy >/dev/null
is "action: 1 after a legacy shutdown" "$(try write $CONFIG/action 1)" ok
within 60 "that ends" idle
tables_agree "the table is what the cores have"
emu snp on >/dev/null
try write $CONFIG/action 1 >/dev/null
within 60 "all is there after the next initialisation" filled

# Where passes last, in the middle of them: SNP goes off and comes on, or is only initialised anew, up
# to three times before a pass gets through: a core that loses RMPOPT_BASE more often
# than that in a row counts as broken. Nobody asks for anything after the last turn. One
# that falls between the last RMPOPT of a pass and its end is for the full check.
if emu time model >/dev/null 2>&1; then
	emu snp off >/dev/null
	pass
	emu snp on >/dev/null
	within 60 "action shows the pass that follows when SNP has come on" running
	within 60 "it ends" filled
	echo 5 >$CONFIG/full_check_s
	turn=0
	while [ $turn -lt $turns ] && during; do
		[ $((turn % 2)) = 0 ] || emu snp off >/dev/null
		emu snp on >/dev/null || break
		turn=$((turn + 1))
		[ $((turn % 3)) != 0 ] || poll 60 idle
	done
	is "SNP was initialised in the middle of passes" $turn $turns
	within 60 "all is there in the end, by itself" filled
	tables_agree "the table is what the cores have"
	emu time none
fi

# A shutdown that leaves RMPOPT_BASE as it was: nobody but the module would switch it off.
ok "the emulator's shutdown leaves RMPOPT_BASE" emu switch shutdown_base kept
emu snp off >/dev/null
try write $CONFIG/action 1 >/dev/null
within 60 "a pass without SNP ends" idle
for core in $(each_core); do
	is "core $core is switched off" "$(emu base "$core")" 0x0
done
emu switch shutdown_base cleared >/dev/null
emu snp on >/dev/null
within 60 "all is there again" filled

# The same in the middle of a pass, and a core that does not let RMPOPT be switched off: what is read counts.
if emu time model >/dev/null 2>&1; then
	still_on()
	{
		[ "$(status_of 'cores kept by the processor')" = 1 ] &&
			[ "$(status_of 'cores off')" = $(($(cores) - 1)) ]
	}
	last=$(each_core | tail -n 1)
	emu switch shutdown_base kept >/dev/null
	ok "a pass is under way" during
	emu fault "$last" gp >/dev/null
	emu snp off >/dev/null
	within 60 "core $last stays on: status says so" still_on
	is "core $last stays on" "$(emu base "$last")" 0x1
	is "core $last stays on: it is not taken out" "$(log_count 'taken out')" 0
	emu fault "$last" none >/dev/null
	emu switch shutdown_base cleared >/dev/null
	emu snp on >/dev/null
	within 60 "all is there again" filled
	is "status: all cores are on" "$(status_of 'cores enabled')" "$(cores)"
	tables_agree "the table is what the cores have"
	emu time none
fi

# Off, and the module leaves.
emu snp off >/dev/null
is "rmmod while SNP is off" "$(try rmmod rmpopt)" ok
emu snp on >/dev/null
no_splat "the kernel log is clean"
finish
