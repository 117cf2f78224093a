//! Ways that a lane goes, and what holds for all of them.

use proptest::{collection::vec, prelude::*};

use super::*;

const PATIENCE: Duration = Duration::from_millis(500);

const EMPTY: Outlook = Outlook {
    waiting: 0,
    is_answering: true,
    must_yield: false,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn spooled(step: Step) -> Vec<Ticket> {
    match step {
        Step::Spool(tickets, _) => tickets,
        other => panic!("{other:?} spools nothing"),
    }
}

#[test]
fn appends_of_different_keys_go_side_by_side_and_those_of_one_key_in_turn() {
    let mut lane = Lane::direct(PATIENCE);
    let (first, way) = lane.take(vec![1, 2], ms(0));
    assert_eq!(way, Way::Stream);
    assert_eq!(lane.take(vec![3], ms(0)).1, Way::Stream);
    let (second, way) = lane.take(vec![2, 4], ms(0));
    assert_eq!(way, Way::Wait);
    let (third, way) = lane.take(vec![1, 4], ms(0));
    assert_eq!(way, Way::Wait);
    assert_eq!(lane.answered(first), [second]);
    assert_eq!(lane.answered(second), [third]);
    assert_eq!(lane.answered(third), []);
    assert_eq!(lane.take(vec![1], ms(0)).1, Way::Stream);
}

#[test]
fn one_append_that_is_not_answered_in_time_sends_all_to_the_log() {
    let mut lane = Lane::direct(PATIENCE);
    let (first, _) = lane.take(vec![1], ms(0));
    let (second, _) = lane.take(vec![1], ms(400));
    assert_eq!(lane.due(ms(400)), Some(PATIENCE));
    assert_eq!(lane.advance(ms(499), EMPTY), Step::Stay);
    assert_eq!(spooled(lane.advance(ms(500), EMPTY)), [first, second]);
    assert_eq!(lane.take(vec![1], ms(501)).1, Way::Log);
    assert_eq!(lane.answered(first), [], "it is too late");
}

#[test]
fn a_lane_goes_direct_once_its_log_is_empty_and_not_at_once() {
    let mut lane = Lane::direct(PATIENCE);
    lane.spool(ms(0));
    assert_eq!(lane.advance(ms(999), EMPTY), Step::Stay);
    let many = Outlook {
        waiting: FEW_RECORDS + 1,
        ..EMPTY
    };
    assert_eq!(lane.advance(ms(1_000), many), Step::Stay);
    assert_eq!(lane.take(vec![1], ms(1_000)).1, Way::Log);
    assert_eq!(lane.advance(ms(1_000), EMPTY), Step::GoDirect(vec![]));
    assert_eq!(lane.take(vec![1], ms(1_000)).1, Way::Stream);
}

#[test]
fn appends_are_held_while_the_last_records_are_forwarded_but_not_for_long() {
    let few = Outlook {
        waiting: FEW_RECORDS,
        ..EMPTY
    };
    let mut lane = Lane::spooling(PATIENCE);
    assert_eq!(lane.advance(ms(0), few), Step::Stay);
    let (first, way) = lane.take(vec![1], ms(0));
    assert_eq!(way, Way::Wait);
    let (second, _) = lane.take(vec![1], ms(0));
    let (third, _) = lane.take(vec![3], ms(0));
    assert_eq!(lane.advance(ms(249), few), Step::Stay);
    let mut other = Lane::spooling(PATIENCE);
    other.advance(ms(0), few);
    let (held, _) = other.take(vec![1], ms(0));
    assert_eq!(spooled(other.advance(ms(250), few)), [held]);

    assert_eq!(
        lane.advance(ms(249), EMPTY),
        Step::GoDirect(vec![first, third])
    );
    assert_eq!(lane.answered(first), [second]);
}

#[test]
fn a_stream_that_does_not_answer_is_not_waited_for() {
    let down = Outlook {
        waiting: 1,
        is_answering: false,
        must_yield: false,
    };
    let mut lane = Lane::spooling(PATIENCE);
    assert_eq!(lane.advance(ms(5_000), down), Step::Stay);
    assert_eq!(lane.take(vec![1], ms(5_000)).1, Way::Log);
}

#[test]
fn a_lane_that_must_yield_goes_to_its_log_and_stays_there() {
    let yields = Outlook {
        must_yield: true,
        ..EMPTY
    };
    let mut lane = Lane::direct(PATIENCE);
    let (first, _) = lane.take(vec![1], ms(0));
    assert_eq!(spooled(lane.advance(ms(1), yields)), [first]);
    assert_eq!(lane.advance(ms(9_999), yields), Step::Stay);
    assert_eq!(lane.advance(ms(9_999), EMPTY), Step::GoDirect(vec![]));
}

/// What happens to a lane.
#[derive(Debug, Clone)]
enum Event {
    Take(Vec<u64>),
    /// The stream answers one of those that are about on it.
    Answer(prop::sample::Index),
    Fail,
    Forward(u64),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop::collection::btree_set(0_u64..4, 1..3).prop_map(|keys| Event::Take(keys.into_iter().collect())),
        4 => any::<prop::sample::Index>().prop_map(Event::Answer),
        1 => Just(Event::Fail),
        3 => (1_u64..8).prop_map(Event::Forward),
        3 => (1_u64..700).prop_map(Event::Pass),
    ]
}

