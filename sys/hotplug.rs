// SPDX-License-Identifier: GPL-2.0

//! Callbacks for CPUs that go online and offline.

use super::cpu::Cpu;
use kernel::{
    bindings,
    error::to_result,
    ffi,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// The receiver of the callbacks.
pub(crate) trait Listener: Send + Sync + 'static {
    /// `cpu` has come online. Called in thread context on that CPU, under the hotplug lock.
    fn online(&self, cpu: Cpu);

    /// `cpu` is about to go offline and still runs. Called in thread context on that CPU, under the
    /// hotplug lock.
    fn offline(&self, cpu: Cpu);
}

/// The data to which the kernel holds a pointer.
#[repr(C)]
struct Instance<T> {
    node: Opaque<bindings::hlist_node>,
    listener: Arc<T>,
}

/// A registered [`Listener`]. Dropping the value unregisters it, and waits for a call that is under way.
///
/// # Invariants
///
/// `state` is a hotplug state of this module with one instance, `instance`.
pub(crate) struct CpuHotplug<T: Listener> {
    state: bindings::cpuhp_state,
    instance: KBox<Instance<T>>,
}

// SAFETY: Unregistering is allowed from any thread, and the listener is Send and Sync.
unsafe impl<T: Listener> Send for CpuHotplug<T> {}
// SAFETY: There is no operation on a shared reference.
unsafe impl<T: Listener> Sync for CpuHotplug<T> {}

impl<T: Listener> CpuHotplug<T> {
    /// Registers a listener. It is not called for CPUs that are already online. May sleep.
    ///
    /// # Errors
    ///
    /// ENOMEM; ENOSPC where the kernel has no hotplug state left.
    pub(crate) fn new(listener: Arc<T>) -> Result<Self> {
        let instance = KBox::new(
            Instance {
                node: Opaque::zeroed(),
                listener,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: With multi_instance set the kernel calls both functions with two arguments, which they take, and
        // only for instances that were added.
        let state = unsafe {
            bindings::__cpuhp_setup_state(
                bindings::cpuhp_state_CPUHP_AP_ONLINE_DYN,
                c"rmpopt:online".as_char_ptr(),
                false,
                Some(core::mem::transmute::<Callback, Single>(Self::startup)),
                Some(core::mem::transmute::<Callback, Single>(Self::teardown)),
                true,
            )
        };
        to_result(state)?;
        let state = state as bindings::cpuhp_state;
        // SAFETY: The node is in a box, and stays valid until it is removed in `drop`.
        let added =
            unsafe { bindings::__cpuhp_state_add_instance(state, instance.node.get(), false) };
        if let Err(e) = to_result(added) {
            // SAFETY: The state was just set up and has no instance.
            unsafe { bindings::__cpuhp_remove_state(state, false) };
            return Err(e);
        }
        // INVARIANT: Set up and added above.
        Ok(Self { state, instance })
    }

    /// # Safety
    ///
    /// `node` is that of an [`Instance`] of this type.
    unsafe extern "C" fn startup(cpu: ffi::c_uint, node: *mut bindings::hlist_node) -> ffi::c_int {
        // SAFETY: By the contract above; it is the first field.
        let instance = unsafe { &*node.cast::<Instance<T>>() };
        if let Some(cpu) = Cpu::new(cpu) {
            instance.listener.online(cpu);
        }
        0
    }

    /// # Safety
    ///
    /// The same as for [`Self::startup`].
    unsafe extern "C" fn teardown(cpu: ffi::c_uint, node: *mut bindings::hlist_node) -> ffi::c_int {
        // SAFETY: By the contract above; it is the first field.
        let instance = unsafe { &*node.cast::<Instance<T>>() };
        if let Some(cpu) = Cpu::new(cpu) {
            instance.listener.offline(cpu);
        }
        0
    }
}

/// The callback of a state with instances.
type Callback = unsafe extern "C" fn(ffi::c_uint, *mut bindings::hlist_node) -> ffi::c_int;
/// The callback of a state without instances, which is how the bindings declare both.
type Single = unsafe extern "C" fn(ffi::c_uint) -> ffi::c_int;

impl<T: Listener> Drop for CpuHotplug<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariant. No callback runs after the first call, so the state can be removed.
        unsafe {
            bindings::__cpuhp_state_remove_instance(self.state, self.instance.node.get(), false);
            bindings::__cpuhp_remove_state(self.state, false);
        }
    }
}
