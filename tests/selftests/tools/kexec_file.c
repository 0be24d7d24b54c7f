// SPDX-License-Identifier: GPL-2.0
/*
 * kexec_file load|crash KERNEL INITRD COMMAND-LINE: loads the kernel that comes
 * after this one, or after a panic of this one.
 * kexec_file boot: starts the one that was loaded.
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned long flags = 0;
	int kernel, initrd;

	if (argc == 2 && !strcmp(argv[1], "boot")) {
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_KEXEC, NULL);
		perror("kexec_file: boot");
		return 1;
	}
	if (argc != 5) {
		fprintf(stderr, "usage: kexec_file load|crash KERNEL INITRD COMMAND-LINE\n");
		return 2;
	}
	if (!strcmp(argv[1], "crash"))
		flags |= KEXEC_FILE_ON_CRASH;
	kernel = open(argv[2], O_RDONLY);
	initrd = open(argv[3], O_RDONLY);
	if (kernel < 0 || initrd < 0 ||
	    syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[4]) + 1, argv[4], flags)) {
		perror("kexec_file");
		return 1;
	}
	return 0;
}
