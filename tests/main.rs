//! The integration tests, as one binary: the rules of the house, the contracts, and the whole way
//! of a ping through the real program.

mod architecture;
mod bad_input;
mod conservation;
mod contracts;
mod replay;
mod shutdown;
mod support;
