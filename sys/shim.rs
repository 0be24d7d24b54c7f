// SPDX-License-Identifier: GPL-2.0

//! The functions of `shim.c`, as `shim.h` declares them.

use kernel::{
    bindings,
    ffi, //
};

extern "C" {
    pub(super) fn rmpopt_this_cpu() -> ffi::c_uint;
    pub(super) fn rmpopt_preempt_disable();
    pub(super) fn rmpopt_preempt_enable();
    pub(super) fn rmpopt_cond_resched();
    pub(super) fn rmpopt_cpu_online(cpu: ffi::c_uint) -> bool;
    pub(super) fn rmpopt_first_sibling(cpu: ffi::c_uint) -> ffi::c_uint;
    pub(super) fn rmpopt_cpu_node(cpu: ffi::c_uint) -> ffi::c_int;
    pub(super) fn rmpopt_pfn_node(pfn: u64) -> ffi::c_int;
    pub(super) fn rmpopt_host_snp() -> bool;
    pub(super) fn rmpopt_work_init(
        work: *mut bindings::work_struct,
        func: unsafe extern "C" fn(*mut bindings::work_struct),
    );
    pub(super) fn rmpopt_workqueue() -> *mut bindings::workqueue_struct;
}
