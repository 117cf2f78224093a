//! The report as a table to read.

use std::fmt;

use super::{
    figures::{Bucket, Figures},
    report::{Report, Score},
};

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.score)?;
        if let Some(faulty) = &self.faulty {
            let cost = cell(faulty.mae_cost_pct, 0);
            let same = cell(faulty.same_moments_cost_pct, 0);
            let ends = if faulty.same_ride_states {
                "all rides end alike"
            } else {
                "rides end otherwise"
            };
            writeln!(
                out,
                "\nwith faults: at the pings that come the mean error grows by {cost} %, at the times of all \
                 by {same} %; {ends}"
            )?;
            write!(out, "{}", faulty.score)?;
        }
        writeln!(out)?;
        writeln!(
            out,
            "without a time of arrival {} %",
            cell(self.score.all.without_eta_pct, 7)
        )?;
        writeln!(
            out,
            "moves from ping to ping   {} s",
            cell(self.score.stability_s, 7)
        )?;
        writeln!(
            out,
            "played in                 {:>7.1} s, {} us a ping",
            self.seconds,
            cell(self.us_per_ping, 0)
        )
    }
}

impl fmt::Display for Score {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<18}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>9}",
            "",
            "pings",
            "MAE s",
            "MAPE %",
            "median",
            "P90",
            "bias",
            "in 50%",
            "in 80%",
            "in 90%",
            "width 80"
        )?;
        write_line(out, "all", &self.all)?;
        write_line(out, "at the pickup", &self.at_pickup)?;
        write_line(out, "5 min before", &self.five_minutes_out)?;
        writeln!(out, "with so much left, as shown")?;
        write_buckets(out, &self.by_remaining)?;
        writeln!(out, "with so much left, in truth")?;
        write_buckets(out, &self.by_actual_remaining)
    }
}

fn write_buckets(out: &mut fmt::Formatter<'_>, buckets: &[Bucket]) -> fmt::Result {
    for bucket in buckets {
        let to = bucket.to_s.map_or_else(String::new, |to| to.to_string());
        write_line(out, &format!("  {}-{to} s", bucket.from_s), &bucket.figures)?;
    }
    Ok(())
}

fn write_line(out: &mut fmt::Formatter<'_>, title: &str, figures: &Figures) -> fmt::Result {
    write!(out, "{title:<18}{:>9}", figures.pings)?;
    let columns = [
        figures.mae_s,
        figures.mape_pct,
        figures.median_s,
        figures.p90_s,
        figures.bias_s,
        figures.coverage_50,
        figures.coverage_80,
        figures.coverage_90,
    ];
    for column in columns {
        write!(out, "{}", cell(column, 8))?;
    }
    writeln!(out, "{}", cell(figures.width_80_s, 9))
}

fn cell(number: Option<f64>, width: usize) -> String {
    number.map_or_else(
        || format!("{:>width$}", "-"),
        |number| format!("{number:>width$.1}"),
    )
}
