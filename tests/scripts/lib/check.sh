# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the scripts of tests/scripts: numbered checks. A check that fails
# shows the end of $work/output, which is the script's own.
checks=0 failures=0

# check NAME COMMAND...
check() {
	name=$1
	shift
	checks=$((checks + 1))
	if "$@"; then
		echo "ok $checks - $name"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $name"
		tail -n 20 "$work/output" | sed 's/^/# /'
	fi
}

# The last command of a script.
finish() {
	echo "1..$checks"
	[ $failures = 0 ]
}
