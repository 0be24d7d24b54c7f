// SPDX-License-Identifier: GPL-2.0

//! The states of a page, as the firmware sees them in its RMP entry.

use super::super::addr::{index, PAGE};
use super::super::entry::{Entry, Size};
use super::super::platform::Phase;
use super::super::{Fatal, Machine, Memory, Region};
use super::{Buffer, Done, Status};

/// The state of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not assigned.
    Hypervisor,
    /// RMPUPDATE has given the page to the firmware.
    Firmware,
    /// The firmware has released the page; RMPUPDATE can take it back.
    Reclaim,
    /// The page holds a guest's context.
    Context,
    /// RMPUPDATE has given the page to a guest, and the firmware has not filled it yet.
    PreGuest(u32),
    /// The page belongs to a guest.
    Guest(u32),
}

impl State {
    fn of(entry: &Entry) -> Self {
        match (entry.assigned, entry.asid, entry.immutable, entry.vmsa) {
            (false, ..) => Self::Hypervisor,
            (true, 0, false, _) => Self::Reclaim,
            (true, 0, true, false) => Self::Firmware,
            (true, 0, true, true) => Self::Context,
            (true, asid, true, _) => Self::PreGuest(asid),
            (true, asid, false, _) => Self::Guest(asid),
        }
    }
}

impl Machine {
    /// The state of a page.
    pub(super) fn state_of(&self, pa: u64) -> State {
        State::of(&self.entry(pa))
    }

    /// Changes the state of a 4 KiB page of the firmware to another state without a guest.
    pub(super) fn set_state(
        &mut self,
        memory: &dyn Memory,
        pa: u64,
        state: State,
    ) -> Result<(), Fatal> {
        let entry = match state {
            State::Firmware => Entry::firmware(Size::Page),
            State::Context => Entry {
                vmsa: true,
                ..Entry::firmware(Size::Page)
            },
            State::Reclaim => Entry {
                immutable: false,
                ..Entry::firmware(Size::Page)
            },
            State::Hypervisor | State::PreGuest(_) | State::Guest(_) => {
                return Err(Fatal(format!("the firmware brings no page into {state:?}")));
            }
        };
        self.set_entry(memory, pa / PAGE * PAGE, entry)
    }

    /// Checks that each page of a range is in that state.
    pub(super) fn all_pages_are(&self, pa: u64, length: u64, state: State) -> Done {
        let mut pages = (pa..pa + length).step_by(index(PAGE));
        match pages.all(|page| self.state_of(page) == state) {
            true => Ok(()),
            false => Err(Status::INVALID_PAGE_STATE.into()),
        }
    }

    /// Checks that the firmware may write to a page: once SNP is initialised, only to pages of its own.
    pub(super) fn may_write(&self, pa: u64) -> Done {
        match self.phase() {
            Phase::Initialised => self.all_pages_are(pa / PAGE * PAGE, PAGE, State::Firmware),
            _ => Ok(()),
        }
    }

    /// Executes SNP_PAGE_RECLAIM. Bit 0 of the address means a 2 MiB page.
    pub(super) fn page_reclaim(&mut self, buffer: &Buffer<'_>) -> Done {
        self.snp_is_initialised()?;
        let operand = buffer.address(0)?;
        let (pa, block) = (operand & !1, operand & 1 != 0);
        let size = if block { Size::Block } else { Size::Page };
        if pa % size.bytes() != 0 || !self.layout().covers(Region::of(pa)) {
            return Err(Status::INVALID_ADDRESS.into());
        }
        let tmr = self.firmware.tmr;
        if tmr.is_some_and(|(first, last)| (first..=last).contains(&pa)) {
            return Err(Status::INVALID_PAGE_STATE.into());
        }
        let entry = self.entry(pa);
        match State::of(&entry) {
            State::Firmware | State::PreGuest(_) if entry.size != size => {
                Err(Status::INVALID_PAGE_SIZE.into())
            }
            State::Firmware | State::PreGuest(_) => {
                let reclaim = Entry {
                    immutable: false,
                    ..Entry::firmware(size)
                };
                Ok(self.set_entry(buffer.memory, pa, reclaim)?)
            }
            State::Reclaim => Ok(()),
            State::Hypervisor | State::Context | State::Guest(_) => {
                Err(Status::INVALID_PAGE_STATE.into())
            }
        }
    }
}
