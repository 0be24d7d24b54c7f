#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: lockdown
# Under lockdown, as with Secure Boot, all status files can be read and all controls work.
. "$(dirname "$0")/tap.sh"
begin 35
require_rmpopt
require_test_module snp_guest
require_consent "locks the kernel down"

all=$(cat /sys/devices/system/cpu/online)

won()
{
	[ "$(table_of "$region")" = "$all" ]
}

checked()
{
	[ "$(sed -n 's/^checks: *//p' $DEBUG/stats)" -ge 1 ]
}

unload
log_mark
# Without signatures modules have to be there before.
load
poll 60 idle
insmod "$MODULES/snp_guest.ko"
region=$(free_regions | tail -n 1)
echo "assign $region 2m 1 5" >$GUEST/cmd
page=$(printf '0x%x' $((($(awk '{ print $2 }' $GUEST/pages) << 12) + 0x3000)))
mount -t securityfs security /sys/kernel/security
echo integrity >/sys/kernel/security/lockdown
like "the kernel is locked down" "$(cat /sys/kernel/security/lockdown)" "*\[integrity\]*"
is "a writable debugfs file is refused" "$(try write $GUEST/cmd "release all")" EPERM

for file in $(cd $DEBUG && find . -type f | sed 's,^\./,,' | sort); do
	is "$file can be read" "$(try read $DEBUG/$file)" ok
done
is "an address goes in" "$(try write $CONFIG/rmp_entry "$page")" ok
is "the entry comes out" "$(sed -n 's/^owner: //p' $CONFIG/rmp_entry)" guest
is "and in debugfs" "$(sed -n 's/^asid: //p' $DEBUG/rmp/entry)" 5
is "action" "$(try write $CONFIG/action 1)" ok
within 60 "the pass ends" idle
is "the guest's region is lost" "$(table_of "$region")" none
is "the guest ends" "$(try rmmod snp_guest)" ok
within 60 "its region is won back by itself" won

# The other level, which forbids to look into the kernel too.
echo confidentiality >/sys/kernel/security/lockdown
like "the kernel is locked down further" "$(cat /sys/kernel/security/lockdown)" "*\[confidentiality\]*"
for file in $(cd $DEBUG && find . -type f | sed 's,^\./,,' | sort); do
	is "$file can still be read" "$(try read $DEBUG/$file)" ok
done
is "action" "$(try write $CONFIG/action 1)" ok
within 60 "the pass ends" idle
echo 1 >$CONFIG/full_check_s
within 60 "the full check goes on" checked
is "the region is still optimised" "$(table_of "$region")" "$all"
is "rmmod" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish
