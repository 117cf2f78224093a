//! Pictures of a score: whether shares are what they say, and how the error grows with what is left.

use std::{fs, path::Path};

use anyhow::Context;
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Circle, Color as _, DrawingArea, IntoDrawingArea as _, LineSeries, PathElement,
    RED, RGBColor, SVGBackend, WHITE,
};

use super::{figures::Bucket, report::Score};

const SIZE: (u32, u32) = (640, 480);
const BLUE: RGBColor = RGBColor(30, 90, 180);
const GREY: RGBColor = RGBColor(150, 150, 150);
/// The last bucket has no end: it is drawn as if it had this one, s.
const LAST_S: f64 = 1_800.0;

/// Draws `calibration.svg` and `error.svg` into a directory.
///
/// # Errors
/// An error if they cannot be written.
pub(super) fn draw(score: &Score, directory: &Path) -> anyhow::Result<()> {
    let draw = || -> anyhow::Result<()> {
        fs::create_dir_all(directory)?;
        let path = directory.join("calibration.svg");
        let area = SVGBackend::new(&path, SIZE).into_drawing_area();
        draw_calibration(score, &area)?;
        let path = directory.join("error.svg");
        let area = SVGBackend::new(&path, SIZE).into_drawing_area();
        draw_error(score, &area)
    };
    draw().with_context(|| format!("draw into {}", directory.display()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A share of arrivals that was said, and the share that it was: on the diagonal it is right.
fn draw_calibration(score: &Score, area: &Area<'_>) -> anyhow::Result<()> {
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption("Share of drives that had ended", ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("as shown")
        .y_desc("in truth")
        .draw()?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], GREY))?;
    let points = || {
        let shares = score.calibration.iter();
        shares.filter_map(|share| Some((share.share, share.actual?)))
    };
    chart.draw_series(LineSeries::new(points(), BLUE))?;
    chart.draw_series(points().map(|point| Circle::new(point, 4, BLUE.filled())))?;
    area.present()?;
    Ok(())
}

/// Mean error and its 90th percentile by what was shown as left.
fn draw_error(score: &Score, area: &Area<'_>) -> anyhow::Result<()> {
    let points = |pick: fn(&Bucket) -> Option<f64>| -> Vec<(f64, f64)> {
        let middle = |bucket: &Bucket| f64::midpoint(bucket.from_s, bucket.to_s.unwrap_or(LAST_S));
        let buckets = score.by_remaining.iter();
        buckets
            .filter_map(|bucket| Some((middle(bucket), pick(bucket)?)))
            .collect()
    };
    let mean = points(|bucket| bucket.figures.mae_s);
    let p90 = points(|bucket| bucket.figures.p90_s);
    let all = mean.iter().chain(&p90);
    let most = all.map(|(_, error)| *error).fold(60.0, f64::max);
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption("Error of the time left", ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..LAST_S, 0.0..most * 1.05)?;
    chart
        .configure_mesh()
        .x_desc("s left, as shown")
        .y_desc("s")
        .draw()?;
    for (name, color, points) in [("mean", BLUE, mean), ("90 %", RED, p90)] {
        chart.draw_series(
            points
                .iter()
                .map(|point| Circle::new(*point, 4, color.filled())),
        )?;
        chart
            .draw_series(LineSeries::new(points, color))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart.configure_series_labels().border_style(GREY).draw()?;
    area.present()?;
    Ok(())
}
