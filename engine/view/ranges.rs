// SPDX-License-Identifier: GPL-2.0

//! Prints numbers as the kernel prints CPU lists: `0-3,8,10-11`.

use core::fmt;

/// Shows ascending numbers as ranges, and no numbers as `none`.
pub(crate) struct Ranges<I>(pub I);

impl<I: Iterator<Item = u32> + Clone> fmt::Display for Ranges<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.0.clone().peekable();
        let mut separator = "";
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if(|&n| Some(n) == last.checked_add(1)) {
                last = next;
            }
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        if separator.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}
