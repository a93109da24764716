//! Judgement on made-up machines: folders with the proc and sys of one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::declaration::Rule;
use super::formula::{self, Quantities};
use super::*;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A machine of files that is well tuned, until a test changes it.
struct MadeUp {
    root: PathBuf,
    ring: Result<(), String>,
    tools: BTreeMap<String, String>,
}

impl MadeUp {
    /// One that has nothing, not even a folder.
    fn nothing() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("selvedge-doctor-{}-{number}", std::process::id()));
        Self { root, ring: Err("forbidden ".repeat(40)), tools: BTreeMap::new() }
    }

    fn new() -> Self {
        let mut machine = Self::nothing();
        machine.ring = Ok(());
        for (path, text) in [
            ("proc/meminfo", "MemTotal:       65536000 kB\nSwapTotal:             0 kB"),
            ("proc/self/status", "Cpus_allowed_list:\t0-7\nCapEff:\t000001ffffffffff"),
            (
                "proc/self/limits",
                "Max open files            2000000              2000000              files\nMax locked memory         unlimited            unlimited            bytes",
            ),
            ("proc/self/mounts", "/dev/sda / ext4 rw 0 0\nproc /proc proc rw 0 0\ntmpfs /ram tmpfs rw 0 0"),
            ("proc/sys/kernel/osrelease", "6.13.4-made-up"),
            ("proc/sys/fs/file-max", "9223372036854775807"),
            ("proc/sys/fs/nr_open", "1073741816"),
            ("proc/sys/net/core/somaxconn", "4096"),
            ("proc/sys/net/ipv4/tcp_mem", "1024000\t2048000\t4096000"),
            ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
            ("sys/devices/system/node/node0/x", ""),
        ] {
            machine.put(path, text);
        }
        machine
    }

    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a temporary folder");
        fs::write(path, text).expect("a temporary file");
    }

    fn examine(&self, descriptors: DescriptorsChoice) -> Vec<Finding> {
        let asked = Asked { connections: 1_000_000, descriptors, port: 8420, data_dir: "/nowhere/data".into() };
        examine(&Machine::new(&self.root), &asked, self)
    }

    fn finding(&self, name: &str) -> Finding {
        let findings = self.examine(DescriptorsChoice::Process);
        findings.into_iter().find(|finding| finding.knob.name == name).expect("declared, and for a process")
    }

    fn check(&self, name: &str, state: State, found: &str) {
        let finding = self.finding(name);
        assert_eq!((finding.state, finding.found.as_str()), (state, found), "{finding:?}");
    }
}

impl Probe for MadeUp {
    fn ring(&self) -> Result<(), String> {
        self.ring.clone()
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Option<String> {
        self.tools.get(&format!("{name} {}", arguments.join(" "))).cloned()
    }
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.root));
    }
}

#[test]
fn every_target_is_a_formula_and_every_check_is_one() {
    let quantities = Quantities { connections: 1, cores: 1, ram_bytes: 1 << 30 };
    for knob in KNOBS.iter() {
        let numbers = matches!(knob.kind, Kind::Sysctl | Kind::Rlimit | Kind::IdleStates)
            || knob.kind == Kind::Sysfs && knob.rule != Rule::OneOf;
        if numbers && knob.rule != Rule::LeftAlone {
            let evaluated = formula::evaluate(&knob.target, &quantities);
            assert!(evaluated.is_some_and(|numbers| !numbers.is_empty()), "{}: {}", knob.name, knob.target);
        }
        if let Some(ceiling) = &knob.ceiling {
            let count = knob.target.split(',').count();
            assert_eq!(
                formula::evaluate(ceiling, &quantities).map(|numbers| numbers.len()),
                Some(count),
                "{}",
                knob.name
            );
        }
    }
    // Whatever is declared is examined, on a machine that has everything to be found and on one that has nothing.
    for machine in [MadeUp::new(), MadeUp::nothing()] {
        let both = machine.examine(DescriptorsChoice::Process).len() + machine.examine(DescriptorsChoice::Direct).len();
        let conditional = KNOBS.iter().filter(|knob| matches!(knob.when, When::Process | When::Direct)).count();
        assert_eq!(both, 2 * (KNOBS.len() - conditional) + conditional);
    }
}

