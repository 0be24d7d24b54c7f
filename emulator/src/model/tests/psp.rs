// SPDX-License-Identifier: GPL-2.0

//! Tests of the firmware processor's commands, as the drivers send them.

use super::*;
use crate::model::addr::{Region, PAGE};
use crate::model::psp::{Answer, Command, Status};
use crate::model::{Fatal, Phase};

/// The addresses of buffers, and of pages that tests give to the firmware.
const BUFFER: u64 = 0x10_0000;
const LIST: u64 = 0x10_1000;
const CONTEXT: u64 = 4 * REGION;
const PAGES: u64 = 5 * REGION;
const C_BIT: u64 = 1 << 51;

const INIT: u32 = 0x01;
const SHUTDOWN: u32 = 0x02;
const PLATFORM_STATUS: u32 = 0x04;
const DF_FLUSH: u32 = 0x0a;
const SNP_PLATFORM_STATUS: u32 = 0x83;
const SNP_DF_FLUSH: u32 = 0x84;
const SNP_INIT_EX: u32 = 0x85;
const SNP_SHUTDOWN_EX: u32 = 0x86;
const DECOMMISSION: u32 = 0x90;
const ACTIVATE: u32 = 0x91;
const GCTX_CREATE: u32 = 0x93;
const LAUNCH_START: u32 = 0xa0;
const LAUNCH_UPDATE: u32 = 0xa1;
const LAUNCH_FINISH: u32 = 0xa2;
const PAGE_RECLAIM: u32 = 0xc7;
const FEATURE_INFO: u32 = 0xce;

/// A host with a firmware processor and its memory.
struct Host {
    m: Machine,
    ram: Ram,
}

impl Host {
    /// A host before SNP_INIT.
    fn new() -> Self {
        let ram = Ram::default();
        let config = Config {
            snp: false,
            psp: true,
            firmware: Vec::new(),
            ..config(Kind::Zen6)
        };
        let m = Machine::new(config, Switches::default(), &ram).unwrap();
        Self { m, ram }
    }

    /// A host on which SNP and SEV are initialised as the drivers do it.
    fn initialised() -> Self {
        let mut host = Self::new();
        host.m.snp_prepare();
        host.init();
        assert_eq!(host.send(SNP_DF_FLUSH, &[]), Status::SUCCESS);
        host
    }

    /// Executes SNP_INIT_EX with a list of one range.
    fn init(&mut self) {
        self.put(LIST, &[1, 6 * REGION, 1]);
        self.put(BUFFER, &[0b11, LIST | C_BIT]);
        let answer = self.m.psp_command(&self.ram, SNP_INIT_EX, BUFFER | C_BIT);
        assert_eq!(answer, Ok(Answer::Later));
        assert_eq!(self.m.phase(), Phase::Initialising);
        assert_eq!(self.m.psp_init_over(&self.ram), Ok(Status::SUCCESS));
    }

    fn put(&self, pa: u64, words: &[u64]) {
        for (at, word) in (pa..).step_by(8).zip(words) {
            assert!(self.ram.write(at, &word.to_le_bytes()));
        }
    }

    fn command(&mut self, number: u32, words: &[u64]) -> Result<Answer, Fatal> {
        self.put(BUFFER, words);
        self.m.psp_command(&self.ram, number, BUFFER)
    }

    fn send(&mut self, number: u32, words: &[u64]) -> Status {
        match self.command(number, words) {
            Ok(Answer::Now(status)) => status,
            other => panic!("{number:#x}: {other:?}"),
        }
    }

    /// Executes RMPUPDATE of a 4 KiB page, which must succeed.
    fn give(&mut self, pa: u64, entry: Entry) {
        let operand = entry.to_operand(false);
        assert_eq!(update(&mut self.m, &self.ram, pa, operand), 0, "{pa:#x}");
    }

