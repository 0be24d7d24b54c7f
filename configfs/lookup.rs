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

/// Writing sets a page by its address; reading shows the page's RMP entry.
///
/// The module reads the entry when the attribute is read, not when the address is written. The attribute is in
/// configfs and not in debugfs because lockdown forbids writing in debugfs.
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
