// SPDX-License-Identifier: GPL-2.0

//! What the module does beside a kernel that has RMPOPT of its own, and which of the two owns RMPOPT_BASE.

use super::Control;
use crate::{
    engine::host::state::Owner,
    sev::assess::{
        Native,
        Role, //
    },
    sys::compat, //
};
use kernel::prelude::*;

/// Whether the module only observes: then it attempts nothing, whatever is requested.
pub(super) fn observes(role: Role, native: Native) -> bool {
    match role {
        Role::Observe(_) => true,
        Role::Native => native == Native::Observe,
        Role::Optimise => false,
    }
}

impl Control {
    /// Who owns RMPOPT_BASE: the module or the kernel.
    pub(crate) fn owner(&self) -> Owner {
        match self.role {
            Role::Native if self.settings.native() != Native::Takeover => Owner::Kernel,
            Role::Native | Role::Optimise | Role::Observe(_) => Owner::Module,
        }
    }

    /// Whether the module only observes: then it attempts nothing, whatever is requested.
    pub(crate) fn observes(&self) -> bool {
        observes(self.role, self.settings.native())
    }

    /// What the module does, in one word for files.
    pub(crate) fn role_name(&self) -> &'static str {
        match self.role {
            Role::Observe(_) => "observe",
            Role::Optimise => "optimise",
            Role::Native => self.settings.native().name(),
        }
    }

    /// Sets what is done beside a kernel that has RMPOPT of its own. First ends a pass that is under way and
    /// gives back to the kernel what the module had taken over. May sleep.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP where the kernel has no RMPOPT. EINTR where a signal ended the wait: then `enabled` is `0` and
    /// nothing else has changed.
    pub(crate) fn set_native(&self, native: Native) -> Result {
        if self.role != Role::Native {
            return Err(compat::eopnotsupp());
        }
        let before = self.settings.native();
        if native == before {
            return Ok(());
        }
        let enabled = self.mailbox.enabled() || before == Native::Observe;
        self.mailbox.set_enabled(false)?;
        self.settings.set_native(native);
        if enabled && native != Native::Observe {
            self.mailbox.set_enabled(true)?;
        }
        Ok(())
    }
}
