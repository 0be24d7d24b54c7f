// SPDX-License-Identifier: GPL-2.0

//! Tests of RMPUPDATE, RMPREAD, PSMASH and the table in memory.

use super::*;
use crate::model::addr::{number, Region, BLOCK, PAGE};
use crate::model::{Fatal, Injected};

#[test]
fn rmpupdate_codes() {
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    let mut check = |pa, operand, expected| {
        assert_eq!(update(&mut m, &ram, pa, operand), expected, "{pa:#x}");
    };
    // Bad input.
    check(FREE + 1, guest(1, Size::Page, 0), 1);
    check(FREE + PAGE, guest(1, Size::Block, 0), 1);
    check(FREE, guest(1, Size::Block, PAGE), 1);
    check(FREE, guest(1, Size::Page, 1), 1);
    check(FREE, guest(1024, Size::Page, 0), 1);
    check(FREE, guest(0, Size::Page, 0), 1);
    check(8 * REGION, guest(1, Size::Page, 0), 1);
    let mut with_asid = shared(Size::Page);
    with_asid[12] = 1;
    check(FREE, with_asid, 1);
    let mut immutable = shared(Size::Page);
    immutable[10] = 1;
    check(FREE, immutable, 1);
    // No permission: the RMP's own pages.
    check(0x7000_0000, guest(1, Size::Page, 0), 2);
    check(0x7000_0000, shared(Size::Block), 2);
    // Overlap.
    check(FREE, guest(1, Size::Block, 0), 0);
    check(FREE + 5 * PAGE, guest(1, Size::Page, 0), 4);
    check(FREE, shared(Size::Page), 4);
    check(FREE, shared(Size::Block), 0);
    check(FREE + 5 * PAGE, guest(1, Size::Page, 0), 0);
    check(FREE, guest(1, Size::Block, 0), 4);
    check(FREE, shared(Size::Block), 4);
    check(FREE + 5 * PAGE, guest(2, Size::Page, BLOCK), 0);
    check(FREE + 5 * PAGE, shared(Size::Page), 0);
    check(FREE, shared(Size::Block), 0);
    // A firmware page, once made, stays.
    check(FREE, Entry::firmware(Size::Page).to_operand(false), 0);
    check(FREE, shared(Size::Page), 2);
    let counts = &m.counters().rmpupdate;
    assert_eq!((counts.ok, counts.assign, counts.release), (7, 4, 3));
    assert_eq!(counts.fail, 16);
}

#[test]
fn reserved_bits_end_the_run_or_are_bad_input() {
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    let mut operand = guest(1, Size::Page, 0);
    operand[11] = 1;
    assert!(matches!(
        m.rmpupdate(&ram, FREE, &operand),
        Err(Fatal(what)) if what.contains("reserved")
    ));
    m.switches().set("rules", "error").unwrap().unwrap();
    assert_eq!(update(&mut m, &ram, FREE, operand), 1);
}

#[test]
fn injected_failures_do_nothing() {
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    m.inject(Injected::Update, 3, 2);
    for expected in [3, 3, 0] {
        assert_eq!(
            update(&mut m, &ram, FREE, guest(1, Size::Block, 0)),
            expected
        );
    }
    m.inject(Injected::Read, 2, 1);
    assert_eq!(m.rmpread(FREE), (Outcome::Code(2), None));
    m.inject(Injected::Smash, 7, 1);
    assert_eq!(m.psmash(&ram, FREE), Ok(Outcome::Code(7)));
    assert_eq!(m.psmash(&ram, FREE), Ok(Outcome::Code(0)));
    let smash = &m.counters().psmash;
    assert_eq!((smash.ok, smash.fail), (1, 1));
}

#[test]
fn psmash_codes() {
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    let smash = |m: &mut Machine, pa| match m.psmash(&ram, pa).unwrap() {
        Outcome::Code(code) => code,
        Outcome::Undefined => panic!("#UD"),
    };
    assert_eq!(smash(&mut m, FREE), 1);
    assert_eq!(smash(&mut m, FREE + PAGE), 1);
    assert_eq!(smash(&mut m, 8 * REGION), 1);
    assert_eq!(smash(&mut m, 0x7000_0000), 2);
    assert_eq!(update(&mut m, &ram, FREE, guest(9, Size::Block, BLOCK)), 0);
    assert_eq!(smash(&mut m, FREE), 0);
    assert_eq!(
        read(&mut m, FREE + 7 * PAGE),
        guest(9, Size::Page, BLOCK + 7 * PAGE)
    );
    assert_eq!(smash(&mut m, FREE), 1);
}

#[test]
fn rmpread_shows_the_pages_own_entry() {
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    assert_eq!(m.rmpread(FREE + 1).0, Outcome::Code(1));
    assert_eq!(m.rmpread(8 * REGION).0, Outcome::Code(1));
    update(&mut m, &ram, FREE + 3 * PAGE, guest(5, Size::Page, PAGE));
    assert_eq!(read(&mut m, FREE)[9], 2);
    assert_eq!(read(&mut m, FREE + 3 * PAGE), guest(5, Size::Page, PAGE));
    assert_eq!(read(&mut m, FREE + PAGE), [0; 16]);
    update(&mut m, &ram, FREE + BLOCK, guest(5, Size::Block, BLOCK));
    assert_eq!(read(&mut m, FREE + BLOCK), guest(5, Size::Block, BLOCK));
    assert_eq!(read(&mut m, FREE + BLOCK + PAGE), [0; 16]);
    m.switches().set("sub_pages", "copy").unwrap().unwrap();
    assert_eq!(
        read(&mut m, FREE + BLOCK + PAGE),
        guest(5, Size::Block, BLOCK + PAGE)
    );
}

