/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Initialisations of SNP: a probe at their beginning, a gate that is closed while
 * one is under way, and a function that waits for their end. sys/snp.rs declares
 * the same functions for Rust: change both together.
 */
#ifndef RMPOPT_SNP_H
#define RMPOPT_SNP_H

#include <linux/types.h>

int rmpopt_snp_watch(void (*begins)(void *data), void *data);
void rmpopt_snp_unwatch(void);

u32 rmpopt_snp_begun(void);
bool rmpopt_snp_open(void);
void rmpopt_snp_set_open(u32 begun);
void rmpopt_snp_close(void);
bool rmpopt_snp_ccp_there(void);
bool rmpopt_snp_wait(bool unseen);

unsigned long rmpopt_irq_save(void);
void rmpopt_irq_restore(unsigned long flags);

#endif
