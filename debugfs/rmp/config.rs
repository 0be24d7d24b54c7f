// SPDX-License-Identifier: GPL-2.0

//! `rmp/config`: the present values of CPUID and the MSRs for SNP and the RMP, decoded.

use crate::{
    engine::Engine,
    sev::{
        assess::Found,
        msr::{
            Hwcr,
            Syscfg, //
        },
        probe,
        rmp::Source, //
    },
    sys::{
        cpu::OnCpu,
        debugfs::Text, //
    }, //
};
use core::fmt::{
    self,
    Write, //
};
use kernel::prelude::*;

/// Writes `key: value` lines; registers are in hexadecimal, followed by their meaning.
pub(crate) fn show(_: &Engine, _: u32, out: &mut Text) -> Result {
    let (found, hwcr) = OnCpu::any(|on| (probe::find(on), probe::hwcr(on)));
    lines(&found, hwcr.ok(), out).map_err(|_| ENOMEM)
}

fn lines(found: &Found, hwcr: Option<Hwcr>, out: &mut Text) -> fmt::Result {
    let Found {
        features,
        syscfg,
        rmp,
        ..
    } = found;
    let yes = |bit: bool| if bit { "yes" } else { "no" };
    let on = |bit: bool| if bit { "on" } else { "off" };

    writeln!(out, "snp: {}", yes(features.snp))?;
    writeln!(out, "rmpread: {}", yes(features.rmpread))?;
    writeln!(out, "segmented_rmp: {}", yes(features.segmented.is_some()))?;
    writeln!(out, "rmpopt: {}", yes(features.rmpopt))?;
    writeln!(out, "entries_by: {}", Source::of(found).name())?;
    if let Some(limits) = features.segmented {
        writeln!(
            out,
            "segment_sizes: 2^{} to 2^{} bytes",
            limits.min_shift, limits.max_shift
        )?;
        writeln!(
            out,
            "segments: at most {}, {} cacheable{}",
            limits.segments(),
            limits.cacheable,
            if limits.hard_limit {
                " (a hard limit)"
            } else {
                ""
            }
        )?;
    }
    let Syscfg(value) = syscfg;
    writeln!(
        out,
        "syscfg: {value:#018x} (memory encryption {}, SNP {}, VMPL {})",
        on(syscfg.memory_encryption()),
        on(syscfg.snp_enabled()),
        on(syscfg.vmpl_enabled())
    )?;
    if let Some(hwcr) = hwcr {
        writeln!(
            out,
            "hwcr: {:#018x} (SMM {})",
            hwcr.0,
            if hwcr.smm_locked() {
                "locked"
            } else {
                "not locked"
            }
        )?;
    }
    writeln!(out, "rmp_base: {:#018x} ({:#x})", rmp.base, rmp.base_addr())?;
    writeln!(out, "rmp_end: {:#018x} ({:#x})", rmp.end, rmp.end_addr())?;
    if features.segmented.is_some() {
        write!(out, "rmp_cfg: {:#018x} ", rmp.cfg)?;
        if rmp.segmented() {
            writeln!(out, "(segmented, 2^{} bytes each)", rmp.segment_shift())?;
        } else {
            writeln!(out, "(contiguous)")?;
        }
    }
    Ok(())
}
