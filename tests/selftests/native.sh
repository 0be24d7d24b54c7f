#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# RMPOPT_BASE is enabled before the module is loaded: the kernel does it itself.
. "$(dirname "$0")/tap.sh"
begin 22
require_emulator
require_rmpopt

set_all()
{
	for core in $(each_core); do
		emu base "$core" "$1" >/dev/null
	done
}

bases()
{
	for core in $(each_core); do
		echo "$(($(emu base "$core")))"
	done | sort -u | tr '\n' ' '
}

unload
set_all 1
log_mark
emu reset >/dev/null
is "insmod" "$(try insmod "$MODULE")" ok
like "the log says that it observes, and what overrides" "$(log_lines takeover)" "*takeover=1*"
sleep 1
is "no RMPOPT verify was executed" "$(emu get rmpopt.verify)" 0
is "RMPOPT_BASE was not written" "$(emu get rmpopt_base.writes)" 0
is "action: 1" "$(try write $CONFIG/action 1)" EPERM
is "enabled: 1" "$(try write $CONFIG/enabled 1)" EOPNOTSUPP
is "enabled: 0" "$(try write $CONFIG/enabled 0)" ok
tables_agree "the table is what the cores have"
is "rmmod" "$(try rmmod rmpopt)" ok
is "RMPOPT_BASE is as it was" "$(bases)" "1 "

# One core is enough, whichever it is.
set_all 0
last=$(each_core | tail -n 1)
emu base "$last" 1 >/dev/null
log_mark
emu reset >/dev/null
is "the last core only: insmod on the first" "$(taskset 1 try insmod "$MODULE")" ok
like "the last core only: the log says that it observes" "$(log_lines takeover)" "*takeover=1*"
sleep 1
is "the last core only: no RMPOPT verify was executed" "$(emu get rmpopt.verify)" 0
is "the last core only: RMPOPT_BASE was not written" "$(emu get rmpopt_base.writes)" 0
is "the last core only: rmmod" "$(try rmmod rmpopt)" ok
is "the last core only: RMPOPT_BASE is as it was" "$(bases)" "0 1 "

is "insmod takeover=1" "$(try insmod "$MODULE" takeover=1)" ok
within 60 "the first pass ends" idle
is "all is optimised" "$(table | grep -vc ' none$')" "$(free_regions | wc -l)"
tables_agree "the table is what the cores have"
unload
is "RMPOPT_BASE is cleared at unload" "$(bases)" "0 "
no_splat "the kernel log is clean"
set_all 0
finish
