//! Figures of several rounds: median and spread.

use std::time::Duration;

/// Units of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Responses per second.
    PerSecond,
    /// Of a duration, shown as `ms`.
    Milliseconds,
    /// Of a duration, shown as `µs`.
    Microseconds,
    /// Of memory: 1,048,576 bytes, shown as `MiB`.
    Mebibytes,
    /// Percentage of the floor.
    Percent,
    /// Multiple of the floor.
    Times,
    /// Rows of a database table.
    Rows,
}

impl Unit {
    /// The symbol of the unit.
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

    /// Formats a figure with its unit.
    pub fn show(self, figure: f64) -> String {
        let digits = self.digits();
        format!("{figure:.digits$} {}", self.as_str())
    }
}

/// Figures of several rounds.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Unit of the figures.
    pub unit: Unit,
    sorted: Vec<f64>,
    sample: usize,
}

impl Figures {
    /// Creates figures of all rounds.
    pub fn new(unit: Unit, rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = rounds.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self {
            unit,
            sample: sorted.len(),
            sorted,
        }
    }

    /// A percentile of these times in milliseconds, as one figure.
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

    /// Sample size: the number of rounds, or of the times of a percentile.
    pub fn sample(&self) -> usize {
        self.sample
    }

    /// The median; 0 without figures.
    pub fn median(&self) -> f64 {
        self.sorted
            .get(self.sorted.len() / 2)
            .copied()
            .unwrap_or_default()
    }

    /// The smallest and the largest figure.
    pub fn spread(&self) -> (f64, f64) {
        let first = self.sorted.first().copied().unwrap_or_default();
        (first, self.sorted.last().copied().unwrap_or_default())
    }

    /// Formats the median with its unit.
    pub fn show_median(&self) -> String {
        self.unit.show(self.median())
    }

    /// Formats the spread if there were several rounds.
    pub fn show_spread(&self) -> Option<String> {
        let (low, high) = self.spread();
        let digits = self.unit.digits();
        (self.sorted.len() > 1).then(|| format!("{low:.digits$} to {high:.digits$}"))
    }
}

/// A duration in milliseconds, with fractions.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A duration in microseconds, with fractions.
pub fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The percentile of sorted times; `share` is from 0 to 1.
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
    fn median_and_spread_are_computed() {
        let figures = Figures::new(Unit::Milliseconds, [3.0, 1.0, 2.0]);
        assert_eq!((figures.median(), figures.spread()), (2.0, (1.0, 3.0)));
        assert_eq!(figures.show_median(), "2.0 ms");
        assert_eq!(figures.show_spread().as_deref(), Some("1.0 to 3.0"));
        assert_eq!(figures.sample(), 3);
        assert_eq!(Figures::new(Unit::Times, [1.05]).show_median(), "1.05 x");
        let times = (1..=100).map(Duration::from_millis).collect();
        let p99 = Figures::percentile(times, 0.99);
        assert_eq!(
            (p99.median(), p99.sample(), p99.show_spread()),
            (100.0, 100, None)
        );
    }

    #[test]
    fn percentile_is_within_range() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 0.5), Duration::from_millis(51));
        assert_eq!(percentile(&times, 0.99), Duration::from_millis(100));
        assert_eq!(percentile(&times, 1.0), Duration::from_millis(100));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
