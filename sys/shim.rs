// SPDX-License-Identifier: GPL-2.0

//! The functions of `shim.c`, as `shim.h` declares them.

use kernel::{
    bindings,
    ffi, //
};

/// `struct rmpopt_memory`, whose fields only `shim.c` accesses.
#[repr(C)]
pub(super) struct Memory {
    _opaque: [u8; 0],
}

#[expect(
    improper_ctypes,
    reason = "bindgen gives some parts of task_struct no fields; here it is only pointed to"
)]
extern "C" {
    pub(super) fn rmpopt_this_cpu() -> ffi::c_uint;
    pub(super) fn rmpopt_preempt_disable();
    pub(super) fn rmpopt_preempt_enable();
    pub(super) fn rmpopt_cond_resched();
    pub(super) fn rmpopt_call_on(
        cpu: ffi::c_uint,
        function: unsafe extern "C" fn(*mut ffi::c_void),
        data: *mut ffi::c_void,
    ) -> ffi::c_int;
    pub(super) fn rmpopt_cpu_online(cpu: ffi::c_uint) -> bool;
    pub(super) fn rmpopt_cpu_core(cpu: ffi::c_uint) -> ffi::c_uint;
    pub(super) fn rmpopt_cpu_node(cpu: ffi::c_uint) -> ffi::c_int;
    pub(super) fn rmpopt_cpu_socket(cpu: ffi::c_uint) -> ffi::c_uint;
    pub(super) fn rmpopt_cpu_isolated(cpu: ffi::c_uint) -> bool;
    pub(super) fn rmpopt_node_distance(from: ffi::c_int, to: ffi::c_int) -> ffi::c_int;
    pub(super) fn rmpopt_pfn_node(pfn: u64) -> ffi::c_int;
    pub(super) fn rmpopt_section_size() -> u64;
    pub(super) fn rmpopt_sleep_unless(flag: *const bool, timeout: ffi::c_long);
    pub(super) fn rmpopt_make_idle(task: *mut bindings::task_struct);
    pub(super) fn rmpopt_move_to(task: *mut bindings::task_struct, cpu: ffi::c_uint) -> ffi::c_int;
    pub(super) fn rmpopt_move_away(task: *mut bindings::task_struct);
    pub(super) fn rmpopt_avoid_nohz_full(task: *mut bindings::task_struct);
    pub(super) fn rmpopt_task_runtime(task: *mut bindings::task_struct) -> u64;
    pub(super) fn rmpopt_task_runs(task: *mut bindings::task_struct) -> bool;
    pub(super) fn rmpopt_memory_register(
        changed: unsafe extern "C" fn(*mut ffi::c_void),
        data: *mut ffi::c_void,
    ) -> *mut Memory;
    pub(super) fn rmpopt_memory_unregister(memory: *mut Memory);
    pub(super) fn rmpopt_host_snp() -> bool;
    pub(super) fn rmpopt_phys_bits() -> ffi::c_uint;
    pub(super) fn rmpopt_param_window_gib() -> ffi::c_uint;
    pub(super) fn rmpopt_param_skip_isolated() -> bool;
    pub(super) fn rmpopt_param_probes() -> bool;
}
