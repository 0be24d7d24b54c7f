/* SPDX-License-Identifier: GPL-2.0 */
/* The emulator's test port, from the kernel: one CPUID carries one request. */
#ifndef RMPOPT_TEST_PORT_H
#define RMPOPT_TEST_PORT_H

#include <linux/kstrtox.h>
#include <linux/mutex.h>
#include <linux/sprintf.h>
#include <linux/string.h>
#include <linux/types.h>

#define PORT_EAX	0x52504f50
#define PORT_ECX	0x54534554
#define PORT_THERE	0x21454d55

static char port_request[256];
static char port_reply[16384];

/*
 * Sends one request. Returns true when it was done; port_reply then holds the
 * answer, otherwise the reason. Callers take turns by themselves.
 */
static __printf(1, 2) bool port(const char *fmt, ...)
{
	unsigned int eax = PORT_EAX, ebx, ecx = PORT_ECX, edx;
	va_list args;

	va_start(args, fmt);
	vscnprintf(port_request, sizeof(port_request), fmt, args);
	va_end(args);
	memset(port_reply, 0, sizeof(port_reply));

	asm volatile("cpuid"
		     : "=a" (eax), "=b" (ebx), "=c" (ecx), "=d" (edx)
		     : "a" (PORT_EAX), "b" (port_request), "c" (PORT_ECX),
		       "S" (port_reply), "D" (sizeof(port_reply) - 1)
		     : "memory");

	if (ecx != PORT_THERE) {
		strscpy(port_reply, "no emulator answers");
		return false;
	}
	port_reply[min_t(size_t, ebx, sizeof(port_reply) - 1)] = '\0';
	strim(port_reply);
	return eax == 0;
}

/* One number by its dotted path, or -1. */
static __maybe_unused long port_number(const char *key)
{
	long value;

	if (!port("get %s", key) || kstrtol(port_reply, 10, &value))
		return -1;

	return value;
}

#endif