    /// A guest that is launched and bound to an ASID.
    fn launch(&mut self, context: u64, asid: u64) {
        self.give(context, Entry::firmware(Size::Page));
        assert_eq!(self.send(GCTX_CREATE, &[context | C_BIT]), Status::SUCCESS);
        let start = [context, 1 << 17, 0, 0, 0, 0];
        assert_eq!(self.send(LAUNCH_START, &start), Status::SUCCESS);
        assert_eq!(self.send(ACTIVATE, &[context, asid]), Status::SUCCESS);
    }
}

/// A page given to a guest for the firmware to fill.
fn pre_guest(asid: u32) -> Entry {
    Entry {
        asid,
        ..Entry::firmware(Size::Page)
    }
}

/// The second word of SNP_LAUNCH_UPDATE: a 4 KiB page of that type.
fn page_of(kind: u64) -> u64 {
    kind << 1
}

#[test]
fn before_snp_the_platform_says_so() {
    let mut host = Host::new();
    host.put(BUFFER, &[LIST]);
    for phase in [0, 1] {
        let mut status = [0; 32];
        assert_eq!(host.send(SNP_PLATFORM_STATUS, &[LIST]), Status::SUCCESS);
        host.ram.read(LIST, &mut status);
        assert_eq!(status[..4], [1, 55, phase, phase]);
        assert_eq!(status[8], 1 << 3);
        if phase == 0 {
            assert_eq!(host.send(SNP_DF_FLUSH, &[]), Status::INVALID_PLATFORM_STATE);
            assert_eq!(
                host.command(SNP_INIT_EX, &[1]),
                Ok(Answer::Now(Status::INVALID_CONFIG))
            );
            host.m.snp_prepare();
            host.init();
            host.give(LIST, Entry::firmware(Size::Page));
        }
    }
    assert_eq!(
        host.command(SNP_INIT_EX, &[1]),
        Ok(Answer::Now(Status::INVALID_PLATFORM_STATE))
    );
    assert_eq!(host.m.counters().psp["snp-init-ex"], 3);
}

#[test]
fn once_snp_is_initialised_the_firmware_writes_into_its_own_pages_only() {
    let mut host = Host::initialised();
    for (command, words, page) in [
        (SNP_PLATFORM_STATUS, [PAGES, 0], PAGES),
        (PLATFORM_STATUS, [0, 0], BUFFER),
        (FEATURE_INFO, [16, PAGES + PAGE], PAGES + PAGE),
    ] {
        let status = host.send(command, &words);
        assert_eq!(status, Status::INVALID_PAGE_STATE, "{command:#x}");
        host.give(page, Entry::firmware(Size::Page));
        assert_eq!(host.send(command, &words), Status::SUCCESS, "{command:#x}");
    }
    // The host can take the status page back at once; the other pages need a reclaim.
    host.give(PAGES, Entry::default());
    let operand = shared(Size::Page);
    assert_eq!(update(&mut host.m, &host.ram, PAGES + PAGE, operand), 2);
    assert_eq!(host.send(PAGE_RECLAIM, &[PAGES + PAGE]), Status::SUCCESS);
    assert_eq!(host.send(PAGE_RECLAIM, &[PAGES + PAGE]), Status::SUCCESS);
    host.give(PAGES + PAGE, Entry::default());
    let status = host.send(PAGE_RECLAIM, &[PAGES + PAGE]);
    assert_eq!(status, Status::INVALID_PAGE_STATE);
    assert_eq!(host.m.assigned(Region(5)).total(), 0);
}

