//! The kind of setting that is a share of the machine's memory where nothing is given. Does not know who keeps to it.

use std::fs;
use std::path::Path;

use super::{Bytes, Fault, Kind, Literal};

/// Of what there is, in percent: the rest is for the kernel's ends of connections, for the page cache, and for everybody else.
const SHARE_PERCENT: usize = 80;

/// Memory of the process; 0 for no limit.
pub struct Budget {
    /// Least that may be given; below, a server that does nothing would have none left.
    pub min: usize,
    /// Most that may be given.
    pub max: usize,
}

impl Budget {
    fn bytes(&self) -> Bytes {
        Bytes { default: 0, min: self.min, max: self.max }
    }
}

impl Kind for Budget {
    type Value = usize;

    fn default(&self) -> usize {
        // Unknown only where the kernel tells nobody: no limit then.
        available_bytes().map_or(0, |bytes| (bytes / 100 * SHARE_PERCENT).clamp(self.min, self.max))
    }

    fn parse(&self, text: &str) -> Result<usize, Fault> {
        let bytes = Bytes { min: 0, ..self.bytes() }.parse(text)?;
        if bytes == 0 || bytes >= self.min { Ok(bytes) } else { Err(Fault::OutOfRange) }
    }

    fn write(&self, value: &usize) -> Literal {
        self.bytes().write(value)
    }

    fn unit(&self) -> &'static str {
        "bytes"
    }

    fn allowed(&self) -> String {
        format!("{}; 0 for no limit", self.bytes().allowed())
    }
}

/// The memory of the machine, or of the narrowest of its control groups that this process is in, whichever is less.
fn available_bytes() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let group =
        fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| group_limit(Path::new("/sys/fs/cgroup"), &text));
    machine.into_iter().chain(group).min()
}

/// `MemTotal` of `/proc/meminfo`.
fn total_of(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1_024)
}

/// The least `memory.max` from the group of this process up to the root (cgroups(7), version 2). In a container the root is all that is seen.
fn group_limit(root: &Path, groups: &str) -> Option<usize> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let below_root = Path::new(path).ancestors().map(|group| root.join(group).join("memory.max"));
    let limits = below_root.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<usize>().ok());
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_or_one_that_a_server_fits_in() {
        let budget = Budget { min: 1_024, max: 4_096 };
        assert_eq!(budget.parse("0"), Ok(0));
        assert_eq!(budget.parse("1KiB"), Ok(1_024));
        assert_eq!(budget.parse("4KiB"), Ok(4_096));
        for wrong in ["4", "1023", "5KiB"] {
            assert_eq!(budget.parse(wrong), Err(Fault::OutOfRange), "{wrong}");
        }
        assert_eq!(budget.allowed(), "1KiB to 4KiB; 0 for no limit");
    }

    #[test]
    fn the_machine_and_the_narrowest_group_are_found() {
        assert_eq!(total_of("MemTotal:       24676304 kB\nMemFree: 1 kB\n"), Some(24_676_304 * 1_024));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        let root = std::env::temp_dir().join(format!("selvedge-budget-{}", std::process::id()));
        let inner = root.join("a/b");
        fs::create_dir_all(&inner).expect("a folder for the test");
        for (folder, limit) in [(&root, "max\n"), (&root.join("a"), "1000\n"), (&inner, "max\n")] {
            fs::write(folder.join("memory.max"), limit).expect("a folder for the test");
        }
        assert_eq!(group_limit(&root, "0::/a/b\n"), Some(1_000));
        assert_eq!(group_limit(&root, "0::/\n"), None);
        assert_eq!(group_limit(&root, "1:memory:/a\n"), None);
        fs::remove_dir_all(&root).expect("it was made here");
    }
}
