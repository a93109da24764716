//! The server as a process, in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("selvedge-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the way of nobody.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A server that listens. Killed when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Its control plane; nobody's address where it has none.
    pub(crate) control: SocketAddr,
    child: Child,
    /// Kept open: a server that cannot write its log must not be what is tested.
    log: BufReader<ChildStderr>,
}

/// `driver` is its name, and the flags that go with it.
fn command(driver: &str, folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    // Neither the machine's settings nor what cargo tells its tests.
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SELVEDGE_")) {
        command.env_remove(variable);
    }
    command.arg("--data-dir").arg(folder.path().join("data"));
    command.arg("--driver").args(driver.split(' '));
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    if !arguments.contains(&"--control-listen") {
        command.args(["--control-listen", "127.0.0.1:0"]);
    }
    if !arguments.contains(&"--shards") {
        command.args(["--shards", "2"]);
    }
    if !arguments.contains(&"--view-timeout-ms") {
        // Whoever asks for the content of a document shall have it, on a slow machine too.
        command.args(["--view-timeout-ms", "60000"]);
    }
    command.args(["--storage-memory-bytes", "16MiB"]).args(arguments);
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    command
}

/// The same, with so many open files at most.
fn limited(command: &Command, open_files: u32) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n \"$0\" && exec \"$@\""]).arg(open_files.to_string());
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stderr(Stdio::piped()).stdout(Stdio::null());
    limited
}

impl Server {
    pub(crate) fn start(driver: &str, folder: &Folder, arguments: &[&str]) -> Self {
        Self::start_in(driver, folder, arguments, &[])
    }

    /// With these variables beside those of the test.
    pub(crate) fn start_in(driver: &str, folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(command(driver, folder, arguments).envs(environment.iter().copied()))
    }

    /// With so many open files at most.
    pub(crate) fn start_with_open_files(driver: &str, folder: &Folder, arguments: &[&str], open_files: u32) -> Self {
        Self::spawn(&mut limited(&command(driver, folder, arguments), open_files))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary was built");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        let mut control = None;
        let address = loop {
            let from = said.len();
            if log.read_line(&mut said).expect("the log is text") == 0 {
                panic!("the server ended: {:?}, {said}", child.wait());
            }
            if let Some((_, rest)) = said[from..].split_once("control plane on http://") {
                let address = rest.split_whitespace().next().expect("an address");
                control = Some(address.parse().expect("an address"));
            }
            if let Some((_, rest)) = said[from..].split_once("listening on ") {
                let address = rest.split_whitespace().next().expect("an address");
                break address.parse().expect("an address");
            }
        };
        Self { address, control: control.unwrap_or(SocketAddr::from(([0; 4], 0))), child, log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks each core for what it has counted: so many lines of the log.
    pub(crate) fn counters(&mut self, cores: usize) -> Vec<String> {
        self.signal(Signal::USR1);
        (0..cores).map(|_| self.wait_for_log("counters core=")).collect()
    }

    /// The next line of the log that says this.
    pub(crate) fn wait_for_log(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).expect("the log is text"), 0, "the server ended");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the server runs");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("it was started here");
    }

    /// Waits for the end.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let (code, said) = self.end();
        println!("{said}");
        code
    }

    /// Waits for the end: the exit code, and what the log said since the start.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.log.read_to_string(&mut said).expect("the log is text");
        let status = self.child.wait().expect("it was started here");
        (status.code(), said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a server that cannot run, and gives its exit code and what it said.
pub(crate) fn fails(driver: &str, folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(driver, folder, arguments).output().expect("the binary was built");
    (output.status.code(), String::from_utf8(output.stderr).expect("the log is text"))
}