#[test]
fn a_guest_comes_and_goes() {
    let mut host = Host::initialised();
    host.launch(CONTEXT, 7);
    for (at, kind) in (PAGES..).step_by(4096).zip([1, 2, 3, 6]) {
        host.give(at, pre_guest(7));
        let words = [CONTEXT, page_of(kind), at];
        assert_eq!(host.send(LAUNCH_UPDATE, &words), Status::SUCCESS, "{kind}");
        let entry = host.m.entry(at);
        assert!(entry.validated && !entry.immutable && entry.asid == 7);
        assert_eq!(entry.vmsa, kind == 2);
    }
    assert_eq!(host.send(LAUNCH_FINISH, &[CONTEXT]), Status::SUCCESS);
    let (pa, guest) = host.m.psp_guests().next().unwrap();
    assert_eq!((pa, guest.asid, guest.pages), (CONTEXT, Some(7), 4));
    assert_eq!(guest.launch.name(), "running");
    // Nobody can reclaim a guest's context while the guest exists.
    let status = host.send(PAGE_RECLAIM, &[CONTEXT]);
    assert_eq!(status, Status::INVALID_PAGE_STATE);
    assert_eq!(host.send(DECOMMISSION, &[CONTEXT]), Status::SUCCESS);
    assert_eq!(host.m.psp_guests().count(), 0);
    assert_eq!(host.send(PAGE_RECLAIM, &[CONTEXT]), Status::SUCCESS);
    for at in [
        CONTEXT,
        PAGES,
        PAGES + PAGE,
        PAGES + 2 * PAGE,
        PAGES + 3 * PAGE,
    ] {
        host.give(at, Entry::default());
    }
    assert_eq!(host.m.assigned(Region(4)).total(), 0);
    assert_eq!(host.m.assigned(Region(5)).total(), 0);
}

#[test]
fn a_launch_goes_by_the_book() {
    let mut host = Host::initialised();
    assert_eq!(
        host.send(GCTX_CREATE, &[CONTEXT]),
        Status::INVALID_PAGE_STATE
    );
    assert_eq!(
        host.send(GCTX_CREATE, &[CONTEXT + 1]),
        Status::INVALID_ADDRESS
    );
    assert_eq!(host.send(LAUNCH_FINISH, &[CONTEXT]), Status::INVALID_GUEST);
    host.launch(CONTEXT, 7);
    let start = [CONTEXT, 1 << 17, 0, 0];
    assert_eq!(host.send(LAUNCH_START, &start), Status::INVALID_GUEST_STATE);
    // Each ASID can have one guest only, and only ASIDs for SNP are accepted.
    let other = CONTEXT + PAGE;
    host.give(other, Entry::firmware(Size::Page));
    assert_eq!(host.send(GCTX_CREATE, &[other]), Status::SUCCESS);
    assert_eq!(
        host.send(LAUNCH_START, &[other, 0, 0, 0]),
        Status::INVALID_PARAM
    );
    let start = [other, 1 << 17, 0, 0];
    assert_eq!(host.send(LAUNCH_START, &start), Status::SUCCESS);
    for (asid, status) in [
        (0, Status::INVALID_ASID),
        (100, Status::INVALID_ASID),
        (7, Status::ASID_OWNED),
    ] {
        assert_eq!(host.send(ACTIVATE, &[other, asid]), status, "{asid}");
    }
    let page = |kind| [CONTEXT, page_of(kind), PAGES];
    assert_eq!(
        host.send(LAUNCH_UPDATE, &page(1)),
        Status::INVALID_PAGE_STATE
    );
    host.give(PAGES, pre_guest(8));
    assert_eq!(
        host.send(LAUNCH_UPDATE, &page(1)),
        Status::INVALID_PAGE_OWNER
    );
    assert_eq!(host.send(LAUNCH_UPDATE, &page(7)), Status::INVALID_PARAM);
    assert_eq!(
        host.send(LAUNCH_UPDATE, &[CONTEXT, page_of(1) | 1, PAGES + PAGE]),
        Status::INVALID_PAGE_STATE
    );
    // The host reclaims a page that no command has used like any other page of the firmware.
    assert_eq!(host.send(PAGE_RECLAIM, &[PAGES]), Status::SUCCESS);
    host.give(PAGES, pre_guest(7));
    assert_eq!(host.send(LAUNCH_UPDATE, &page(1)), Status::SUCCESS);
    assert_eq!(
        host.send(LAUNCH_UPDATE, &page(1)),
        Status::INVALID_PAGE_STATE
    );
    assert_eq!(host.send(LAUNCH_FINISH, &[CONTEXT]), Status::SUCCESS);
    host.give(PAGES + PAGE, pre_guest(7));
    let late = [CONTEXT, page_of(1), PAGES + PAGE];
    assert_eq!(host.send(LAUNCH_UPDATE, &late), Status::INVALID_GUEST_STATE);
}

