// SPDX-License-Identifier: GPL-2.0

use crate::sev::cpuid::{
    Features,
    Leaf,
    SegmentLimits,
    LEAF_ENCRYPTION,
    LEAF_EXTENDED,
    LEAF_RMP,
    LEAF_VENDOR, //
};

const AMD: Leaf = Leaf {
    eax: 0x10,
    ebx: 0x6874_7541,
    ecx: 0x444d_4163,
    edx: 0x6974_6e65,
};

fn processor(last: u32, encryption: u32, rmp: Leaf) -> Features {
    Features::decode(|leaf| match leaf {
        LEAF_VENDOR => AMD,
        LEAF_EXTENDED => Leaf {
            eax: last,
            ..Leaf::default()
        },
        LEAF_ENCRYPTION => Leaf {
            eax: encryption,
            ..Leaf::default()
        },
        LEAF_RMP => rmp,
        other => panic!("leaf {other:#x} was asked for"),
    })
}

/// What a real Zen 5 answers.
const TURIN: Leaf = Leaf {
    eax: 0x0000_0aa4,
    ebx: 0x0000_0410,
    ecx: 0,
    edx: 0,
};

#[test]
fn turin() {
    let found = processor(0x8000_0028, 0x00a0_001a | (1 << 4), TURIN);
    assert!(found.amd && found.snp && found.rmpread && !found.rmpopt);
    let limits = found.segmented.unwrap();
    assert_eq!(
        limits,
        SegmentLimits {
            min_shift: 36,
            max_shift: 42,
            cacheable: 16,
            hard_limit: true,
        }
    );
    assert_eq!(limits.segments(), 16);
}

#[test]
fn without_a_hard_limit_the_whole_table_counts() {
    let soft = Leaf { ebx: 0x10, ..TURIN };
    let found = processor(0x8000_0028, (1 << 4) | (1 << 23), soft);
    assert_eq!(found.segmented.unwrap().segments(), 512);
    let wide = Leaf {
        ebx: 0x7ff,
        ..TURIN
    };
    let found = processor(0x8000_0028, (1 << 4) | (1 << 23), wide);
    assert_eq!(found.segmented.unwrap().segments(), 512);
}

#[test]
fn rmpopt_is_bit_0_of_edx_alone() {
    for edx in [0, 1, 2, 3, 4, 5, u32::MAX] {
        let found = processor(0x8000_0028, 1 << 4, Leaf { edx, ..TURIN });
        assert_eq!(found.rmpopt, edx & 1 == 1, "{edx:#x}");
    }
}

#[test]
fn each_capability_is_its_own_bit() {
    for bit in 0..32 {
        let found = processor(0x8000_0028, 1 << bit, TURIN);
        assert_eq!(found.snp, bit == 4);
        assert_eq!(found.rmpread, bit == 21);
        assert_eq!(found.segmented.is_some(), bit == 23);
    }
}

#[test]
fn milan_has_no_leaf_25() {
    let found = processor(0x8000_0023, (1 << 4) | (1 << 23), Leaf { edx: 1, ..TURIN });
    assert!(found.snp && !found.rmpopt);
    assert_eq!(found.segmented.unwrap().max_shift, 0);
}

#[test]
fn old_processors_are_not_asked_for_leaves_they_do_not_have() {
    let found = processor(0x8000_001e, u32::MAX, TURIN);
    assert_eq!(
        found,
        Features {
            amd: true,
            ..Features::default()
        }
    );
}

#[test]
fn other_vendors_are_asked_for_nothing_else() {
    let found = Features::decode(|leaf| match leaf {
        LEAF_VENDOR => Leaf {
            ebx: u32::from_le_bytes(*b"Genu"),
            edx: u32::from_le_bytes(*b"ineI"),
            ecx: u32::from_le_bytes(*b"ntel"),
            eax: 0x20,
        },
        other => panic!("leaf {other:#x} was asked for"),
    });
    assert_eq!(found, Features::default());
}
