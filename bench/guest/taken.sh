# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The algorithm that was taken into the x86 tree in September 2026. The module of the
# selftests that plays such a kernel plays it here. Sourced in front of published.sh.

# shellcheck disable=SC2034 # published.sh and scenarios.sh have them
algorithm=taken player=native_rmpopt
