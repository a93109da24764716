//! The queues of network cards: which cores serve them, which should, and what ethtool says of the card. It judges nothing.

use super::machine::Machine;

/// What drivers put before the number of a queue when they name its interrupt. Interrupts named otherwise (config, mgmnt, async) are
/// not for packets.
const QUEUE_MARKS: [&str; 9] = ["input.", "output.", "TxRx-", "Tx-Rx-", "rx-", "tx-", "comp", "fp-", "queue-"];

/// A set of cores that a queue has, and the one it should have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Served {
    /// The file.
    pub(super) path: String,
    /// As it is written there.
    pub(super) found: String,
    /// As it should be.
    pub(super) wanted: String,
}

impl Served {
    pub(super) fn will_do(&self) -> bool {
        canonical(&self.found) == canonical(&self.wanted)
    }
}

/// The interrupts of an interface's queues.
pub(super) fn interrupts(machine: &Machine, interface: &str, cores: &[usize]) -> Vec<Served> {
    let names = machine.read("proc/interrupts").unwrap_or_default();
    let device = format!("sys/class/net/{interface}/device");
    // Those of a virtual device belong to what it hangs on.
    let folder =
        [format!("{device}/msi_irqs"), format!("{device}/../msi_irqs")].into_iter().find(|path| machine.exists(path));
    let Some(folder) = folder else { return Vec::new() };
    let served = |path: String| {
        let number = path.rsplit('/').next()?;
        let name = names.lines().find_map(|line| line.trim_start().strip_prefix(number)?.strip_prefix(':'))?;
        let queue = queue_of(name.split_whitespace().last()?)?;
        let path = format!("proc/irq/{number}/smp_affinity_list");
        let core = cores.get(queue % cores.len().max(1))?;
        Some(Served { found: machine.read(&path)?, wanted: core.to_string(), path })
    };
    machine.matches(&format!("{folder}/*")).into_iter().filter_map(served).collect()
}

fn queue_of(name: &str) -> Option<usize> {
    QUEUE_MARKS.iter().find_map(|mark| {
        let (_, rest) = name.split_once(mark)?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    })
}

/// Which cores take packets from the receive queues: all of them.
pub(super) fn receivers(machine: &Machine, pattern: &str, cores: &[usize]) -> Vec<Served> {
    let wanted = mask(cores.iter().copied());
    let served = |path: String| Some(Served { found: machine.read(&path)?, wanted: wanted.clone(), path });
    machine.matches(pattern).into_iter().filter_map(served).collect()
}

/// Which cores send through which queue: each through one.
pub(super) fn senders(machine: &Machine, pattern: &str, cores: &[usize]) -> Vec<Served> {
    let paths = machine.matches(pattern);
    let queues = paths.len();
    let served = |(queue, path): (usize, String)| {
        let own = cores.iter().enumerate().filter(|(place, _)| place % queues == queue).map(|(_, &core)| core);
        Some(Served { found: machine.read(&path)?, wanted: mask(own), path })
    };
    paths.into_iter().enumerate().filter_map(served).collect()
}

/// As the kernel writes a set of cores: hexadecimal, in groups of 32 bits.
fn mask(cores: impl Iterator<Item = usize>) -> String {
    let mut groups = vec![0_u32];
    for core in cores {
        let group = core / 32;
        if groups.len() <= group {
            groups.resize(group + 1, 0);
        }
        groups[group] |= 1 << (core % 32);
    }
    let mut text = String::new();
    for (place, group) in groups.iter().rev().enumerate() {
        text += &if place == 0 { format!("{group:x}") } else { format!(",{group:08x}") };
    }
    text
}

/// Without what depends on how many cores the kernel was built for.
fn canonical(set: &str) -> String {
    let digits: String = set.chars().filter(|&c| c != ',').collect();
    let short = digits.trim_start_matches('0');
    if short.is_empty() { "0".to_owned() } else { short.to_ascii_lowercase() }
}

/// The receive ring of a card: what it has and the most it can have, from `ethtool -g`.
pub(super) fn ring(output: &str) -> Option<(u64, u64)> {
    let mut sizes = output.lines().filter_map(|line| line.strip_prefix("RX:")?.trim().parse().ok());
    let (most, now) = (sizes.next()?, sizes.next()?);
    Some((now, most))
}

/// Whether a card gathers interrupts as its load asks, from `ethtool -c`. `None` where it cannot.
pub(super) fn is_adaptive(output: &str) -> Option<bool> {
    let words = output.lines().find_map(|line| line.strip_prefix("Adaptive RX:"))?;
    match words.split_whitespace().next()? {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_are_known_by_what_drivers_call_them() {
        let check = |name, queue| assert_eq!(queue_of(name), queue, "{name}");
        check("virtio2-input.0", Some(0));
        check("virtio2-output.3", Some(3));
        check("virtio2-config", None);
        check("eth0-TxRx-12", Some(12));
        check("i40e-eno1-TxRx-7", Some(7));
        check("mlx5_comp31@pci:0000:01:00.0", Some(31));
        check("mlx5_async0@pci:0000:01:00.0", None);
        check("ena-mgmnt@pci:0000:00:05.0", None);
        check("eth0-Tx-Rx-2", Some(2));
    }

    #[test]
    fn sets_of_cores_are_written_as_the_kernel_does() {
        assert_eq!(mask([0, 1, 2, 3].into_iter()), "f");
        assert_eq!(mask([0, 33].into_iter()), "2,00000001");
        assert_eq!(mask([].into_iter()), "0");
        assert_eq!(canonical("00000000,0000000f"), canonical("f"));
        assert_ne!(canonical("00000001,00000000"), canonical("1"));
        assert_eq!(canonical("00000000"), "0");
    }

    #[test]
    fn ethtool_is_read_as_it_prints() {
        let rings = "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t4096\n\
                     Current hardware settings:\nRX:\t\t512\nRX Mini:\tn/a\nTX:\t\t512\n";
        assert_eq!(ring(rings), Some((512, 4096)));
        assert_eq!(ring("RX: 512"), None);
        assert_eq!(is_adaptive("Coalesce parameters for eth0:\nAdaptive RX: off  TX: off\n"), Some(false));
        assert_eq!(is_adaptive("Adaptive RX: on  TX: on\n"), Some(true));
        assert_eq!(is_adaptive("Adaptive RX: n/a  TX: n/a\n"), None);
    }
}
