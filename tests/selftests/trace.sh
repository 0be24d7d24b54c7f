# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts that trace what the kernel does for the module.

TRACE=/sys/kernel/tracing

# stacks_on EVENT..., stacks_off EVENT...: each of these events with its stack. EVENT is
# SYSTEM/NAME.
stacks_on()
{
	echo 1 >$TRACE/options/sym-offset
	echo 4096 >$TRACE/buffer_size_kb
	for event in "$@"; do
		echo stacktrace >$TRACE/events/"$event"/trigger
		echo 1 >$TRACE/events/"$event"/enable
	done
}

stacks_off()
{
	for event in "$@"; do
		echo 0 >$TRACE/events/"$event"/enable
		echo '!stacktrace' >$TRACE/events/"$event"/trigger
	done
}
