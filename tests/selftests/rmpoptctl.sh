#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# The command line tool beside the module: it shows the module's state, and the module does
# what it writes. rmpoptctl/tests tests what it prints in each case.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 38
require_rmpopt
require_test_module snp_guest
require "needs rmpoptctl in PATH: make rmpoptctl" command -v rmpoptctl

# ctl ARGUMENT...: its exit status; what it printed is in /tmp/ctl.
ctl()
{
	rmpoptctl "$@" >/tmp/ctl 2>&1
	echo $?
}

# json KEY COMMAND: the first value of that name.
json()
{
	json_key=$1
	shift
	rmpoptctl "$@" --json | sed -n "s/^ *\"$json_key\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1
}

everywhere()
{
	table | grep -c " $all\$"
}

# The emulator answers the kernel's CPUID only.
[ -e /dev/cpu/0/cpuid ] || modprobe cpuid

unload
is "status without the module" "$(ctl status)" 3
is "get without the module" "$(ctl get)" 3
is "doctor without the module: it fails" "$(ctl doctor)" 1
ok "doctor without the module: that is what fails" grep -q 'FAIL loaded' /tmp/ctl
ok "doctor without the module: SNP is on, by the MSR or the log" grep -q 'pass snp-flag' /tmp/ctl

loaded_for_guests
is "status" "$(ctl status)" 0
is "status: role" "$(json role status)" optimise
is "status: GiBs with RAM" "$(json gib status)" "$(ram_regions | wc -l)"
is "status: GiBs on all cores" "$(json on_all_gib status)" "$(everywhere)"
is "status: SNP" "$(json snp_on status)" true
is "doctor: nothing fails" "$(rmpoptctl doctor | grep FAIL)" ""
is "doctor: its exit status" "$(ctl doctor)" 0
is "map: pairs of a GiB and a core" \
	"$(rmpoptctl map --by core --raw | awk 'NR > 1 { pairs += $(NF - 1) } END { print pairs }')" \
	"$(($(everywhere) * $(cores)))"

is "set" "$(ctl set delay_ms=250 auto=0)" 0
is "set: it is written" "$(cat $CONFIG/delay_ms $CONFIG/auto | tr '\n' ' ')" "250 0 "
is "set: a wrong value" "$(ctl set delay_ms=300 auto=2)" 5
is "set: nothing is written then" "$(cat $CONFIG/delay_ms)" 250
is "get: what is read" "$(rmpoptctl get delay_ms)" 250

# A guest, whose pages are asked for. Nothing is won back by itself: auto is 0.
is "a guest comes" "$(guest assign "$one" 2m 2 9)" ok
page=$(printf '0x%x' $(($(awk '{ print $2; exit }' $GUEST/pages) << 12)))
is "rmp: owner" "$(rmpoptctl rmp "$page" | awk '$1 == "owner" { print $2 }')" guest
is "rmp: ASID" "$(rmpoptctl rmp "$page" | awk '$1 == "asid" { print $2 }')" 9
is "guests: GiBs" "$(json held_gib guests)" 1
is "guests: pages" "$(json pages guests)" 1024
ok "guests: ASID" sh -c "rmpoptctl guests --asids | grep -q 'ASID  *9 .* 2 blocks'"
is "advise: the GiB" "$(rmpoptctl advise | awk 'f { print $1; exit } /pages in the way/ { f = 1 }')" "$one"
is "the guest ends" "$(guest release all)" ok

is "optimise: a range" "$(ctl optimise --range "${one}G+1G" --wait)" 0
is "optimise: what came of it" "$(cat /tmp/ctl)" "1 region verified: 1 optimised, 0 held by assigned pages"
ok "optimise: it is won back" won "$one"
is "optimise: no RAM there" "$(ctl optimise --range 900G-901G)" 5
is "optimise: all" "$(ctl optimise --wait)" 0
ok "optimise: the pass is over" idle

is "export" "$(ctl export prometheus -o /tmp/rmpopt.prom)" 0
is "export: bytes on all cores" \
	"$(awk '/^rmpopt_memory_bytes.*on_all_cores/ { gib += $2 / 1073741824 } END { print gib }' /tmp/rmpopt.prom)" "$(everywhere)"

is "set: off" "$(ctl set enabled=0)" 0
is "optimise: while that is so" "$(ctl optimise)" 5
is "doctor: says so" "$(rmpoptctl doctor | grep -c 'WARN state: enabled is 0')" 1
unload
rmmod snp_guest
no_splat "the kernel log is clean"
finish
