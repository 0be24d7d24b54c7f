/* SPDX-License-Identifier: GPL-2.0 */
/* The functions of native.c. sys/native.rs declares the same for Rust: change both together. */
#ifndef RMPOPT_NATIVE_H
#define RMPOPT_NATIVE_H

#include <linux/types.h>

bool rmpopt_native(void);
unsigned int rmpopt_native_mode(void);

#endif
