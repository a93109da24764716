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
