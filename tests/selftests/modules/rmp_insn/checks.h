/* SPDX-License-Identifier: GPL-2.0 */
/* The checks, in groups. main.c has their order. */
#ifndef RMP_INSN_CHECKS_H
#define RMP_INSN_CHECKS_H

/* offers.c: test_cpuid() compares with @model and sets what host.h says of CPUID. */
void test_cpuid(const char *model);
void test_msrs(void);
void test_rmpopt_base(unsigned int clear_fault);

/* absent.c */
void test_absent(void);

/* rmp.c */
void test_rmp(void);

/* rmpopt.c */
void test_rmpopt(void);

/* questions.c */
void test_questions(void);

#endif
