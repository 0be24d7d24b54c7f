/* SPDX-License-Identifier: GPL-2.0 */
/* The emulator's test port, from the kernel: one CPUID carries one request. */
#ifndef RMPOPT_TEST_PORT_H
#define RMPOPT_TEST_PORT_H

#include <linux/kstrtox.h>
#include <linux/mutex.h>
#include <linux/sprintf.h>
#include <linux/string.h>
#include <linux/types.h>

#include "../../../emulator/guest/emu.h"

static char port_request[256];
static char port_reply[16384];

/*
 * Sends one request. Returns true when it was done; port_reply then holds the
 * answer, otherwise the reason. Callers take turns by themselves.
 */
static __printf(1, 2) bool port(const char *fmt, ...)
{
	unsigned long length = 0;
	va_list args;
	int refused;

	va_start(args, fmt);
	vscnprintf(port_request, sizeof(port_request), fmt, args);
	va_end(args);
	memset(port_reply, 0, sizeof(port_reply));

	refused = emu_request(port_request, port_reply, sizeof(port_reply) - 1, &length);
	if (refused == EMU_NO_PORT) {
		strscpy(port_reply, "no emulator answers");
		return false;
	}
	strim(port_reply);
	return !refused;
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
