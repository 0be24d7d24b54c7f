/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The test port of the emulated host, for user space and for kernel modules.
 * ../README.md lists the requests.
 */
#ifndef RMPOPT_EMU_H
#define RMPOPT_EMU_H

/* The emulator reads these numbers from this text: see ../src/header.rs. */
#define EMU_EAX		0x52504f50u
#define EMU_ECX		0x54534554u
#define EMU_THERE	0x21454d55u
#define EMU_MAX_REQUEST	4096

#define EMU_NO_PORT	(-1)

/*
 * Sends @request, a string of less than EMU_MAX_REQUEST bytes, and fills @reply,
 * which is not terminated. Both must be mapped, and the caller must have written to
 * @reply before, because the port does not fault pages in.
 *
 * Returns 0 if the request was carried out, 1 if it was refused (the reply says
 * why), EMU_NO_PORT where there is no port. Sets @length unless there is no port.
 */
static inline int emu_request(const char *request, char *reply,
			      unsigned long size, unsigned long *length)
{
	unsigned long a = EMU_EAX, b = (unsigned long)request, c = EMU_ECX;
	unsigned long d = 0, s = (unsigned long)reply, i = size;

	asm volatile("cpuid"
		     : "+a" (a), "+b" (b), "+c" (c), "+d" (d), "+S" (s), "+D" (i)
		     :
		     : "memory");
	if ((unsigned int)c != EMU_THERE)
		return EMU_NO_PORT;
	*length = (unsigned int)b;
	return a ? 1 : 0;
}

#endif
