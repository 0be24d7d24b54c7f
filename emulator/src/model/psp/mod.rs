// SPDX-License-Identifier: GPL-2.0

//! The firmware processor: the SEV firmware's commands as the stock ccp and kvm_amd drivers send them. `buffer` decodes
//! the buffers of commands; `guest` executes the commands on guests.
//!
//! The model makes the firmware's checks and its changes of the RMP: the state of a page is its RMP entry. A command,
//! or a part of one, that is not modelled ends the run.

mod buffer;
mod guest;
mod page;

use super::platform::Phase;
use super::switches::{choice, Flag};
use super::{Fatal, Machine, Memory};
use buffer::{Buffer, C_BIT};
pub use guest::Context;
use page::State;
use std::collections::{BTreeMap, BTreeSet};

choice! {
    /// A command. The test port uses the names.
    #[derive(PartialOrd, Ord)]
    pub enum Command {
        Init = "init",
        Shutdown = "shutdown",
        PlatformStatus = "platform-status",
        DfFlush = "df-flush",
        SnpPlatformStatus = "snp-platform-status",
        SnpDfFlush = "snp-df-flush",
        SnpInitEx = "snp-init-ex",
        SnpShutdownEx = "snp-shutdown-ex",
        SnpDecommission = "snp-decommission",
        SnpActivate = "snp-activate",
        SnpGctxCreate = "snp-gctx-create",
        SnpLaunchStart = "snp-launch-start",
        SnpLaunchUpdate = "snp-launch-update",
        SnpLaunchFinish = "snp-launch-finish",
        SnpPageReclaim = "snp-page-reclaim",
        SnpFeatureInfo = "snp-feature-info",
    }
}

impl Command {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            0x01 => Self::Init,
            0x02 => Self::Shutdown,
            0x04 => Self::PlatformStatus,
            0x0a => Self::DfFlush,
            0x83 => Self::SnpPlatformStatus,
            0x84 => Self::SnpDfFlush,
            0x85 => Self::SnpInitEx,
            0x86 => Self::SnpShutdownEx,
            0x90 => Self::SnpDecommission,
            0x91 => Self::SnpActivate,
            0x93 => Self::SnpGctxCreate,
            0xa0 => Self::SnpLaunchStart,
            0xa1 => Self::SnpLaunchUpdate,
            0xa2 => Self::SnpLaunchFinish,
            0xc7 => Self::SnpPageReclaim,
            0xce => Self::SnpFeatureInfo,
            _ => return None,
        })
    }
}

/// The status that a command returns, with the number of the firmware's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    pub const SUCCESS: Self = Self(0x00);
    pub const INVALID_PLATFORM_STATE: Self = Self(0x01);
    pub const INVALID_GUEST_STATE: Self = Self(0x02);
    pub const INVALID_CONFIG: Self = Self(0x03);
    pub const INVALID_LENGTH: Self = Self(0x04);
    pub const INVALID_ADDRESS: Self = Self(0x09);
    pub const ASID_OWNED: Self = Self(0x0c);
    pub const INVALID_ASID: Self = Self(0x0d);
    pub const DFFLUSH_REQUIRED: Self = Self(0x0f);
    pub const INVALID_GUEST: Self = Self(0x10);
    pub const INVALID_PARAM: Self = Self(0x16);
    pub const INVALID_PAGE_SIZE: Self = Self(0x19);
    pub const INVALID_PAGE_STATE: Self = Self(0x1a);
    pub const INVALID_PAGE_OWNER: Self = Self(0x1c);
}

/// Why a command did not succeed: a status for the driver, or the end of the run.
enum Stop {
    Status(Status),
    Fatal(Fatal),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Fatal> for Stop {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal)
    }
}

type Done = Result<(), Stop>;

/// The firmware's answer to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The command is over.
    Now(Status),
    /// The command takes its time; then the caller has to call [`Machine::psp_init_over`].
    Later,
}

/// The firmware's own state. The machine's [`Phase`] is the state of SNP.
#[derive(Clone, Debug, Default)]
pub(super) struct Firmware {
    /// SEV without SNP is initialised.
    sev: bool,
    /// The first and last byte of the memory that SEV-ES uses.
    tmr: Option<(u64, u64)>,
    /// The guests, by the address of their context page.
    contexts: BTreeMap<u64, Context>,
    /// ASIDs that are not bound to a guest any more, and that no guest can get before SNP_DF_FLUSH.
    unflushed: BTreeSet<u32>,
    /// Ranges that always stay with the hypervisor: first byte and length.
    fixed: Vec<(u64, u64)>,
    /// The ranges of the SNP_INIT that is under way, which become `fixed`.
    coming: Vec<(u64, u64)>,
    /// Commands that must fail: the status, and how often.
    failing: BTreeMap<Command, (u16, u64)>,
}

impl Firmware {
    /// Whether any of the `bytes` bytes from `pa` on always stays with the hypervisor.
    pub(super) fn fixes(&self, pa: u64, bytes: u64) -> bool {
        let mut fixed = self.fixed.iter();
        fixed.any(|(first, length)| pa < first + length && *first < pa + bytes)
    }

