# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by tap.sh: paths, the requirements that a script can have of the host,
# and short names for the host's files.
#
# A script is skipped as a whole where the host does not meet a requirement:
#
#   require_emulator             the emulated host, which answers requests
#   require_time                 where RMPOPT can take time ("emu time model")
#   require_model MODEL...       a processor: zen6, zen5, zen4, none (without SEV-SNP)
#   require_rmpopt               one with RMPOPT
#   require_cpus LEAST [MOST]    CPUs that are online
#   require_nodes LEAST          NUMA nodes
#   require_regions LEAST        GiBs with RAM
#   require_isolated             CPUs under isolcpus=
#   require_test_module NAME     a module of modules/, and the kernel's functions that it calls
#   require_consent WHAT         RMPOPT_DESTRUCTIVE=1: the script does WHAT, which ends
#                                with the next boot only
#
# Variables of the caller: RMPOPT_KO names the module to test. Without RMPOPT_KO the
# module is rmpopt.ko of the tree around this directory, or the installed one.

DEBUG=/sys/kernel/debug/rmpopt
CONFIG=/sys/kernel/config/rmpopt
GUEST=/sys/kernel/debug/snp_guest
NATIVE=/sys/kernel/debug/native_rmpopt
MODULES=$HERE/modules
# Tools lie beside the scripts. As root one has sbin, too.
PATH=$HERE:$PATH:/usr/sbin:/sbin

if [ -n "$RMPOPT_KO" ]; then
	MODULE=$RMPOPT_KO
elif [ -e "$HERE/../../rmpopt.ko" ]; then
	MODULE=$HERE/../../rmpopt.ko
else
	MODULE=$(modinfo -n rmpopt 2>/dev/null)
fi

# The emulator, if the host is emulated.
EMULATOR=$(emu version 2>/dev/null)
# What stands for an answer where nobody answers. A number, for arithmetic.
NO_ANSWER=770077007700770

if [ -n "$EMULATOR" ]; then
	asked_nothing() { :; }
	asked_something() { false; }
	asked_in_vain() { false; }
else
	# A file, because it is often a subshell that asks.
	asked=/tmp/rmpopt-selftest-asked.$$
	trap 'rm -f "$asked"' EXIT

	emu()
	{
		case $1 in
		# Nothing depends on these but what asks.
		reset | forget | take | time | switch) ;;
		*) : >"$asked" ;;
		esac
		echo $NO_ANSWER
		return 2
	}

	asked_nothing()
	{
		rm -f "$asked"
	}

	asked_in_vain()
	{
		[ -e "$asked" ]
	}

	# True if the emulator was asked since the last time.
	asked_something()
	{
		asked_in_vain && rm -f "$asked"
	}
fi

# The processor, by its name in the emulator.
MODEL=${EMULATOR##* }
if [ -z "$MODEL" ]; then
	[ -e /dev/cpu/0/cpuid ] || modprobe cpuid 2>/dev/null
	MODEL=$(snpmodel 2>/dev/null)
fi

# require WHY COMMAND...
require()
{
	require_why=$1
	shift
	"$@" >/dev/null 2>&1 || skip_all "$require_why"
}

# What every script needs.
require_module()
{
	require "needs root" [ "$(id -u)" = 0 ]
	# Not built is no reason to skip.
	command -v try >/dev/null || bail "the tools are not built: make -C $HERE"
	mounted /sys/kernel/debug debugfs
	mounted /sys/kernel/tracing tracefs
	mounted /sys/kernel/config configfs
	require "needs rmpopt.ko: build it, install it, or say RMPOPT_KO=/its/path" [ -e "$MODULE" ]
}

# mounted DIRECTORY TYPE: it is when this returns, where the kernel has it.
mounted()
{
	grep -q " $1 " /proc/mounts && return
	[ -d "$1" ] || modprobe "$2" 2>/dev/null
	mount -t "$2" "$2" "$1" 2>/dev/null
}

require_emulator()
{
	require "only the emulator can answer" [ -n "$EMULATOR" ]
}

require_time()
{
	require_emulator
	require "needs a host where RMPOPT takes time (time=model)" emu time model
	emu time none
}

require_model()
{
	case " $* " in
	*" $MODEL "*) ;;
	*) skip_all "needs a processor of the kind $*, this is ${MODEL:-unknown}" ;;
	esac
}

require_rmpopt()
{
	require "needs a processor with RMPOPT" [ "$MODEL" = zen6 ]
}

require_cpus()
{
	require_count=$(cpus | wc -l)
	require "needs $1 CPUs" [ "$require_count" -ge "$1" ]
	require "needs at most ${2:-} CPUs" [ "$require_count" -le "${2:-$require_count}" ]
}

require_nodes()
{
	require "needs $1 NUMA nodes" [ "$(ls -d /sys/devices/system/node/node[0-9]* | wc -l)" -ge "$1" ]
}

