//! A disk whose writes or syncs fail: reported, and recovered from without a restart.

use std::{fs, process::Command};

use crate::{
    child::{CONTROL, DIRECTORY, command},
    support::{Scratch, run, skip},
};

/// Fails write(2) or fdatasync(2) and fsync(2) of the store's files with EIO, as the control file says, and takes away
/// what was not synced when a sync fails.
const SHIM: &str = include_str!("shim.c");

#[test]
fn a_failed_write_or_sync_is_reported_and_recovered_from() {
    let scratch = Scratch::new();
    let source = scratch.path().join("shim.c");
    let shim = scratch.path().join("shim.so");
    fs::write(&source, SHIM).expect("the directory is ours");
    if let Err(why) =
        run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(&source).arg("-ldl"))
    {
        return skip("failing disk", &why);
    }
    let store = scratch.store();
    let control = scratch.path().join("control");
    let mut child = command("child::survives_failing_writes_and_syncs");
    child.env("LD_PRELOAD", &shim).env(CONTROL, &control).env(DIRECTORY, &store);
    let output = child.output().expect("this binary can be started again");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
