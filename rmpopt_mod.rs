// SPDX-License-Identifier: GPL-2.0

//! AMD's RMPOPT for stock kernels: every core skips RMP checks for every GiB that holds no SNP guest
//! memory.

#![deny(unsafe_code)]

mod configfs;
mod debugfs;
mod engine;
mod load;
mod sev;
#[expect(
    unsafe_code,
    reason = "the one room that talks to C and to the processor"
)]
mod sys;

use engine::Engine;
use kernel::{
    prelude::*,
    sync::Arc, //
};
use sys::{
    debugfs::Files,
    hotplug::CpuHotplug,
    kthread::Kthread,
    memory::MemoryHotplug,
    params,
    probe::Probes,
    reboot::Reboot,
    snp::Watch, //
};

module! {
    type: Rmpopt,
    name: "rmpopt",
    authors: ["The rmpopt developers"],
    description: "AMD RMPOPT: skip RMP checks where no SNP guest memory lies",
    license: "GPL",
}

/// The parts of the module. Rust drops the fields in this order: `controls`, `status` and `reboot` go first,
/// so that no further request arrives; then `thread` switches RMPOPT off and ends. `cpu_hotplug` outlives
/// `thread`, which must learn of CPUs that go offline until it ends.
#[pin_data]
struct Rmpopt {
    #[pin]
    controls: configfs::Directory,
    status: Files<Engine>,
    reboot: Reboot<Engine>,
    thread: Kthread<Engine>,
    cpu_hotplug: CpuHotplug<Engine>,
    memory_hotplug: MemoryHotplug<Engine>,
    probes: Option<Probes<Engine>>,
    snp_watch: Option<Watch<Engine>>,
    engine: Arc<Engine>,
}

impl kernel::InPlaceModule for Rmpopt {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let window_gib = params::window_gib();
        let skip_isolated = params::skip_isolated();
        let probes = params::probes();
        pin_init::pin_init_scope(move || {
            let engine = load::engine(window_gib, skip_isolated)?;
            Ok(try_pin_init!(Self {
                cpu_hotplug: CpuHotplug::new(engine.clone())?,
                memory_hotplug: MemoryHotplug::new(engine.clone())?,
                probes: load::probes(&engine, probes),
                snp_watch: load::snp_watch(&engine),
                thread: load::thread(&engine)?,
                reboot: Reboot::register(engine.clone())?,
                controls <- configfs::directory(engine.clone()),
                // Created last: an open debugfs file does not keep the module's code in memory when a
                // later step of `init` fails.
                status: debugfs::files(&engine)?,
                engine,
            }))
        })
    }
}
