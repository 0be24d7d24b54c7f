# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the test scripts beside it: results in KTAP, as kselftest reads it.
#
#   begin COUNT                       the minimum number of checks; fewer fail the script
#   require_... [VALUE]               skips the script where the host lacks that: see host.sh
#   ok WHAT COMMAND...                passes if the command succeeds
#   fails WHAT COMMAND...             passes if it does not
#   is WHAT GOT WANT                  passes if the two are the same text
#   like WHAT GOT PATTERN             passes if GOT matches the shell pattern
#   at_most, at_least WHAT GOT LIMIT  compare whole numbers
#   within SECONDS WHAT COMMAND...    polls until the command succeeds; time only limits the wait
#   hard MORE LESS                    prints MORE where RMPOPT_HARD=1 asks for all combinations
#                                     and repetitions, else LESS
#   skip WHAT WHY                     a check that cannot be made here
#   emulated on|off                   checks between the two depend on requests to the emulator,
#                                     and are skipped where there is no emulator
#   note TEXT...                      a comment
#   finish                            the plan, and the exit status
#
# Exit status: 0 all passed, 1 a check failed or the script bailed out, 4 the
# script was skipped. Where there is no emulator, a check that sends it a request
# is skipped automatically.
#
# No check measures how fast something is: the host is emulated. dirty_storm.sh
# and dirty_trace.sh compare how long the module says that a region waited.

tap_count=0
tap_failed=0
tap_skipped=0
tap_least=0
tap_header=
tap_emulated=off

tap_version()
{
	[ -n "$tap_header" ] || echo "TAP version 13"
	tap_header=1
}

begin()
{
	tap_least=$1
	tap_version
	require_module
	log_mark
	# Where RMPOPT can take time, only from the script's own "emu time model" on.
	emu time none >/dev/null 2>&1
	asked_nothing
}

hard()
{
	[ "$RMPOPT_HARD" = 1 ] && echo "$1" || echo "$2"
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
	tap_skipped=$((tap_skipped + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# skip_all WHY: the whole script, before its first check.
skip_all()
{
	tap_version
	echo "1..0 # SKIP $*"
	exit 4
}

emulated()
{
	tap_emulated=$1
	asked_nothing
}

# untold WHAT: skips a check that follows from what nobody was told.
untold()
{
	[ -z "$EMULATOR" ] && [ "$tap_emulated" = on ] || return 1
	asked_nothing
	skip "$1" "only the emulator can do that"
}

# unanswered WHAT [VALUE...]: skips the check if only an emulator could have answered
# what it asked, now or in one of its values.
unanswered()
{
	[ -z "$EMULATOR" ] || return 1
	! untold "$1" || return 0
	tap_what=$1
	shift
	case " $*" in
	*"$NO_ANSWER"*) asked_nothing ;;
	*) asked_something || return 1 ;;
	esac
	skip "$tap_what" "only the emulator can answer"
}

ok()
{
	! untold "$1" || return 0
	tap_what=$1
	shift
	tap_status=0
	tap_out=$("$@" 2>&1) || tap_status=$?
	if unanswered "$tap_what" "$@"; then
		:
	elif [ "$tap_status" = 0 ]; then
		tap_pass "$tap_what"
	else
		tap_fail "$tap_what" "$*: $tap_out"
	fi
}

fails()
{
	! untold "$1" || return 0
	tap_what=$1
	shift
	tap_status=0
	tap_out=$("$@" 2>&1) || tap_status=$?
	if unanswered "$tap_what" "$@"; then
		:
	elif [ "$tap_status" = 0 ]; then
		tap_fail "$tap_what" "succeeded: $*: $tap_out"
	else
		tap_pass "$tap_what"
	fi
}

is()
{
	if unanswered "$@"; then
		:
	elif [ "$2" = "$3" ]; then
		tap_pass "$1"
	else
		tap_fail "$1" "got:  $2
want: $3"
	fi
}

like()
{
	unanswered "$@" && return
	# The pattern is one: it must not be quoted.
	# shellcheck disable=SC2254
	case $2 in
	$3)	tap_pass "$1" ;;
	*)	tap_fail "$1" "got:  $2
want: $3" ;;
	esac
}

# bounded WHAT VALUE COMPARISON LIMIT SIGN WORDS: the comparison is -le or -ge. What is no
# number is never within a limit.
bounded()
{
	if unanswered "$1" "$2"; then
		:
	elif [ -n "$2" ] && [ "$2" "$3" "$4" ]; then
		tap_pass "$1 ($2 $5 $4)"
	else
		tap_fail "$1" "got $2, $6 $4"
	fi
}

at_most()
{
	bounded "$1" "$2" -le "$3" "<=" "at most"
}

at_least()
{
	bounded "$1" "$2" -ge "$3" ">=" "at least"
}

within()
{
	! untold "$2" || return 0
	tap_seconds=$1
	tap_what=$2
	shift 2
	tap_status=0
	poll "$tap_seconds" "$@" || tap_status=$?
	if unanswered "$tap_what" "$@"; then
		:
	elif [ "$tap_status" = 0 ]; then
		tap_pass "$tap_what"
	else
		tap_fail "$tap_what" "not within $tap_seconds s: $*
$("$@" 2>&1)"
	fi
}

totals()
{
	echo "# Totals: pass:$((tap_count - tap_failed - tap_skipped)) fail:$tap_failed" \
		"xfail:0 xpass:0 skip:$tap_skipped error:0"
}

bail()
{
	tap_version
	echo "Bail out! $*"
	totals
	exit 1
}

finish()
{
	if [ "$tap_count" -lt "$tap_least" ]; then
		tap_fail "at least $tap_least checks were made" "only $tap_count"
	fi
	echo "1..$tap_count"
	totals
	[ "$tap_failed" -eq 0 ]
	exit
}

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$HERE/host.sh"
	emulator_table >/tmp/table.before
