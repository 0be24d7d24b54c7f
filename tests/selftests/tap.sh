# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts beside it, in busybox ash: TAP output and the host's files.
#
#   begin COUNT                       the least number of checks; fewer fail the script
#   ok WHAT COMMAND...                passes if the command succeeds
#   fails WHAT COMMAND...             passes if it does not
#   is WHAT GOT WANT                  passes if the two are the same text
#   like WHAT GOT PATTERN             passes if GOT matches the shell pattern
#   at_most, at_least WHAT GOT LIMIT  compare whole numbers
#   within SECONDS WHAT COMMAND...    polls until the command succeeds; time only limits the wait
#   skip WHAT WHY                     a check that cannot be made here
#   note TEXT...                      a comment
#   finish                            the plan, and the exit status
#
# No check measures how fast something is: the host is emulated. dirt_storm.sh
# and dirt_trace.sh compare how long the module says that a region waited.

DEBUG=/sys/kernel/debug/rmpopt
CONFIG=/sys/kernel/config/rmpopt
GUEST=/sys/kernel/debug/snp_guest
MODULE=/rmpopt/rmpopt.ko
MODULES=/rmpopt/modules

tap_count=0
tap_failed=0
tap_least=0

begin()
{
	tap_least=$1
	echo "TAP version 13"
	log_mark
	# Where RMPOPT can take time, only from the script's own "emu time model" on.
	emu time none >/dev/null 2>&1
	return 0
}

note()
{
	echo "# $*"
}

tap_pass()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

# tap_fail WHAT [DIAGNOSIS]: each line of the diagnosis becomes a comment.
tap_fail()
{
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	[ -z "$2" ] || echo "$2" | sed 's/^/#   /'
}

skip()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

ok()
{
	tap_what=$1
	shift
	if tap_out=$("$@" 2>&1); then
		tap_pass "$tap_what"
	else
		tap_fail "$tap_what" "$*: $tap_out"
	fi
}

fails()
{
	tap_what=$1
	shift
	if tap_out=$("$@" 2>&1); then
		tap_fail "$tap_what" "succeeded: $*: $tap_out"
	else
		tap_pass "$tap_what"
	fi
}

is()
{
	if [ "$2" = "$3" ]; then
		tap_pass "$1"
	else
		tap_fail "$1" "got:  $2
want: $3"
	fi
}

like()
{
	# The pattern is one: it must not be quoted.
	# shellcheck disable=SC2254
	case $2 in
	$3)	tap_pass "$1" ;;
	*)	tap_fail "$1" "got:  $2
want: $3" ;;
	esac
}

# Something that is no number is never within a limit.
at_most()
{
	if [ -n "$2" ] && [ "$2" -le "$3" ]; then
		tap_pass "$1 ($2 <= $3)"
	else
		tap_fail "$1" "got $2, at most $3"
	fi
}

at_least()
{
	if [ -n "$2" ] && [ "$2" -ge "$3" ]; then
		tap_pass "$1 ($2 >= $3)"
	else
		tap_fail "$1" "got $2, at least $3"
	fi
}

# poll SECONDS COMMAND...: true as soon as the command succeeds.
poll()
{
	poll_left=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		poll_left=$((poll_left - 1))
		[ "$poll_left" -gt 0 ] || return 1
		sleep 0.1
	done
}

within()
{
	tap_seconds=$1
	tap_what=$2
	shift 2
	if poll "$tap_seconds" "$@"; then
		tap_pass "$tap_what"
	else
		tap_fail "$tap_what" "not within $tap_seconds s: $*
$("$@" 2>&1)"
	fi
}

bail()
{
	echo "Bail out! $*"
	exit 1
}

finish()
{
	if [ "$tap_count" -lt "$tap_least" ]; then
		tap_fail "at least $tap_least checks were made" "only $tap_count"
	fi
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
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

# The module
load()
{
	insmod "$MODULE" "$@"
}

unload()
{
	[ ! -d /sys/module/rmpopt ] || rmmod rmpopt
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
		usleep 5000
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

# free_regions: those that have RAM and no assigned page, as the emulator knows.
free_regions()
{
	{
		emu assigned all
		ram_regions
	} | awk '
		/:/ { held[$1 + 0] = 1; next }
		!($1 in held)'
}
