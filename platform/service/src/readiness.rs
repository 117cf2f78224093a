//! Whether this process should get work: conditions that its services set. It does not look at
//! the services by itself.

use std::{collections::BTreeMap, fmt};

use tokio::sync::watch;

/// What a condition is before its service has said anything.
const STARTING: &str = "starting";

/// The conditions of one process; ready when all of them are. Clones share the conditions.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    conditions: watch::Sender<Conditions>,
}

/// One service's word in a [`Readiness`].
#[derive(Debug)]
pub struct Condition {
    name: &'static str,
    conditions: watch::Sender<Conditions>,
}

/// The conditions by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Conditions(BTreeMap<&'static str, State>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    NotReady(&'static str),
}

impl Readiness {
    /// A process without conditions, which is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition, not ready until its service says so. Take it before the process serves
    /// its admin port. A second one of the same name takes the place of the first.
    pub fn condition(&self, name: &'static str) -> Condition {
        let condition = Condition {
            name,
            conditions: self.conditions.clone(),
        };
        condition.set_not_ready(STARTING);
        condition
    }

    /// Says whether all conditions are ready.
    pub fn is_ready(&self) -> bool {
        self.conditions.borrow().are_ready()
    }

    /// Waits until all conditions are ready. May be dropped safely.
    pub async fn ready(&self) {
        let mut watched = self.conditions.subscribe();
        // The sender lives in `self`, so that this ends only with the conditions ready.
        let _closed = watched.wait_for(Conditions::are_ready).await;
    }

    /// Says why the process is not ready, a line for each condition that is not; None if it is.
    pub fn why_not(&self) -> Option<String> {
        let conditions = self.conditions.borrow();
        (!conditions.are_ready()).then(|| conditions.to_string())
    }
}

impl Condition {
    /// The service takes work.
    pub fn set_ready(&self) {
        self.set(State::Ready);
    }

    /// The service takes no work, for this reason: a few words for an operator.
    pub fn set_not_ready(&self, why: &'static str) {
        self.set(State::NotReady(why));
    }

    fn set(&self, state: State) {
        self.conditions
            .send_if_modified(|conditions| conditions.0.insert(self.name, state) != Some(state));
    }
}

impl Conditions {
    fn are_ready(&self) -> bool {
        self.0.values().all(|state| *state == State::Ready)
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, state) in &self.0 {
            if let State::NotReady(why) = state {
                writeln!(f, "{name}: {why}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_conditions_is_ready() {
        assert!(Readiness::new().is_ready());
    }

    #[test]
    fn a_process_is_ready_when_all_of_its_conditions_are() {
        let readiness = Readiness::new();
        let ingest = readiness.condition("ingest");
        let processor = readiness.condition("processor");
        assert_eq!(
            readiness.why_not().as_deref(),
            Some("ingest: starting\nprocessor: starting\n")
        );

        ingest.set_ready();
        assert_eq!(
            readiness.why_not().as_deref(),
            Some("processor: starting\n")
        );
        assert!(!readiness.is_ready());

        processor.set_ready();
        assert_eq!(readiness.why_not(), None);
        assert!(readiness.is_ready());

        ingest.set_not_ready("draining");
        assert_eq!(
            readiness.clone().why_not().as_deref(),
            Some("ingest: draining\n")
        );
    }

    #[tokio::test]
    async fn waiting_for_ready_ends_when_the_last_condition_is() {
        let readiness = Readiness::new();
        let ingest = readiness.condition("ingest");
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.ready().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        ingest.set_ready();
        waiting.await.unwrap();
    }
}