require_regions()
{
	require "needs $1 GiBs with RAM" [ "$(ram_regions | wc -l)" -ge "$1" ]
}

require_isolated()
{
	require "needs CPUs under isolcpus=" grep -q . /sys/devices/system/cpu/isolated
}

require_test_module()
{
	[ -e "$MODULES/$1.ko" ] || bail "the test modules are not built: make -C $HERE KDIR=/the/kernel's/tree"
	require "needs a kernel with SEV-SNP hosting (CONFIG_KVM_AMD_SEV)" grep -q ' rmp_make_private$' /proc/kallsyms
}

require_consent()
{
	require "$* until the next boot: RMPOPT_DESTRUCTIVE=1 allows it" [ "$RMPOPT_DESTRUCTIVE" = 1 ]
}

# sticky_as_booted: the switch enable_sticky has the value with which scripts/host started the
# emulated host, which exports it as STICKY.
sticky_as_booted()
{
	emu switch enable_sticky "${STICKY:-ignored}" >/dev/null
}

# The kernel log since the last mark. A mark is a line of our own in it.
log_mark()
{
	tap_mark="selftest $$ $tap_count $(cut -d' ' -f1 /proc/uptime)"
	echo "$tap_mark" >/dev/kmsg
}

# All of it when the mark is no longer there.
log_since()
{
	dmesg >/tmp/dmesg
	tap_line=$(grep -nF "$tap_mark" /tmp/dmesg | tail -n 1 | cut -d: -f1)
	tail -n +$((${tap_line:-0} + 1)) /tmp/dmesg
}

# Lines of the module since the mark; log_lines 'PATTERN' for those that match.
# That it taints the kernel is what the kernel says in its name.
log_lines()
{
	log_since | sed -n 's/^\(\[[^]]*\] \)\{0,1\}\(rmpopt: .*\)/\2/p' |
		grep -v 'taints\{0,1\} kernel\|tainting kernel' | grep -e "${1:-.}"
}

log_count()
{
	log_lines "$1" | wc -l
}

# warnings: lines of the module with the level of a warning or worse, since the mark.
warnings()
{
	dmesg -r | awk -v mark="$tap_mark" '
		index($0, mark) { n = 0; next }
		match($0, /^<[0-9]+>/) {
			level = substr($0, 2, RLENGTH - 2) % 8
			if (level <= 4 && / rmpopt: / && !/taint/) line[n++] = $0
		}
		END { for (i = 0; i < n; i++) print line[i] }'
}

# Nothing that the kernel calls a fault. The runner looks at the whole log, too.
no_splat()
{
	splat=$(log_since | grep -E 'WARNING:|BUG:|Oops|general protection|Call Trace|INFO: task|stall|Kernel panic')
	is "$1" "$splat" ""
}

# Cores and CPUs as the guest sees them. The emulator's core is CPU / threads.
cpus()
{
	expand "$(cat /sys/devices/system/cpu/online)"
}

# expand LIST: a CPU list as one number a line; "none" and "" are empty.
expand()
{
	echo "$1" | tr ',' '\n' | awk -F- '
		/^[0-9]+-[0-9]+$/ { for (i = $1; i <= $2; i++) print i; next }
		/^[0-9]+$/ { print }'
}

threads()
{
	expand "$(cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list)" | wc -l
}

cores()
{
	echo $(($(cpus | wc -l) / $(threads)))
}

# Their numbers, one a line.
each_core()
{
	seq 0 $(($(cores) - 1))
}

# bases: the values of RMPOPT_BASE that cores have, each once, as the emulator knows.
bases()
{
	for tap_core in $(each_core); do
		emu base "$tap_core"
	done | sort -u | tr '\n' ' '
}

# Regions with RAM, from the kernel's own map, one a line.
ram_regions()
{
	sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/\1 \2/p' /proc/iomem |
	while read -r from to; do
		from=$((0x$from >> 30))
		to=$((0x$to >> 30))
		while [ "$from" -le "$to" ]; do
			echo "$from"
			from=$((from + 1))
		done
	done | sort -n | uniq
}

# poll SECONDS COMMAND...: true as soon as the command succeeds.
poll()
{
	poll_left=$(($1 * 10))
	shift
	# What was asked before is no reason to give up.
	poll_asked=
	! asked_in_vain || poll_asked=1
	while ! "$@" >/dev/null 2>&1; do
		poll_left=$((poll_left - 1))
		[ "$poll_left" -gt 0 ] || return 1
		[ -n "$poll_asked" ] || ! asked_in_vain || return 1
		sleep 0.1
	done
}

# The module
load()
{
	insmod "$MODULE" "$@"
}

# unload: away with the module, and with what the processor keeps of it while SNP is
# on, so that the next load begins with nothing.
unload()
{
	[ ! -d /sys/module/rmpopt ] || rmmod rmpopt
	clear_cores
}

