# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The last published version before, of June 2026: one interrupt to all cores for
# each GiB. Sourced in front of published.sh.

# shellcheck disable=SC2034 # published.sh and scenarios.sh have them
algorithm=june player=rmpopt_june
