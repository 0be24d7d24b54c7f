/* SPDX-License-Identifier: GPL-2.0 */
/* The results of the checks, in their order, as TAP. */
#ifndef RMP_INSN_TAP_H
#define RMP_INSN_TAP_H

#include <linux/compiler_attributes.h>
#include <linux/types.h>

struct seq_file;

extern unsigned int tap_count, tap_failed;

/* Text as it is: a comment, or more on the last check. */
__printf(1, 2) void put(const char *fmt, ...);

/* One check, with its name. Returns @good. */
__printf(2, 3) bool check(bool good, const char *fmt, ...);

#define check_eq(got, want, fmt, ...)						\
do {										\
	u64 __got = (got), __want = (want);					\
										\
	if (!check(__got == __want, fmt, ##__VA_ARGS__))			\
		put("#   got %#llx, want %#llx\n", __got, __want);		\
} while (0)

/* A check that is not made, and what the host lacks for it. */
void skip(const char *name, const char *why);

/* A check where the host @has what it needs, otherwise its name as skipped. */
#define check_eq_if(has, why, got, want, name)					\
do {										\
	if (has)								\
		check_eq(got, want, name);					\
	else									\
		skip(name, why);						\
} while (0)

/* All of it with the plan, for debugfs. */
int tap_show(struct seq_file *m, void *v);

#endif
