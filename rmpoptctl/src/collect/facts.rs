// SPDX-License-Identifier: GPL-2.0

//! What a machine tells without the module: CPUID, MSRs, the kernel's log and configuration.
//!
//! In a saved copy CPUID and MSRs are text: lines `LEAF EAX EBX ECX EDX` in dev/cpu/0/cpuid and `NUMBER VALUE` in
//! dev/cpu/0/msr, the log is var/log/dmesg.

use super::{clean, lines::number, Root, DEBUG};
use std::{
    fs,
    io::Read,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

/// Answers of an instruction: EAX, EBX, ECX, EDX.
pub type Registers = [u32; 4];

/// An MSR: its number, and its line in `rmp/config`.
#[derive(Clone, Copy, Debug)]
pub struct Msr(u64, &'static str);

/// SYSCFG.
pub const SYSCFG: Msr = Msr(0xc001_0010, "syscfg");
/// HWCR.
pub const HWCR: Msr = Msr(0xc001_0015, "hwcr");
/// RMP_BASE.
pub const RMP_BASE: Msr = Msr(0xc001_0132, "rmp_base");
/// RMP_END.
pub const RMP_END: Msr = Msr(0xc001_0133, "rmp_end");
/// RMP_CFG.
pub const RMP_CFG: Msr = Msr(0xc001_0136, "rmp_cfg");

/// O_NONBLOCK: the log's end is no reason to wait.
const NONBLOCK: i32 = 0o4000;

/// A leaf of CPUID; zeros where the processor has no such leaf.
pub fn cpuid(root: &Root, leaf: u32) -> Option<Registers> {
    if !root.saved() {
        let [most, ..] = live(root, leaf & 0x8000_0000);
        return Some(if leaf <= most {
            live(root, leaf)
        } else {
            [0; 4]
        });
    }
    let numbers = saved(root, "dev/cpu/0/cpuid", u64::from(leaf))?;
    let mut answer = [0; 4];
    for (to, from) in answer.iter_mut().zip(numbers) {
        *to = u32::try_from(from).ok()?;
    }
    Some(answer)
}

/// The kernel's answer where its cpuid driver gives it: an emulated host may give programs another one.
fn live(root: &Root, leaf: u32) -> Registers {
    let mut bytes = [0; 16];
    let file = fs::File::open(root.path("dev/cpu/0/cpuid"));
    if file.is_ok_and(|file| file.read_exact_at(&mut bytes, u64::from(leaf)).is_ok()) {
        let mut answer = [0; 4];
        for (to, from) in answer.iter_mut().zip(bytes.chunks_exact(4)) {
            *to = from
                .iter()
                .rev()
                .fold(0, |n, byte| (n << 8) | u32::from(*byte));
        }
        return answer;
    }
    let found = raw_cpuid::native_cpuid::cpuid_count(leaf, 0);
    [found.eax, found.ebx, found.ecx, found.edx]
}

/// An MSR: as the module shows it, else by the kernel's msr driver.
pub fn msr(root: &Root, Msr(number_of, line): Msr) -> Option<u64> {
    let config = root.optional(&format!("{DEBUG}/rmp/config")).ok().flatten();
    let lines = config.as_deref().unwrap_or_default().lines();
    let mut values = lines.filter_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
    if let Some(value) = values.next() {
        return number(value.split_whitespace().next()?).ok();
    }
    if root.saved() {
        return saved(root, "dev/cpu/0/msr", number_of)?.first().copied();
    }
    let file = fs::File::open(root.path("dev/cpu/0/msr")).ok()?;
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, number_of).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// The numbers behind one in a text file.
fn saved(root: &Root, file: &str, wanted: u64) -> Option<Vec<u64>> {
    let text = root.optional(file).ok().flatten()?;
    for line in text.lines() {
        let numbers: Option<Vec<u64>> = line.split_whitespace().map(|w| number(w).ok()).collect();
        match numbers?.split_first() {
            Some((first, rest)) if *first == wanted => return Some(rest.to_vec()),
            _ => (),
        }
    }
    None
}

/// The kernel's log; none where nobody may read it.
pub fn log(root: &Root) -> Option<String> {
    if root.saved() {
        return root.optional("var/log/dmesg").ok().flatten();
    }
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).custom_flags(NONBLOCK);
    let mut file = file.open(root.path("dev/kmsg")).ok()?;
    let mut log = String::new();
    let mut record = vec![0; 8192];
    // A record a read, "prefix;text". What was overwritten meanwhile is EPIPE, the end EAGAIN.
    loop {
        match file.read(&mut record) {
            Ok(0) => return Some(log),
            Ok(n) => {
                let text = clean(record.get(..n)?);
                let first = text.lines().next().unwrap_or_default();
                log.push_str(first.split_once(';').map_or(first, |(_, text)| text));
                log.push('\n');
            }
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => (),
            Err(_) => return Some(log),
        }
    }
}

/// The value of an option of the kernel's configuration: `y`, `m`, a text; none where it is not set. The outer `None`:
/// the configuration is not to be found.
pub fn kernel_option(root: &Root, release: &str, option: &str) -> Option<Option<String>> {
    let plain = release
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || b"._+-~".contains(&c));
    if !plain {
        return None;
    }
    let files = [
        format!("boot/config-{release}"),
        format!("lib/modules/{release}/config"),
        format!("lib/modules/{release}/build/.config"),
    ];
    let text = files
        .iter()
        .find_map(|file| root.optional(file).ok().flatten())?;
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(option)?.strip_prefix('='));
    let value = values
        .map(|value| value.trim_matches('"').to_owned())
        .next();
    Some(value)
}

/// Secure Boot: the last byte of the variable; none without EFI.
pub fn secure_boot(root: &Root) -> Option<bool> {
    let file = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let bytes = fs::read(root.path(file)).ok()?;
    bytes.last().map(|byte| *byte == 1)
}
