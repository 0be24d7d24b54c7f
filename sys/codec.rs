// SPDX-License-Identifier: GPL-2.0

//! Encodes values as numbers, for atomic variables, tracepoints, C and parameters.
//!
//! This file is pure: `tests/host` compiles and tests it on the host too, and pure files of other rooms may
//! name it.

/// A value that a number of 64 bits can hold. [`coded`] implements it for enums without fields.
pub(crate) trait Codec: Copy {
    /// The value as a number.
    fn encode(self) -> u64;

    /// The value that [`Codec::encode`] encodes as `number`. A number that is the encoding of no value decodes to
    /// an arbitrary value.
    fn decode(number: u64) -> Self;
}

/// Defines an enum without fields whose values are numbered from 0 on, in the order of their definition.
///
/// Either all values have a name, as in `Once = "once",`, or none has. The enum gets
///
/// - `ALL`, an array of all values, ascending;
/// - `code()`, the number of a value, and `from_code(u32)`, `None` for a number of no value;
/// - `name()`, where the values have names;
/// - [`Codec`], where a number of no value decodes to the first value.
macro_rules! coded {
    ($(#[$outer:meta])* $vis:vis enum $name:ident {
        $($(#[$inner:meta])* $value:ident = $text:literal,)+
    }) => {
        $crate::sys::codec::coded! {
            $(#[$outer])* $vis enum $name { $($(#[$inner])* $value,)+ }
        }

        impl $name {
            /// The name of the value.
            $vis const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }
    };
    ($(#[$outer:meta])* $vis:vis enum $name:ident {
        $($(#[$inner:meta])* $value:ident,)+
    }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        $vis enum $name { $($(#[$inner])* $value,)+ }

        #[allow(dead_code, reason = "not each enum is used in each of these ways")]
        impl $name {
            /// All values, ascending by their number.
            $vis const ALL: [Self; [$(stringify!($value)),+].len()] = [$(Self::$value),+];

            /// The number of the value.
            $vis const fn code(self) -> u32 {
                self as u32
            }

            /// The value with this number.
            $vis fn from_code(code: u32) -> Option<Self> {
                let index = usize::try_from(code).ok()?;
                Self::ALL.get(index).copied()
            }
        }

        impl $crate::sys::codec::Codec for $name {
            fn encode(self) -> u64 {
                u64::from(self.code())
            }

            fn decode(number: u64) -> Self {
                let [first, ..] = Self::ALL;
                let code = u32::try_from(number).ok();
                code.and_then(Self::from_code).unwrap_or(first)
            }
        }
    };
}
pub(crate) use coded;
