// SPDX-License-Identifier: GPL-2.0

//! QEMU's plugin interface, version 7: the functions that the plugin uses, and the callbacks.

mod breakpoint;
mod instructions;
mod interrupts;
mod qemu;
mod registers;
mod resume;
mod stores;

use crate::decode::{is_register_store, Instruction};
use crate::device::Lines;
use crate::guest::{Cpu, Guest, RCX};
use crate::interrupts::Flag;
use crate::model::addr::index;
use crate::model::counters::Done;
use crate::model::{Fatal, Memory};
use crate::options::Options;
use crate::plugin::{is_kernel, Plugin};
use crate::resume::begins_handler;
use qemu::*;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::fs::File;
use std::os::fd::FromRawFd;
use std::sync::OnceLock;

/// The version of the interface for which the declarations were written. QEMU reads it first.
#[no_mangle]
pub static qemu_plugin_version: c_int = 7;

/// Exit status of a run that a violation ended.
const VIOLATION: c_int = 70;
/// Exit status for an unknown or malformed option.
const USAGE: c_int = 64;

/// The data of the callbacks. Pointers are stored as addresses; QEMU keeps the objects behind them until it exits.
struct Global {
    plugin: Plugin,
    results: instructions::Results,
    scoreboard: usize,
}

/// The offset of a number that a vCPU counts in the scoreboard.
const INSTRUCTIONS: usize = 0;
const CHECKED: usize = 8;
const SKIPPED: usize = 16;
/// The offset of the address at which a vCPU continues after the exception under way; 0 for none.
const RESUME: usize = 24;
const SCORE_BYTES: usize = 32;

static GLOBAL: OnceLock<Global> = OnceLock::new();

impl Global {
    fn score(&self, offset: usize) -> ScoreU64 {
        ScoreU64 {
            score: std::ptr::with_exposed_provenance_mut(self.scoreboard),
            offset,
        }
    }

    fn read_score(&self, offset: usize, vcpu: u64) -> u64 {
        // SAFETY: takes no argument and has no condition.
        let known = u64::try_from(unsafe { qemu_plugin_num_vcpus() }).unwrap_or(0);
        match c_uint::try_from(vcpu) {
            // SAFETY: the scoreboard is never freed, and has an element for each vCPU below `known`.
            Ok(n) if vcpu < known => unsafe { qemu_plugin_u64_get(self.score(offset), n) },
            _ => 0,
        }
    }

    fn add_score(&self, offset: usize, vcpu: c_uint) {
        // SAFETY: as above; the caller is a callback on that vCPU.
        unsafe { qemu_plugin_u64_add(self.score(offset), vcpu, 1) }
    }
}

/// A byte array of glib's.
struct Bytes(*mut ByteArray);

impl Bytes {
    fn new(content: &[u8]) -> Self {
        // SAFETY: glib ends the process rather than return null.
        let array = unsafe { g_byte_array_new() };
        let len = c_uint::try_from(content.len()).unwrap_or(c_uint::MAX);
        // SAFETY: `content` holds `len` bytes, and the array is our own.
        unsafe { g_byte_array_append(array, content.as_ptr(), len) };
        Self(array)
    }

    fn copy_to(&self, to: &mut [u8]) -> bool {
        // SAFETY: the array is our own and not shared.
        let array = unsafe { &*self.0 };
        if index(u64::from(array.len)) < to.len() {
            return false;
        }
        // SAFETY: the array holds `len` bytes, no fewer than `to`, which is elsewhere.
        unsafe { std::ptr::copy_nonoverlapping(array.data, to.as_mut_ptr(), to.len()) };
        true
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe { g_byte_array_free(self.0, 1) };
    }
}

/// A vCPU in a callback, or no vCPU at the end of the run, when only numbers are read.
struct Here {
    global: &'static Global,
    vcpu: c_uint,
}

impl Here {
    fn plugin(&self) -> &Plugin {
        &self.global.plugin
    }

    /// Lets QEMU raise an exception for the instruction under way, after which the vCPU continues at `pc`.
    fn resume_at(&self, pc: u64) {
        // SAFETY: called in a callback on that vCPU.
        unsafe { qemu_plugin_u64_set(self.global.score(RESUME), self.vcpu, pc) }
    }
}

impl Memory for Here {
    fn read(&self, pa: u64, bytes: &mut [u8]) -> bool {
        let array = Bytes::new(&[]);
        // SAFETY: called from a callback on a vCPU; the array is our own and the length not 0 when it matters.
        let result = unsafe { qemu_plugin_read_memory_hwaddr(pa, array.0, bytes.len()) };
        result == 0 && array.copy_to(bytes)
    }

    fn write(&self, pa: u64, bytes: &[u8]) -> bool {
        let array = Bytes::new(bytes);
        // SAFETY: called from a callback on a vCPU; the array is our own.
        unsafe { qemu_plugin_write_memory_hwaddr(pa, array.0) == 0 }
    }
}

