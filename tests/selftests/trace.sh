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

# interrupts THREADS: for each of the module's function-call interrupts in the trace of
# ipi/ipi_send_cpu and ipi/ipi_send_cpumask "CORE work FUNCTION", or "CORE wake FUNCTION"
# where it is the thread that is woken, not a core that gets work. The module's are those
# with the module on the stack, and FUNCTION is the module's that sent it; a core has
# THREADS threads. One to several CPUs at once is none that the module may send:
# "broadcast". What loading itself sends, to look at each core, belongs to no pass; nor
# does the making of a core's thread, once, nor the waking of somebody who reads a file
# and has waited for a lock.
#
# The trace is sorted by time, so that other CPUs' lines may stand between an event and
# its stack. The stack belongs to the last event of its own CPU that has none yet.
interrupts()
{
	awk -v threads="$1" '
		function on_cpu() {
			match($0, /\[[0-9]+\]/)
			return substr($0, RSTART + 1, RLENGTH - 2)
		}
		function settle() {
			if (cpu != "" && ours != "" && !loading && !asked)
				print (cpu < 0 ? "broadcast" : int(cpu / threads)), (post ? "work" : "wake"), ours
			cpu = ours = ""
			post = timer = loading = asked = 0
		}
		/: ipi_send_/ {
			settle()
			target = ""
			if (/callback=generic_smp_call_function_single/ || /ipi_send_cpumask/)
				target = match($0, /cpu=[0-9]+/) ? substr($0, RSTART + 4, RLENGTH - 4) : -1
			on = on_cpu()
			event[on, events[on]++] = target
			next
		}
		/: <stack trace>/ {
			settle()
			on = on_cpu()
			if (events[on])
				cpu = event[on, --events[on]]
			next
		}
		cpu == "" { next }
		/^ => / {
			# What an interrupt of its own does on the way is not ours.
			if (/asm_sysvec_/)
				timer = 1
			if (timer)
				next
			if (/\[rmpopt\]/ && ours == "")
				ours = $2
			if (/do_init_module|kthread_create_on_node/)
				loading = 1
			if (/wake_up_q/)
				asked = 1
			if (/CoreThread4post/)
				post = 1
		}
		END { settle() }' $TRACE/trace
}
