// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_attach fentry|fexit OUT FUNCTION...: attaches an empty BPF program to the
 * beginning or the end of each of the kernel's functions, and writes "ok" or the
 * first error's name to OUT. Where that was ok it waits for SIGTERM, detaches
 * and writes how often the programs ran, for which kernel.bpf_stats_enabled has
 * to be 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FUNCTIONS_MAX	8

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static char *btf_read(void)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	struct stat stat;
	char *btf = NULL;
	off_t at = 0;

	if (fd < 0 || fstat(fd, &stat) || !(btf = malloc(stat.st_size)))
		return NULL;
	while (at < stat.st_size) {
		ssize_t got = read(fd, btf + at, stat.st_size - at);

		if (got <= 0)
			return NULL;
		at += got;
	}
	close(fd);
	return btf;
}

/* Bytes behind a type's header. */
static size_t extra(const struct btf_type *type)
{
	size_t vlen = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT: return sizeof(__u32);
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return vlen * sizeof(struct btf_member);
	case BTF_KIND_ENUM: return vlen * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return vlen * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO: return vlen * sizeof(struct btf_param);
	case BTF_KIND_VAR: return sizeof(struct btf_var);
	case BTF_KIND_DATASEC: return vlen * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG: return sizeof(struct btf_decl_tag);
	default: return 0;
	}
}

/* The number of the function's type in the kernel's BTF, 0 where it has none. */
static __u32 function_id(const char *btf, const char *name)
{
	const struct btf_header *header = (const void *)btf;
	const char *types = btf + header->hdr_len + header->type_off;
	const char *strings = btf + header->hdr_len + header->str_off;
	size_t at = 0;
	__u32 id = 1;

	while (at < header->type_len) {
		const struct btf_type *type = (const void *)(types + at);

		if (BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    !strcmp(strings + type->name_off, name))
			return id;
		at += sizeof(*type) + extra(type);
		id++;
	}
	return 0;
}

/* The program's descriptor; its attachment lasts as long as the process. */
static int attach(__u32 id, int exit)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	int program;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = exit ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY;
	attr.insns = (unsigned long)insns;
	attr.insn_cnt = sizeof(insns) / sizeof(insns[0]);
	attr.license = (unsigned long)"GPL";
	attr.attach_btf_id = id;
	program = bpf(BPF_PROG_LOAD, &attr);
	if (program < 0)
		return -1;

	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.prog_fd = program;
	return bpf(BPF_RAW_TRACEPOINT_OPEN, &attr) < 0 ? -1 : program;
}

static unsigned long long runs(int program)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = program;
	attr.info.info_len = sizeof(info);
	attr.info.info = (unsigned long)&info;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) ? 0 : info.run_cnt;
}

int main(int argc, char **argv)
{
	int programs[FUNCTIONS_MAX];
	unsigned long long sum = 0;
	char *btf = btf_read();
	sigset_t term;
	FILE *out;
	int i, signal;

	if (argc < 4 || argc - 3 > FUNCTIONS_MAX) {
		fprintf(stderr, "usage: bpf_attach fentry|fexit OUT FUNCTION...\n");
		return 2;
	}
	out = fopen(argv[2], "w");
	if (!out)
		return 2;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	for (i = 3; i < argc; i++) {
		__u32 id = btf ? function_id(btf, argv[i]) : 0;

		errno = ENOENT;
		programs[i - 3] = id ? attach(id, !strcmp(argv[1], "fexit")) : -1;
		if (programs[i - 3] < 0) {
			fprintf(out, "%s\n", strerrorname_np(errno));
			return 1;
		}
	}
	fprintf(out, "ok\n");
	fflush(out);
	sigwait(&term, &signal);
	for (i = 3; i < argc; i++)
		sum += runs(programs[i - 3]);
	fprintf(out, "%llu\n", sum);
	return 0;
}