#[test]
fn a_well_tuned_machine_is_fit() {
    let machine = MadeUp::new();
    for descriptors in [DescriptorsChoice::Process, DescriptorsChoice::Direct] {
        let findings = machine.examine(descriptors);
        let lacking: Vec<_> = findings.iter().filter(|finding| finding.required && finding.state.is_wrong()).collect();
        assert!(is_fit(&findings), "{lacking:?}");
    }
    machine.check("tcp-mem", State::Ok, "1024000 2048000 4096000");
    machine.check("transparent-huge-pages", State::Ok, "madvise");
    machine.check("nr-open", State::Ok, "1073741816");
}

#[test]
fn what_is_too_low_says_what_mends_it() {
    let machine = MadeUp::new();
    machine.put("proc/sys/net/core/somaxconn", "128\n");
    let finding = machine.finding("somaxconn");
    assert_eq!((finding.state, finding.required), (State::TooLow, true));
    assert_eq!(finding.mend.as_deref(), Some("sysctl -w 'net.core.somaxconn=4096'"));
    assert!(!is_fit(&machine.examine(DescriptorsChoice::Process)));

    machine.put("proc/sys/net/ipv4/tcp_rmem", "4096 87380 4194304");
    assert_eq!(
        machine.finding("tcp-rmem").mend.as_deref(),
        Some("sysctl -w 'net.ipv4.tcp_rmem=4096 87380 6291456'"),
        "what is high enough stays"
    );
    machine.put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
    machine.check("transparent-huge-pages", State::TooHigh, "always");
    machine.put("proc/sys/net/ipv4/tcp_mem", "10000000 10000000 10000000");
    machine.check("tcp-mem", State::TooHigh, "10000000 10000000 10000000");
}

#[test]
fn in_a_container_the_host_has_to_mend() {
    let machine = MadeUp::new();
    machine.put("proc/sys/net/core/somaxconn", "128");
    machine
        .put("proc/self/mounts", "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\nproc /proc/sys proc ro,nosuid 0 0");
    machine.check("somaxconn", State::NotPermitted, "128");
    machine.check("data-folder", State::TooLow, "overlay");
    // A control group has less memory than the machine.
    machine.put("proc/self/cgroup", "0::/kubepods/pod1");
    machine.put("sys/fs/cgroup/memory.max", "max");
    machine.put("sys/fs/cgroup/kubepods/memory.max", "1073741824");
    machine.put("sys/fs/cgroup/kubepods/pod1/memory.max", "max");
    machine.check("memory", State::TooLow, "1073741824");
}

#[test]
fn a_hard_limit_is_only_too_low_for_who_may_raise_it() {
    let machine = MadeUp::new();
    machine.put("proc/self/limits", "Max open files            1024                 20000                files");
    machine.check("open-files", State::TooLow, "20000");
    machine.put("proc/self/status", "Cpus_allowed_list:\t0-7\nCapEff:\t000001fffeffffff");
    machine.check("open-files", State::NotPermitted, "20000");
    // With direct descriptors the same limit will do.
    assert!(is_fit(&machine.examine(DescriptorsChoice::Direct)));
    assert!(!is_fit(&machine.examine(DescriptorsChoice::Process)));
    machine.put("proc/self/limits", "Max open files            unlimited            unlimited            files");
    machine.check("open-files", State::Ok, "unlimited");
}

#[test]
fn memory_for_rings_is_a_matter_of_cores_and_of_who_may_lock_any() {
    let machine = MadeUp::new();
    assert_eq!(machine.finding("locked-memory").state, State::NotApplicable);
    machine.put("proc/self/status", "Cpus_allowed_list:\t0-7\nCapEff:\t0000000000000000");
    machine.check("locked-memory", State::Ok, "unlimited");
    machine.put("proc/self/limits", "Max locked memory         8388608              8388608              bytes");
    machine.check("locked-memory", State::Ok, "8388608");
    machine.put("proc/self/status", "Cpus_allowed_list:\t0-15\nCapEff:\t0000000000000000");
    machine.check("locked-memory", State::NotPermitted, "8388608");
}

