// SPDX-License-Identifier: GPL-2.0

//! Parses the plugin's options, each of the form `KEY=VALUE`. An unknown or malformed option is an error.

use crate::model::addr::REGION;
use crate::model::kind::Kind;
use crate::model::layout::Request;
use crate::model::switches::{choice, Flag, Switches};
use std::path::PathBuf;
use std::time::Duration;

choice! {
    /// Whether an RMPOPT takes time.
    pub enum Time {
        /// It takes no time.
        Off = "none",
        /// It takes real time: the durations of the options.
        Model = "model",
    }
}

/// How long an RMPOPT keeps its core in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durations {
    /// A scan of a free region. A scan that stops early takes its share of this.
    pub scan: Duration,
    /// An RMPOPT that takes a stored result.
    pub stored: Duration,
    /// An RMPOPT that has nothing to read.
    pub own: Duration,
}

/// All options.
#[derive(Clone, Debug)]
pub struct Options {
    /// The processor.
    pub kind: Kind,
    /// SNP is on at boot.
    pub snp: bool,
    /// SMT threads of a core.
    pub threads: u64,
    /// Span of a core's table in GiB.
    pub window: u64,
    /// Where the RMP lies. With `cover` 0 the RMP covers all of RAM.
    pub layout: Request,
    /// Regions that hold a page of the firmware.
    pub firmware: Vec<u64>,
    /// The file to which the report is written.
    pub report: Option<PathBuf>,
    /// The time model, if any.
    pub time: Option<Durations>,
    /// Stores are counted.
    pub stores: bool,
    /// Stretches with interrupts off are counted.
    pub interrupts: bool,
    /// The descriptors of the firmware processor's registers and of its interrupt. `None` without a firmware processor.
    pub psp: Option<(i32, i32)>,
    /// How long SNP_INIT_EX takes.
    pub init: Duration,
    /// The test port answers.
    pub port: bool,
    /// The switches for behaviour that no public document states.
    pub switches: Switches,
}

impl Options {
    /// Parses the options.
    pub fn parse<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut options = Self {
            kind: Kind::Zen6,
            snp: true,
            threads: 1,
            window: 2048,
            layout: Request {
                segmented: true,
                base: 0x7000_0000,
                size: 64 << 20,
                high: 1012 * REGION,
                cover: 0,
                segment: 64,
            },
            firmware: Vec::new(),
            report: None,
            time: None,
            stores: false,
            interrupts: false,
            psp: None,
            init: Duration::from_millis(300),
            port: true,
            switches: Switches::default(),
        };
        let mut time = Time::Off;
        let mut durations = Durations {
            scan: Duration::from_micros(1000),
            stored: Duration::from_micros(100),
            own: Duration::ZERO,
        };
        for argument in arguments {
            let (key, value) = argument
                .split_once('=')
                .ok_or_else(|| format!("{argument:?} is not KEY=VALUE"))?;
            let of_key = |e: String| format!("{key}: {e}");
            match key {
                "model" => options.kind = Kind::parse(value).map_err(of_key)?,
                "snp" => options.snp = Flag::parse(value).map_err(of_key)? == Flag::On,
                "threads" => options.threads = count(value).map_err(of_key)?,
                "window_gib" => options.window = count(value).map_err(of_key)?,
                "segment_gib" => options.layout.segment = count(value).map_err(of_key)?,
                "cover_gib" => options.layout.cover = count(value).map_err(of_key)?,
                "rmp_base" => options.layout.base = address(value).map_err(of_key)?,
                "rmp_size" => options.layout.size = address(value).map_err(of_key)?,
                "rmp_high" => options.layout.high = address(value).map_err(of_key)?,
                "firmware" => {
                    let each = value.split('+').map(number);
                    options.firmware = each.collect::<Result<_, _>>().map_err(of_key)?;
                }
                "report" => options.report = Some(value.into()),
                "psp" => options.psp = Some(descriptors(value).map_err(of_key)?),
                "init_ms" => options.init = Duration::from_millis(number(value).map_err(of_key)?),
                "port" => options.port = Flag::parse(value).map_err(of_key)? == Flag::On,
                "time" => time = Time::parse(value).map_err(of_key)?,
                "time_scan_us" => durations.scan = micros(value).map_err(of_key)?,
                "time_stored_us" => durations.stored = micros(value).map_err(of_key)?,
                "time_own_us" => durations.own = micros(value).map_err(of_key)?,
                "stores" => options.stores = Flag::parse(value).map_err(of_key)? == Flag::On,
                "interrupts" => {
                    options.interrupts = Flag::parse(value).map_err(of_key)? == Flag::On;
                }
                _ => match options.switches.set(key, value) {
                    Some(result) => result.map_err(of_key)?,
                    None => return Err(format!("no such option: {key}")),
                },
            }
        }
        options.layout.segmented = options.kind.segmented();
        options.time = (time == Time::Model).then_some(durations);
        Ok(options)
    }
}

