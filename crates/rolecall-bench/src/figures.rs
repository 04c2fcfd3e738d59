//! Figures of several rounds: the median, and how far the rounds lie apart.

use std::fmt;
use std::time::Duration;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Answers a second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// MiB.
    Mebibytes,
    /// Percent of the floor.
    Percent,
    /// Times the floor.
    Times,
    /// Rows of a table.
    Rows,
}

impl Unit {
    /// As it stands behind a figure.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Mebibytes => "MiB",
            Self::Percent => "%",
            Self::Times => "x",
            Self::Rows => "rows",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::PerSecond | Self::Rows => 0,
            Self::Times => 2,
            Self::Milliseconds | Self::Microseconds | Self::Mebibytes | Self::Percent => 1,
        }
    }

    /// The figure with its unit.
    pub fn show(self, figure: f64) -> String {
        let digits = self.digits();
        format!("{figure:.digits$} {}", self.as_str())
    }
}

/// Figures of several rounds.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What they count.
    pub unit: Unit,
    sorted: Vec<f64>,
    sample: usize,
}

impl Figures {
    /// The figures of all rounds.
    pub fn new(unit: Unit, rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = rounds.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self {
            unit,
            sample: sorted.len(),
            sorted,
        }
    }

    /// The share of these times, in milliseconds, as one figure of all of them.
    pub fn percentile(mut times: Vec<Duration>, share: f64) -> Self {
        times.sort_unstable();
        Self {
            sample: times.len(),
            ..Self::new(
                Unit::Milliseconds,
                [milliseconds(percentile(&times, share))],
            )
        }
    }

    /// How many rounds there were, or how many times a percentile is of.
    pub fn sample(&self) -> usize {
        self.sample
    }

    /// The figure in the middle; 0 when there is none.
    pub fn median(&self) -> f64 {
        self.sorted
            .get(self.sorted.len() / 2)
            .copied()
            .unwrap_or_default()
    }

    /// The smallest and the largest.
    pub fn spread(&self) -> (f64, f64) {
        let first = self.sorted.first().copied().unwrap_or_default();
        (first, self.sorted.last().copied().unwrap_or_default())
    }

    /// The spread as text, if there were several rounds.
    pub fn show_spread(&self) -> Option<String> {
        let (low, high) = self.spread();
        let digits = self.unit.digits();
        (self.sorted.len() > 1).then(|| format!("{low:.digits$} to {high:.digits$}"))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.unit.show(self.median()))?;
        match self.show_spread() {
            Some(spread) => write!(f, " ({spread})"),
            None => Ok(()),
        }
    }
}

/// Milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds.
pub fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The value below which this share of the sorted times lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        let figures = Figures::new(Unit::Milliseconds, [3.0, 1.0, 2.0]);
        assert_eq!((figures.median(), figures.spread()), (2.0, (1.0, 3.0)));
        assert_eq!(figures.to_string(), "2.0 ms (1.0 to 3.0)");
        assert_eq!(figures.sample(), 3);
        assert_eq!(Figures::new(Unit::Times, [1.05]).to_string(), "1.05 x");
        let times = (1..=100).map(Duration::from_millis).collect();
        let p99 = Figures::percentile(times, 0.99);
        assert_eq!(
            (p99.median(), p99.sample(), p99.show_spread()),
            (100.0, 100, None)
        );
    }

    #[test]
    fn percentiles_stay_within() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 0.5), Duration::from_millis(51));
        assert_eq!(percentile(&times, 0.99), Duration::from_millis(100));
        assert_eq!(percentile(&times, 1.0), Duration::from_millis(100));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
