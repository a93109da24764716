//! THE SERVER: sockets, threads, time, settings. It waits; it decides nothing.

pub mod admission;
pub mod audit;
pub mod auth;
pub mod close;
pub mod connection;
pub mod control;
pub mod doctor;
pub mod documents;
pub mod doorbell;
pub mod driver;
pub mod encoder;
pub mod endpoints;
pub mod handoff;
pub mod health;
pub mod hocuspocus;
pub mod inbox;
pub mod limits;
pub mod logging;
pub mod mesh;
pub mod persister;
mod priority;
pub mod reactor;
pub mod reader;
pub mod server;
pub mod settings;
pub mod timers;
pub mod tls;