#[test]
fn without_io_uring_only_direct_descriptors_are_lost() {
    let mut machine = MadeUp::new();
    machine.ring = Err("forbidden here".into());
    assert_eq!(machine.finding("io-uring").state, State::NotPermitted);
    assert!(is_fit(&machine.examine(DescriptorsChoice::Process)));
    assert!(!is_fit(&machine.examine(DescriptorsChoice::Direct)));
    machine.put("proc/sys/kernel/osrelease", "5.15.0-generic");
    machine.check("kernel", State::TooLow, "5.15");
    machine.put("proc/sys/kernel/io_uring_disabled", "2");
    assert_eq!(machine.finding("io-uring-disabled").state, State::TooHigh);
}

#[test]
fn connections_may_be_tracked_where_the_table_holds_them() {
    let mut machine = MadeUp::new();
    assert_eq!(machine.finding("conntrack").state, State::NotApplicable);
    machine.put("proc/sys/net/netfilter/nf_conntrack_max", "262144");
    machine.put("proc/sys/net/netfilter/nf_conntrack_count", "0");
    assert_eq!(machine.finding("conntrack").state, State::Ok);
    machine.put("proc/sys/net/netfilter/nf_conntrack_count", "12");
    let finding = machine.finding("conntrack");
    assert_eq!(finding.state, State::TooLow);
    assert_eq!(finding.mend.as_deref(), Some("tuning/apply --only conntrack --port 8420"));
    machine.put("proc/sys/net/netfilter/nf_conntrack_max", "2000000");
    assert_eq!(machine.finding("conntrack").state, State::Ok);
    machine.put("proc/sys/net/netfilter/nf_conntrack_max", "262144");
    machine.tools.insert("nft list table inet selvedge_notrack".into(), "tcp dport 84201 notrack\n".into());
    assert_eq!(machine.finding("conntrack").state, State::TooLow, "another port");
    machine.tools.insert("nft list table inet selvedge_notrack".into(), "tcp dport 8420 notrack\n".into());
    assert_eq!(machine.finding("conntrack").state, State::Ok);
}

#[test]
fn queues_belong_to_their_cores() {
    let mut machine = MadeUp::new();
    assert_eq!(machine.finding("irq-affinity").state, State::NotApplicable);
    machine.put("sys/class/net/lo/queues/rx-0/rps_cpus", "0");
    machine.put("sys/class/net/eth0/device/msi_irqs/40", "msix");
    machine.put("sys/class/net/eth0/device/msi_irqs/41", "msix");
    machine.put("sys/class/net/eth0/device/msi_irqs/42", "msix");
    machine
        .put("proc/interrupts", " 40: 0 PCI-MSI eth0-TxRx-0\n 41: 0 PCI-MSI eth0-TxRx-9\n 42: 0 PCI-MSI eth0-config\n");
    machine.put("proc/irq/40/smp_affinity_list", "0\n");
    machine.put("proc/irq/41/smp_affinity_list", "1\n");
    machine.put("proc/irq/42/smp_affinity_list", "0-7\n");
    machine.check("irq-affinity", State::Ok, "2 queues");
    machine.put("proc/irq/41/smp_affinity_list", "0-7\n");
    machine.check("irq-affinity", State::TooLow, "0-7");
    machine.put("sys/class/net/eth0/queues/rx-0/rps_cpus", "00000000,000000ff");
    machine.check("rps", State::Ok, "1 queues");
    for queue in 0..2 {
        machine.put(&format!("sys/class/net/eth0/queues/tx-{queue}/xps_cpus"), if queue == 0 { "55" } else { "aa" });
    }
    machine.check("xps", State::Ok, "2 queues");
    machine.put("sys/class/net/eth0/queues/tx-1/xps_cpus", "ff");
    machine.check("xps", State::TooLow, "ff");
    assert_eq!(machine.finding("rx-ring").state, State::Unknown, "there is no ethtool");
    machine.tools.insert("ethtool -g eth0".into(), "RX:\t\t512\nCurrent:\nRX:\t\t256\n".into());
    let finding = machine.finding("rx-ring");
    assert_eq!((finding.state, finding.mend.as_deref()), (State::TooLow, Some("ethtool -G eth0 rx 512")));
}

