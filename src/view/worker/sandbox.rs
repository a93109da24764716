//! What a worker gives up before it sees a document: all that is not needed to read, compute and write. Knows no document.
//!
//! Descriptors that the server may have passed on by mistake need no closing: no call is left that could be made on any but the first three.

use std::env;
use std::fmt;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::Bounds;
use super::syscalls::SYSCALLS;
use crate::priority;

/// As the kernel has it.
const PROT_EXEC: u64 = 4;

/// The descriptor of memory that is no file's, in 32 bits.
const NO_FILE: u64 = 0xffff_ffff;

/// What the kernel refused. The process must not see a document then.
#[derive(Debug)]
pub(super) enum Unsafe {
    Limit(rustix::io::Errno),
    Privileges(rustix::io::Errno),
    Parent(rustix::io::Errno),
    Filter(seccompiler::Error),
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(error) => write!(f, "limits: {error}"),
            Self::Privileges(error) => write!(f, "no_new_privs: {error}"),
            Self::Parent(error) => write!(f, "parent death signal: {error}"),
            Self::Filter(error) => write!(f, "seccomp: {error}"),
        }
    }
}

/// Gives up everything else, for good.
pub(super) fn enter(bounds: Bounds) -> Result<(), Unsafe> {
    // A parent that is gone already has closed the pipe, which ends the worker too.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(Unsafe::Parent)?;
    priority::stand_back();
    let filter = filter().map_err(Unsafe::Filter)?;
    for (resource, most) in [
        (Resource::As, bounds.memory_bytes),
        (Resource::Cpu, bounds.cpu_seconds),
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Sigpending, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(Unsafe::Limit)?;
    }
    set_no_new_privs(true).map_err(Unsafe::Privileges)?;
    apply_filter(&filter).map_err(Unsafe::Filter)
}

/// Whatever is not in here ends the process: also what the C library does to say that it gives up.
fn filter() -> Result<BpfProgram, seccompiler::Error> {
    let is = |argument, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
    let descriptor = |descriptor| SeccompRule::new(vec![is(0, descriptor)?]);
    let without_code = || SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(PROT_EXEC), 0);
    let calls = SYSCALLS;
    let rules = [
        (calls.read, vec![descriptor(0)?]),
        (calls.write, vec![descriptor(1)?, descriptor(2)?]),
        (calls.mmap, vec![SeccompRule::new(vec![without_code()?, is(4, NO_FILE)?])?]),
        (calls.mprotect, vec![SeccompRule::new(vec![without_code()?])?]),
        (calls.munmap, vec![]),
        (calls.mremap, vec![]),
        (calls.madvise, vec![]),
        (calls.brk, vec![]),
        // Where the virtual machine's clock cannot be read without the kernel.
        (calls.clock_gettime, vec![]),
        (calls.getrandom, vec![]),
        (calls.exit_group, vec![]),
    ];
    let here: TargetArch = env::consts::ARCH.try_into()?;
    let filter =
        SeccompFilter::new(rules.into_iter().collect(), SeccompAction::KillProcess, SeccompAction::Allow, here)?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};
    use std::{env, io, thread};

    use super::*;

    /// The variable that says what a child of the test below is to try.
    const ATTEMPT: &str = "SANDBOX_ATTEMPT";

    /// The signal of a call that the filter forbids.
    const SIGSYS: i32 = 31;

    const ATTEMPTS: [&str; 11] = [
        "open",
        "listen",
        "connect",
        "datagram",
        "pair",
        "thread",
        "program",
        "signal",
        "limits",
        "parent",
        "directory",
    ];

    fn attempt(what: &str) {
        match what {
            "open" => drop(File::open("/proc/self/stat")),
            "listen" => drop(TcpListener::bind("127.0.0.1:0")),
            "connect" => drop(TcpStream::connect("127.0.0.1:1")),
            "datagram" => drop(UdpSocket::bind("127.0.0.1:0")),
            "pair" => drop(UnixStream::pair()),
            "thread" => drop(thread::Builder::new().spawn(|| ())),
            "program" => drop(Command::new("/bin/true").spawn()),
            "signal" => {
                let parent = rustix::process::getppid().expect("it has one");
                let _ = rustix::process::test_kill_process(parent);
            }
            "limits" => {
                let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
            }
            "parent" => {
                let _ = set_parent_process_death_signal(None);
            }
            "directory" => {
                let _ = env::set_current_dir("/tmp");
            }
            other => panic!("{other} is not known"),
        }
    }

    /// Does nothing but in a child of the test below.
    #[test]
    fn try_what_is_forbidden() {
        let Ok(what) = env::var(ATTEMPT) else { return };
        enter(Bounds { memory_bytes: 8 << 30, cpu_seconds: 10, answer_bytes_max: 0 }).expect("this kernel has it all");
        let allowed = vec![0_u8; 10 << 20];
        assert_eq!(allowed.iter().filter(|&&byte| byte == 0).count(), allowed.len());
        if what != "nothing" {
            attempt(&what);
        }
        io::Write::write_all(&mut io::stderr(), b"still here").expect("this is allowed");
    }

    #[test]
    fn whatever_else_is_tried_ends_the_process() {
        let name = "view::worker::sandbox::tests::try_what_is_forbidden";
        let run = |what: &str| {
            let mut command = Command::new(env::current_exe().expect("it is running"));
            command.args(["--exact", name, "--nocapture", "--test-threads", "1"]).env(ATTEMPT, what);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let output = command.output().expect("it can be started");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status, said)
        };
        // What the child is ended by is the attempt, not what is done before it.
        let (_, said) = run("nothing");
        assert!(said.contains("still here"), "{said}");
        for what in ATTEMPTS {
            let (status, said) = run(what);
            assert_eq!(status.signal(), Some(SIGSYS), "{what}: {status:?} {said}");
            assert!(!said.contains("still here"), "{what}");
        }
    }
}