#[test]
fn an_asid_is_flushed_before_it_is_used_again() {
    let mut host = Host::initialised();
    host.launch(CONTEXT, 7);
    assert_eq!(host.send(DECOMMISSION, &[CONTEXT]), Status::SUCCESS);
    assert_eq!(host.send(DECOMMISSION, &[CONTEXT]), Status::INVALID_GUEST);
    assert_eq!(host.send(GCTX_CREATE, &[CONTEXT]), Status::SUCCESS);
    let start = [CONTEXT, 1 << 17, 0, 0];
    assert_eq!(host.send(LAUNCH_START, &start), Status::SUCCESS);
    assert_eq!(host.send(ACTIVATE, &[CONTEXT, 7]), Status::DFFLUSH_REQUIRED);
    assert_eq!(
        host.send(SNP_SHUTDOWN_EX, &[8 | (1 << 32)]),
        Status::DFFLUSH_REQUIRED
    );
    assert_eq!(host.send(SNP_DF_FLUSH, &[]), Status::SUCCESS);
    assert_eq!(host.send(ACTIVATE, &[CONTEXT, 7]), Status::SUCCESS);
}

#[test]
fn sev_has_its_own_state_and_memory() {
    let mut host = Host::initialised();
    let tmr = [1, PAGES, 2 * PAGE];
    assert_eq!(host.send(INIT, &tmr), Status::INVALID_PAGE_STATE);
    for page in [PAGES, PAGES + PAGE] {
        host.give(page, Entry::firmware(Size::Page));
    }
    let crooked = [1, PAGES + PAGE, 2 * PAGE];
    assert_eq!(host.send(INIT, &crooked), Status::INVALID_ADDRESS);
    assert_eq!(host.send(INIT, &tmr), Status::SUCCESS);
    assert_eq!(host.send(INIT, &tmr), Status::INVALID_PLATFORM_STATE);
    assert!(host.m.psp_platform().contains("sev=1"));
    let status = host.send(PAGE_RECLAIM, &[PAGES + PAGE]);
    assert_eq!(status, Status::INVALID_PAGE_STATE);
    let shutdown = host.send(SNP_SHUTDOWN_EX, &[8 | (1 << 32)]);
    assert_eq!(shutdown, Status::INVALID_PLATFORM_STATE);
    assert_eq!(host.send(SHUTDOWN, &[]), Status::SUCCESS);
    assert_eq!(host.send(PAGE_RECLAIM, &[PAGES + PAGE]), Status::SUCCESS);
    assert_eq!(
        host.send(SNP_SHUTDOWN_EX, &[8 | (1 << 32)]),
        Status::SUCCESS
    );
}

#[test]
fn both_shutdowns() {
    for (value, info, flags, phase, snp) in [
        ("off", 0, 0b01, Phase::ShutDown, true),
        ("on", 2, 0b11, Phase::Uninitialised, false),
    ] {
        let mut host = Host::new();
        host.m
            .switches()
            .set("x86_shutdown", value)
            .unwrap()
            .unwrap();
        assert_eq!(host.send(FEATURE_INFO, &[16, LIST]), Status::SUCCESS);
        assert_eq!(host.ram.word(LIST + 8), info);
        host.m.snp_prepare();
        host.init();
        let shutdown = [8 | (flags << 32)];
        assert_eq!(host.send(SNP_SHUTDOWN_EX, &shutdown), Status::SUCCESS);
        assert_eq!((host.m.phase(), host.m.snp()), (phase, snp), "{value}");
        let again = host.send(SNP_SHUTDOWN_EX, &shutdown);
        assert_eq!(again, Status::INVALID_PLATFORM_STATE);
        host.m.snp_prepare();
        host.init();
    }
}