impl Guest for Here {
    fn instructions(&self, vcpu: u64) -> u64 {
        self.global.read_score(INSTRUCTIONS, vcpu)
    }

    fn stores(&self, vcpu: u64) -> (u64, u64) {
        (
            self.global.read_score(CHECKED, vcpu),
            self.global.read_score(SKIPPED, vcpu),
        )
    }

    fn done(&self, vcpu: u64) -> Done {
        self.plugin()
            .stretches()
            .done(vcpu, self.instructions(vcpu))
    }

    fn interrupts_off(&self, vcpu: u64) -> Option<Done> {
        let plugin = self.plugin();
        let watched = plugin.watches_interrupts();
        watched.then(|| plugin.stretches().most(vcpu))
    }

    fn reset_interrupts_off(&self) {
        self.plugin().stretches().reset();
    }

    fn memory(&self) -> &dyn Memory {
        self
    }
}

impl Cpu for Here {
    fn guest(&self) -> &dyn Guest {
        self
    }

    fn vcpu(&self) -> u64 {
        u64::from(self.vcpu)
    }

    fn register(&self, number: usize) -> u64 {
        let array = Bytes::new(&[]);
        // SAFETY: the handle is QEMU's, and the callback was registered with access to the registers.
        let read = unsafe { qemu_plugin_read_register(registers::handle(number), array.0) };
        let mut bytes = [0; 8];
        let size = if number == registers::FLAGS { 4 } else { 8 };
        if !read || !array.copy_to(bytes.get_mut(..size).unwrap_or_default()) {
            die("QEMU did not give a register", VIOLATION);
        }
        u64::from_le_bytes(bytes)
    }

    fn set_register(&self, number: usize, value: u64) {
        let array = Bytes::new(&value.to_le_bytes());
        // SAFETY: as above; no register that is used has more than 8 bytes.
        if !unsafe { qemu_plugin_write_register(registers::handle(number), array.0) } {
            die("QEMU did not take a register", VIOLATION);
        }
    }

    fn enable_interrupts(&self) {
        let flags = self.register(registers::FLAGS);
        self.set_register(registers::FLAGS, flags | Flag::BIT);
    }

    fn read_virtual(&self, va: u64, bytes: &mut [u8]) -> bool {
        let array = Bytes::new(&[]);
        // SAFETY: called from a callback on a vCPU; the array is our own.
        let read = unsafe { qemu_plugin_read_memory_vaddr(va, array.0, bytes.len()) };
        read && array.copy_to(bytes)
    }

    fn write_virtual(&self, va: u64, bytes: &[u8]) -> bool {
        let array = Bytes::new(bytes);
        // SAFETY: called from a callback on a vCPU; the array is our own.
        unsafe { qemu_plugin_write_memory_vaddr(va, array.0) }
    }

    fn count_instruction(&self) {
        self.global.add_score(INSTRUCTIONS, self.vcpu);
    }
}

/// Ends the process at once. QEMU's normal exit would call the plugin back while the plugin holds its own lock.
fn die(what: &str, status: c_int) -> ! {
    eprintln!("rmpopt-emulator: FATAL: {what}");
    // SAFETY: has no condition.
    unsafe { _exit(status) }
}

fn here(vcpu: c_uint) -> Here {
    match GLOBAL.get() {
        Some(global) => Here { global, vcpu },
        None => die("a callback came before the start", VIOLATION),
    }
}

/// Ends the run because of a violation.
fn end_run(here: &Here, fatal: &Fatal) -> ! {
    if let Err(e) = here.global.plugin.finish(here, Some(&fatal.0)) {
        eprintln!("rmpopt-emulator: no report: {e}");
    }
    die(&fatal.0, VIOLATION)
}

