// SPDX-License-Identifier: GPL-2.0
/* The results of the checks, kept as text until somebody reads them. */
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/sprintf.h>
#include <linux/stdarg.h>

#include "tap.h"

static char tap_text[131072];
static size_t tap_len;
unsigned int tap_count, tap_failed;

void put(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_len += vscnprintf(tap_text + tap_len, sizeof(tap_text) - tap_len, fmt, args);
	va_end(args);
}

bool check(bool good, const char *fmt, ...)
{
	struct va_format name = { .fmt = fmt };
	va_list args;

	tap_count++;
	tap_failed += !good;
	va_start(args, fmt);
	name.va = &args;
	put("%sok %u - %pV\n", good ? "" : "not ", tap_count, &name);
	va_end(args);
	return good;
}

void skip(const char *name, const char *why)
{
	tap_count++;
	put("ok %u - %s # SKIP %s\n", tap_count, name, why);
}

int tap_show(struct seq_file *m, void *v)
{
	seq_printf(m, "TAP version 13\n1..%u\n", tap_count);
	seq_write(m, tap_text, tap_len);
	if (tap_len == sizeof(tap_text) - 1)
		seq_puts(m, "Bail out! results are cut off\n");
	return 0;
}
