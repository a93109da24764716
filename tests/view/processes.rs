//! Workers as the kernel sees them: children of this process, told apart by the figures in their command line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use selvedge::view::Options;

/// A process below /proc.
#[derive(Clone, Debug)]
pub(crate) struct Worker(PathBuf);

impl Worker {
    /// Those that were started with these options, zombies too: a zombie has no command line any more, but a parent.
    pub(crate) fn of(options: &Options) -> Vec<Self> {
        let wanted = format!("\0{}\0", options.answer_bytes_max);
        let is_wanted = |path: &Path| {
            fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&wanted))
        };
        children().into_iter().filter(|path| is_wanted(path)).map(Self).collect()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect("the worker is there")
    }

    /// `Name: value` lines.
    pub(crate) fn status(&self) -> BTreeMap<String, String> {
        let file = self.file("status");
        let lines = file.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }

    /// Soft and hard limit.
    pub(crate) fn limit(&self, name: &str) -> [String; 2] {
        let file = self.file("limits");
        let line = file.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel knows it");
        let mut words = line.split_whitespace().map(str::to_owned);
        [words.next().expect("a soft limit"), words.next().expect("a hard limit")]
    }

    /// Numbers and targets.
    pub(crate) fn descriptors(&self) -> BTreeMap<String, PathBuf> {
        let entries = fs::read_dir(self.0.join("fd")).expect("the worker is there");
        let entry = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().expect("a number");
            (name, fs::read_link(entry.path()).expect("the worker waits, and closes nothing"))
        };
        entries.map(|found| entry(found.expect("the worker is there"))).collect()
    }

    pub(crate) fn working_directory(&self) -> PathBuf {
        fs::read_link(self.0.join("cwd")).expect("the worker is there")
    }

    /// Field of `stat`, counted from 1 as in proc(5), behind the name.
    pub(crate) fn stat(&self, field: usize) -> String {
        let file = self.file("stat");
        let (_, rest) = file.rsplit_once(')').expect("a name in brackets");
        rest.split_whitespace().nth(field - 3).expect("the kernel has as many").to_owned()
    }

    pub(crate) fn pid(&self) -> i32 {
        let name = self.0.file_name().and_then(|name| name.to_str()).expect("a number");
        name.parse().expect("a number")
    }
}

/// Children of this process, in any state.
fn children() -> Vec<PathBuf> {
    let parent = std::process::id().to_string();
    let processes = fs::read_dir("/proc").expect("proc is mounted").filter_map(|entry| Some(entry.ok()?.path()));
    let is_child = |path: &PathBuf| {
        let Ok(stat) = fs::read_to_string(path.join("stat")) else { return false };
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.split_whitespace().nth(1) == Some(&parent))
    };
    processes.filter(is_child).collect()
}

/// Asks again until it is so. Tests end in time by themselves where it never is.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// Whether this process would pass the descriptor on to any child: what it has opened itself is closed there.
pub(crate) fn is_inherited(number: &str) -> bool {
    const O_CLOEXEC: u32 = 0o2_000_000;
    let Ok(about) = fs::read_to_string(Path::new("/proc/self/fdinfo").join(number)) else { return false };
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:")).expect("the kernel says them");
    let flags = u32::from_str_radix(flags.trim(), 8).expect("an octal number");
    number.parse::<u32>().expect("a number") > 2 && flags & O_CLOEXEC == 0
}

/// Children of this process, those included that nobody has waited for.
pub(crate) fn count() -> usize {
    children().len()
}

/// Open descriptors of this process.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc is mounted").count()
}
