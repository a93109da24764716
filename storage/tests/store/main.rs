//! What a store promises, checked on both stores, and on the disk one under kills, power loss, full and failing disks.

mod broken_log;
mod catalog;
mod child;
mod contract;
mod crash;
mod damage;
mod directory;
mod failing_disk;
mod full_disk;
mod model;
mod old_database;
mod power_loss;
mod support;
