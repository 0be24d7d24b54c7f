// SPDX-License-Identifier: GPL-2.0

//! Parses and prints values of attributes, and defines an attribute macro for each kind of value.

use core::{
    fmt::Write,
    num::IntErrorKind, //
};
use kernel::{
    fmt,
    page::PAGE_SIZE,
    prelude::*,
    str::{
        kstrtobool_bytes,
        Formatter, //
    }, //
};

/// Writes one value to the page that reading a file returns.
///
/// # Errors
///
/// EMSGSIZE where the value does not fit into the page.
pub(super) fn print(page: &mut [u8; PAGE_SIZE], args: fmt::Arguments<'_>) -> Result<usize> {
    let mut out = Formatter::new(page);
    out.write_fmt(args).map_err(|_| EMSGSIZE)?;
    Ok(out.bytes_written())
}

/// The written text without leading and trailing white space.
pub(super) fn written(page: &[u8]) -> &[u8] {
    page.trim_ascii()
}

/// Parses a boolean in all forms that `kstrtobool()` takes.
///
/// # Errors
///
/// EINVAL where the text is no boolean.
pub(super) fn boolean(page: &[u8]) -> Result<bool> {
    kstrtobool_bytes(written(page))
}

/// Parses a decimal number up to `max`.
///
/// # Errors
///
/// EINVAL where the text is no decimal number; ERANGE where the number is above `max`.
pub(super) fn number(page: &[u8], max: u32) -> Result<u32> {
    let digits = core::str::from_utf8(written(page)).map_err(|_| EINVAL)?;
    match digits.parse() {
        Ok(number) if number <= max => Ok(number),
        Ok(_) => Err(ERANGE),
        Err(e) if *e.kind() == IntErrorKind::PosOverflow => Err(ERANGE),
        Err(_) => Err(EINVAL),
    }
}

/// Shows the names of all values of an attribute, with the present value in brackets.
pub(super) struct Choice<T: 'static> {
    /// All values.
    pub(super) all: &'static [T],
    /// The present value.
    pub(super) present: T,
    /// The name of a value.
    pub(super) name: fn(T) -> &'static str,
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

/// The value whose name was written.
///
/// # Errors
///
/// EINVAL where no value has that name.
pub(super) fn choose<T: Copy>(all: &[T], name: fn(T) -> &'static str, page: &[u8]) -> Result<T> {
    let wanted = written(page);
    all.iter()
        .copied()
        .find(|value| name(*value).as_bytes() == wanted)
        .ok_or(EINVAL)
}

/// What a setter of the engine returns: nothing where it cannot fail.
pub(super) trait Outcome {
    /// The result of the write.
    fn result(self) -> Result;
}

impl Outcome for () {
    fn result(self) -> Result {
        Ok(())
    }
}

impl Outcome for Result {
    fn result(self) -> Result {
        self
    }
}

/// Defines a boolean attribute. Arguments: its number in the directory, and the engine's getter and setter.
macro_rules! boolean_attribute {
    ($(#[$doc:meta])* $id:literal, $get:ident, $set:ident) => {
        $(#[$doc])*
        #[vtable]
        impl kernel::configfs::AttributeOperations<$id> for super::Controls {
            type Data = super::Controls;

            fn show(controls: &Self, page: &mut [u8; kernel::page::PAGE_SIZE]) -> Result<usize> {
                let present = u8::from(controls.engine.$get());
                super::value::print(page, fmt!("{present}\n"))
            }

            fn store(controls: &Self, page: &[u8]) -> Result {
                let value = super::value::boolean(page)?;
                super::value::Outcome::result(controls.engine.$set(value))
            }
        }
    };
}

/// Defines an attribute with a decimal number. Arguments: its number in the directory, the largest value, and the
/// engine's getter and setter.
macro_rules! number_attribute {
    ($(#[$doc:meta])* $id:literal, $max:expr, $get:ident, $set:ident) => {
        $(#[$doc])*
        #[vtable]
        impl kernel::configfs::AttributeOperations<$id> for super::Controls {
            type Data = super::Controls;

            fn show(controls: &Self, page: &mut [u8; kernel::page::PAGE_SIZE]) -> Result<usize> {
                let present = controls.engine.$get();
                super::value::print(page, fmt!("{present}\n"))
            }

            fn store(controls: &Self, page: &[u8]) -> Result {
                let value = super::value::number(page, $max)?;
                super::value::Outcome::result(controls.engine.$set(value))
            }
        }
    };
}

/// Defines an attribute with a choice of values. Arguments: its number in the directory, the type of its values,
/// and the engine's getter and setter.
macro_rules! choice_attribute {
    ($(#[$doc:meta])* $id:literal, $type:ty, $get:ident, $set:ident) => {
        $(#[$doc])*
        #[vtable]
        impl kernel::configfs::AttributeOperations<$id> for super::Controls {
            type Data = super::Controls;

            fn show(controls: &Self, page: &mut [u8; kernel::page::PAGE_SIZE]) -> Result<usize> {
                let choice = super::value::Choice {
                    all: &<$type>::ALL,
                    present: controls.engine.$get(),
                    name: <$type>::name,
                };
                super::value::print(page, fmt!("{choice}\n"))
            }

            fn store(controls: &Self, page: &[u8]) -> Result {
                let value = super::value::choose(&<$type>::ALL, <$type>::name, page)?;
                super::value::Outcome::result(controls.engine.$set(value))
            }
        }
    };
}