    /// Forgets all guests, and takes over the ranges of the SNP_INIT.
    pub(super) fn begin_anew(&mut self) {
        self.contexts.clear();
        self.unflushed.clear();
        self.fixed = std::mem::take(&mut self.coming);
    }
}

/// The highest API version for which the driver asks. With it the driver sends a list of ranges with SNP_INIT_EX.
const API: (u8, u8, u8) = (1, 55, 1);
/// The full shutdown, in ECX of SNP_FEATURE_INFO.
const X86_SHUTDOWN: u32 = 1 << 1;
/// The lowest ASID of SEV guests without SEV-ES. Lower ASIDs are for SNP guests.
pub const MIN_SEV_ASID: u32 = 100;

impl Machine {
    /// Executes a command, whose buffer is at an address.
    pub fn psp_command(
        &mut self,
        memory: &dyn Memory,
        number: u32,
        buffer: u64,
    ) -> Result<Answer, Fatal> {
        let Some(command) = Command::of(number) else {
            return Err(Fatal(format!(
                "the firmware processor's command {number:#x} is not modelled"
            )));
        };
        let by_name = &mut self.counters().psp;
        *by_name.entry(command.name()).or_default() += 1;
        if let Some((status, left)) = self.firmware.failing.get_mut(&command) {
            let status = Status(*status);
            *left -= 1;
            if *left == 0 {
                self.firmware.failing.remove(&command);
            }
            return Ok(Answer::Now(status));
        }
        let buffer = Buffer {
            memory,
            pa: buffer & !C_BIT,
        };
        let result = match command {
            Command::Init => self.sev_init(&buffer),
            Command::Shutdown => self.sev_shutdown(),
            Command::PlatformStatus => self.platform_status(&buffer),
            Command::DfFlush => self.sev_is_initialised(),
            Command::SnpPlatformStatus => self.snp_platform_status(&buffer),
            Command::SnpDfFlush => self.snp_df_flush(),
            Command::SnpInitEx => match self.snp_init_ex(&buffer) {
                Ok(()) => return Ok(Answer::Later),
                Err(stop) => Err(stop),
            },
            Command::SnpShutdownEx => self.snp_shutdown_ex(&buffer),
            Command::SnpDecommission => self.decommission(&buffer),
            Command::SnpActivate => self.activate(&buffer),
            Command::SnpGctxCreate => self.gctx_create(&buffer),
            Command::SnpLaunchStart => self.launch_start(&buffer),
            Command::SnpLaunchUpdate => self.launch_update(&buffer),
            Command::SnpLaunchFinish => self.launch_finish(&buffer),
            Command::SnpPageReclaim => self.page_reclaim(&buffer),
            Command::SnpFeatureInfo => self.feature_info(&buffer),
        };
        match result {
            Ok(()) => Ok(Answer::Now(Status::SUCCESS)),
            Err(Stop::Status(status)) => Ok(Answer::Now(status)),
            Err(Stop::Fatal(Fatal(what))) => Err(Fatal(format!("{}: {what}", command.name()))),
        }
    }

    /// Ends the SNP_INIT_EX that has taken its time.
    pub fn psp_init_over(&mut self, memory: &dyn Memory) -> Result<Status, Fatal> {
        if self.phase() != Phase::Initialising {
            // A request at the test port has ended it already.
            return Ok(Status::INVALID_PLATFORM_STATE);
        }
        self.snp_init_end(memory)?;
        Ok(Status::SUCCESS)
    }

    /// Makes the next `count` executions of a command return `status` and do nothing.
    pub fn fail_command(&mut self, command: Command, status: u16, count: u64) {
        if count == 0 {
            self.firmware.failing.remove(&command);
        } else {
            self.firmware.failing.insert(command, (status, count));
        }
    }

    /// Describes the platform in one line.
    pub fn psp_platform(&self) -> String {
        let Firmware {
            sev,
            contexts,
            unflushed,
            ..
        } = &self.firmware;
        format!(
            "snp={} sev={} guests={} unflushed={}",
            self.phase(),
            u8::from(*sev),
            contexts.len(),
            unflushed.len()
        )
    }

