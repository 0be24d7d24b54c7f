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
        for row in &self.rows {
            writeln!(f, "{}", self.line(row))?;
        }
        Ok(())
    }
}

impl Table {
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(c));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }

    fn line(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (c, (cell, width)) in row.iter().zip(self.widths()).enumerate() {
            if c > 0 {
                line.push_str("  ");
            }
            if c < self.words {
                line.push_str(&format!("{cell:<width$}"));
            } else {
                line.push_str(&format!("{cell:>width$}"));
            }
        }
        line.trim_end().into()
    }

    /// As reStructuredText has simple tables.
    pub fn rst(&self) -> String {
        let rules: Vec<String> = self.widths().iter().map(|w| "=".repeat(*w)).collect();
        let rule = rules.join("  ");
        let mut text = format!("{rule}\n");
        for (i, row) in self.rows.iter().enumerate() {
            text.push_str(&self.line(row));
            text.push('\n');
            if i == 0 {
                text.push_str(&rule);
                text.push('\n');
            }
        }
        text + &rule + "\n"
    }
}

/// A number with its thousands apart.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
    fn a_simple_table_has_rules() {
        let mut table = Table::new(1, &["a", "count"]);
        table.row(vec!["long".into(), "7".into()]);
        let text = "====  =====\na     count\n====  =====\nlong      7\n====  =====\n";
        assert_eq!(table.rst(), text);
    }

    #[test]
    fn thousands_are_apart() {
        let of = |n| thousands(n);
        assert_eq!(
            (of(0), of(999), of(1000)),
            ("0".into(), "999".into(), "1,000".into())
        );
        assert_eq!(of(1_048_576), "1,048,576");
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
