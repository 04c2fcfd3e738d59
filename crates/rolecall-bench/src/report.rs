//! What was measured, with its bound if it has one: as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::json;

use crate::figures::{Figures, Unit};

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What came out, over all rounds.
    pub measured: Figures,
    /// The same of the floor, where there is one.
    pub floor: Option<Figures>,
    /// A ratio, a difference, or the median itself.
    pub value: f64,
    /// Of the value.
    pub unit: Unit,
    /// The largest permitted value.
    pub bound: Option<f64>,
}

impl Row {
    /// A figure without a floor and without a bound.
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

    /// The same row, whose value may be this much or less.
    pub fn at_most(self, bound: f64) -> Self {
        Self {
            bound: Some(bound),
            ..self
        }
    }

    fn is_good(&self) -> bool {
        self.bound.is_none_or(|bound| self.value <= bound)
    }

    fn show_bound(&self) -> Option<String> {
        let unit = self.unit.as_str();
        self.bound.map(|bound| format!("<= {bound} {unit}"))
    }

    fn verdict(&self) -> &'static str {
        match self.bound {
            None => "-",
            Some(_) if self.is_good() => "ok",
            Some(_) => "MISS",
        }
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
            "what", "median", "spread", "sample", "floor", "value", "bound", "verdict",
        ];
        let none = || "-".to_owned();
        let mut lines = vec![head.map(str::to_owned)];
        lines.extend(self.rows.iter().map(|row| {
            [
                row.what.clone(),
                row.measured.unit.show(row.measured.median()),
                row.measured.show_spread().unwrap_or_else(none),
                row.measured.sample().to_string(),
                row.floor.as_ref().map_or_else(none, ToString::to_string),
                row.unit.show(row.value),
                row.show_bound().unwrap_or_else(none),
                row.verdict().to_owned(),
            ]
        }));
        let mut widths = [0; 8];
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
            json!({ "median": figures.median(), "low": low, "high": high, "sample": figures.sample(), "unit": figures.unit.as_str() })
        };
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "what": row.what, "measured": figures(&row.measured), "floor": row.floor.as_ref().map(figures),
                    "value": row.value, "unit": row.unit.as_str(), "bound": row.show_bound(), "ok": row.is_good(),
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
        let row =
            |value| Row::plain("memory", Figures::new(Unit::Mebibytes, [value])).at_most(40.0);
        let good = Report {
            rows: vec![row(40.0)],
        };
        let bad = Report {
            rows: vec![row(40.0), row(40.1)],
        };
        assert!(good.is_good() && !good.table().contains("MISS"));
        assert!(!bad.is_good() && bad.table().contains("| <= 40 MiB | MISS "));
    }

    #[test]
    fn a_row_without_a_bound_shows_spread_and_sample_and_never_misses() {
        let share = Row {
            what: "portal page".to_owned(),
            measured: Figures::new(Unit::PerSecond, [90.0, 100.0, 120.0]),
            floor: Some(Figures::new(Unit::PerSecond, [1_000.0])),
            value: 10.0,
            unit: Unit::Percent,
            bound: None,
        };
        let report = Report { rows: vec![share] };
        assert!(report.is_good());
        let table = report.table();
        assert!(
            table.contains(
                "| portal page | 100 /s | 90 to 120 | 3      | 1000 /s | 10.0 % | -     | -       |"
            ),
            "{table}"
        );
    }
}
