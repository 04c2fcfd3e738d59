//! What was measured, beside its bound: as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::json;

use crate::figures::{Figures, Unit};

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// This much, or more.
    AtLeast(f64),
    /// This much, or less.
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn show(self, unit: Unit) -> String {
        let (sign, bound) = match self {
            Self::AtLeast(bound) => (">=", bound),
            Self::AtMost(bound) => ("<=", bound),
        };
        format!("{sign} {bound} {}", unit.as_str())
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What came out, over all rounds.
    pub measured: Figures,
    /// The same of the floor, where there is one.
    pub floor: Option<Figures>,
    /// What the bound is about: a ratio, a difference, or the figure itself.
    pub value: f64,
    /// Of the value.
    pub unit: Unit,
    /// What the value has to be.
    pub bound: Bound,
}

impl Row {
    /// A figure that is bounded itself.
    pub fn plain(what: impl Into<String>, measured: Figures, bound: Bound) -> Self {
        Self {
            what: what.into(),
            floor: None,
            value: measured.median(),
            unit: measured.unit,
            bound,
            measured,
        }
    }

    fn is_good(&self) -> bool {
        self.bound.holds(self.value)
    }

    fn verdict(&self) -> &'static str {
        if self.is_good() { "ok" } else { "MISS" }
    }
}

/// All of it.
pub struct Report {
    /// In the order to show.
    pub rows: Vec<Row>,
}

impl Report {
    /// Whether every bound holds.
    pub fn is_good(&self) -> bool {
        self.rows.iter().all(Row::is_good)
    }

    /// A table in Markdown, aligned to be read as it is.
    pub fn table(&self) -> String {
        let head = [
            "what",
            "measured",
            "floor",
            "ratio or value",
            "bound",
            "verdict",
        ];
        let mut lines = vec![head.map(str::to_owned)];
        lines.extend(self.rows.iter().map(|row| {
            [
                row.what.clone(),
                row.measured.to_string(),
                row.floor
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), ToString::to_string),
                row.unit.show(row.value),
                row.bound.show(row.unit),
                row.verdict().to_owned(),
            ]
        }));
        let mut widths = [0; 6];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        lines.insert(1, widths.map(|width| "-".repeat(width)));
        let mut table = String::new();
        for line in lines {
            for (cell, width) in line.iter().zip(widths) {
                // Writing to a string cannot fail.
                let _ = write!(table, "| {cell:width$} ");
            }
            table.push_str("|\n");
        }
        table
    }

    /// The same for programs.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let figures = |figures: &Figures| {
            let (low, high) = figures.spread();
            json!({ "median": figures.median(), "low": low, "high": high, "unit": figures.unit.as_str() })
        };
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "what": row.what, "measured": figures(&row.measured), "floor": row.floor.as_ref().map(figures),
                    "value": row.value, "unit": row.unit.as_str(), "bound": row.bound.show(row.unit), "ok": row.is_good(),
                })
            })
            .collect();
        serde_json::to_string_pretty(&json!({ "ok": self.is_good(), "rows": rows }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_bound_shows_and_decides() {
        let row = |value| {
            Row::plain(
                "memory",
                Figures::new(Unit::Mebibytes, [value]),
                Bound::AtMost(40.0),
            )
        };
        let good = Report {
            rows: vec![row(40.0)],
        };
        let bad = Report {
            rows: vec![row(40.0), row(40.1)],
        };
        assert!(good.is_good() && !good.table().contains("MISS"));
        assert!(!bad.is_good() && bad.table().contains("| <= 40 MiB | MISS "));
    }
}
