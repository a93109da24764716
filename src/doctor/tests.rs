//! Judgement on made-up machines.
