/* SPDX-License-Identifier: GPL-2.0 */
/* Files of the test modules in debugfs. */
#ifndef RMPOPT_TEST_FILES_H
#define RMPOPT_TEST_FILES_H

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>

/* name_fops, of a file that name_write() serves. */
#define DEFINE_WRITE_FILE(name)					\
static const struct file_operations name##_fops = {		\
	.owner	= THIS_MODULE,					\
	.open	= simple_open,					\
	.write	= name##_write,					\
}

#endif
