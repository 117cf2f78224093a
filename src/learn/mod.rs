//! The command that learns a model from the past, through the code by which a service learns from the
//! present. What is learned, and how, is the processor's.

mod archive;
mod lessons;
mod model_file;
mod settings;
mod summary;

use std::{
    io::{self, Write as _},
    time::Instant,
};

use anyhow::{Context, ensure};
use processor::{ShardState, eta::Model};
use schemas::Record;

pub(crate) use self::{
    lessons::{Taken, take_lessons},
    model_file::load,
    settings::Settings,
};
use self::{model_file::store, summary::Summary};
use crate::{
    client::{Progress, Visibility},
    history::{History, Records, Step},
};

/// Learns and prints what was learned.
///
/// # Errors
/// What [`run`] says.
pub(crate) async fn command(settings: Settings) -> anyhow::Result<()> {
    let learning = tokio::task::spawn_blocking(move || run(&settings, Visibility::Terminal));
    let summary = learning.await.context("learning broke down")??;
    writeln!(io::stdout(), "{summary}").context("print what was learned")
}

/// Learns the model that the settings name, and stores it.
///
/// # Errors
/// An error if the history or the model to begin with cannot be read, if nothing can be learned from
/// it, and if the model cannot be stored.
fn run(settings: &Settings, visibility: Visibility) -> anyhow::Result<Summary> {
    let start = Instant::now();
    let mut model = begin(settings)?;
    let taken = if let Some(url) = &settings.archive {
        archive::learn(url, &settings.history, &mut model, visibility)?
    } else {
        let history = History::read(&settings.history, settings.history.until)?;
        learn(&history, &mut model, visibility)
    };
    ensure!(
        !model.memory().is_empty(),
        "nothing can be learned from this history"
    );
    let model = model.fitted();
    let bytes = store(&model, &settings.out)?;
    Ok(Summary {
        city: model.city().clone(),
        taken,
        drives: model.memory().len(),
        glimpses: model.memory().glimpses(),
        bytes,
        took: start.elapsed(),
    })
}

/// The model to begin with.
fn begin(settings: &Settings) -> anyhow::Result<Model> {
    let Some(from) = &settings.from else {
        return Ok(Model::new(settings.city.clone().unwrap_or_default()));
    };
    let model = load(from)?;
    if let Some(city) = &settings.city {
        ensure!(
            city == model.city(),
            "{} is the model of {}, and not of {city}",
            from.display(),
            model.city()
        );
    }
    Ok(model)
}

/// Plays a history to a shard, whose lessons the model takes.
fn learn(history: &History, model: &mut Model, visibility: Visibility) -> Taken {
    let progress = Progress::start(Some(history.pings.len() as u64), visibility);
    let mut state = ShardState::default();
    let mut taken = Taken {
        rides: history.rides.len() as u64,
        unfit_rides: history.unfit as u64,
        ..Taken::default()
    };
    let mut records = Records::of(history);
    let mut pings = 0;
    for (time, step) in history.steps(history.on_time(), []) {
        match step {
            Step::Begins(ride) => {
                for record in records.begin(ride) {
                    state.apply(&record, time.0);
                }
            }
            Step::Arrives(row) => {
                pings += 1;
                if let Some(ping) = records.ping(row, time) {
                    state.apply(&Record::Ping(ping), time.0);
                }
            }
            Step::Passes(_) => {}
            Step::Ends(ride) => {
                state.apply(&records.end(ride), time.0);
                taken += take_lessons(&mut state, model);
                taken.unfit += state.take_effects(usize::MAX).unfit_drives;
                progress.advance(std::mem::take(&mut pings));
            }
        }
    }
    progress.finish();
    taken
}

#[cfg(test)]
mod tests;
