# SPDX-License-Identifier: GPL-2.0
# host: one
# What a conversion costs more with the module, in kernel instructions.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirt.sh"
begin 6

cost()
{
	cat $STORM/cost
}

unload
log_mark
insmod $MODULES/rmp_storm.ko regions=1 || bail "rmp_storm.ko does not load"
plain=$(cost)
at_least "a pair of conversions" "$plain" 2
echo 1 >$STORM/probe
empty=$(cost)
echo 0 >$STORM/probe
at_least "with empty probes" "$empty" "$plain"
load
poll 60 idle || bail "the first pass does not end"
probed=$(cost)
is "the conversions were seen" "$(stat missed)" 0
at_least "conversions" "$(stat conversions)" 1000
note "one conversion: plain $((plain / 2)), empty probes $((empty / 2)), ours $((probed / 2))"
at_most "the probe's machinery and our part, per call" $(((probed - plain) / 2)) 499
at_most "our part, per call" $(((probed - empty) / 2)) 99
unload
rmmod rmp_storm
no_splat "the kernel log is clean"
finish
