//! Power loss: a file system that stops at once, with nothing written that was not synced, keeps what was synced.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use selvedge_storage::Durability::Synced;

use crate::{
    child::{Acknowledged, Appender, DOCUMENTS},
    support::{Mount, Random, Scratch, check_document, crash_rounds, document, open, run, seed, skip},
};

/// FS_IOC_SHUTDOWN without flushing the journal, on a line of input: ioctl(2) has no command of its own.
const SHUTDOWN: &str = "
import fcntl, os, struct, sys
mounted = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(mounted, 0x8004587d, struct.pack('I', 2))
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
        let power = Power::new(mounted.path());
        let mut child = Appender::start(&store, Synced, random.below(u64::MAX));
        child.wait(1 + random.below(200), &mut acknowledged);
        power.cut();
        // What is acknowledged from here on does not count: with the power gone, nobody would hear it. Nor would it be
        // true: an fdatasync(2) that meets the shutdown half-way may succeed on ext4 though its write was dropped.
        child.kill(&mut [0; DOCUMENTS as usize]);
        drop(mounted);

        let mounted = Mount::new(&point, &["-o", "loop", image]).expect("mounts again");
        let store = open(&mounted.path().join("store")).expect("opens after power loss");
        assert_eq!(store.broken_log(), None, "a torn end is no damage");
        for number in 0..DOCUMENTS {
            let found = check_document(&store, document(number));
            let expected = acknowledged[usize::from(number)];
            assert!(found >= expected, "round {round}: {expected} was acknowledged, {found} is there");
        }
    }
}

/// The power of a file system, at the push of a button: the process that cuts it runs already.
struct Power(Child);

impl Power {
    fn new(mounted: &Path) -> Power {
        let mut command = Command::new("python3");
        command.args(["-c", SHUTDOWN]).arg(mounted).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 is there");
        let mut ready = [0; 6];
        child.stdout.as_mut().expect("piped").read_exact(&mut ready).expect("python3 runs");
        Power(child)
    }

    fn cut(mut self) {
        self.0.stdin.take().expect("piped").write_all(b"\n").expect("python3 listens");
        let status = self.0.wait().expect("the child is ours");
        assert!(status.success(), "the file system takes no shutdown");
    }
}

#[test]
fn power_loss_takes_nothing_that_was_synced_on_ext4() {
    check("power loss on ext4", Command::new("mkfs.ext4").arg("-q"), 128);
}

#[test]
fn power_loss_takes_nothing_that_was_synced_on_xfs() {
    check("power loss on xfs", Command::new("mkfs.xfs").arg("-q"), 320);
}
