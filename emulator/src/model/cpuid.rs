// SPDX-License-Identifier: GPL-2.0

//! The CPUID leaves that differ from those of QEMU's processor.

use super::kind::Kind;
use super::psp::MIN_SEV_ASID;

/// EAX, EBX, ECX and EDX.
pub type Leaf = [u32; 4];

/// Highest extended leaf, and the capabilities of encryption.
pub const MAX_LEAF: u32 = 0x8000_0000;
const CAPABILITIES: u32 = 0x8000_001f;
const RMP: u32 = 0x8000_0025;
const LAST: u32 = 0x8000_0028;

const SEV: u32 = 1 << 1;
const SEV_ES: u32 = 1 << 3;
const SEV_SNP: u32 = 1 << 4;
const RMPREAD: u32 = 1 << 21;
const SEGMENTED_RMP: u32 = 1 << 23;

/// Position of the encryption bit in a page table entry, as on all of these processors.
const C_BIT: u32 = 51;
/// Virtualisation, for KVM: nested paging, LBR virtualisation, NRIP save, clean bits, flush by ASID, decode assists.
const SVM: u32 = 0x8000_000a;
const SVM_ASIDS: u32 = 0x8000;
const SVM_FEATURES: u32 = 0b1110_1011;
/// Number of encrypted guests.
const ASIDS: u32 = 1006;
/// Log2 of the smallest and the largest segment of a Turin.
const SEGMENT_MIN: u32 = 36;
const SEGMENT_MAX: u32 = 42;
/// The number of segments that a Turin caches.
pub const CACHED_SEGMENTS: u32 = 16;
const HARD_LIMIT: u32 = 1 << 10;
const RMPOPT: u32 = 1 << 0;

/// Properties of this machine that the leaves depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Log2 of the segment size in use.
    pub shift: u32,
    /// There are more segments than the processor caches.
    pub many: bool,
    /// There is a firmware processor: the smaller ASIDs are for SNP guests, and KVM finds the features that it needs.
    pub psp: bool,
}

/// The values of a leaf. `None` where QEMU has to answer. `qemu_max` is QEMU's own highest extended leaf.
pub fn leaf(kind: Kind, limits: Limits, leaf: u32, qemu_max: u32) -> Option<Leaf> {
    if !kind.snp() {
        return None;
    }
    let capabilities = match kind {
        Kind::None => 0,
        Kind::Zen4 => SEV | SEV_ES | SEV_SNP,
        Kind::Zen5 | Kind::Zen6 => SEV | SEV_ES | SEV_SNP | RMPREAD | SEGMENTED_RMP,
    };
    match leaf {
        // The other registers hold the vendor's name, AuthenticAMD, as QEMU's leaf does.
        MAX_LEAF if kind.segmented() => {
            Some([qemu_max.max(LAST), 0x6874_7541, 0x444d_4163, 0x6974_6e65])
        }
        CAPABILITIES if limits.psp => Some([capabilities, C_BIT, ASIDS, MIN_SEV_ASID]),
        CAPABILITIES => Some([capabilities, C_BIT, ASIDS, 1]),
        SVM if limits.psp => Some([1, SVM_ASIDS, 0, SVM_FEATURES]),
        RMP if kind.segmented() => {
            let min = SEGMENT_MIN.min(limits.shift);
            let hard = if limits.many { 0 } else { HARD_LIMIT };
            let rmpopt = if kind.rmpopt() { RMPOPT } else { 0 };
            Some([min | (SEGMENT_MAX << 6), CACHED_SEGMENTS | hard, 0, rmpopt])
        }
        // QEMU would return another leaf's values for leaves above its own highest one.
        0x8000_0022..=LAST if kind.segmented() => Some([0; 4]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURIN: Limits = Limits {
        shift: 36,
        many: false,
        psp: false,
    };

    fn of(kind: Kind, number: u32) -> Option<Leaf> {
        leaf(kind, TURIN, number, 0x8000_0021)
    }

    #[test]
    fn zen5_reads_as_a_turin() {
        assert_eq!(of(Kind::Zen5, RMP), Some([0xaa4, 0x410, 0, 0]));
        assert_eq!(of(Kind::Zen5, CAPABILITIES).unwrap()[0], 0x00a0_001a);
        assert_eq!(of(Kind::Zen5, MAX_LEAF).unwrap()[0], LAST);
    }

    #[test]
    fn zen6_has_rmpopt_besides() {
        assert_eq!(of(Kind::Zen6, RMP), Some([0xaa4, 0x410, 0, 1]));
        assert_eq!(of(Kind::Zen6, CAPABILITIES), of(Kind::Zen5, CAPABILITIES));
    }

    #[test]
    fn zen4_has_neither() {
        assert_eq!(of(Kind::Zen4, CAPABILITIES).unwrap()[0], 0x1a);
        assert_eq!(of(Kind::Zen4, RMP), None);
        assert_eq!(of(Kind::Zen4, MAX_LEAF), None);
    }

    #[test]
    fn without_snp_all_is_qemus() {
        for number in [MAX_LEAF, CAPABILITIES, RMP, 0x8000_0026, 1] {
            assert_eq!(of(Kind::None, number), None);
        }
    }

    #[test]
    fn other_leaves() {
        assert_eq!(of(Kind::Zen6, 0x8000_0026), Some([0; 4]));
        assert_eq!(of(Kind::Zen6, 0x8000_0021), None);
        assert_eq!(of(Kind::Zen6, 1), None);
        let vendor = of(Kind::Zen6, MAX_LEAF).unwrap();
        let text: Vec<u8> = [vendor[1], vendor[3], vendor[2]]
            .iter()
            .flat_map(|r| r.to_le_bytes())
            .collect();
        assert_eq!(text, b"AuthenticAMD");
    }

    #[test]
    fn small_segments_for_small_machines() {
        let limits = Limits {
            shift: 32,
            many: true,
            psp: false,
        };
        let [eax, ebx, _, _] = leaf(Kind::Zen6, limits, RMP, 0).unwrap();
        assert_eq!(eax & 0x3f, 32);
        assert_eq!(ebx, 0x10);
    }
}
