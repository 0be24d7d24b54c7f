// SPDX-License-Identifier: GPL-2.0

//! One run: the machine, the copies of counters, and the files that are written.

use crate::guest::Guest;
use crate::model::addr::index;
use crate::model::counters::{RegionChanges, RegionRmpopt};
use crate::model::Machine;
use crate::options::Durations;
use serde_json::{json, Map, Value};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One run.
pub struct Session {
    /// The machine.
    pub machine: Machine,
    /// The durations of RMPOPT, if the options give any.
    time: Option<Durations>,
    /// RMPOPT takes these durations now.
    timed: bool,
    /// How long the firmware's SNP_INIT_EX takes.
    pub init: Duration,
    report: Option<PathBuf>,
    taken: Map<String, Value>,
    /// The values of the guest's own counters at the last reset.
    start: Vec<(u64, u64, u64)>,
}

impl Session {
    /// Begins a run.
    pub fn new(machine: Machine, time: Option<Durations>, report: Option<PathBuf>) -> Self {
        let start = (0..machine.config().cpus).map(|_| (0, 0, 0)).collect();
        Self {
            machine,
            time,
            timed: true,
            init: Duration::ZERO,
            report,
            taken: Map::new(),
            start,
        }
    }

    /// The durations that RMPOPT takes now. `None` while it takes no time.
    pub fn time(&self) -> Option<Durations> {
        self.time.filter(|_| self.timed)
    }

    /// Sets whether RMPOPT takes time from now on. Fails with `true` where the options give no durations.
    pub fn set_timed(&mut self, timed: bool) -> Result<(), String> {
        if timed && self.time.is_none() {
            return Err("this run has no durations: it did not begin with time=model".into());
        }
        self.timed = timed;
        Ok(())
    }

    /// All counters since the last reset.
    pub fn counters(&mut self, guest: &dyn Guest) -> Value {
        let now = self.read(guest);
        let cpus = self.machine.config().cpus;
        let counters = self.machine.counters();
        let off = (0..cpus).filter_map(|vcpu| guest.interrupts_off(vcpu));
        counters.interrupts_off = off.collect();
        counters.kernel_instructions.clear();
        counters.stores = Default::default();
        for ((instructions, checked, skipped), (i, c, s)) in now.iter().zip(&self.start) {
            let retired = instructions.saturating_sub(*i);
            counters.kernel_instructions.push(retired);
            counters.stores.checked += checked.saturating_sub(*c);
            counters.stores.skipped += skipped.saturating_sub(*s);
        }
        serde_json::to_value(&*counters).unwrap_or(Value::Null)
    }

    /// The counter with a dotted path. All counters of a region that was never used are 0.
    pub fn get(&mut self, guest: &dyn Guest, path: &str) -> Option<Value> {
        let mut all = self.counters(guest);
        let keys: Vec<&str> = path.split('.').collect();
        if let [part, "by_region", gib, ..] = *keys.as_slice() {
            let zeros = match part {
                "rmpopt" => json!(RegionRmpopt::default()),
                "regions" => json!(RegionChanges::default()),
                _ => return None,
            };
            // Only the canonical number names a region: 07 is refused, because it would read 0 and not region 7.
            let region = gib.parse::<u64>().ok()?.to_string();
            let regions = all.get_mut(part)?.get_mut("by_region")?;
            regions.as_object_mut()?.entry(region).or_insert(zeros);
        }
        let found = keys.iter().try_fold(&all, |value, key| match value {
            Value::Object(map) => map.get(*key),
            Value::Array(list) => list.get(index(key.parse().ok()?)),
            _ => None,
        });
        found.cloned()
    }

    /// Sets all counters to zero.
    pub fn reset(&mut self, guest: &dyn Guest) {
        self.start = self.read(guest);
        guest.reset_interrupts_off();
        self.machine.reset_counters();
    }

    /// Keeps a copy of the counters for the report.
    pub fn take(&mut self, guest: &dyn Guest, name: &str) {
        let counters = self.counters(guest);
        self.taken.insert(name.into(), counters);
    }

    /// Writes all tables and entries to `NAME.json` beside the report. Returns the file's name.
    pub fn dump(&mut self, name: &str) -> Result<String, String> {
        let directory = self
            .report
            .as_deref()
            .and_then(Path::parent)
            .ok_or("there is no report, so there is no directory for it")?;
        let file = directory.join(format!("{name}.json"));
        write(&file, &self.state())?;
        Ok(file.display().to_string())
    }

