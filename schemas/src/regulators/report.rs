//! A report at work: facts go in hour by hour, rows and exceptions come out. Its memory is bounded by
//! the number of vehicles, and by an hour's trips where places are withheld.

use std::sync::Arc;

use super::{
    Exception, HOUR_MS, Jurisdiction, Period, Problem, Profile, Registry, Row, Table, Topic, Who,
    Zones,
    cell::Draft,
    file_name, listed,
    pseudonym::{MIN_SECRET_BYTES, Names, Pseudonyms},
    rows::{Generator, Groups},
    writing::{Emit, Tools},
};
use crate::{DriverId, FleetId, Ping, RideEvent, Timestamp, Trip, VehicleId};

/// What a report is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// Where.
    pub jurisdiction: Jurisdiction,
    /// When.
    pub period: Period,
    /// The date of the submission, `YYYY-MM-DD`, for regulators that want it in the rows or in the
    /// files' names: it is told, for a report has no clock.
    pub submission_date: Option<String>,
}

/// What a report is made with.
pub struct Inputs {
    /// What it is about.
    pub scope: Scope,
    /// What Hansom is not told; made for the profile.
    pub registry: Arc<Registry>,
    /// Polygons, with every layer of the profile.
    pub zones: Arc<Zones>,
    /// The operator's secret for pseudonyms, of at least [`MIN_SECRET_BYTES`].
    pub secret: Option<Vec<u8>>,
}

/// Something that the archive has.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// A row of `ride_events`.
    Event(&'a RideEvent),
    /// A row of `pings`.
    Ping(&'a Ping),
    /// A row of `trips`: of each ride the highest version.
    Trip(&'a Trip),
}

/// Takes a report's rows.
pub trait Sink {
    /// Takes a row of a topic, by its place in [`Report::topics`].
    fn row(&mut self, topic: usize, row: Row<'_>);

    /// Takes an exception, before the row that it is about.
    fn exception(&mut self, exception: &Exception<'_>);
}

/// A report at work.
pub struct Report {
    topics: Vec<Topic>,
    generators: Vec<Generator>,
    tools: Tools,
    names: Names,
    draft: Draft,
    feed: (Timestamp, Timestamp),
}

impl Scope {
    /// The date of the submission as `YYYYMMDD`.
    pub fn submission_day(&self) -> Option<String> {
        Some(self.submission_date.as_ref()?.replace('-', ""))
    }
}

impl Fact<'_> {
    /// When it happened: of a trip, when it ended.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Event(event) => event.time,
            Self::Ping(ping) => ping.time,
            Self::Trip(trip) => trip.ended,
        }
    }

    /// Who drives, if it says so.
    pub fn driver(&self) -> Option<DriverId> {
        match self {
            Self::Event(event) => event.driver,
            Self::Ping(ping) => ping.driver,
            Self::Trip(trip) => trip.driver,
        }
    }

    /// The vehicle that it is of.
    pub fn vehicle(&self) -> (FleetId, VehicleId) {
        match self {
            Self::Event(event) => (event.fleet, event.vehicle),
            Self::Ping(ping) => (ping.fleet, ping.vehicle),
            Self::Trip(trip) => (trip.fleet, trip.vehicle),
        }
    }
}

impl Report {
    /// Begins a report.
    ///
    /// # Errors
    /// Everything that is missing for it.
    pub fn new(profile: &Profile, inputs: Inputs) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let scope = &inputs.scope;
        let zone = profile.time_zone(&scope.jurisdiction);
        let zone = zone.map_err(|problem| problems.push(problem)).ok();
        check_scope(profile, scope, &mut problems);
        let layers = inputs.zones.in_order(profile.layers(), &mut problems);
        for who in Who::ALL {
            if inputs.registry.columns(who) != profile.registry_columns(who) {
                problems.push(Problem::new("the registry was made for another profile"));
            }
        }
        let pseudonyms = pseudonyms(profile, &inputs, &mut problems);
        let topics = effective_topics(profile, scope, &mut problems);
        let (Some(zone), true) = (zone, problems.is_empty()) else {
            return Err(problems);
        };
        let min_group = scope.jurisdiction.privacy.min_group.unwrap_or_default();
        let groups = Groups {
            min: min_group.max(profile.privacy.min_group),
            decimals: profile.privacy.group_decimals,
        };
        let feed = feed(&topics, &scope.period);
        let generators = topics
            .iter()
            .map(|topic| Generator::new(topic, groups, feed.0));
        Ok(Self {
            generators: generators.collect(),
            feed,
            topics,
            tools: Tools {
                submission_day: scope.submission_day(),
                scope: inputs.scope,
                zone,
                registry: inputs.registry,
                layers,
            },
            names: Names::new(pseudonyms),
            draft: Draft::default(),
        })
    }

    /// Its topics, with the columns as they are written here.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The whole hours of UTC whose facts it must be given: from, up to and without, to.
    pub fn feed(&self) -> (Timestamp, Timestamp) {
        self.feed
    }

    /// Whether it wants the facts of a table.
    pub fn reads(&self, table: Table) -> bool {
        self.topics.iter().any(|topic| topic.rows.reads(table))
    }

    /// Takes the next fact: hour by hour of UTC, in an hour by fleet and vehicle, and of a vehicle by
    /// time, events before pings before trips where times are equal.
    pub fn take(&mut self, fact: Fact<'_>, out: &mut dyn Sink) {
        let fleets = &self.tools.scope.jurisdiction.fleets;
        if !fleets.is_empty() && !fleets.contains(&fact.vehicle().0) {
            return;
        }
        self.each(out, |generator, emit| generator.take(fact, emit));
    }

    /// Says that all facts before `end` were given.
    pub fn end_hour(&mut self, end: Timestamp, out: &mut dyn Sink) {
        self.each(out, |generator, emit| generator.end_hour(end, emit));
    }

    /// Says that all facts were given.
    pub fn finish(&mut self, out: &mut dyn Sink) {
        self.each(out, Generator::finish);
    }

    fn each(&mut self, out: &mut dyn Sink, mut act: impl FnMut(&mut Generator, &mut Emit)) {
        for (index, (topic, generator)) in self.topics.iter().zip(&mut self.generators).enumerate()
        {
            let mut emit = Emit {
                tools: &self.tools,
                names: &mut self.names,
                draft: &mut self.draft,
                topic,
                index,
                out: &mut *out,
            };
            act(generator, &mut emit);
        }
    }
}

