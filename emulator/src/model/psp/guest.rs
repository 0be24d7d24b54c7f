// SPDX-License-Identifier: GPL-2.0

//! The commands on guests: they create and remove contexts and launch guests.

use super::super::entry::{Entry, Size};
use super::super::switches::choice;
use super::super::{Fatal, Machine};
use super::page::State;
use super::{Buffer, Done, Status, Stop, MIN_SEV_ASID};

choice! {
    /// The state of a guest's launch.
    pub enum Launch {
        /// The guest's context exists.
        Created = "created",
        /// SNP_LAUNCH_START is done.
        Launching = "launching",
        /// SNP_LAUNCH_FINISH is done.
        Running = "running",
    }
}

/// A guest.
#[derive(Clone, Debug)]
pub struct Context {
    /// The state of the guest's launch.
    pub launch: Launch,
    /// The guest's ASID. `None` before the guest is activated.
    pub asid: Option<u32>,
    /// The number of 4 KiB pages that the firmware has filled.
    pub pages: u64,
}

/// Types of pages for SNP_LAUNCH_UPDATE, from normal to CPUID.
const PAGE_TYPES: std::ops::RangeInclusive<u32> = 1..=6;
const VMSA: u32 = 2;
/// The bit of a guest's policy that must be set.
const POLICY_RESERVED: u64 = 1 << 17;

impl Machine {
    fn context(&mut self, pa: u64) -> Result<&mut Context, Stop> {
        let context = self.firmware.contexts.get_mut(&pa);
        context.ok_or(Stop::Status(Status::INVALID_GUEST))
    }

    /// Executes SNP_GCTX_CREATE.
    pub(super) fn gctx_create(&mut self, buffer: &Buffer<'_>) -> Done {
        self.snp_is_initialised()?;
        let pa = buffer.page(0)?;
        if self.state_of(pa) != State::Firmware {
            return Err(Status::INVALID_PAGE_STATE.into());
        }
        self.set_state(buffer.memory, pa, State::Context)?;
        let context = Context {
            launch: Launch::Created,
            asid: None,
            pages: 0,
        };
        self.firmware.contexts.insert(pa, context);
        Ok(())
    }

    /// Executes SNP_LAUNCH_START.
    pub(super) fn launch_start(&mut self, buffer: &Buffer<'_>) -> Done {
        self.snp_is_initialised()?;
        let (pa, policy, flags) = (buffer.page(0)?, buffer.u64(8)?, buffer.u32(24)?);
        if flags != 0 {
            return Err(Fatal("migration agents are not modelled".into()).into());
        }
        let context = self.context(pa)?;
        if context.launch != Launch::Created {
            return Err(Status::INVALID_GUEST_STATE.into());
        }
        if policy & POLICY_RESERVED == 0 {
            return Err(Status::INVALID_PARAM.into());
        }
        context.launch = Launch::Launching;
        Ok(())
    }

    /// Executes SNP_ACTIVATE.
    pub(super) fn activate(&mut self, buffer: &Buffer<'_>) -> Done {
        self.snp_is_initialised()?;
        let (pa, asid) = (buffer.page(0)?, buffer.u32(8)?);
        if asid == 0 || asid >= MIN_SEV_ASID {
            return Err(Status::INVALID_ASID.into());
        }
        if self.firmware.unflushed.contains(&asid) {
            return Err(Status::DFFLUSH_REQUIRED.into());
        }
        let mut others = self.firmware.contexts.values();
        if others.any(|context| context.asid == Some(asid)) {
            return Err(Status::ASID_OWNED.into());
        }
        let context = self.context(pa)?;
        if context.launch == Launch::Created || context.asid.is_some() {
            return Err(Status::INVALID_GUEST_STATE.into());
        }
        context.asid = Some(asid);
        Ok(())
    }

    /// Executes SNP_LAUNCH_UPDATE: the page becomes a validated page of the guest.
    pub(super) fn launch_update(&mut self, buffer: &Buffer<'_>) -> Done {
        self.snp_is_initialised()?;
        let (pa, what, page) = (buffer.page(0)?, buffer.u32(8)?, buffer.page(16)?);
        let (block, kind) = (what & 1 != 0, (what >> 1) & 7);
        if (what >> 4) & 1 != 0 {
            return Err(Fatal("pages of a migration image are not modelled".into()).into());
        }
        if !PAGE_TYPES.contains(&kind) {
            return Err(Status::INVALID_PARAM.into());
        }
        let size = if block { Size::Block } else { Size::Page };
        let entry = self.entry(page);
        let state = self.state_of(page);
        let context = self.context(pa)?;
        if context.launch != Launch::Launching {
            return Err(Status::INVALID_GUEST_STATE.into());
        }
        let Some(asid) = context.asid else {
            return Err(Status::INVALID_GUEST_STATE.into());
        };
        match state {
            State::PreGuest(owner) if owner != asid => {
                return Err(Status::INVALID_PAGE_OWNER.into())
            }
            State::PreGuest(_) if entry.size != size => {
                return Err(Status::INVALID_PAGE_SIZE.into())
            }
            State::PreGuest(_) => (),
            _ => return Err(Status::INVALID_PAGE_STATE.into()),
        }
        context.pages += size.bytes() / Size::Page.bytes();
        let filled = Entry {
            immutable: false,
            validated: true,
            vmsa: kind == VMSA,
            ..entry
        };
        Ok(self.set_entry(buffer.memory, page, filled)?)
    }

    /// Executes SNP_LAUNCH_FINISH.
    pub(super) fn launch_finish(&mut self, buffer: &Buffer<'_>) -> Done {
        self.snp_is_initialised()?;
        let pa = buffer.page(0)?;
        let context = self.context(pa)?;
        if context.launch != Launch::Launching || context.asid.is_none() {
            return Err(Status::INVALID_GUEST_STATE.into());
        }
        context.launch = Launch::Running;
        Ok(())
    }

    /// Executes SNP_DECOMMISSION: the context becomes a page of the firmware again, and the ASID needs a flush.
    pub(super) fn decommission(&mut self, buffer: &Buffer<'_>) -> Done {
        self.snp_is_initialised()?;
        let pa = buffer.page(0)?;
        let asid = self.context(pa)?.asid;
        self.firmware.contexts.remove(&pa);
        self.firmware.unflushed.extend(asid);
        Ok(self.set_state(buffer.memory, pa, State::Firmware)?)
    }
}
