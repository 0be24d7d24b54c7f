// SPDX-License-Identifier: GPL-2.0

//! Tests that compare random sequences of instructions with a model that stores one entry per page and scans all
//! entries.

use super::*;
use crate::model::addr::{index, Region, BLOCK, PAGE};
use crate::model::Work;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The sequences use few pages of few regions, so that their instructions often concern the same pages.
const REGIONS: [u64; 2] = [4, 5];
const BLOCKS: u64 = 3;
const PAGES: u64 = 512;

/// Guest memory that stores nothing, because the sequences test the model only.
struct Sink;

impl Memory for Sink {
    fn read(&self, _pa: u64, _bytes: &mut [u8]) -> bool {
        false
    }

    fn write(&self, _pa: u64, _bytes: &[u8]) -> bool {
        true
    }
}

#[derive(Clone, Debug)]
enum Step {
    Update {
        pa: u64,
        block: bool,
        asid: u32,
    },
    Smash {
        pa: u64,
    },
    /// Gives back all pages of a block, one after the other.
    Release {
        pa: u64,
    },
    Opt {
        vcpu: u64,
        region: u64,
        verify: bool,
    },
    /// An RMPOPT, and an update while it is under way.
    Race {
        vcpu: u64,
        region: u64,
        pa: u64,
        asid: u32,
    },
    Base {
        core: u64,
        on: bool,
    },
    Forget,
    Init,
}

fn page() -> impl Strategy<Value = u64> {
    let block = (prop::sample::select(&REGIONS[..]), 0..BLOCKS)
        .prop_map(|(region, block)| region * REGION + block * BLOCK);
    (block, prop_oneof![Just(0), Just(1), 0..PAGES]).prop_map(|(block, page)| block + page * PAGE)
}

fn step() -> impl Strategy<Value = Step> {
    let region = || prop::sample::select(&REGIONS[..]);
    prop_oneof![
        6 => (page(), any::<bool>(), 0..3_u32).prop_map(|(pa, block, asid)| Step::Update { pa, block, asid }),
        2 => page().prop_map(|pa| Step::Smash { pa: pa / BLOCK * BLOCK }),
        1 => page().prop_map(|pa| Step::Release { pa: pa / BLOCK * BLOCK }),
        8 => (0..4_u64, region(), any::<bool>())
            .prop_map(|(vcpu, region, verify)| Step::Opt { vcpu, region, verify }),
        3 => (0..4_u64, region(), page(), 0..2_u32)
            .prop_map(|(vcpu, region, pa, asid)| Step::Race { vcpu, region, pa, asid }),
        1 => (0..2_u64, any::<bool>()).prop_map(|(core, on)| Step::Base { core, on }),
        1 => Just(Step::Forget),
        1 => Just(Step::Init),
    ]
}

/// The owner of each assigned page, and whether a 2 MiB entry assigns it; the tables as sets.
#[derive(Default)]
struct Naive {
    pages: BTreeMap<u64, (u32, bool)>,
    tables: [BTreeSet<u64>; 2],
    on: [bool; 2],
}

impl Naive {
    fn assigned(&self, region: u64) -> usize {
        let all = self.pages.range(region * REGION..(region + 1) * REGION);
        all.count()
    }

    fn update(&mut self, pa: u64, block: bool, asid: u32) -> u32 {
        if block && pa % BLOCK != 0 {
            return 1;
        }
        let first = pa / BLOCK * BLOCK;
        let mut held = self.pages.range(first..first + BLOCK);
        let overlap = if block {
            held.any(|(at, (_, block))| !block && *at != pa)
        } else {
            held.any(|(_, (_, block))| *block)
        };
        if overlap {
            return 4;
        }
        let count = if block { PAGES } else { 1 };
        for at in (pa..).step_by(index(PAGE)).take(index(count)) {
            self.pages.remove(&at);
            if asid != 0 {
                self.pages.insert(at, (asid, block));
            }
        }
        if asid != 0 {
            self.clear(pa / REGION);
        }
        0
    }

    fn clear(&mut self, region: u64) {
        for table in &mut self.tables {
            table.remove(&region);
        }
    }

    fn smash(&mut self, pa: u64) -> u32 {
        match self.pages.get(&pa) {
            Some((_, true)) => {
                for (_, (_, block)) in self.pages.range_mut(pa..pa + BLOCK) {
                    *block = false;
                }
                self.clear(pa / REGION);
                0
            }
            _ => 1,
        }
    }

