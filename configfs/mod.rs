// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/config/rmpopt/`: the administrator's controls.
//!
//! Parsing, range checks and errno values only; what a value means is decided in `engine/`. No
//! status beyond the control's own position (that is `debugfs/`). All callbacks run in thread
//! context and may sleep. Documented in `Documentation/ABI/testing/configfs-rmpopt`.

mod dirt;
mod lookup;
mod native;

use crate::{
    engine::{
        settings::{
            Isolated,
            Settings, //
        },
        window::Policy,
        Engine, //
    },
    sys::{
        self,
        configfs::{
            item_type,
            Root, //
        }, //
    }, //
};
use core::{
    fmt::Write,
    num::IntErrorKind, //
};
use kernel::{
    configfs,
    fmt,
    page::PAGE_SIZE,
    prelude::*,
    str::Formatter,
    sync::Arc, //
};

/// What the attributes work on.
pub(crate) struct Shared {
    engine: Arc<Engine>,
}

/// What the kernel hands to the attributes.
type Controls = Root<Shared>;

/// The directory. Dropping it removes it.
pub(crate) type Directory = sys::configfs::Directory<Shared>;

/// Makes the directory. May sleep.
///
/// # Errors
///
/// ENOMEM; EEXIST where another module has taken the name.
pub(crate) fn directory(engine: Arc<Engine>) -> impl PinInit<Directory, Error> {
    let item_type = item_type!(
        Controls,
        enabled: 0,
        action: 1,
        description: 2,
        window_policy: 3,
        isolated_cpus: 4,
        slice_us: 5,
        rmp_entry: 6,
        auto: 7,
        delay_ms: 8,
        max_delay_ms: 9,
        full_check_s: 10,
        optimise: 11,
        native: 12,
    );
    pin_init::pin_init_scope(move || {
        let shared = Arc::new(Shared { engine }, GFP_KERNEL)?;
        Ok(Directory::new(c"rmpopt", item_type, shared))
    })
}

/// Writes one value to the page that reading a file returns.
fn print(page: &mut [u8; PAGE_SIZE], args: fmt::Arguments<'_>) -> Result<usize> {
    let mut out = Formatter::new(page);
    out.write_fmt(args).map_err(|_| EMSGSIZE)?;
    Ok(out.bytes_written())
}

/// The names of all values of an attribute, the present one in brackets.
struct Choice<T: 'static> {
    all: &'static [T],
    present: T,
    name: fn(T) -> &'static str,
}

impl<T: Copy + PartialEq> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for value in self.all {
            let name = (self.name)(*value);
            if *value == self.present {
                write!(f, "{separator}[{name}]")?;
            } else {
                write!(f, "{separator}{name}")?;
            }
            separator = " ";
        }
        Ok(())
    }
}

/// The value of this name.
fn choose<T: Copy>(all: &[T], name: fn(T) -> &'static str, page: &[u8]) -> Result<T> {
    let wanted = value(page);
    all.iter()
        .copied()
        .find(|v| name(*v).as_bytes() == wanted)
        .ok_or(EINVAL)
}

/// A decimal number.
fn number(page: &[u8]) -> Result<u32> {
    let digits = core::str::from_utf8(value(page)).map_err(|_| EINVAL)?;
    match digits.parse() {
        Ok(number) => Ok(number),
        Err(e) if *e.kind() == IntErrorKind::PosOverflow => Err(ERANGE),
        Err(_) => Err(EINVAL),
    }
}

/// What was written, without white space around it.
fn value(page: &[u8]) -> &[u8] {
    page.trim_ascii()
}

/// `enabled`: the switch, `0` or `1`.
#[vtable]
impl configfs::AttributeOperations<0> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let enabled = u8::from(controls.engine.control.enabled());
        print(page, fmt!("{enabled}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        match value(page) {
            b"0" => controls.engine.set_enabled(false),
            b"1" => controls.engine.set_enabled(true),
            _ => Err(EINVAL),
        }
    }
}

/// `action`: `1` attempts all of RAM; reading tells how far the pass is.
#[vtable]
impl configfs::AttributeOperations<1> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let engine = &controls.engine;
        if engine.control.busy() {
            let open = engine.machine().board().open.count();
            print(page, fmt!("{}\n", engine.progress.at(open)))
        } else {
            print(page, fmt!("idle\n"))
        }
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        match value(page) {
            b"1" => controls.engine.attempt_all(),
            _ => Err(EINVAL),
        }
    }
}

/// `description`: what `action` does.
#[vtable]
impl configfs::AttributeOperations<2> for Controls {
    type Data = Controls;

    fn show(_: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        print(
            page,
            fmt!("Write 1 to action to attempt RMP optimizations on all of RAM.\n"),
        )
    }
}

/// `window_policy`: where windows lie on hosts with more RAM than a table spans.
#[vtable]
impl configfs::AttributeOperations<3> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let choice = Choice {
            all: &Policy::ALL,
            present: controls.engine.settings.policy(),
            name: Policy::name,
        };
        print(page, fmt!("{choice}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let policy = choose(&Policy::ALL, Policy::name, page)?;
        controls.engine.set_policy(policy)
    }
}

/// `isolated_cpus`: what is done with cores that are isolated.
#[vtable]
impl configfs::AttributeOperations<4> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let choice = Choice {
            all: &Isolated::ALL,
            present: controls.engine.settings.isolated(),
            name: Isolated::name,
        };
        print(page, fmt!("{choice}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let isolated = choose(&Isolated::ALL, Isolated::name, page)?;
        controls.engine.settings.set_isolated(isolated);
        controls.engine.control.host_changed();
        Ok(())
    }
}

/// `slice_us`: microseconds of RMPOPT after which a core reschedules.
#[vtable]
impl configfs::AttributeOperations<5> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let slice = controls.engine.settings.slice_us();
        print(page, fmt!("{slice}\n"))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let slice = number(page)?;
        if slice > Settings::SLICE_MAX {
            return Err(ERANGE);
        }
        controls.engine.settings.set_slice_us(slice);
        Ok(())
    }
}
