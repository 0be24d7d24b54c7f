# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The guest's part of tests/kexec psp, in the first kernel: the stock drivers have initialised SNP, a guest of KVM
# is there, and the next kernel starts. This is no test of the collection.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/kvm.sh"

load
modprobe kvm_amd || bail "kvm_amd does not load"
poll 60 initialised || bail "SNP is not initialised"
poll 60 full || bail "the first pass does not end"
is "a guest of KVM" "$(start 1 -m 16)" ready
kexec_file load /rmpopt/second/vmlinuz /rmpopt/second/initrd "$(cat /proc/cmdline)" || bail "nothing is loaded"
echo "kexec.sh: held: $(emu assigned all | grep -c guest=[1-9])" >/dev/kmsg
kexec_file boot
bail "there was no kexec"