#[test]
fn the_ranges_of_the_hypervisor_stay_its_own() {
    let mut host = Host::initialised();
    let operand = guest(1, Size::Page, 0);
    assert_eq!(update(&mut host.m, &host.ram, 6 * REGION, operand), 2);
    assert_eq!(
        update(&mut host.m, &host.ram, 6 * REGION + PAGE, operand),
        0
    );
    let operand = guest(1, Size::Block, 0);
    host.give(6 * REGION + PAGE, Entry::default());
    assert_eq!(update(&mut host.m, &host.ram, 6 * REGION, operand), 2);
}

#[test]
fn a_command_fails_as_often_as_asked() {
    let mut host = Host::initialised();
    host.m.fail_command(Command::SnpDfFlush, 0x13, 2);
    for status in [Status(0x13), Status(0x13), Status::SUCCESS] {
        assert_eq!(host.send(SNP_DF_FLUSH, &[]), status);
    }
}

#[test]
fn each_command_can_fail_and_does_nothing_then() {
    let numbers = [
        INIT,
        SHUTDOWN,
        PLATFORM_STATUS,
        DF_FLUSH,
        SNP_PLATFORM_STATUS,
        SNP_DF_FLUSH,
        SNP_INIT_EX,
        SNP_SHUTDOWN_EX,
        DECOMMISSION,
        ACTIVATE,
        GCTX_CREATE,
        LAUNCH_START,
        LAUNCH_UPDATE,
        LAUNCH_FINISH,
        PAGE_RECLAIM,
        FEATURE_INFO,
    ];
    assert_eq!(numbers.len(), Command::NAMES.len());
    let mut host = Host::initialised();
    host.launch(CONTEXT, 5);
    host.give(PAGES, pre_guest(5));
    let state = |host: &Host| {
        let guests: Vec<_> = host.m.psp_guests().map(|g| format!("{g:?}")).collect();
        let entries: Vec<_> = host.m.entries().collect();
        format!("{} {guests:?} {entries:?}", host.m.psp_platform())
    };
    let before = state(&host);
    for (number, name) in numbers.into_iter().zip(Command::NAMES) {
        let command = Command::parse(name).unwrap();
        host.m.fail_command(command, 0x13, 1);
        // A command that must fail does not read its buffer, so that its content does not matter.
        assert_eq!(
            host.send(number, &[CONTEXT, 1 << 17, PAGES, 0]),
            Status(0x13),
            "{name}"
        );
        assert_eq!(state(&host), before, "{name}");
        // The injected failure applies once: the same command then returns its own status.
        if let Ok(Answer::Now(status)) = host.command(number, &[0, 0, 0, 0]) {
            assert_ne!(status, Status(0x13), "{name}");
        }
        host = Host::initialised();
        host.launch(CONTEXT, 5);
        host.give(PAGES, pre_guest(5));
    }
}

#[test]
fn what_is_not_modelled_ends_the_run() {
    let mut host = Host::initialised();
    for (command, words) in [
        (0x94, [0, 0, 0, 0]),
        (SNP_INIT_EX, [0, 0, 0, 0]),
        (SNP_INIT_EX, [0b1001, 0, 0, 0]),
        (SNP_SHUTDOWN_EX, [8, 0, 0, 0]),
        (LAUNCH_START, [CONTEXT, 1 << 17, 0, 1]),
        (LAUNCH_UPDATE, [CONTEXT, page_of(1) | (1 << 4), PAGES, 0]),
    ] {
        let answer = host.command(command, &words);
        assert!(
            matches!(&answer, Err(Fatal(what)) if what.contains("not modelled")),
            "{command:#x}: {answer:?}"
        );
    }
}

#[test]
fn kvm_finds_what_it_needs() {
    let host = Host::new();
    assert_eq!(host.m.cpuid(0x8000_001f, 0).unwrap()[3], 100);
    assert_eq!(host.m.cpuid(0x8000_000a, 0), Some([1, 0x8000, 0, 0xeb]));
    let plain = machine(Kind::Zen6, &host.ram);
    assert_eq!(plain.cpuid(0x8000_001f, 0).unwrap()[3], 1);
    assert_eq!(plain.cpuid(0x8000_000a, 0), None);
}