    /// Writes the report. `violation` is the violation that ended the run, if one did.
    pub fn finish(&mut self, guest: &dyn Guest, violation: Option<&str>) -> Result<(), String> {
        let counters = self.counters(guest);
        let value = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": self.machine.config().kind.name(),
            "switches": self.machine.switches().list(),
            "cpus": self.machine.config().cpus,
            "cores": self.machine.cores(),
            "violation": violation,
            "counters": counters,
            "taken": self.taken,
        });
        match &self.report {
            Some(file) => write(file, &value),
            None => Ok(()),
        }
    }

    fn state(&self) -> Value {
        let entries: Vec<Value> = self
            .machine
            .entries()
            .map(|(pa, e)| {
                json!({
                    "pa": format!("{pa:#x}"),
                    "assigned": u8::from(e.assigned),
                    "size": e.size.name(),
                    "immutable": u8::from(e.immutable),
                    "asid": e.asid,
                    "gpa": format!("{:#x}", e.gpa),
                    "vmsa": u8::from(e.vmsa),
                    "validated": u8::from(e.validated),
                })
            })
            .collect();
        let tables: Vec<Value> = (0..self.machine.cores())
            .filter_map(|core| {
                let (base, optimised) = self.machine.table(core)?;
                Some(json!({"core": core, "base": format!("{base:#x}"), "optimised": optimised}))
            })
            .collect();
        let layout = self.machine.layout();
        let segments: Vec<Value> = layout
            .segments
            .iter()
            .map(|s| json!({"index": s.index, "first_gib": s.first, "gib": s.cover, "base": format!("{:#x}", s.base)}))
            .collect();
        json!({
            "snp": self.machine.snp(),
            "phase": self.machine.phase().to_string(),
            "rmp": {
                "base": format!("{:#x}", layout.base),
                "end": format!("{:#x}", layout.end),
                "config": format!("{:#x}", layout.config),
                "segments": segments,
            },
            "tables": tables,
            "entries": entries,
        })
    }

    fn read(&self, guest: &dyn Guest) -> Vec<(u64, u64, u64)> {
        (0..self.machine.config().cpus)
            .map(|vcpu| {
                let (checked, skipped) = guest.stores(vcpu);
                (guest.instructions(vcpu), checked, skipped)
            })
            .collect()
    }
}

fn write(file: &Path, value: &Value) -> Result<(), String> {
    let text = serde_json::to_string_pretty(value).map_err(|e| e.to_string())?;
    std::fs::write(file, text + "\n").map_err(|e| format!("{}: {e}", file.display()))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::kind::Kind;
    use crate::model::tests::{ready, rmpopt, NoRam, Ram, FREE};
    use crate::model::Memory;

    macro_rules! nothing_counted {
        ($guest:ty) => {
            impl Guest for $guest {
                fn instructions(&self, _vcpu: u64) -> u64 {
                    0
                }

                fn stores(&self, _vcpu: u64) -> (u64, u64) {
                    (0, 0)
                }

                fn memory(&self) -> &dyn Memory {
                    self
                }
            }
        };
    }
    nothing_counted!(Ram);
    nothing_counted!(NoRam);

    /// A run on a machine of that kind.
    pub fn session(kind: Kind, ram: &Ram) -> Session {
        Session::new(crate::model::tests::machine(kind, ram), None, None)
    }

    #[test]
    fn an_unknown_counter_is_none_even_in_a_region_that_was_never_used() {
        let ram = Ram::default();
        let mut machine = ready(&ram);
        rmpopt(&mut machine, 0, FREE, 0);
        let mut session = Session::new(machine, None, None);
        let mut get = |path| session.get(&ram, path);
        assert_eq!(get("rmpopt.by_region.4.verify"), Some(json!(1)));
        assert_eq!(get("rmpopt.by_region.5.verify"), Some(json!(0)));
        assert_eq!(get("regions.by_region.5.displaced"), Some(json!(0)));
        assert_eq!(get("rmpopt.by_core.0.verify"), Some(json!(1)));
        assert_eq!(get("rmpopt.by_core.1.verify"), Some(json!(0)));
        for path in [
            "rmpopt.by_region.4.verfy",
            "rmpopt.by_region.5.verfy",
            "rmpopt.by_region.5.displaced",
            "rmpopt.by_region.5.verify.x",
            "rmpopt.by_region.04.verify",
            "rmpopt.by_region.x.verify",
            "rmpopt.by_region..verify",
            "regions.by_region.5.verify",
            "rmpupdate.by_region.5.ok",
            "rmpopt.by_core.2.verify",
            "rmpopt.verfy",
            "",
        ] {
            assert_eq!(get(path), None, "{path}");
        }
    }

    #[test]
    fn reading_a_region_that_was_never_used_leaves_no_trace() {
        let ram = Ram::default();
        let mut session = session(Kind::Zen6, &ram);
        session.get(&ram, "rmpopt.by_region.5.verify").unwrap();
        assert_eq!(session.get(&ram, "rmpopt.by_region"), Some(json!({})));
    }
}
