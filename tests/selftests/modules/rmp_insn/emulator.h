/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests to the emulator, as `emu` sends them from a shell. They prepare the host
 * before an instruction, and read its state afterwards.
 */
#ifndef RMP_INSN_EMULATOR_H
#define RMP_INSN_EMULATOR_H

#include <linux/compiler_attributes.h>
#include <linux/stringify.h>
#include <linux/types.h>

#define ASID		5	/* the guest's */

/* Entries of a 4k page, as the emulator writes them. */
#define ENTRY_FREE	"assigned=0 asid=0 size=4k immutable=0"
#define ENTRY_GUEST	"assigned=1 asid=" __stringify(ASID) " size=4k immutable=0"
#define ENTRY_FIRMWARE	"assigned=1 asid=0 size=4k immutable=1"

/* The answer to the last request, or why it was not done. */
extern const char *const emu_reply;

/* Makes a request. Returns true when it was done. */
__printf(1, 2) bool emu(const char *fmt, ...);

/* A request that must be done for the checks to mean anything. */
void must(bool done);

/* One number by its dotted path, or -1. */
long emu_number(const char *key);

/* Changes the entry of @address behind the processor's back. */
void set_entry(u64 address, const char *fields);

/* True if the entry of @address has all of the fields; emu_reply is the entry. */
__printf(2, 3) bool entry_has(u64 address, const char *fmt, ...);

#endif