extern "C" fn on_translate(tb: *mut Tb, _data: *mut c_void) {
    let Some(global) = GLOBAL.get() else { return };
    let score = global.score(INSTRUCTIONS);
    // SAFETY: QEMU gave the block for this callback.
    let count = unsafe { qemu_plugin_tb_n_insns(tb) };
    // Consecutive instructions are counted together. An instruction that the plugin executes ends such a run, because
    // it may leave the block.
    let mut run: Option<(*mut Insn, u64)> = None;
    for i in 0..count {
        // SAFETY: `i` is below the number of instructions.
        let insn = unsafe { qemu_plugin_tb_get_insn(tb, i) };
        // SAFETY: an instruction of this block, here and below.
        let (size, va) = unsafe { (qemu_plugin_insn_size(insn), qemu_plugin_insn_vaddr(insn)) };
        if is_kernel(va) {
            run = match run {
                Some((first, n)) => Some((first, n + 1)),
                None => Some((insn, 1)),
            };
        }
        if global.plugin.counts_stores() && is_kernel(va) {
            // SAFETY: as above; the callback takes no data.
            unsafe {
                qemu_plugin_register_vcpu_mem_cb(
                    insn,
                    stores::on_store,
                    CB_NO_REGS,
                    MEM_W,
                    std::ptr::null_mut(),
                )
            };
        }
        // SAFETY: as above.
        if global.plugin.watches_interrupts() && unsafe { interrupts::watch(insn, va) } {
            // The instructions after this one retire after its callback.
            count_run(run.take(), score);
            continue;
        }
        if !Instruction::possible(size) {
            continue;
        }
        // SAFETY: an instruction of this block, at that address.
        unsafe { breakpoint::watch(insn, va) };
        let mut bytes = [0; 4];
        // SAFETY: `bytes` has room for the length given.
        let got = unsafe { qemu_plugin_insn_data(insn, bytes.as_mut_ptr(), bytes.len()) };
        if is_kernel(va) && bytes.get(..got).is_some_and(begins_handler) {
            // SAFETY: as above.
            unsafe { resume::watch(insn, global.score(RESUME)) };
            continue;
        }
        let Some(found) = bytes.get(..got).and_then(Instruction::of) else {
            if is_kernel(va) && bytes.get(..got).is_some_and(is_register_store) {
                stores::register_store(insn);
            }
            continue;
        };
        if matches!(found, Instruction::In | Instruction::Out) && !global.plugin.has_device() {
            continue;
        }
        // SAFETY: as above, for the next one if there is one.
        unsafe {
            let next = (i + 1 < count).then(|| qemu_plugin_tb_get_insn(tb, i + 1));
            instructions::watch(found, insn, va, next);
        }
        count_run(run.take(), score);
    }
    count_run(run, score);
}

/// Has a run of instructions of the block that is being translated counted when a vCPU reaches the first of them.
fn count_run(run: Option<(*mut Insn, u64)>, score: ScoreU64) {
    if let Some((first, n)) = run {
        // SAFETY: called in the translation callback of its block; the scoreboard is never freed.
        unsafe { qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(first, INLINE_ADD, score, n) };
    }
}

extern "C" fn on_exception(vcpu: c_uint, kind: c_int, from: u64, to: u64, data: *mut c_void) {
    let here = here(vcpu);
    let plugin = &here.global.plugin;
    plugin.exception(u64::from(vcpu), |rcx| here.set_register(RCX, rcx));
    if plugin.watches_interrupts() {
        interrupts::on_gate(vcpu, kind, from, to, data);
    }
}

extern "C" fn on_exit(_data: *mut c_void) {
    let here = here(0);
    if let Err(e) = here.global.plugin.finish(&here, None) {
        die(&e, VIOLATION);
    }
}

/// QEMU calls this to load the plugin. Returns 0, or ends the process where an option is unknown or malformed.
///
/// # Safety
///
/// QEMU calls it once, with the arguments of its own header.
#[no_mangle]
unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    info: *const Info,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: by this function's contract.
    let info = unsafe { &*info };
    if !info.system_emulation || info.version_cur < qemu_plugin_version {
        die("needs qemu-system-x86_64 with plugin API 7", USAGE);
    }
    let mut arguments = Vec::new();
    for i in 0..usize::try_from(argc).unwrap_or(0) {
        // SAFETY: `argv` holds `argc` strings.
        let text = unsafe { CStr::from_ptr(*argv.add(i)) };
        match text.to_str() {
            Ok(text) => arguments.push(text),
            Err(_) => die("an option is not UTF-8", USAGE),
        }
    }
    let options = match Options::parse(arguments.into_iter()) {
        Ok(options) => options,
        Err(e) => die(&e, USAGE),
    };
    let lines = options.psp.map(|(registers, event)| Lines {
        // SAFETY: the program that started QEMU opened these two for this plugin alone.
        registers: unsafe { File::from_raw_fd(registers) },
        // SAFETY: as above.
        event: unsafe { File::from_raw_fd(event) },
    });
    // SAFETY: has no condition.
    let scoreboard = unsafe { qemu_plugin_scoreboard_new(SCORE_BYTES) };
    let watches = options.interrupts;
    let vcpus = u64::try_from(info.max_vcpus).unwrap_or(1);
    let global = Global {
        plugin: Plugin::new(options, vcpus, lines),
        results: instructions::Results::new(vcpus),
        scoreboard: scoreboard.expose_provenance(),
    };
    if GLOBAL.set(global).is_err() {
        die("loaded twice", USAGE);
    }
    let none = std::ptr::null_mut();
    // SAFETY: `id` is ours, and the callbacks have the types of QEMU's header.
    unsafe {
        qemu_plugin_register_vcpu_init_cb(id, registers::find, none);
        qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate, none);
        qemu_plugin_register_vcpu_discon_cb(id, DISCON_EXCEPTION, on_exception, none);
        qemu_plugin_register_atexit_cb(id, on_exit, none);
    }
    if watches {
        // SAFETY: as above.
        unsafe {
            qemu_plugin_register_vcpu_discon_cb(id, DISCON_INTERRUPT, interrupts::on_gate, none);
        }
    }
    0
}
