/* SPDX-License-Identifier: GPL-2.0 */
/* What Rust asks of native.c. sys/native.rs declares the same: change both together. */
#ifndef RMPOPT_NATIVE_H
#define RMPOPT_NATIVE_H

#include <linux/types.h>

bool rmpopt_native(void);
unsigned int rmpopt_native_mode(void);

#endif
