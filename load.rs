// SPDX-License-Identifier: GPL-2.0

//! What the module does once, when it is loaded: it reads the processor's features, chooses its role and logs
//! both.

use crate::{
    engine::{
        dirty::due::POLL_MS,
        host::window::SPAN,
        settings::Isolated,
        Engine, //
    },
    sev::{
        assess::{
            assess,
            Found,
            Native,
            Role, //
        },
        msr::RmpoptBase,
        platform,
        probe,
        rmp::Description,
        rmpopt, //
    },
    sys::{
        cpu::{
            self,
            OnCpu, //
        },
        kthread::Kthread,
        native,
        probe::Probes,
        snp::Watch, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Reads the processor's features and creates the engine for them.
///
/// # Errors
///
/// EINVAL for a window outside 1 to 2048 GiB; ENODEV where [`assess`] refuses the host; ENOMEM.
pub(crate) fn engine(window_gib: u32, skip_isolated: bool) -> Result<Arc<Engine>> {
    if !(1..=SPAN).contains(&window_gib) {
        pr_err!("window_gib={} is not in 1..={}\n", window_gib, SPAN);
        return Err(EINVAL);
    }
    let isolated = if skip_isolated {
        Isolated::Skip
    } else {
        Isolated::default()
    };
    let mut found = OnCpu::any(probe::find);
    if found.features.rmpopt && !found.rmpopt_base.enabled() {
        found.rmpopt_base = base_of_any_core(isolated);
    }
    let role = assess(&found).map_err(|refusal| {
        pr_err!("not loaded: {}; {}\n", refusal.reason(), refusal.remedy());
        ENODEV
    })?;
    let native = Native::from_code(native::parameter()).unwrap_or_default();
    let engine = Engine::new(found, role, window_gib, native, isolated)?;
    report(&engine);
    report_layout(&engine);
    Ok(engine)
}

/// RMPOPT_BASE of the first core that has RMPOPT enabled; 0 where no core has. May sleep.
///
/// Each core executes one RDMSR in an interrupt, one core after the other: an interrupt costs less than waking
/// a thread on the core. With [`Isolated::Skip`] no isolated core is asked.
fn base_of_any_core(isolated: Isolated) -> RmpoptBase {
    let asked = |cpu: &cpu::Cpu| isolated != Isolated::Skip || !cpu.isolated();
    let asked = || cpu::online().filter(asked);
    let first = |cpu: &cpu::Cpu| {
        let mut before = asked().take_while(|other| other < cpu);
        !before.any(|other| other.core_id() == cpu.core_id())
    };
    asked()
        .filter(first)
        .filter_map(|cpu| cpu::interrupt(cpu, rmpopt::base)?.ok())
        .find(|base| base.enabled())
        .unwrap_or(RmpoptBase(0))
}

/// Registers the probes on the kernel's RMP functions. `None` where the role is to observe, because then no
/// pass depends on conversions, and where the probes are not wanted or cannot be registered.
pub(crate) fn probes(engine: &Arc<Engine>, wanted: bool) -> Option<Probes<Engine>> {
    if matches!(engine.role(), Role::Observe(_)) {
        return None;
    }
    let polling = POLL_MS / 1000;
    if !wanted {
        pr_notice!("the kernel's RMP functions are not watched (probes=0): all regions are reported every {polling} s instead\n");
        return None;
    }
    match Probes::register(engine.clone()) {
        Ok(probes) => Some(probes),
        Err(e) => {
            pr_warn!(
                "the kernel's RMP functions are not watched ({}): all regions are reported every {polling} s instead\n",
                e.to_errno()
            );
            None
        }
    }
}

/// Registers the watch on SNP's initialisation where the processor has RMPOPT: no core may execute RMPOPT
/// while SNP is being initialised. May sleep.
pub(crate) fn snp_watch(engine: &Arc<Engine>) -> Option<Watch<Engine>> {
    if !engine.found().features.rmpopt {
        return None;
    }
    let watch = match Watch::register(engine.clone()) {
        Ok(watch) => {
            engine.set_snp_watched();
            Some(watch)
        }
        Err(e) => {
            pr_warn!(
                "the beginning of SNP's initialisation is not seen ({}): one that follows a shutdown is noticed when it is over\n",
                e.to_errno()
            );
            None
        }
    };
    // Where the firmware has a driver the thread looks instead of this function: the look may have to wait.
    platform::look_at_once(engine.found());
    watch
}

/// Starts the thread. Where the module only observes, the thread still repeats the survey of CPUs and memory,
/// because status shows the survey.
///
/// # Errors
///
/// ENOMEM; EINTR where the loading process is being killed.
pub(crate) fn thread(engine: &Arc<Engine>) -> Result<Kthread<Engine>> {
    Kthread::spawn(c"rmpopt", engine.clone())
}

/// Logs one more line where the RMP's layout has issues. Such an issue does not stop the module from working.
/// May sleep.
fn report_layout(engine: &Engine) {
    let rmp = match Description::read(engine.found()) {
        Ok(rmp) => rmp,
        Err(e) => {
            pr_notice!(
                "the RMP's segment table cannot be read ({})\n",
                e.to_errno()
            );
            return;
        }
    };
    let mut issues = 0u32;
    let survey = engine.survey();
    let topology = &survey.topology;
    let ram = topology.ram.iter().map(|ram| ram.region);
    rmp.layout()
        .judge(ram, |_| issues = issues.saturating_add(1));
    if issues > 0 {
        pr_notice!("{issues} issues with the RMP's layout: see rmp/segments in debugfs\n");
    }
}

/// Logs the one line of a successful load: the features found, and what the module does with them.
fn report(engine: &Engine) {
    let Found {
        features,
        syscfg,
        rmp,
        ..
    } = engine.found();
    let survey = engine.survey();
    let topology = &survey.topology;
    let form = if rmp.segmented() {
        "segmented"
    } else {
        "contiguous"
    };
    let has = |bit: bool| if bit { "yes" } else { "no" };
    let what = match engine.role() {
        Role::Observe(why) => why.reason(),
        Role::Native => match engine.native() {
            Native::Assist => "the kernel has RMPOPT of its own: assisting it (native=assist)",
            Native::Observe => "the kernel has RMPOPT of its own (native=observe)",
            Native::Takeover => "the kernel has RMPOPT of its own: taking over (native=takeover)",
        },
        Role::Optimise if syscfg.snp_enabled() => "attempting all of it",
        Role::Optimise if cpu::kernel_supports_snp() => {
            "SNP is not on yet: waiting until the ccp driver initialises it (kvm_amd with sev_snp=1)"
        }
        Role::Optimise => {
            "SNP is off and the kernel did not prepare for it (see \"dmesg | grep -i -e sev -e iommu\"): waiting"
        }
    };
    let observing = if engine.observes() {
        "observing only: "
    } else {
        ""
    };
    pr_info!(
        "RMPOPT {}, RMPREAD {}, {} RMP at {:#x}, SNP {}; {} GiB with RAM, {} cores; {}{}\n",
        has(features.rmpopt),
        has(features.rmpread),
        form,
        rmp.base_addr(),
        if syscfg.snp_enabled() { "on" } else { "off" },
        topology.ram.len(),
        topology.cores.len(),
        observing,
        what
    );
}
