// SPDX-License-Identifier: GPL-2.0

//! Switches for behaviour that no public manual states, each with a default. README.md has the table.

use serde::Serialize;

/// Defines an enum whose values have names, which options and the test port use.
macro_rules! choice {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $value,)+ }

        impl $name {
            /// Finds a value by its name.
            #[allow(dead_code, reason = "not each choice is read")]
            pub fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$value),)+
                    _ => Err(format!("{text:?} is none of {}", [$($text),+].join(", "))),
                }
            }

            /// The names of all values.
            #[allow(dead_code, reason = "not each choice is listed")]
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name of the value.
            #[allow(dead_code, reason = "not each choice is shown")]
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $text,)+ }
            }
        }
    };
}
pub(crate) use choice;

choice! {
    /// On or off.
    pub enum Flag {
        /// Yes.
        On = "on",
        /// No.
        Off = "off",
    }
}

choice! {
    /// RMPOPT with an address outside the core's window.
    pub enum OutsideWindow {
        /// CF is 0.
        Clear = "cf0",
        /// #UD.
        Fault = "ud",
    }
}

choice! {
    /// RMPOPT with a function above 1.
    pub enum FunctionAbove1 {
        /// #UD.
        Fault = "ud",
        /// Only bit 0 counts, so an even number verifies.
        Mask = "mask",
        /// As 1.
        Report = "report",
    }
}

choice! {
    /// Which writes of RMPOPT_BASE clear the table.
    pub enum BaseWriteClears {
        /// Each write.
        Always = "always",
        /// Writes that change the value.
        Change = "change",
        /// Writes that change the base. Switching RMPOPT off and on again keeps the table.
        Base = "base",
    }
}

choice! {
    /// A write of RMPOPT_BASE with a base that is not 1 GiB aligned.
    pub enum UnalignedBase {
        /// #GP.
        Fault = "gp",
        /// The low bits read as 0.
        Align = "align",
    }
}

choice! {
    /// A write that sets RMPOPT_EN while SnpEn or the segmented RMP is off.
    pub enum EarlyEnable {
        /// #GP.
        Fault = "gp",
        /// The write has no effect.
        Ignore = "ignore",
    }
}

choice! {
    /// RMPOPT_BASE in the full shutdown of SNP.
    pub enum ShutdownBase {
        /// It becomes 0 on all cores.
        Cleared = "cleared",
        /// It stays until somebody writes it or SNP is initialised.
        Kept = "kept",
    }
}

choice! {
    /// A write that would clear RMPOPT_EN while SNP is on.
    pub enum EnableSticky {
        /// The write has no effect.
        Ignored = "ignored",
        /// #GP.
        Fault = "gp",
        /// It clears RMPOPT_EN.
        Clear = "clear",
    }
}

choice! {
    /// A write of another base while RMPOPT_EN is set and SNP is on.
    pub enum BaseMoves {
        /// The window moves.
        Yes = "yes",
        /// The write has no effect.
        Ignored = "ignored",
        /// #GP.
        Fault = "gp",
    }
}

choice! {
    /// RMPOPT on a region that the RMP does not cover.
    pub enum Uncovered {
        /// The region becomes optimised, because no page of it is assigned.
        Optimise = "cf1",
        /// The region never becomes optimised.
        Refuse = "cf0",
    }
}

choice! {
    /// The values of the other 511 entries under a 2 MiB entry.
    pub enum SubPages {
        /// Zeros.
        Zero = "zero",
        /// The 2 MiB entry, with the guest address of the page.
        Copy = "copy",
    }
}

choice! {
    /// An RMPUPDATE that sets bits which must be zero.
    pub enum Rules {
        /// It ends the run.
        Fatal = "fatal",
        /// It fails as bad input.
        Error = "error",
    }
}

choice! {
    /// A core that is broken on purpose.
    pub enum CoreFault {
        /// RMPOPT raises #UD.
        Undefined = "ud",
        /// A write of RMPOPT_BASE raises #GP.
        Protection = "gp",
        /// The core is not broken.
        Well = "none",
    }
}

choice! {
    /// RMPOPT and writes of RMPOPT_BASE while SnpEn is set and SNP_INIT is not over.
    pub enum DuringInit {
        /// They end the run.
        Fatal = "fatal",
        /// RMPOPT raises #UD, the write #GP.
        Fault = "ud",
        /// They work; the end of SNP_INIT clears the table and RMPOPT_BASE.
        Cleared = "cleared",
    }
}

/// How long a scan's result stays in the memory that the cores share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredResult {
    /// Until a page of the region is assigned or SNP is initialised.
    Kept,
    /// Each core scans for itself.
    Off,
    /// As `Kept`, but only the results of the last N regions stay.
    Last(usize),
}

impl StoredResult {
    /// Parses `kept`, `off`, or a number.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "kept" => Ok(Self::Kept),
            "off" => Ok(Self::Off),
            _ => match text.parse() {
                Ok(n) if n > 0 => Ok(Self::Last(n)),
                _ => Err(format!("{text:?} is none of kept, off, a number above 0")),
            },
        }
    }

    /// The text that [`StoredResult::parse`] parses to this value.
    pub fn name(self) -> String {
        match self {
            Self::Kept => "kept".into(),
            Self::Off => "off".into(),
            Self::Last(n) => n.to_string(),
        }
    }
}

