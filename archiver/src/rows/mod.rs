//! The rows of the three tables: how they lie in memory, and as columns.
//! Whether a row is new was decided before; how columns are encoded is `encode`'s.

pub(crate) mod pings;
pub(crate) mod ride_events;
pub(crate) mod trips;

#[cfg(test)]
mod tests;
