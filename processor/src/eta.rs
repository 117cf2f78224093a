//! When a drive ends, learned from drives that have ended. It knows drives, not rides: what a ride
//! asks and shows is `ride`'s and `progress`'s, and where models are kept is `learner`'s.
//!
//! The way of what is learned: a vehicle's [`motion`] and place at a ping are a glimpse of its
//! [`drive`]; a drive that ends is a [`lesson`]; lessons gather in a [`memory`], a sample that can
//! be merged in any order; [`fit`] makes a [`forest`] and [`interval`]s of a memory; both are the
//! [`model`] of a [`city`], which answers what comes next with an [`estimate`]. What riders are
//! told of it is a [`promise`].

mod along;
mod city;
pub(crate) mod drive;
mod estimate;
mod features;
mod fit;
mod forest;
mod formula;
mod grow;
mod interval;
mod lesson;
mod memory;
mod model;
pub(crate) mod motion;
mod promise;
pub(crate) mod tempo;

pub use city::City;
pub use drive::Kept;
pub use estimate::{Estimate, Share};
pub use lesson::{Lesson, Stage};
pub use memory::{Learned, Memory};
pub use model::{Model, Models, Predictor};
pub use promise::Promise;

#[cfg(test)]
mod tests;
