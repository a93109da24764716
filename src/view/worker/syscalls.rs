//! Numbers of the system calls that a worker may make. The kernel never changes them; each architecture has its own.

/// The numbers of one architecture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syscalls {
    pub(super) read: i64,
    pub(super) write: i64,
    pub(super) mmap: i64,
    pub(super) mprotect: i64,
    pub(super) munmap: i64,
    pub(super) mremap: i64,
    pub(super) madvise: i64,
    pub(super) brk: i64,
    pub(super) clock_gettime: i64,
    pub(super) getrandom: i64,
    pub(super) exit_group: i64,
}

/// Linux, arch/x86/entry/syscalls/syscall_64.tbl.
#[cfg(target_arch = "x86_64")]
pub(super) const SYSCALLS: Syscalls = Syscalls {
    read: 0,
    write: 1,
    mmap: 9,
    mprotect: 10,
    munmap: 11,
    mremap: 25,
    madvise: 28,
    brk: 12,
    clock_gettime: 228,
    getrandom: 318,
    exit_group: 231,
};

/// Linux, include/uapi/asm-generic/unistd.h.
#[cfg(target_arch = "aarch64")]
pub(super) const SYSCALLS: Syscalls = Syscalls {
    read: 63,
    write: 64,
    mmap: 222,
    mprotect: 226,
    munmap: 215,
    mremap: 216,
    madvise: 233,
    brk: 214,
    clock_gettime: 113,
    getrandom: 278,
    exit_group: 94,
};
