//! The report of all figures and bounds: a Markdown table, and JSON.

use std::fmt::Write as _;

use serde_json::json;

use crate::figures::{Figures, Unit};

/// Columns of the table.
const COLUMNS: [&str; 7] = [
    "what", "median", "spread", "sample", "floor", "value", "bound",
];

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Figures of all rounds.
    pub measured: Figures,
    /// Figures of the floor, if any.
    pub floor: Option<Figures>,
    /// A ratio, a difference or the median.
    pub value: f64,
    /// Unit of the value.
    pub unit: Unit,
    /// Maximum of the value, if any.
    pub bound: Option<f64>,
}

impl Row {
    /// A row without a floor and without a bound.
    pub fn plain(what: impl Into<String>, measured: Figures) -> Self {
        Self {
            what: what.into(),
            floor: None,
            value: measured.median(),
            unit: measured.unit,
            bound: None,
            measured,
        }
    }

    /// The same row with a bound.
    pub fn at_most(self, bound: f64) -> Self {
        Self {
            bound: Some(bound),
            ..self
        }
    }

    fn passes(&self) -> bool {
        self.bound.is_none_or(|bound| self.value <= bound)
    }

    fn show_bound(&self) -> Option<String> {
        let unit = self.unit.as_str();
        self.bound.map(|bound| format!("<= {bound} {unit}"))
    }
}

/// The results of one run.
pub struct Report {
    /// Rows in the order of the table.
    pub rows: Vec<Row>,
}

impl Report {
    /// Whether no value exceeds its bound.
    pub fn passes(&self) -> bool {
        self.rows.iter().all(Row::passes)
    }

    /// An aligned Markdown table with the columns of the table in `docs/benchmarks.md`.
    pub fn table(&self) -> String {
        let none = || "-".to_owned();
        let mut lines = vec![COLUMNS.map(str::to_owned)];
        lines.extend(self.rows.iter().map(|row| {
            [
                row.what.clone(),
                row.measured.show_median(),
                row.measured.show_spread().unwrap_or_else(none),
                row.measured.sample().to_string(),
                row.floor.as_ref().map_or_else(none, Figures::show_median),
                row.unit.show(row.value),
                row.show_bound().unwrap_or_else(none),
            ]
        }));
        let mut widths = [0; COLUMNS.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        lines.insert(1, widths.map(|width| "-".repeat(width)));
        let mut table = String::new();
        for line in lines {
            for (cell, width) in line.iter().zip(widths) {
                // Writing to a string does not fail.
                let _ = write!(table, "| {cell:width$} ");
            }
            table.push_str("|\n");
        }
        table
    }

    /// A line for each value that exceeds its bound.
    pub fn misses(&self) -> String {
        let missed = self.rows.iter().filter(|row| !row.passes());
        missed
            .map(|row| {
                let (value, bound) = (row.unit.show(row.value), row.show_bound());
                format!(
                    "MISS: {}: {value}, bound {}\n",
                    row.what,
                    bound.unwrap_or_default()
                )
            })
            .collect()
    }

    /// The report as JSON.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let figures = |figures: &Figures| {
            let (low, high) = figures.spread();
            json!({ "median": figures.median(), "low": low, "high": high, "sample": figures.sample(), "unit": figures.unit.as_str() })
        };
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "what": row.what, "measured": figures(&row.measured), "floor": row.floor.as_ref().map(figures),
                    "value": row.value, "unit": row.unit.as_str(), "bound": row.show_bound(), "ok": row.passes(),
                })
            })
            .collect();
        serde_json::to_string_pretty(&json!({ "ok": self.passes(), "rows": rows }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceeded_bound_is_reported() {
        let row =
            |value| Row::plain("memory", Figures::new(Unit::Mebibytes, [value])).at_most(40.0);
        let good = Report {
            rows: vec![row(40.0)],
        };
        let bad = Report {
            rows: vec![row(40.0), row(40.1)],
        };
        assert!(good.passes() && good.misses().is_empty());
        assert!(!bad.passes());
        assert_eq!(bad.misses(), "MISS: memory: 40.1 MiB, bound <= 40 MiB\n");
    }

    #[test]
    fn row_has_columns_of_benchmarks_md() {
        let share = Row {
            what: "portal page".to_owned(),
            measured: Figures::new(Unit::PerSecond, [90.0, 100.0, 120.0]),
            floor: Some(Figures::new(Unit::PerSecond, [900.0, 1_000.0, 1_100.0])),
            value: 10.0,
            unit: Unit::Percent,
            bound: None,
        };
        let report = Report { rows: vec![share] };
        assert!(report.passes());
        let table = report.table();
        assert!(
            table.contains(
                "| portal page | 100 /s | 90 to 120 | 3      | 1000 /s | 10.0 % | -     |"
            ),
            "{table}"
        );
        let header = format!("| {} |", COLUMNS.join(" | "));
        let document = include_str!("../../../docs/benchmarks.md");
        assert!(document.contains(&header), "{header}");
    }
}
