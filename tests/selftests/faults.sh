#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# A core that faults is taken out with one warning; the other cores continue.
. "$(dirname "$0")/tap.sh"
begin 35
require_emulator
require_rmpopt

# out_of CORE: the state of all of its CPUs, if it is the same.
state_of()
{
	threads=$(threads)
	cpu=$(($1 * threads))
	last=$((cpu + threads - 1))
	while [ $cpu -le $last ]; do
		field $cpu state
		cpu=$((cpu + 1))
	done | sort -u
}

# cpus_but CORE: the list of all other CPUs, as the table writes it.
cpus_but()
{
	threads=$(threads)
	for cpu in $(cpus); do
		[ $((cpu / threads)) = "$1" ] || echo "$cpu"
	done | awk '
		NR == 1 { from = last = $1; next }
		$1 == last + 1 { last = $1; next }
		{ printf "%s%s", sep, from == last ? from : from "-" last; sep = ","; from = last = $1 }
		END { printf "%s%s\n", sep, from == last ? from : from "-" last }'
}

all_optimised()
{
	idle && [ "$(table | grep -c " $all\$")" = "$free" ]
}

all=$(cat /sys/devices/system/cpu/online)
free=$(free_regions | wc -l)
unload
load
poll 60 all_optimised || bail "the first pass does not end"

# Core 0 leads its node, core 1 only follows.
for core in 1 0; do
	for fault in ud gp; do
		log_mark
		ok "core $core, $fault: the emulator makes it fault" emu fault $core $fault
		# #GP is at the write of RMPOPT_BASE, so there has to be one.
		[ $fault = ud ] || emu base $core 0 >/dev/null
		emu forget >/dev/null
		ok "core $core, $fault: an attempt ends" pass
		like "core $core, $fault: it is taken out" "$(state_of $core)" "taken out*"
		is "core $core, $fault: exactly one warning" "$(log_count)" 1
		is "core $core, $fault: all others have all regions" \
			"$(table | grep -v ' none$' | cut -d' ' -f2 | sort -u)" "$(cpus_but $core)"
		is "core $core, $fault: of all regions" "$(table | grep -vc ' none$')" "$free"
		# Nobody can ask a core whose RMPOPT is #UD what it has.
		[ $fault = ud ] || tables_agree "core $core, $fault: the table is what the cores have"
		ok "core $core, $fault: another attempt" pass
		is "core $core, $fault: no second warning" "$(log_count)" 1

		emu fault $core none >/dev/null
		echo 0 >$CONFIG/enabled
		echo 1 >$CONFIG/enabled
		within 60 "core $core, $fault: it comes back when enabled is set anew" all_optimised
		is "core $core, $fault: its state" "$(state_of $core)" enabled
		no_splat "core $core, $fault: the kernel log is clean"
	done
done

# SNP is initialised anew between two looks: a core that is out gets another chance.
emu fault 1 ud >/dev/null
emu forget >/dev/null
pass
like "core 1 is taken out" "$(state_of 1)" "taken out*"
emu fault 1 none >/dev/null
emu snp off >/dev/null
emu snp on >/dev/null
pass
within 60 "it comes back with a new initialisation that nobody saw" all_optimised

# Every core at once.
log_mark
for core in $(each_core); do
	emu fault "$core" ud >/dev/null
done
emu forget >/dev/null
ok "all cores: an attempt ends" pass
is "all cores: one warning each" "$(log_count)" "$(cores)"
is "all cores: nothing is optimised" "$(table | grep -vc ' none$')" 0
for core in $(each_core); do
	emu fault "$core" none >/dev/null
done
emu snp off >/dev/null
pass
emu snp on >/dev/null
within 60 "all cores: they come back when SNP is initialised again" all_optimised

# RMPOPT_BASE changed from outside is no fault: it is set again.
log_mark
emu base 1 0 >/dev/null
is "RMPOPT_BASE cleared from outside: the core has nothing" "$(emu table 1 | grep -c '[0-9]')" 0
within 60 "the table says so, or that it is won back" same_tables
pass
within 60 "an attempt sets it again and fills the table" all_optimised
poll 60 idle
emu base 1 0 >/dev/null
one=$(free_regions | tail -n 1)
emu reset >/dev/null
is "the same, and one region is asked for" "$(try write $CONFIG/optimise "${one}G+1G")" ok
within 60 "that is enough to fill it" all_optimised
poll 60 idle
at_most "RMPOPT: that region, and what the core has lost" "$(emu get rmpopt.verify)" $((free + $(cores)))
no_splat "the kernel log is clean"

unload
finish
