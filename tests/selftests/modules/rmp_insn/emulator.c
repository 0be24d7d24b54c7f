// SPDX-License-Identifier: GPL-2.0
/* Requests to the emulator, over the port that the test modules share. */
#include <linux/printk.h>
#include <linux/stdarg.h>

#include "../port.h"
#include "emulator.h"
#include "tap.h"

const char *const emu_reply = port_reply;

bool emu(const char *fmt, ...)
{
	struct va_format request = { .fmt = fmt };
	va_list args;
	bool done;

	va_start(args, fmt);
	request.va = &args;
	done = port("%pV", &request);
	va_end(args);
	return done;
}

void must(bool done)
{
	if (!done)
		check(false, "emulator: %s: %s", port_request, port_reply);
}

long emu_number(const char *key)
{
	return port_number(key);
}

void set_entry(u64 address, const char *fields)
{
	must(emu("set-entry %#llx %s", address, fields));
}

/* True if the last answer has the word @field. */
static bool reply_has(const char *field)
{
	const char *found = strstr(port_reply, field);
	char next;

	if (!found)
		return false;
	next = found[strlen(field)];
	return next == ' ' || next == '\0';
}

bool entry_has(u64 address, const char *fmt, ...)
{
	char fields[96], *rest = fields, *field;
	va_list args;

	va_start(args, fmt);
	vscnprintf(fields, sizeof(fields), fmt, args);
	va_end(args);

	must(emu("entry %#llx", address));
	while ((field = strsep(&rest, " ")))
		if (!reply_has(field))
			return false;

	return true;
}