    /// The guests, by the address of their context page.
    pub fn psp_guests(&self) -> impl Iterator<Item = (u64, &Context)> + '_ {
        let contexts = self.firmware.contexts.iter();
        contexts.map(|(pa, context)| (*pa, context))
    }

    fn snp_is_initialised(&self) -> Done {
        match self.phase() {
            Phase::Initialised => Ok(()),
            _ => Err(Status::INVALID_PLATFORM_STATE.into()),
        }
    }

    fn sev_is_initialised(&self) -> Done {
        match self.firmware.sev {
            true => Ok(()),
            false => Err(Status::INVALID_PLATFORM_STATE.into()),
        }
    }

    fn sev_init(&mut self, buffer: &Buffer<'_>) -> Done {
        if self.firmware.sev {
            return Err(Status::INVALID_PLATFORM_STATE.into());
        }
        let (flags, tmr, length) = (buffer.u32(0)?, buffer.u64(8)? & !C_BIT, buffer.u32(16)?);
        // Bit 0: SEV-ES, which needs memory of its own, aligned to its size.
        if flags & 1 != 0 {
            let length = u64::from(length);
            if length == 0 || tmr % length != 0 {
                return Err(Status::INVALID_ADDRESS.into());
            }
            if self.phase() == Phase::Initialised {
                self.all_pages_are(tmr, length, State::Firmware)?;
            }
            self.firmware.tmr = Some((tmr, tmr + length - 1));
        }
        self.firmware.sev = true;
        Ok(())
    }

    fn sev_shutdown(&mut self) -> Done {
        self.firmware.sev = false;
        self.firmware.tmr = None;
        Ok(())
    }

    fn platform_status(&mut self, buffer: &Buffer<'_>) -> Done {
        self.may_write(buffer.pa)?;
        let (major, minor, build) = API;
        let mut status = [0; 12];
        status[0] = major;
        status[1] = minor;
        status[2] = u8::from(self.firmware.sev);
        status[7] = build;
        Ok(buffer.put(0, &status)?)
    }

    fn snp_platform_status(&mut self, buffer: &Buffer<'_>) -> Done {
        let page = buffer.address(0)?;
        self.may_write(page)?;
        let (major, minor, build) = API;
        let initialised = u8::from(self.phase() == Phase::Initialised);
        let guests = u32::try_from(self.firmware.contexts.len()).unwrap_or(u32::MAX);
        let mut status = [0; 32];
        status[0] = major;
        status[1] = minor;
        status[2] = initialised;
        status[3] = initialised;
        status[4] = build;
        // The firmware offers SNP_FEATURE_INFO.
        status[8] = 1 << 3;
        status[12..16].copy_from_slice(&guests.to_le_bytes());
        // All versions of the TCB are 0: the driver allows SEV-ES guests beside those of SNP.
        Buffer {
            pa: page,
            ..*buffer
        }
        .put(0, &status)?;
        if self.phase() == Phase::Initialised {
            self.set_state(buffer.memory, page, State::Reclaim)?;
        }
        Ok(())
    }

    fn feature_info(&mut self, buffer: &Buffer<'_>) -> Done {
        if buffer.u32(0)? != 16 {
            return Err(Status::INVALID_LENGTH.into());
        }
        if buffer.u32(4)? != 0 {
            return Err(Status::INVALID_PARAM.into());
        }
        let page = buffer.address(8)?;
        self.may_write(page)?;
        let mut info = [0; 16];
        if self.switches.x86_shutdown == Flag::On {
            info[8..12].copy_from_slice(&X86_SHUTDOWN.to_le_bytes());
        }
        Ok(Buffer {
            pa: page,
            ..*buffer
        }
        .put(0, &info)?)
    }

    fn snp_df_flush(&mut self) -> Done {
        self.snp_is_initialised()?;
        self.firmware.unflushed.clear();
        Ok(())
    }

    fn snp_init_ex(&mut self, buffer: &Buffer<'_>) -> Done {
        let flags = buffer.u32(0)?;
        if flags & !0b11 != 0 {
            return Err(Fatal(format!("flags {flags:#x} are not modelled")).into());
        }
        if flags & 1 == 0 {
            return Err(Fatal("without initialising the RMP it is not modelled".into()).into());
        }
        let coming = match flags & 2 {
            0 => Vec::new(),
            _ => Buffer {
                pa: buffer.address(8)?,
                ..*buffer
            }
            .ranges()?,
        };
        if self.firmware.sev {
            return Err(Status::INVALID_PLATFORM_STATE.into());
        }
        if !self.snp_everywhere() {
            return Err(Status::INVALID_CONFIG.into());
        }
        match self.snp_init_begin() {
            Ok(()) => {
                self.firmware.coming = coming;
                Ok(())
            }
            Err(_) => Err(Status::INVALID_PLATFORM_STATE.into()),
        }
    }

    fn snp_shutdown_ex(&mut self, buffer: &Buffer<'_>) -> Done {
        if buffer.u32(0)? != 8 {
            return Err(Status::INVALID_LENGTH.into());
        }
        let flags = buffer.u32(4)?;
        if flags & 1 == 0 {
            return Err(Fatal("without the IOMMU's shutdown it is not modelled".into()).into());
        }
        self.snp_is_initialised()?;
        if self.firmware.sev {
            return Err(Status::INVALID_PLATFORM_STATE.into());
        }
        if !self.firmware.unflushed.is_empty() {
            return Err(Status::DFFLUSH_REQUIRED.into());
        }
        match (flags & 2 != 0, self.switches.x86_shutdown) {
            (true, Flag::Off) => return Err(Status::INVALID_PARAM.into()),
            (true, Flag::On) => self.snp_off(),
            (false, _) => self.snp_off_legacy(),
        }
        self.firmware.contexts.clear();
        self.firmware.fixed.clear();
        Ok(())
    }
}