/// Parses a number, decimal, or hexadecimal with 0x.
pub fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text:?} is not a number"))
}

fn count(text: &str) -> Result<u64, String> {
    match number(text)? {
        0 => Err("has to be above 0".into()),
        n => Ok(n),
    }
}

/// Parses a number of bytes, which may end with K, M or G.
fn address(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'K')) => (&text[..at], 1 << 10),
        Some((at, 'M')) => (&text[..at], 1 << 20),
        Some((at, 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    number(digits)?
        .checked_mul(unit)
        .ok_or_else(|| format!("{text:?} is too large"))
}

/// Parses two descriptors, `MEMORY+EVENT`.
fn descriptors(text: &str) -> Result<(i32, i32), String> {
    let (memory, event) = text.split_once('+').ok_or("MEMORY+EVENT")?;
    match (memory.parse(), event.parse()) {
        (Ok(memory), Ok(event)) if memory > 2 && event > 2 => Ok((memory, event)),
        _ => Err(format!("{text:?} is not two descriptors above 2")),
    }
}

fn micros(text: &str) -> Result<Duration, String> {
    number(text).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(text.split(',').filter(|t| !t.is_empty()))
    }

    #[test]
    fn defaults() {
        let options = parse("").unwrap();
        assert_eq!(options.kind, Kind::Zen6);
        assert!(options.snp && options.layout.segmented && options.port);
        assert_eq!(options.window, 2048);
        assert_eq!(options.time, None);
    }

    #[test]
    fn all_of_them() {
        let options = parse(
            "model=zen4,snp=off,threads=2,window_gib=16,segment_gib=1,cover_gib=12,rmp_base=0x70000000,\
             rmp_size=32M,rmp_high=1012G,firmware=2+5,report=/tmp/x,time=model,time_scan_us=7,time_stored_us=8,\
             time_own_us=9,stores=on,interrupts=on,stored_result=off,psp=22+23,init_ms=4000,port=off",
        )
        .unwrap();
        assert!(!options.snp && !options.layout.segmented && options.stores && !options.port);
        assert!(options.interrupts);
        assert_eq!(options.layout.size, 32 << 20);
        assert_eq!(options.layout.high, 1012 * REGION);
        assert_eq!(options.firmware, [2, 5]);
        assert_eq!(options.time.unwrap().scan, Duration::from_micros(7));
        assert_eq!(options.switches.list().stored_result, "off");
        assert_eq!(options.psp, Some((22, 23)));
        assert_eq!(options.init, Duration::from_secs(4));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "model",
            "model=zen7",
            "snp=1",
            "threads=0",
            "threads=x",
            "firmware=",
            "rmp_size=64Q",
            "time=real",
            "nonsense=1",
            "psp=on",
            "port=0",
            "psp=1+2",
            "init_ms=x",
            "rules=maybe",
            "interrupts=1",
            "rmp_high=99999999999999G",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
