// SPDX-License-Identifier: GPL-2.0

//! Declarations of the parts of `qemu-plugin.h` (API version 7) and of glib that the plugin uses.

use std::ffi::{c_char, c_int, c_uint, c_void};

pub const CB_RW_REGS_PC: c_int = 3;
pub const CB_RW_REGS: c_int = 2;
pub const CB_R_REGS: c_int = 1;
pub const CB_NO_REGS: c_int = 0;
pub const MEM_W: c_int = 2;
pub const DISCON_INTERRUPT: c_int = 1;
pub const DISCON_EXCEPTION: c_int = 2;
pub const INLINE_ADD: c_int = 0;
pub const COND_NE: c_int = 3;

#[repr(C)]
pub struct Info {
    pub target_name: *const c_char,
    pub version_min: c_int,
    pub version_cur: c_int,
    pub system_emulation: bool,
    pub smp_vcpus: c_int,
    pub max_vcpus: c_int,
}

#[repr(C)]
pub struct ByteArray {
    pub data: *mut u8,
    pub len: c_uint,
}

#[repr(C)]
pub struct Array {
    pub data: *mut c_char,
    pub len: c_uint,
}

#[repr(C)]
pub struct RegisterDescriptor {
    pub handle: *mut c_void,
    pub name: *const c_char,
    pub feature: *const c_char,
    pub is_readonly: bool,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ScoreU64 {
    pub score: *mut c_void,
    pub offset: usize,
}

#[repr(C)]
pub struct Tb {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct Insn {
    _opaque: [u8; 0],
}

pub type VcpuCb = extern "C" fn(c_uint, *mut c_void);

extern "C" {
    pub fn qemu_plugin_register_vcpu_init_cb(id: u64, cb: VcpuCb, data: *mut c_void);
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(
        id: u64,
        cb: extern "C" fn(*mut Tb, *mut c_void),
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_discon_cb(
        id: u64,
        kind: c_int,
        cb: extern "C" fn(c_uint, c_int, u64, u64, *mut c_void),
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_atexit_cb(
        id: u64,
        cb: extern "C" fn(*mut c_void),
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut Insn,
        cb: VcpuCb,
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_insn_exec_cond_cb(
        insn: *mut Insn,
        cb: VcpuCb,
        flags: c_int,
        cond: c_int,
        entry: ScoreU64,
        imm: u64,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
        insn: *mut Insn,
        op: c_int,
        entry: ScoreU64,
        imm: u64,
    );
    pub fn qemu_plugin_register_vcpu_mem_cb(
        insn: *mut Insn,
        cb: extern "C" fn(c_uint, u32, u64, *mut c_void),
        flags: c_int,
        rw: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_tb_n_insns(tb: *const Tb) -> usize;
    pub fn qemu_plugin_tb_get_insn(tb: *const Tb, i: usize) -> *mut Insn;
    pub fn qemu_plugin_insn_data(insn: *const Insn, dest: *mut u8, len: usize) -> usize;
    pub fn qemu_plugin_insn_size(insn: *const Insn) -> usize;
    pub fn qemu_plugin_insn_vaddr(insn: *const Insn) -> u64;
    pub fn qemu_plugin_get_registers() -> *mut Array;
    pub fn qemu_plugin_read_register(handle: *mut c_void, buf: *mut ByteArray) -> bool;
    pub fn qemu_plugin_write_register(handle: *mut c_void, buf: *mut ByteArray) -> bool;
    pub fn qemu_plugin_set_pc(va: u64) -> !;
    pub fn qemu_plugin_read_memory_vaddr(va: u64, buf: *mut ByteArray, len: usize) -> bool;
    pub fn qemu_plugin_write_memory_vaddr(va: u64, buf: *mut ByteArray) -> bool;
    pub fn qemu_plugin_read_memory_hwaddr(pa: u64, buf: *mut ByteArray, len: usize) -> c_int;
    pub fn qemu_plugin_write_memory_hwaddr(pa: u64, buf: *mut ByteArray) -> c_int;
    pub fn qemu_plugin_get_hwaddr(info: u32, va: u64) -> *mut c_void;
    pub fn qemu_plugin_hwaddr_is_io(hwaddr: *const c_void) -> bool;
    pub fn qemu_plugin_hwaddr_phys_addr(hwaddr: *const c_void) -> u64;
    pub fn qemu_plugin_scoreboard_new(size: usize) -> *mut c_void;
    pub fn qemu_plugin_u64_add(entry: ScoreU64, vcpu: c_uint, n: u64);
    pub fn qemu_plugin_u64_set(entry: ScoreU64, vcpu: c_uint, n: u64);
    pub fn qemu_plugin_u64_get(entry: ScoreU64, vcpu: c_uint) -> u64;
    pub fn qemu_plugin_num_vcpus() -> c_int;
    pub fn g_byte_array_new() -> *mut ByteArray;
    pub fn g_byte_array_append(
        array: *mut ByteArray,
        data: *const u8,
        len: c_uint,
    ) -> *mut ByteArray;
    pub fn g_byte_array_free(array: *mut ByteArray, segment: c_int) -> *mut u8;
    pub fn g_array_free(array: *mut Array, segment: c_int) -> *mut c_char;
    pub fn _exit(status: c_int) -> !;
}