/// What is missing or wrong in what a report is about.
fn check_scope(profile: &Profile, scope: &Scope, problems: &mut Vec<Problem>) {
    if !profile.periods.contains(&scope.period.length) {
        let known: Vec<_> = profile
            .periods
            .iter()
            .map(|length| length.as_str())
            .collect();
        problems.push(Problem::new(format!(
            "profile {} is reported by {}, not by {}",
            profile.name,
            listed(&known),
            scope.period.length.as_str()
        )));
    }
    for fact in profile.facts() {
        let text = scope.jurisdiction.facts.get(fact);
        if text.is_none_or(|text| text.is_empty() || text.contains(['/', '\\'])) {
            problems.push(Problem::new(format!(
                "profile {} needs facts.{fact} of jurisdiction {}, without slashes",
                profile.name, scope.jurisdiction.name
            )));
        }
    }
    match &scope.submission_date {
        Some(date) => problems.extend(file_name::check_date(date).err()),
        None if profile.needs.submission_date => problems.push(Problem::new(format!(
            "profile {} needs the date of the submission",
            profile.name
        ))),
        None => {}
    }
}

fn pseudonyms(
    profile: &Profile,
    inputs: &Inputs,
    problems: &mut Vec<Problem>,
) -> Option<Pseudonyms> {
    let secret = inputs.secret.as_deref().unwrap_or_default();
    if profile.needs_secret() && secret.len() < MIN_SECRET_BYTES {
        problems.push(Problem::new(format!(
            "profile {} gives pseudonyms and needs a secret of at least {MIN_SECRET_BYTES} bytes",
            profile.name
        )));
    }
    let turn = profile.privacy.rotation.turn(&inputs.scope.period);
    let jurisdiction = &inputs.scope.jurisdiction.name;
    profile
        .needs_secret()
        .then(|| Pseudonyms::derive(secret, &profile.name, jurisdiction, &turn))
}

/// The profile's topics, as coarse as the profile or the jurisdiction wants them.
fn effective_topics(profile: &Profile, scope: &Scope, problems: &mut Vec<Problem>) -> Vec<Topic> {
    let stricter = scope.jurisdiction.privacy;
    let decimals = [
        profile.privacy.coordinate_decimals,
        stricter.coordinate_decimals,
    ];
    let decimals = decimals.into_iter().flatten().min();
    let round_s = profile
        .privacy
        .round_s
        .max(stricter.round_s.unwrap_or_default());
    let topics = profile.topics.iter();
    let mut topics: Vec<_> = topics.map(|topic| topic.until(scope.period.to)).collect();
    for column in topics.iter_mut().flat_map(|topic| &mut topic.columns) {
        if column.tells_too_much(decimals) {
            problems.push(Problem::new(format!(
                "column {} tells a way, which is finer than coordinate_decimals",
                column.name
            )));
        }
        column.coarsen(decimals, round_s);
    }
    topics
}

/// The whole hours that hold the period and what its topics ask for around it.
fn feed(topics: &[Topic], period: &Period) -> (Timestamp, Timestamp) {
    let before = topics.iter().map(|topic| topic.lookback_hours).max();
    let after = topics.iter().map(|topic| topic.lookahead_hours).max();
    let from = period.from.0.div_euclid(HOUR_MS) - i64::from(before.unwrap_or_default());
    let to = -(-period.to.0).div_euclid(HOUR_MS) + i64::from(after.unwrap_or_default());
    (Timestamp(from * HOUR_MS), Timestamp(to * HOUR_MS))
}