    fn opt(&mut self, vcpu: u64, region: u64, verify: bool) -> Option<bool> {
        let core = index(vcpu / 2);
        if !self.on[core] {
            return None;
        }
        if verify && self.assigned(region) == 0 {
            self.tables[core].insert(region);
        }
        Some(self.tables[core].contains(&region))
    }
}

fn operand(pa: u64, block: bool, asid: u32) -> [u8; 16] {
    let size = if block { Size::Block } else { Size::Page };
    match asid {
        0 => shared(size),
        _ => guest(asid, size, pa / size.bytes() * size.bytes()),
    }
}

fn apply(m: &mut Machine, naive: &mut Naive, step: &Step) {
    let code = |outcome| match outcome {
        Outcome::Code(code) => code,
        Outcome::Undefined => panic!("#UD"),
    };
    match *step {
        Step::Update { pa, block, asid } => {
            let got = m.rmpupdate(&Sink, pa, &operand(pa, block, asid)).unwrap();
            assert_eq!(code(got), naive.update(pa, block, asid));
        }
        Step::Smash { pa } => {
            let got = m.psmash(&Sink, pa).unwrap();
            assert_eq!(code(got), naive.smash(pa));
        }
        Step::Release { pa } => {
            for page in (pa..pa + BLOCK).step_by(index(PAGE)) {
                let got = m.rmpupdate(&Sink, page, &operand(page, false, 0)).unwrap();
                assert_eq!(code(got), naive.update(page, false, 0));
            }
        }
        Step::Opt {
            vcpu,
            region,
            verify,
        } => {
            let got = rmpopt(m, vcpu, region * REGION + 77, u64::from(!verify));
            assert_eq!(got, naive.opt(vcpu, region, verify));
        }
        Step::Race {
            vcpu,
            region,
            pa,
            asid,
        } => {
            let had = naive.opt(vcpu, region, false);
            let begin = m.rmpopt_begin(vcpu, region * REGION, 0).unwrap();
            let got = m.rmpupdate(&Sink, pa, &operand(pa, false, asid)).unwrap();
            let done = naive.update(pa, false, asid);
            assert_eq!(code(got), done);
            let Begin::Run(flight) = begin else {
                assert_eq!(had, None);
                return;
            };
            let met_assigned = matches!(flight.work(), Work::Scan { free: false, .. });
            let disturbed = done == 0 && asid != 0 && pa / REGION == region;
            let expected = if met_assigned || disturbed {
                naive.opt(vcpu, region, false)
            } else {
                naive.opt(vcpu, region, true)
            };
            assert_eq!(Some(m.rmpopt_end(flight).unwrap()), expected);
        }
        Step::Base { core, on } => {
            assert_eq!(m.write_base(core, u64::from(on)), MsrAccess::Done(0));
            naive.on[index(core)] = on;
            naive.tables[index(core)].clear();
        }
        Step::Forget => m.forget(),
        Step::Init => {
            m.snp_on(&Sink).unwrap();
            *naive = Naive::default();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn sequences_agree_with_the_naive_model(steps in prop::collection::vec(step(), 1..80), stored in 0..3_usize) {
        let mut m = Machine::new(config(Kind::Zen6), Switches::default(), &Sink).unwrap();
        let value = ["kept", "off", "1"][stored];
        m.switches().set("stored_result", value).unwrap().unwrap();
        let mut naive = Naive::default();
        for core in 0..2 {
            apply(&mut m, &mut naive, &Step::Base { core, on: true });
        }
        for step in &steps {
            apply(&mut m, &mut naive, step);
            prop_assert!(m.check_all().is_ok());
            for region in REGIONS {
                let assigned = m.assigned(Region(region)).total();
                prop_assert_eq!(index(assigned), naive.assigned(region));
                let scan = m.rmp.scan(Region(region));
                prop_assert_eq!(scan.free, assigned == 0);
                let cores: Vec<u64> = (0..2).filter(|c| naive.tables[index(*c)].contains(&region)).collect();
                prop_assert_eq!(m.optimised(Region(region)), cores);
            }
        }
        for (pa, (asid, block)) in &naive.pages {
            let entry = m.entry(*pa);
            prop_assert_eq!((entry.asid, entry.size == Size::Block), (*asid, *block));
        }
        let counts = &m.counters().regions;
        let by_region: u64 = counts.by_region.values().map(|r| r.became_empty).sum();
        prop_assert_eq!(by_region, counts.became_empty);
    }
}
