//! Power loss: a file system that stops at once, with nothing written that was not synced, keeps what was synced.

use std::{path::Path, process::Command};

use selvedge_storage::Durability::Synced;

use crate::{
    child::{Acknowledged, Appender, DOCUMENTS},
    support::{Mount, Random, Scratch, check_document, crash_rounds, document, open, run, seed, skip},
};

/// FS_IOC_SHUTDOWN without flushing the journal: ioctl(2) has no command of its own.
const SHUTDOWN: &str = "
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))
";

fn check(test: &str, make: &mut Command, image_megabytes: u64) {
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    let image = scratch.path().join("image");
    let file = std::fs::File::create(&image).expect("the directory is ours");
    file.set_len(image_megabytes << 20).expect("a sparse file");
    if let Err(why) = run(make.arg(&image)) {
        return skip(test, &why);
    }
    let image = image.to_str().expect("a plain path");
    let point = scratch.path().join("mounted");
    let mut acknowledged: Acknowledged = [0; DOCUMENTS as usize];
    for round in 0..crash_rounds(4) {
        let mounted = match Mount::new(&point, &["-o", "loop", image]) {
            Ok(mounted) => mounted,
            Err(why) => return skip(test, &why),
        };
        let store = mounted.path().join("store");
        let mut child = Appender::start(&store, Synced, random.below(u64::MAX));
        child.wait(1 + random.below(100), &mut acknowledged);
        cut_power(mounted.path());
        child.kill(&mut acknowledged);
        drop(mounted);

        let mounted = Mount::new(&point, &["-o", "loop", image]).expect("mounts again");
        let store = open(&mounted.path().join("store")).expect("opens after power loss");
        for number in 0..DOCUMENTS {
            let found = check_document(&store, document(number));
            let expected = acknowledged[usize::from(number)];
            assert!(found >= expected, "round {round}: {expected} was acknowledged, {found} is there");
        }
    }
}

fn cut_power(mounted: &Path) {
    run(Command::new("python3").args(["-c", SHUTDOWN]).arg(mounted)).expect("the file system takes a shutdown");
}

#[test]
fn power_loss_takes_nothing_that_was_synced_on_ext4() {
    check("power loss on ext4", Command::new("mkfs.ext4").arg("-q"), 128);
}

#[test]
fn power_loss_takes_nothing_that_was_synced_on_xfs() {
    check("power loss on xfs", Command::new("mkfs.xfs").arg("-q"), 320);
}
