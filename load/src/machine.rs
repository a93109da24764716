//! The machine that this runs on, from `/proc`. What cannot be known says so; nothing is guessed.

use std::fmt;

use crate::printable::printable;
use crate::proc_file;
use crate::report::Machine;
use crate::unit::Unit;

/// In place of a text that cannot be known. Numbers are 0.
const UNKNOWN: &str = "unknown";

/// A longer name of a CPU or kernel is cut.
const NAME_COLUMNS: usize = 80;

/// This machine. A container sees its host's CPUs and memory here, not its own limits.
pub(crate) fn detect() -> Machine {
    let text = |path: &str| proc_file::read(path).unwrap_or_default();
    parse(&text("/proc/cpuinfo"), &text("/proc/meminfo"), &text("/proc/sys/kernel/osrelease"), std::env::consts::ARCH)
}

fn parse(cpuinfo: &str, meminfo: &str, osrelease: &str, architecture: &str) -> Machine {
    // x86 and LoongArch; MIPS and others; POWER; RISC-V. ARM gives numbers only.
    let model = ["model name", "Model Name", "cpu model", "cpu", "uarch"]
        .iter()
        .find_map(|name| proc_file::field(cpuinfo, name).filter(|model| !model.is_empty()));
    let osrelease = osrelease.trim();
    Machine {
        cpu_model: model.map_or_else(|| format!("{UNKNOWN} {architecture}"), |model| printable(model, NAME_COLUMNS)),
        cpus: cpuinfo.lines().filter(|line| line.starts_with("processor") && line.contains(':')).count(),
        memory_bytes: proc_file::kilobytes(meminfo, "MemTotal").unwrap_or(0),
        kernel: if osrelease.is_empty() { UNKNOWN.into() } else { printable(osrelease, NAME_COLUMNS) },
    }
}

impl fmt::Display for Machine {
    /// One line, as it stands in tables and pictures.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, ", printable(&self.cpu_model, NAME_COLUMNS))?;
        match self.cpus {
            0 => write!(formatter, "{UNKNOWN} number of CPUs, ")?,
            1 => write!(formatter, "1 CPU, ")?,
            cpus => write!(formatter, "{cpus} CPUs, ")?,
        }
        match self.memory_bytes {
            0 => write!(formatter, "{UNKNOWN} memory, ")?,
            bytes => write!(formatter, "{}, ", Unit::Bytes.text(bytes as f64))?,
        }
        write!(formatter, "kernel {}", printable(&self.kernel, NAME_COLUMNS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_from_proc() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC 9754\n\nprocessor\t: 1\nmodel name\t: AMD EPYC 9754\n";
        let machine = parse(cpuinfo, "MemTotal:       24731284 kB\n", "6.18.44\n", "x86_64");
        let expected = Machine {
            cpu_model: "AMD EPYC 9754".into(),
            cpus: 2,
            memory_bytes: 25_324_834_816,
            kernel: "6.18.44".into(),
        };
        assert_eq!(machine, expected);
        assert_eq!(machine.to_string(), "AMD EPYC 9754, 2 CPUs, 23.6 GiB, kernel 6.18.44");
    }

    #[test]
    fn what_cannot_be_known_says_so() {
        let machine = parse("", "", "", "aarch64");
        assert_eq!(machine.to_string(), "unknown aarch64, unknown number of CPUs, unknown memory, kernel unknown");
        let arm = parse("processor\t: 0\nCPU implementer\t: 0x41\n", "MemTotal: x kB", "6.1", "aarch64");
        assert_eq!((arm.cpu_model.as_str(), arm.cpus, arm.memory_bytes), ("unknown aarch64", 1, 0));
    }

    #[test]
    fn this_machine_is_known() {
        let machine = detect();
        assert!(machine.cpus > 0 && machine.memory_bytes > 0 && machine.kernel != UNKNOWN, "{machine}");
    }
}
