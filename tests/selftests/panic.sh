# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The guest's part of tests/panic, before the panic: the stock drivers have initialised SNP, the module has
# optimised all of memory, a crash kernel is loaded. This is no test of the collection.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"

filled()
{
	idle && table | grep -q " $all\$"
}

echo 1 >/proc/sys/kernel/unknown_nmi_panic
# Who wakes a task of another CPU takes that CPU's lock, and leaves nothing to an interrupt there.
echo NO_TTWU_QUEUE >/sys/kernel/debug/sched/features
[ "$PROBES" != fprobe ] || insmod "$MODULES/rmp_kprobe.ko" returns=1
load
modprobe kvm_amd
poll 300 filled || bail "nothing is optimised"
thread=$(grep -lx rmpopt /proc/[0-9]*/comm | head -n 1)
thread=${thread#/proc/}
thread=${thread%/comm}
[ "$(emu snp phase)" = initialised ] || bail "SNP is not initialised"
kexec_file crash /rmpopt/second/vmlinuz /rmpopt/second/initrd \
	"$(sed 's/crashkernel=[^ ]*//' /proc/cmdline) nr_cpus=1 reset_devices" || bail "there is no crash kernel"
# Until the first call the module does not know that it is not alone.
[ "$PROBES" != shared ] || insmod "$MODULES/rmp_kprobe.ko"
echo "panic.sh: probes: $(stat probes)" >/dev/kmsg
# The thread has seen all that was converted: the next kick is a new one.
sleep 3
emu reset >/dev/null
insmod "$MODULES/rmp_panic.ko" how="$HOW" hold="$HOLD" pid="$thread"
bail "there was no panic"