#[test]
fn the_rmp_in_memory_follows() {
    for kind in [Kind::Zen4, Kind::Zen6] {
        let ram = Ram::default();
        let mut m = machine(kind, &ram);
        let entry = |pa: u64| {
            let first = if kind == Kind::Zen4 {
                0x7000_4000
            } else {
                0x7020_0000
            };
            ram.word(first + pa / PAGE * 16)
        };
        assert_eq!(entry(0x7000_0000), 0b111);
        update(&mut m, &ram, FREE, guest(5, Size::Block, BLOCK));
        assert_eq!(entry(FREE), 0b11 | BLOCK | (5 << 51));
        assert_eq!(entry(FREE + PAGE), 0);
        m.psmash(&ram, FREE).unwrap();
        assert_eq!(entry(FREE), 0b01 | BLOCK | (5 << 51));
        assert_eq!(entry(FREE + PAGE), 0b01 | (BLOCK + PAGE) | (5 << 51));
        for page in 0..512 {
            update(&mut m, &ram, FREE + page * PAGE, shared(Size::Page));
        }
        assert_eq!(entry(FREE + PAGE), 0);
        m.switches().set("sub_pages", "copy").unwrap().unwrap();
        update(&mut m, &ram, FREE, guest(5, Size::Block, BLOCK));
        assert_eq!(entry(FREE + PAGE), 0b11 | (BLOCK + PAGE) | (5 << 51));
        m.snp_on(&ram).unwrap();
        assert_eq!(entry(FREE), 0);
        assert_eq!(entry(0x7000_0000), 0b111);
    }
}

#[test]
fn a_part_of_the_rmp_that_cannot_be_written_ends_the_run() {
    fn fatal<T: std::fmt::Debug>(result: Result<T, Fatal>) {
        assert!(
            matches!(&result, Err(Fatal(what)) if what.contains("no memory")),
            "{result:?}"
        );
    }
    fatal(Machine::new(config(Kind::Zen6), Switches::default(), &NoRam).map(|_| ()));
    for kind in [Kind::Zen4, Kind::Zen6] {
        let ram = Ram::default();
        let mut m = machine(kind, &ram);
        fatal(m.rmpupdate(&NoRam, FREE, &guest(1, Size::Page, 0)));
        fatal(m.rmpupdate(&NoRam, FREE + BLOCK, &guest(1, Size::Block, 0)));
        fatal(m.psmash(&NoRam, FREE + BLOCK));
        fatal(m.set_entry(&NoRam, FREE, Entry::default()));
        fatal(m.snp_on(&NoRam));
        m.snp_off();
        m.snp_prepare();
        m.snp_init_begin().unwrap();
        fatal(m.snp_init_end(&NoRam));
    }
    let m = machine(Kind::Zen6, &Ram::default());
    fatal(m.write_segment_table(&NoRam));
    // The processor uses its own address of the RMP, not the one that a test makes RDMSR return.
    let ram = Ram::default();
    let mut m = machine(Kind::Zen6, &ram);
    m.override_msr(RMP_BASE, Some(0x1_0000_0000_0000));
    assert_eq!(update(&mut m, &ram, FREE, guest(1, Size::Page, 0)), 0);
    assert_eq!(m.write_segment_table(&ram), Ok(()));
}

#[test]
fn entries_above_ram_are_not_written() {
    let mut config = config(Kind::Zen4);
    config.layout.cover = 100;
    let mut m = Machine::new(config, Switches::default(), &NoRam).unwrap();
    let outcome = m.rmpupdate(&NoRam, FREE, &guest(1, Size::Page, 0));
    assert_eq!(outcome, Ok(Outcome::Code(0)));
    assert!(m.entry(FREE).assigned);
}

#[test]
fn initialising_again_clears() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    rmpopt(&mut m, 0, FREE, 0);
    update(&mut m, &ram, 5 * REGION, guest(1, Size::Block, 0));
    m.snp_on(&ram).unwrap();
    assert_eq!(m.table(0), Some((0, vec![])));
    assert_eq!(m.assigned(Region(5)).total(), 0);
    assert_eq!(m.assigned(Region(3)).firmware, 512);
    assert_eq!(m.counters().regions.became_empty, 1);
    m.write_base(0, 1);
    rmpopt(&mut m, 0, FREE, 0);
    assert_eq!(m.counters().rmpopt.scans, 2);
}

#[test]
fn a_missed_clear_is_found() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    rmpopt(&mut m, 2, FREE, 0);
    m.miss_next_clear();
    let result = m.rmpupdate(&ram, FREE, &guest(1, Size::Page, 0));
    assert!(matches!(result, Err(Fatal(what)) if what.contains("GiB 4 is optimised on core 1")));
    assert!(m.check_all().is_err());
}

#[test]
fn set_entry_clears_too() {
    let ram = Ram::default();
    let mut m = ready(&ram);
    rmpopt(&mut m, 0, FREE, 0);
    m.set_entry(&ram, FREE, Entry::firmware(Size::Block))
        .unwrap();
    assert!(m.optimised(Region(4)).is_empty());
    assert!(m.entry(FREE + PAGE).immutable);
    m.set_entry(&ram, FREE + PAGE, Entry::default()).unwrap();
    assert_eq!(m.assigned(Region(4)).firmware, 511);
    assert_eq!(number(m.entries().count()), 511 + 17 + 1);
}
