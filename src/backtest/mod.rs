//! The command that says how good predictions are: it plays what has been driven through the code that
//! follows rides live, and compares what riders would have seen with what happened.
//! It predicts nothing itself.
//!
//! [`mod@play`] makes a [`sample`] of every ping with a rider on board; [`figures`] follow from samples,
//! and make the [`report`], its table and its [`plots`]. The same again may be played with [`faults`].

mod faults;
mod figures;
mod play;
mod plots;
mod report;
mod sample;
mod settings;
mod table;

use std::{
    fs,
    io::{self, Write as _},
};

use anyhow::{Context, ensure};
use processor::eta::Model;

pub(crate) use self::settings::Settings;
use self::{
    faults::Faults,
    play::{Play, Played},
    report::Report,
};
use crate::{
    client::{Progress, Visibility},
    history::History,
    learn,
};

/// Plays the history, and prints how good predictions were.
///
/// # Errors
/// What [`run`] says.
pub(crate) async fn command(settings: Settings) -> anyhow::Result<()> {
    let playing = tokio::task::spawn_blocking(move || run(&settings, Visibility::Terminal));
    let report = playing.await.context("playing broke down")??;
    write!(io::stdout(), "{report}").context("print the report")
}

/// Plays the history, and writes what is to be written.
///
/// # Errors
/// An error if the history or the model cannot be read, if no ride of it is scored, and if the report
/// cannot be written.
fn run(settings: &Settings, visibility: Visibility) -> anyhow::Result<Report> {
    let model = match &settings.model {
        Some(path) => learn::load(path)?,
        None => Model::new(settings.city.clone().unwrap_or_default()),
    };
    if let Some(city) = &settings.city {
        ensure!(city == model.city(), "the model is of {}", model.city());
    }
    let history = History::read(&settings.history, settings.history.until)?;
    let clean = play(
        settings,
        &history,
        (model.clone(), Faults::None),
        visibility,
    );
    ensure!(
        !clean.samples.is_empty(),
        "no ride of this history is scored"
    );
    let faulty = settings.faults.then(|| {
        let faults = Faults::Drawn(settings.seed);
        play(settings, &history, (model, faults), visibility)
    });
    let report = Report::of(&clean, faulty.as_ref());
    if let Some(path) = &settings.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(directory) = &settings.plots {
        plots::draw(&report.score, directory)?;
    }
    Ok(report)
}

fn play(
    settings: &Settings,
    history: &History,
    (model, faults): (Model, Faults),
    visibility: Visibility,
) -> Played {
    let progress = Progress::start(Some(history.pings.len() as u64), visibility);
    let play = Play::new(history, settings.since, settings.learning(), model);
    let played = play.run(faults, &progress);
    progress.finish();
    played
}

#[cfg(test)]
mod tests;
