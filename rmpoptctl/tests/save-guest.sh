# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Runs in the emulated host, behind a line that sets load: prints a tar of what
# rmpoptctl reads.
PATH=/bin
debug=/sys/kernel/debug/rmpopt
config=/sys/kernel/config/rmpopt
to=/tmp/state

# take FILE...: as it is.
take()
{
	for file; do
		[ -f "$file" ] || continue
		mkdir -p "$to${file%/*}"
		cat "$file" >"$to$file" 2>/dev/null || rm -f "$to$file"
	done
}

# sift FILE COMMAND...: what the command makes of it.
sift()
{
	mkdir -p "$to${1%/*}"
	file=$1
	shift
	"$@" "$file" >"$to$file"
}

settle()
{
	tries=0
	until [ "$(cat $config/action)" = idle ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || exit 1
		sleep 0.1
	done
}

modprobe cpuid
modprobe msr
if [ "$load" ]; then
	insmod /rmpopt/rmpopt.ko || exit 1
	[ "$MODEL" != zen6 ] || settle
	# A guest with some pages in one GiB, and one that fills half of another.
	insmod /rmpopt/modules/snp_guest.ko || exit 1
	echo "assign 5 4k 3 7" >/sys/kernel/debug/snp_guest/cmd || exit 1
	echo "assign 6 2m 200 9" >/sys/kernel/debug/snp_guest/cmd || exit 1
	page=$(awk '{ print $2; exit }' /sys/kernel/debug/snp_guest/pages)
	printf '0x%x' $((page << 12)) >$config/rmp_entry || exit 1
	sleep 2
	[ "$MODEL" != zen6 ] || settle
fi

sift /proc/cpuinfo grep -E '^(processor|vendor_id|cpu family|model|model name|stepping|microcode|physical id|core id|flags)[[:space:]]*:|^$'
sift /proc/zoneinfo grep -E '^Node|spanned|present|start_pfn'
take /proc/cmdline /proc/sys/kernel/osrelease
take /sys/devices/system/cpu/online /sys/kernel/security/lockdown
take /sys/devices/system/node/node*/cpulist /sys/class/iommu/*/amd-iommu/features
take /sys/module/rmpopt/initstate /sys/module/rmpopt/version /sys/module/rmpopt/parameters/* /sys/module/kvm_amd/parameters/*
take $debug/* $debug/cpu/* $debug/rmp/* $config/*
mkdir -p $to/var/log $to/dev/cpu/0
dmesg | grep -iE 'sev|snp|rmp|iommu|amd-vi|ccp|lockdown' >$to/var/log/dmesg

# leaf LEAF: a line "LEAF EAX EBX ECX EDX".
leaf()
{
	dd if=/dev/cpu/0/cpuid bs=16 count=1 skip=$(($1)) iflag=skip_bytes 2>/dev/null |
		hexdump -v -e '"'"$1"'" 4/4 " 0x%08x" "\n"'
}
for leaf in 0x00000000 0x00000001 0x80000000 0x8000001f 0x80000025; do
	leaf $leaf
done >$to/dev/cpu/0/cpuid
# register NUMBER: a line "NUMBER VALUE".
register()
{
	dd if=/dev/cpu/0/msr bs=8 count=1 skip=$(($1)) iflag=skip_bytes 2>/dev/null |
		hexdump -v -e '2/4 " %08x" "\n"' >/tmp/halves
	read -r low high </tmp/halves
	[ -z "$low" ] || echo "$1 0x$high$low"
}
for register in 0xc0010010 0xc0010015 0xc0010132 0xc0010133 0xc0010136; do
	register $register
done >$to/dev/cpu/0/msr

echo "-- begin"
tar -cz -C $to . | base64
echo "-- end"