# clear_cores: RMPOPT off on all cores, their tables empty. No program could do that
# while SNP is on; the emulator's platform can.
clear_cores()
{
	[ -n "$EMULATOR" ] || return 0
	for tap_core in $(each_core); do
		emu base "$tap_core" 0
	done >/dev/null 2>&1
	return 0
}

# all_cores VALUE: each core's RMPOPT_BASE has this value.
all_cores()
{
	for tap_core in $(each_core); do
		[ "$(($(emu base "$tap_core")))" = "$(($1))" ] || return 1
	done
}

idle()
{
	[ "$(cat $CONFIG/action)" = idle ]
}

# A pass over all of RAM, from request to end.
pass()
{
	echo 1 >$CONFIG/action && poll 60 idle
}

# running: a pass is under way at this moment.
running()
{
	read -r running_word <$CONFIG/action
	case $running_word in
	running*) ;;
	*) false ;;
	esac
}

# during: returns in the middle of a pass, of one that it asked for if none is under
# way. Only where RMPOPT takes time ("emu time model") it is still under way then.
during()
{
	during_left=1000
	until running; do
		[ "$running_word" != idle ] || echo 1 >$CONFIG/action
		during_left=$((during_left - 1))
		[ $during_left -gt 0 ] || return 1
		sleep 0.005
	done
}

# rmpopt-table as "REGION CPULIST" lines.
table()
{
	sed -n 's/^Memory @ *\([0-9]*\)GB: CPU(s): \(.*\)$/\1 \2/p' $DEBUG/rmpopt-table
}

# table_of REGION: its CPU list in rmpopt-table.
table_of()
{
	table | awk -v region="$1" '$1 == region { print $2 }'
}

# field CPU KEY: a value of cpu/N.
field()
{
	sed -n "s/^$2: *//p" "$DEBUG/cpu/$1"
}

# covered CPU: what covered_gib of cpu/N shall be, by the kernel's map.
covered()
{
	ram_regions | awk -v window="$(field "$1" window_gib)" '
		BEGIN { split(window, end, "-") }
		end[1] <= $1 && $1 <= end[2] { n++ }
		END { print n + 0, "of", NR }'
}

# The emulator's tables in the form of table(), for the regions with RAM.
emulator_table()
{
	{
		ram_regions
		emu table all
	} | awk -v threads="$(threads)" '
		# A region with RAM.
		NF == 1 { ram[++n] = $1; next }
		# "CORE: REGIONS"
		{
			first = $1 * threads
			last = first + threads - 1
			runs = split($2, run, ",")
			for (i = 1; i <= runs; i++) {
				ends = split(run[i], e, "-")
				for (region = e[1]; region <= e[ends] && region ~ /^[0-9]/; region++)
					add(region + 0)
			}
		}
		function add(region) {
			if ((region in end) && end[region] == first - 1)
				sub(/(-[0-9]+)?$/, "-" last, cpus[region])
			else
				cpus[region] = cpus[region] (cpus[region] == "" ? "" : ",") \
					(first == last ? first : first "-" last)
			end[region] = last
		}
		END {
			for (i = 1; i <= n; i++)
				print ram[i], (cpus[ram[i]] == "" ? "none" : cpus[ram[i]])
		}'
}

# What must always hold: the module shows exactly what the cores have.
tables_agree()
{
	table >/tmp/table.module
	emulator_table >/tmp/table.emulator
	is "$1" "$(diff /tmp/table.emulator /tmp/table.module | head -8)" ""
}

# same_tables: the same as a question, for "within": where the thread may act between the two.
same_tables()
{
	table >/tmp/table.module
	emulator_table >/tmp/table.emulator
	cmp -s /tmp/table.emulator /tmp/table.module
}

# free_regions: those that have RAM and no assigned page, as the emulator knows. Without
# it the module's census does: that reads the RMP itself, whatever RMPOPT has found.
free_regions()
{
	if [ -z "$EMULATOR" ]; then
		awk '!/^#/ && $5 == "none" { print $1 }' $DEBUG/rmp/occupancy
		return
	fi
	{
		emu assigned all
		ram_regions
	} | awk '
		/:/ { held[$1 + 0] = 1; next }
		!($1 in held)'
}

# memory_state REGION online|offline: all memory blocks of a region.
memory_state()
{
	block_bytes=$((0x$(cat /sys/devices/system/memory/block_size_bytes)))
	block=$(($1 * 0x40000000 / block_bytes))
	while [ $((block * block_bytes)) -lt $((($1 + 1) * 0x40000000)) ]; do
		file=/sys/devices/system/memory/memory$block/state
		[ ! -e "$file" ] || echo "$2" >"$file" || return 1
		block=$((block + 1))
	done
}

# listed REGION, unlisted REGION: it has a line in rmpopt-table, or none.
listed()
{
	[ -n "$(table_of "$1")" ]
}

unlisted()
{
	! listed "$1"
}
