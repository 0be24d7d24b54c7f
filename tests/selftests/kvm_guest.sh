#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: psp
# The stock ccp and kvm_amd initialise SNP, and KVM's guests start and end in every way:
# afterwards the emulator's RMP is as before. The module is not loaded.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/kvm.sh"
begin 73
require_emulator
require_kvm_guests

unload

# Assigned pages of guests in the GiBs of a node.
node_pages()
{
	emu assigned all | awk -v node="$1" -v half="$half" '
		{ gib = $1 + 0; split($4, f, "="); if ((gib >= half) == node) n += f[2] }
		END { print n + 0 }'
}

more_updates()
{
	[ "$(emu get psp.snp-launch-update)" -gt "$updates" ]
}

snp_en()
{
	[ "$(emu snp show)" = on ]
}

# SNP comes up.
is "SNP is off" "$(emu snp show) $(emu snp phase)" "off uninitialised"
ok "modprobe ccp" modprobe ccp
is "ccp alone initialises nothing" "$(emu snp show) $(emu get psp.snp-init-ex)" "off 0"
ok "SNP_INIT_EX takes two seconds" emu psp init_ms 2000
modprobe kvm_amd &
within 60 "kvm_amd has SnpEn set" snp_en
is "SNP_INIT is not over then" "$(emu snp phase)" initialising
within 60 "SNP_INIT ends" initialised
wait
emu psp init_ms 300 >/dev/null
ok "there is /dev/kvm" [ -e /dev/kvm ]
like "SEV is initialised, too" "$(emu psp show)" "snp=initialised sev=1 guests=0 *"
ok "kvm_amd says that it has SNP" sh -c 'dmesg | grep -q "kvm_amd: SEV-SNP enabled"'
before=$(emu assigned all)
firmware=$(pages firmware)
is "no page is a guest's" "$(pages guest)" 0

# One guest: 16 MiB, of which the firmware fills 64 pages; a VMSA, a context, a page for messages.
is "a guest of 16 MiB" "$(start 1 -m 16 -u 64)" ready
is "its pages and its VMSA are assigned" "$(pages guest)" 4097
is "and two pages of the firmware more" "$(pages firmware)" $((firmware + 2))
like "the firmware knows it" "$(emu psp guests)" "0x* asid=* launch=running pages=65"
is "a hole of 8 pages" "$(tell 1 punch 8 8)" ok
is "8 pages less" "$(pages guest)" 4089
is "a hole of 2 MiB" "$(tell 1 punch 512 512)" ok
is "512 pages less" "$(pages guest)" 3577
is "the hole is filled again" "$(tell 1 fault 512 512)" ok
is "512 pages more" "$(pages guest)" 4089
is "memory attributes: shared" "$(tell 1 shared 1024 512)" ok
is "memory attributes: private" "$(tell 1 private 1024 512)" ok
is "a word that is none" "$(tell 1 push 1 1)" "error: push: Invalid argument"
end 1
within 60 "it exits: all is as before" as_before

# By SIGKILL, while it runs and in the middle of its launch.
is "a guest for SIGKILL" "$(start 1 -m 16)" ready
end 1 KILL
within 60 "it is killed: all is as before" as_before
is "a guest without LAUNCH_FINISH" "$(start 1 -m 8 -s)" ready
end 1 KILL
within 60 "it is killed: all is as before" as_before
for turn in 1 2 3; do
	updates=$(emu get psp.snp-launch-update)
	kvm_snp_guest -m 64 -u 16384 </dev/null >"$work"/1.out 2>&1 &
	echo $! >"$work"/1.pid
	poll 60 said 1 started
	poll 60 more_updates
	kill -KILL "$(cat "$work"/1.pid)"
	poll 60 gone 1
	is "turn $turn: killed before LAUNCH_UPDATE is through" "$(grep -c ready "$work"/1.out)" 0
	within 60 "turn $turn: all is as before" as_before
done

# Descriptors closed in any order.
for order in "vcpu vm memory" "vcpu memory vm" "vm vcpu memory" "vm memory vcpu" "memory vm vcpu" "memory vcpu vm"; do
	start 1 -m 8 >/dev/null
	for which in $order; do
		answer=$(tell 1 close "$which")
		[ "$answer" = ok ] || break
	done
	is "closed: $order" "$answer" ok
	end 1
	within 60 "all is as before" as_before
done

# Many at once, on the two nodes. Node 1 has the upper half of memory, above the hole.
half=6
for number in 1 2 3 4 5 6; do
	start $number -m 16 -n $((number % 2)) >"$work"/result.$number &
done
wait_for_all()
{
	[ "$(cat "$work"/result.? | grep -c ready)" = 6 ]
}
within 120 "six guests at once" wait_for_all
is "the firmware knows six" "$(emu psp guests | grep -c running)" 6
at_least "those of node 1 have its memory" "$(node_pages 1)" $((3 * 4096))
at_least "those of node 0 have the other" "$(node_pages 0)" $((3 * 4096))
for number in 1 2 3 4 5 6; do
	[ $((number % 3)) != 0 ] || kill -KILL "$(cat "$work"/$number.pid)"
	end $number
done
within 60 "they end, two by SIGKILL: all is as before" as_before

# The firmware fails.
for command in snp-gctx-create snp-launch-start snp-activate snp-launch-update snp-launch-finish; do
	emu fail $command 0x13 >/dev/null
	like "$command fails" "$(start 1 -m 8)" "error: KVM_SEV_SNP_LAUNCH_*"
	end 1
	within 60 "$command: all is as before" as_before
done

# The kernel's own test of KVM_SEV_INIT2. tests/run has built it and says so; elsewhere it may be
# built from the kernel's tree.
if [ "$RMPOPT_BUILT" ] || command -v sev_init2_tests >/dev/null; then
	ok "the kernel's sev_init2_tests" sev_init2_tests
	within 60 "all is as before" as_before
else
	skip "the kernel's sev_init2_tests" "it is not built"
fi

# kvm_amd goes and comes.
rmmod kvm_amd
is "without kvm_amd the firmware has left, SnpEn stays" "$(emu snp phase) $(emu snp show)" "shut-down on"
is "no page of a guest or of the driver is left" "$(pages guest) $(emu psp show | grep -c 'guests=0')" "0 1"
modprobe kvm_amd
is "it comes back" "$(emu snp phase) $(emu get psp.snp-init-ex)" "initialised 2"
# The driver's own memory is elsewhere now.
before=$(emu assigned all)
is "and has a guest" "$(start 1 -m 8)" ready
end 1
within 60 "that ends: all is as before" as_before
rmmod kvm_amd ccp
emu switch x86_shutdown on >/dev/null
modprobe kvm_amd
is "initialised where the shutdown is a full one" "$(emu snp phase)" initialised
rmmod kvm_amd ccp
is "after that SnpEn is clear" "$(emu snp phase) $(emu snp show)" "uninitialised off"
emu switch x86_shutdown off >/dev/null
emu snp on >/dev/null
is "no page is leaked" "$(log_since | grep -ci 'leak')" 0
no_splat "the kernel log is clean"
finish