/// A lane, its log and the stream, with what is where.
struct World {
    lane: Lane,
    now: Duration,
    keys: BTreeMap<Ticket, Vec<u64>>,
    /// About on the stream, none of which is done.
    about: Vec<Ticket>,
    log: Vec<Ticket>,
    done: Vec<Ticket>,
}

impl World {
    fn start(&mut self, tickets: Vec<Ticket>) {
        assert!(self.log.is_empty(), "nothing goes direct past the log");
        for ticket in tickets {
            let keys = &self.keys[&ticket];
            for other in &self.about {
                let shares = self.keys[other].iter().any(|key| keys.contains(key));
                assert!(!shares, "{ticket:?} and {other:?} are about with one key");
            }
            self.about.push(ticket);
        }
    }

    fn spool(&mut self, tickets: Vec<Ticket>) {
        self.about.clear();
        self.log.extend(tickets);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Take(keys) => {
                let (ticket, way) = self.lane.take(keys.clone(), self.now);
                self.keys.insert(ticket, keys);
                match way {
                    Way::Stream => self.start(vec![ticket]),
                    Way::Log => self.spool(vec![ticket]),
                    Way::Wait => {}
                }
            }
            Event::Answer(which) => {
                if self.about.is_empty() {
                    return;
                }
                let ticket = self.about.swap_remove(which.index(self.about.len()));
                self.done.push(ticket);
                let ready = self.lane.answered(ticket);
                self.start(ready);
            }
            Event::Fail => {
                if !self.about.is_empty() {
                    let tickets = self.lane.spool(self.now);
                    self.spool(tickets);
                }
            }
            Event::Forward(count) => {
                let count = self.log.len().min(count as usize);
                self.done.extend(self.log.drain(..count));
            }
            Event::Pass(ms) => self.now += Duration::from_millis(ms),
        }
        let outlook = Outlook {
            waiting: self.log.len() as u64,
            ..EMPTY
        };
        match self.lane.advance(self.now, outlook) {
            Step::Stay => {}
            Step::Spool(tickets, _) => self.spool(tickets),
            Step::GoDirect(ready) => self.start(ready),
        }
    }
}

proptest! {
    #[test]
    fn appends_of_one_key_are_done_in_order_and_all_of_them(events in vec(event(), 0..120)) {
        let mut world = World {
            lane: Lane::direct(PATIENCE),
            now: Duration::ZERO,
            keys: BTreeMap::new(),
            about: Vec::new(),
            log: Vec::new(),
            done: Vec::new(),
        };
        for event in events {
            world.happens(event);
        }
        while world.done.len() < world.keys.len() {
            let before = world.done.len();
            world.happens(Event::Forward(1));
            if world.done.len() == before {
                world.happens(Event::Pass(100));
            }
        }
        for key in 0..4 {
            let of_key = world.done.iter().filter(|ticket| world.keys[ticket].contains(&key));
            prop_assert!(of_key.is_sorted_by(|before, after| before < after), "of key {key}");
        }
    }
}
