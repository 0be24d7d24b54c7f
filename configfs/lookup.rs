// SPDX-License-Identifier: GPL-2.0

//! `rmp_entry`: the RMP entry of a page.

use super::{
    value::{
        print,
        written, //
    },
    Controls, //
};
use crate::sev::page::{
    parse,
    BadAddress, //
};
use kernel::{
    configfs,
    page::PAGE_SIZE,
    prelude::*, //
};

/// A page's address goes in, the page's RMP entry comes out.
///
/// The entry is read when the file is, not when the address is written. It is here and not in debugfs
/// because lockdown lets nobody write there.
#[vtable]
impl configfs::AttributeOperations<6> for Controls {
    type Data = Controls;

    fn show(controls: &Controls, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        print(page, fmt!("{}", controls.engine.lookup()?))
    }

    fn store(controls: &Controls, page: &[u8]) -> Result {
        let wanted = parse(written(page)).map_err(|bad| match bad {
            BadAddress::NotANumber | BadAddress::Unaligned => EINVAL,
            BadAddress::TooLarge => ERANGE,
        })?;
        controls.engine.want_entry(wanted);
        Ok(())
    }
}
