# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The guest's part of tests/kexec psp, in the second kernel. This is no test of the collection.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/kvm.sh"
begin 12

note "left by the first kernel: SnpEn $(emu snp show), firmware $(emu snp phase), $(emu psp show)"
is "ccp has shut the firmware down before the kexec" "$(emu psp show | grep -c 'sev=0 guests=0')" 1
emu reset >/dev/null
load
sleep 1
is "nobody runs RMPOPT before SNP_INIT is over" "$(emu get rmpopt.verify)" 0
ok "ccp" modprobe ccp
ok "kvm_amd" modprobe kvm_amd
within 60 "SNP is initialised" initialised
within 60 "every region without an assigned page is optimised" full
tables_agree "the table is what the cores have"
is "and no other" "$(table | grep -v ' none$' | cut -d' ' -f1 | tr '\n' ' ')" "$(free_regions | tr '\n' ' ')"
before=$(emu assigned all)
is "a guest of KVM" "$(start 1 -m 16)" ready
end 1
within 60 "it ends: the RMP is as before" as_before
within 60 "and all is won back" full
is "nothing came too early" "$(emu get platform.during_init)" 0
rmmod kvm_amd ccp
unload
no_splat "the kernel log is clean"
finish
