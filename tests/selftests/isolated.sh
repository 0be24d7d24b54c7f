#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: isolated
# CPUs under isolcpus= or nohz_full=: the same as the others, once, or not at all.
. "$(dirname "$0")/tap.sh"
begin 38
require_emulator
require_rmpopt
require_isolated

free=$(free_regions | tr '\n' ' ')
is "CPUs under isolcpus=" "$(cat /sys/devices/system/cpu/isolated)" 3-5
is "CPUs under nohz_full=" "$(cat /sys/devices/system/cpu/nohz_full)" 6-7

has()
{
	[ "$(expand "$(emu table "$1")" | tr '\n' ' ')" = "$free" ]
}

has_none()
{
	[ "$(emu base "$1")" = 0x0 ]
}

# verified CORE: RMPOPT that it ran to verify, since the last reset.
verified()
{
	emu get "rmpopt.by_core.$1.verify"
}

unload
load
within 60 "the first pass ends" idle
is "the default" "$(cat $CONFIG/isolated_cpus)" "[include] once skip"
for core in 0 1 2 3; do
	ok "include: core $core has all" has $core
done
for bad in "" all "[once]" "once skip"; do
	is "isolated_cpus: '$bad'" "$(try write $CONFIG/isolated_cpus "$bad")" EINVAL
done

echo skip >$CONFIG/isolated_cpus
for core in 2 3; do
	within 60 "skip: RMPOPT is off on core $core" has_none $core
done
for core in 0 1; do
	ok "skip: core $core has all, one of its threads is not isolated" has $core
done
emu reset >/dev/null
ok "skip: a pass" pass
is "skip: core 2 ran nothing" "$(verified 2)" 0
is "skip: core 3 ran nothing" "$(verified 3)" 0
at_least "skip: core 1 did" "$(verified 1)" 1

echo once >$CONFIG/isolated_cpus
for core in 2 3; do
	within 60 "once: core $core is filled" has $core
done
within 60 "once: that ends" idle
emu reset >/dev/null
ok "once: a pass" pass
is "once: core 2 ran nothing" "$(verified 2)" 0
is "once: core 3 ran nothing" "$(verified 3)" 0
at_least "once: core 0 did" "$(verified 0)" 1
for core in 2 3; do
	ok "once: core $core still has all" has $core
done

emu snp off >/dev/null
emu snp on >/dev/null
echo 1 >$CONFIG/action
for core in 0 1 2 3; do
	within 60 "once: SNP is initialised again, core $core is filled again" has $core
done

echo include >$CONFIG/isolated_cpus
emu reset >/dev/null
ok "include: a pass" pass
at_least "include: core 2 takes part again" "$(verified 2)" 1
at_least "include: core 3 takes part again" "$(verified 3)" 1
tables_agree "the table is what the cores have"
unload
no_splat "the kernel log is clean"
finish
