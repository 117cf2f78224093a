//! What was learned, as it is printed.

use std::{fmt, time::Duration};

use processor::eta::City;

use super::Taken;

/// What was learned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    pub city: City,
    pub taken: Taken,
    /// That the model remembers.
    pub drives: usize,
    pub glimpses: usize,
    pub bytes: usize,
    pub took: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Taken {
            rides,
            unfit_rides,
            lessons,
            elsewhere,
            unfit,
        } = self.taken;
        writeln!(out, "model of           {}", self.city)?;
        writeln!(out, "rides played       {rides:>12}")?;
        writeln!(out, "  with no place    {unfit_rides:>12}")?;
        writeln!(out, "drives learned     {lessons:>12}")?;
        writeln!(out, "  outside the city {elsewhere:>12}")?;
        writeln!(out, "  that teach none  {unfit:>12}")?;
        writeln!(out, "drives remembered  {:>12}", self.drives)?;
        writeln!(out, "glimpses of them   {:>12}", self.glimpses)?;
        writeln!(out, "bytes of the model {:>12}", self.bytes)?;
        write!(out, "seconds taken      {:>12.1}", self.took.as_secs_f64())
    }
}
