//! `GET /events/recent`: events of the last two weeks, a published hour a page. They are as recent as
//! the exports are.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use schemas::Timestamp;
use serde::Deserialize;

use super::{
    App,
    document::Document,
    live_tail,
    page::{Asked, Page},
    problem::Problem,
    reader::Reader,
};

/// What is asked for, as it came.
#[derive(Debug, Deserialize)]
pub(super) struct AskedTimes {
    start_time: Option<String>,
    end_time: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    _reader: Reader,
    query: Result<Query<AskedTimes>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(AskedTimes {
        start_time,
        end_time,
    }) = query?;
    let now = Timestamp((app.now_ms)());
    let asked = Asked::parse(start_time.as_deref(), end_time.as_deref(), now)
        .map_err(Problem::BadParameter)?;
    let page = app.known.look(|view| asked.page(&view.hours));
    let page = page.ok_or(Problem::NothingPublished)?;
    let place = app.place_for_answer()?;
    let topic = &app.topics.events;
    let parts = match page.hour {
        Some((_, link)) => app.parts(link, topic).await?.parts,
        None => Vec::new(),
    };
    let next = page.next.map(|next| link(&app, next, asked.end));
    let document = Document {
        head: topic.live_head.clone(),
        parts,
        tail: live_tail(next.as_deref(), page.reach).into(),
        times: times(&page),
    };
    Ok(document.into_response(app.store.clone(), place))
}

/// The times by which rows are chosen; None where all are taken, which needs no look at them.
fn times(page: &Page) -> Option<std::ops::Range<i64>> {
    (page.hour.is_some() && !page.is_whole()).then(|| page.times.clone())
}

/// Where the next page is. Relative to this one (RFC 3986), if nobody has said where this one is.
fn link(app: &App, start: Timestamp, end: Timestamp) -> String {
    let query = format!("?start_time={}&end_time={}", start.0, end.0);
    match &app.terms.public_url {
        Some(url) => format!("{}/events/recent{query}", url.trim_end_matches('/')),
        None => query,
    }
}