#[test]
fn swap_nodes_and_sleep_states_count_where_they_are() {
    let machine = MadeUp::new();
    for name in ["swappiness", "numa-balancing", "idle-states"] {
        assert_eq!(machine.finding(name).state, State::NotApplicable, "{name}");
    }
    machine.put("proc/meminfo", "MemTotal:       65536000 kB\nSwapTotal:       8388608 kB");
    machine.put("proc/sys/vm/swappiness", "60");
    machine.put("sys/devices/system/node/node1/x", "");
    machine.put("proc/sys/kernel/numa_balancing", "1");
    machine.put("sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "133");
    machine.put("sys/devices/system/cpu/cpu0/cpuidle/state1/disable", "0");
    machine.check("swappiness", State::TooHigh, "60");
    machine.check("swap", State::TooHigh, "8589934592");
    machine.check("numa-balancing", State::TooHigh, "1");
    machine.check("idle-states", State::TooHigh, "133");
    machine.put("sys/devices/system/cpu/cpu0/cpuidle/state1/disable", "1");
    assert_eq!(machine.finding("idle-states").state, State::NotApplicable);
}

#[test]
fn whatever_files_say_nothing_breaks() {
    let machine = MadeUp::new();
    machine.put("sys/class/net/eth0/device/msi_irqs/40", "");
    machine.put("sys/class/net/eth0/queues/rx-0/rps_cpus", "");
    machine.put("proc/sys/net/netfilter/nf_conntrack_max", "");
    machine.put("proc/sys/net/netfilter/nf_conntrack_count", "");
    let mut paths = Vec::new();
    files_below(&machine.root, &mut paths);
    assert!(paths.len() > 12);
    let contents: [&[u8]; 7] =
        [b"", b"\xff\xfe\0", b"-1", b"99999999999999999999999999", b"0-99999999999", b"[", b"a b c d e\n\n:::\t"];
    for path in paths {
        let before = fs::read(&path).expect("listed");
        for content in contents {
            fs::write(&path, content).expect("a temporary file");
            let findings = machine.examine(DescriptorsChoice::Process);
            assert!(!table(&asked(), &findings).is_empty());
        }
        fs::write(&path, before).expect("a temporary file");
    }
}

fn files_below(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files_below(&entry, paths) } else { paths.push(entry) }
    }
}

fn asked() -> Asked {
    Asked { connections: 1_000_000, descriptors: DescriptorsChoice::Process, port: 8420, data_dir: "data".into() }
}

#[test]
fn the_table_fits_a_terminal_and_the_json_is_one() {
    for machine in [MadeUp::new(), MadeUp::nothing()] {
        let findings = machine.examine(DescriptorsChoice::Process);
        for line in table(&asked(), &findings).lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        let value: serde_json::Value = serde_json::from_str(&json(&asked(), &findings)).expect("JSON");
        assert_eq!(value["knobs"].as_array().expect("a list").len(), findings.len());
        assert_eq!(value["fit"], is_fit(&findings));
        for (shown, finding) in value["knobs"].as_array().expect("a list").iter().zip(&findings) {
            assert_eq!(shown["state"], finding.state.word());
            assert_eq!(shown["mend"].is_null(), !finding.state.is_wrong(), "{shown}");
        }
    }
}

#[test]
fn the_readme_has_the_declaration() {
    let readme = include_str!("../../tuning/README.md");
    let shown = readme.split_once("<!-- knobs -->\n").and_then(|(_, rest)| rest.split_once("<!-- /knobs -->"));
    let (shown, _) = shown.expect("two marks");
    assert!(shown == explain(), "between the marks of tuning/README.md stands what `selvedge doctor --explain` prints");
}
