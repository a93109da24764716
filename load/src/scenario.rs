//! Scenarios: what can be measured, one file each. A scenario says how many clients there are, what each does, and what must come of it.

pub(crate) mod echo;
pub(crate) mod edit;
pub(crate) mod idle;
pub(crate) mod join;
pub(crate) mod presence;
pub(crate) mod replay;
pub(crate) mod storm;
