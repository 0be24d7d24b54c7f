#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# hard: smt
# BPF programs on the functions that the module watches work, whoever comes and goes first, and counts stay right.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/share.sh"
begin 58
require_rmpopt
require_test_module snp_guest

share_begin
share fexit
share fentry
share_end
