// SPDX-License-Identifier: GPL-2.0

use crate::engine::view::ranges::Ranges;

fn print(numbers: &[u32]) -> String {
    Ranges(numbers.iter().copied()).to_string()
}

#[test]
fn as_the_kernel_prints_lists() {
    assert_eq!(print(&[]), "none");
    assert_eq!(print(&[0]), "0");
    assert_eq!(print(&[0, 1]), "0-1");
    assert_eq!(print(&[0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
    assert_eq!(print(&[5, 7, 9]), "5,7,9");
    assert_eq!(print(&[u32::MAX - 1, u32::MAX]), "4294967294-4294967295");
}
