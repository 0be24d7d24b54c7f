// SPDX-License-Identifier: GPL-2.0
/*
 * emu WORDS... sends one request to the test port and prints the reply.
 * Exit status: 0 done, 1 refused, 2 wrong use or no port.
 */
#include <stdio.h>
#include <string.h>

#include "emu.h"

static char reply[1 << 20];

int main(int argc, char **argv)
{
	char request[EMU_MAX_REQUEST] = "";
	unsigned long length = 0;
	int i, result;

	if (argc < 2) {
		fprintf(stderr, "usage: emu WORDS...\n");
		return 2;
	}
	for (i = 1; i < argc; i++) {
		if (strlen(request) + strlen(argv[i]) + 2 > sizeof(request)) {
			fprintf(stderr, "emu: the request is too long\n");
			return 2;
		}
		if (i > 1)
			strcat(request, " ");
		strcat(request, argv[i]);
	}
	/* Writes to the buffer, because the port does not fault pages in. */
	memset(reply, 1, sizeof(reply));
	result = emu_request(request, reply, sizeof(reply), &length);
	if (result == EMU_NO_PORT) {
		fprintf(stderr, "emu: this is not the emulated host\n");
		return 2;
	}
	fwrite(reply, 1, length, result ? stderr : stdout);
	if (length && reply[length - 1] != '\n')
		fputc('\n', result ? stderr : stdout);
	return result;
}
