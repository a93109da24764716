//! Why this kernel, or its administrator, does not let the uring driver run.

use std::fmt;
use std::io;

use rustix::io::Errno;

/// Why this kernel, or its administrator, does not let the uring driver run.
#[derive(Debug)]
pub enum Refusal {
    /// No ring could be made.
    Setup(io::Error),
    /// The ring lacks a feature.
    Feature(&'static str),
    /// The ring does not know an operation.
    Operation(&'static str),
    /// Direct descriptors: a socket in a slot could not be given to another core.
    Install,
    /// Direct descriptors: a slot that is emptied keeps its socket open while older requests last.
    Lingering,
    /// Direct descriptors: the ring takes no table of slots.
    Slots(io::Error),
    /// A descriptor beside the ring is lacking.
    Descriptor(io::Error),
}

impl Refusal {
    fn setup_hint(error: &io::Error) -> &'static str {
        match Errno::from_io_error(error) {
            Some(Errno::NOSYS) => "this kernel has no io_uring, or a container's seccomp profile hides it",
            Some(Errno::PERM | Errno::ACCESS) => {
                "forbidden here, by kernel.io_uring_disabled or a container's seccomp profile"
            }
            Some(Errno::INVAL) => "IORING_SETUP_SINGLE_ISSUER and IORING_SETUP_DEFER_TASKRUN need Linux 6.1",
            Some(Errno::NOMEM) => {
                "no memory for the shortest rings; RLIMIT_MEMLOCK (LimitMEMLOCK=, ulimit -l) bounds it"
            }
            Some(Errno::MFILE | Errno::NFILE) => "no descriptor is free",
            Some(_) | None => "unexpected",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(error) => write!(f, "io_uring_setup: {error}: {}", Self::setup_hint(error)),
            Self::Feature(name) => write!(f, "this kernel's io_uring lacks the feature {name}"),
            Self::Operation(name) => write!(f, "this kernel's io_uring lacks the operation {name}"),
            Self::Install => f.write_str(
                "direct descriptors need IORING_OP_FIXED_FD_INSTALL (Linux 6.8); without, use --descriptors process and raise the limit \
                 of open files (ulimit -n)",
            ),
            Self::Lingering => f.write_str(
                "direct descriptors: this kernel closes a socket only after all requests that are older have ended (Linux before 6.13); use \
                 --descriptors process and raise the limit of open files (ulimit -n)",
            ),
            Self::Slots(error) => {
                write!(f, "direct descriptors: IORING_REGISTER_FILES2: {error}; --descriptors process does without")
            }
            Self::Descriptor(error) => write!(f, "no descriptor for the driver: {error}"),
        }
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Setup(error) | Self::Slots(error) | Self::Descriptor(error) => Some(error),
            Self::Feature(_) | Self::Operation(_) | Self::Install | Self::Lingering => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_in_which_containers_forbid_it_are_named() {
        for errno in [Errno::NOSYS, Errno::PERM] {
            let said = Refusal::Setup(errno.into()).to_string();
            assert!(said.contains("seccomp profile"), "{said}");
        }
    }
}