/// All switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// See [`OutsideWindow`].
    pub outside_window: OutsideWindow,
    /// See [`FunctionAbove1`].
    pub function_above_1: FunctionAbove1,
    /// See [`BaseWriteClears`].
    pub base_write_clears: BaseWriteClears,
    /// See [`UnalignedBase`].
    pub unaligned_base: UnalignedBase,
    /// See [`EarlyEnable`].
    pub early_enable: EarlyEnable,
    /// See [`ShutdownBase`].
    pub shutdown_base: ShutdownBase,
    /// See [`EnableSticky`].
    pub enable_sticky: EnableSticky,
    /// See [`BaseMoves`].
    pub base_moves: BaseMoves,
    /// See [`Uncovered`].
    pub uncovered: Uncovered,
    /// See [`SubPages`].
    pub sub_pages: SubPages,
    /// See [`Rules`].
    pub rules: Rules,
    /// See [`StoredResult`].
    pub stored_result: StoredResult,
    /// See [`DuringInit`].
    pub during_init: DuringInit,
    /// The firmware processor offers the full shutdown of SNP. Without it the driver's shutdown leaves SnpEn,
    /// RMPOPT_BASE and the RMP.
    pub x86_shutdown: Flag,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            outside_window: OutsideWindow::Clear,
            function_above_1: FunctionAbove1::Fault,
            base_write_clears: BaseWriteClears::Always,
            unaligned_base: UnalignedBase::Fault,
            early_enable: EarlyEnable::Fault,
            shutdown_base: ShutdownBase::Cleared,
            enable_sticky: EnableSticky::Ignored,
            base_moves: BaseMoves::Yes,
            uncovered: Uncovered::Optimise,
            sub_pages: SubPages::Zero,
            rules: Rules::Fatal,
            stored_result: StoredResult::Kept,
            during_init: DuringInit::Fatal,
            x86_shutdown: Flag::Off,
        }
    }
}

impl Switches {
    /// Sets the switch of that name. `None` if there is no such switch.
    pub fn set(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
            *place = value?;
            Ok(())
        }
        Some(match name {
            "outside_window" => put(&mut self.outside_window, OutsideWindow::parse(value)),
            "function_above_1" => put(&mut self.function_above_1, FunctionAbove1::parse(value)),
            "base_write_clears" => put(&mut self.base_write_clears, BaseWriteClears::parse(value)),
            "unaligned_base" => put(&mut self.unaligned_base, UnalignedBase::parse(value)),
            "early_enable" => put(&mut self.early_enable, EarlyEnable::parse(value)),
            "shutdown_base" => put(&mut self.shutdown_base, ShutdownBase::parse(value)),
            "enable_sticky" => put(&mut self.enable_sticky, EnableSticky::parse(value)),
            "base_moves" => put(&mut self.base_moves, BaseMoves::parse(value)),
            "uncovered" => put(&mut self.uncovered, Uncovered::parse(value)),
            "sub_pages" => put(&mut self.sub_pages, SubPages::parse(value)),
            "rules" => put(&mut self.rules, Rules::parse(value)),
            "stored_result" => put(&mut self.stored_result, StoredResult::parse(value)),
            "during_init" => put(&mut self.during_init, DuringInit::parse(value)),
            "x86_shutdown" => put(&mut self.x86_shutdown, Flag::parse(value)),
            _ => return None,
        })
    }

    /// All switches and their values, for the report.
    pub fn list(&self) -> SwitchList {
        SwitchList {
            outside_window: self.outside_window.name(),
            function_above_1: self.function_above_1.name(),
            base_write_clears: self.base_write_clears.name(),
            unaligned_base: self.unaligned_base.name(),
            early_enable: self.early_enable.name(),
            shutdown_base: self.shutdown_base.name(),
            enable_sticky: self.enable_sticky.name(),
            base_moves: self.base_moves.name(),
            uncovered: self.uncovered.name(),
            sub_pages: self.sub_pages.name(),
            rules: self.rules.name(),
            stored_result: self.stored_result.name(),
            during_init: self.during_init.name(),
            x86_shutdown: self.x86_shutdown.name(),
        }
    }
}

/// [`Switches`] by name.
#[derive(Clone, Debug, Serialize)]
pub struct SwitchList {
    pub outside_window: &'static str,
    pub function_above_1: &'static str,
    pub base_write_clears: &'static str,
    pub unaligned_base: &'static str,
    pub early_enable: &'static str,
    pub shutdown_base: &'static str,
    pub enable_sticky: &'static str,
    pub base_moves: &'static str,
    pub uncovered: &'static str,
    pub sub_pages: &'static str,
    pub rules: &'static str,
    pub stored_result: String,
    pub during_init: &'static str,
    pub x86_shutdown: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_switch_is_set_by_its_name() {
        let mut switches = Switches::default();
        let list = serde_json::to_value(switches.list()).unwrap();
        for (name, value) in list.as_object().unwrap() {
            assert_eq!(switches.set(name, value.as_str().unwrap()), Some(Ok(())));
            assert!(switches.set(name, "nonsense").unwrap().is_err());
        }
        assert_eq!(switches, Switches::default());
        assert_eq!(switches.set("stored_result", "4"), Some(Ok(())));
        assert_eq!(switches.stored_result, StoredResult::Last(4));
        assert_eq!(switches.set("nonsense", "1"), None);
    }
}
