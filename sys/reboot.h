/* SPDX-License-Identifier: GPL-2.0 */
/* The functions of reboot.c. sys/reboot.rs declares the same for Rust: change both together. */
#ifndef RMPOPT_REBOOT_H
#define RMPOPT_REBOOT_H

int rmpopt_reboot_register(void (*rebooting)(void *data), void *data);
void rmpopt_reboot_unregister(void);

#endif
