// SPDX-License-Identifier: GPL-2.0

//! Plain text tables.

use crate::run::float;

/// Rows of cells; the first row is the head. The first columns are words, the rest numbers.
pub struct Table {
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head, of which so many columns are words.
    pub fn new(words: usize, head: &[&str]) -> Self {
        Self {
            words,
            rows: vec![head.iter().map(ToString::to_string).collect()],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|c| {
                let cells = self.rows.iter().filter_map(|row| row.get(c));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if c > 0 {
                    line.push_str("  ");
                }
                if c < self.words {
                    line.push_str(&format!("{cell:<width$}"));
                } else {
                    line.push_str(&format!("{cell:>width$}"));
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A ratio as people read it.
pub fn ratio(ours: u64, theirs: u64) -> String {
    match (ours, theirs) {
        (0, 0) => "-".into(),
        (0, _) => "0".into(),
        (_, 0) => "new".into(),
        _ if ours > theirs => format!("{:.1}", float(ours) / float(theirs)),
        _ => format!("1/{:.1}", float(theirs) / float(ours)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(1, &["a", "count"]);
        table.row(vec!["long".into(), "7".into()]);
        assert_eq!(table.to_string(), "a     count\nlong      7\n");
    }

    #[test]
    fn ratios() {
        assert_eq!(ratio(0, 0), "-");
        assert_eq!(ratio(0, 5), "0");
        assert_eq!(ratio(5, 0), "new");
        assert_eq!(ratio(10, 25), "1/2.5");
        assert_eq!(ratio(25, 10), "2.5");
        assert_eq!(ratio(10, 10), "1/1.0");
    }
}
