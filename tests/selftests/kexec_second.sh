# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The guest's part of tests/kexec, in the second kernel. This is no test of the collection.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 11

is "SNP is still on" "$(emu snp show)" on
note "RMPOPT_BASE: $(for core in $(each_core); do emu base "$core"; done | sort -u)"
is "the first kernel's guest holds its pages" "$(emu assigned all | grep -c guest=3)" 1
emu reset >/dev/null
sleep 1
is "nobody has run RMPOPT since" "$(emu get rmpopt.verify)" 0
load
within 60 "the first pass ends" idle
tables_agree "the table is what the cores have"
is "every region without an assigned page is optimised, and no other" \
	"$(table | grep -v ' none$' | cut -d' ' -f1 | tr '\n' ' ')" "$(free_regions | tr '\n' ' ')"
insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
pick_two
is "a guest comes" "$(guest assign "$one" 4k 3 5)" ok
is "its region is lost" "$(table_of "$one")" none
is "it goes" "$(guest release "$one")" ok
within 60 "its region is won back" won "$one"
unload
no_splat "the kernel log is clean"
finish
