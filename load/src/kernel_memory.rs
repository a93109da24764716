//! The kernel's own memory, and how much of it a run took. Reads `/proc`; does not know who made the kernel take it.
//!
//! What is counted, for the whole machine:
//! - `Slab` of `/proc/meminfo`: all small objects. A TCP connection is a socket, an inode, a directory entry and a file here, and small
//!   buffers. Not only `SUnreclaim`, because the kernel calls the inodes and directory entries of sockets reclaimable.
//! - `KernelStack`, `PageTables`, `Percpu` of `/proc/meminfo`: of threads, of the processes' own memory, and per CPU.
//!
//! Told beside it, and not added: what `/proc/net/sockstat` says TCP holds for data that is not yet sent or not yet read. Some of that is in
//! slabs and some in pages of its own, and the kernel does not say how much.
//!
//! Not counted: pages that the kernel took outside of all these, such as the buffers of network cards and the rings of io_uring.
//!
//! Where both ends of a connection are on this machine, both are in it: a connection is then two sockets. Whatever else the machine does, such
//! as opening files, is in it too.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

use crate::auxiliary::Units;
use crate::printable::printable;
use crate::proc_file;
use crate::report::{Better, Figure};
use crate::unit::{Unit, number};

/// At one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KernelMemory {
    slab_bytes: u64,
    stack_bytes: u64,
    page_table_bytes: u64,
    percpu_bytes: u64,
    tcp_buffer_bytes: u64,
    tcp_sockets: u64,
    /// Bytes by kind of object. None where it may not be read: usually only root may.
    slabs: Option<BTreeMap<String, u64>>,
}

/// What it took between two moments; less than nothing where it gave some back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KernelGrowth {
    pub(crate) slab_bytes: i64,
    pub(crate) stack_bytes: i64,
    pub(crate) page_table_bytes: i64,
    pub(crate) percpu_bytes: i64,
    /// Not part of [`Self::bytes`].
    pub(crate) tcp_buffer_bytes: i64,
    pub(crate) tcp_sockets: i64,
    /// The kinds of objects that grew most, at most [`LARGEST_SLABS`]. Empty where they may not be read.
    pub(crate) largest_slabs: Vec<(String, i64)>,
}

/// How many kinds of objects are named.
const LARGEST_SLABS: usize = 8;

/// With fewer, whatever else the machine does weighs more than the sockets do: what it comes to for each is told, and neither good nor bad.
const CONNECTIONS_MIN: u64 = 10_000;

/// A longer name of a kind of object is cut; the kernel's have at most 32.
const NAME_COLUMNS: usize = 32;

impl KernelMemory {
    /// As it is now.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read, or does not say.
    pub(crate) fn sample() -> io::Result<Self> {
        let units = Units::of_this_machine()?;
        let meminfo = proc_file::read("/proc/meminfo")?;
        let sockstat = proc_file::read("/proc/net/sockstat")?;
        let slabinfo = proc_file::read("/proc/slabinfo").ok();
        Self::parse(&meminfo, &sockstat, slabinfo.as_deref(), units.page_bytes).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "/proc/meminfo or /proc/net/sockstat is not understood")
        })
    }

    fn parse(meminfo: &str, sockstat: &str, slabinfo: Option<&str>, page_bytes: u64) -> Option<Self> {
        let tcp = proc_file::field(sockstat, "TCP")?;
        Some(Self {
            slab_bytes: proc_file::kilobytes(meminfo, "Slab")?,
            stack_bytes: proc_file::kilobytes(meminfo, "KernelStack")?,
            page_table_bytes: proc_file::kilobytes(meminfo, "PageTables")?,
            // Since Linux 4.20.
            percpu_bytes: proc_file::kilobytes(meminfo, "Percpu").unwrap_or(0),
            tcp_buffer_bytes: word_after(tcp, "mem")?.checked_mul(page_bytes)?,
            tcp_sockets: word_after(tcp, "alloc")?,
            slabs: slabinfo.map(|text| slabs(text, page_bytes)),
        })
    }

    /// What it took since an earlier moment.
    pub(crate) fn growth_since(&self, earlier: &Self) -> KernelGrowth {
        let mut largest_slabs: Vec<(String, i64)> = match (&self.slabs, &earlier.slabs) {
            (Some(now), Some(before)) => now
                .iter()
                .map(|(name, bytes)| (name.clone(), difference(*bytes, before.get(name).copied().unwrap_or(0))))
                .filter(|(_, grown)| *grown > 0)
                .collect(),
            (Some(_), None) | (None, Some(_)) | (None, None) => Vec::new(),
        };
        largest_slabs.sort_by_key(|(_, grown)| Reverse(*grown));
        largest_slabs.truncate(LARGEST_SLABS);
        KernelGrowth {
            slab_bytes: difference(self.slab_bytes, earlier.slab_bytes),
            stack_bytes: difference(self.stack_bytes, earlier.stack_bytes),
            page_table_bytes: difference(self.page_table_bytes, earlier.page_table_bytes),
            percpu_bytes: difference(self.percpu_bytes, earlier.percpu_bytes),
            tcp_buffer_bytes: difference(self.tcp_buffer_bytes, earlier.tcp_buffer_bytes),
            tcp_sockets: difference(self.tcp_sockets, earlier.tcp_sockets),
            largest_slabs,
        }
    }
}

impl KernelGrowth {
    /// All that is counted, as the top of this file says.
    pub(crate) fn bytes(&self) -> i64 {
        [self.stack_bytes, self.page_table_bytes, self.percpu_bytes]
            .into_iter()
            .fold(self.slab_bytes, i64::saturating_add)
    }

    /// As a report holds it.
    pub(crate) fn figures(&self, connections: u64) -> Vec<Figure> {
        let figure = |name: &str, value: f64, better| Figure { name: name.into(), value, better };
        let mut figures = Vec::new();
        if connections > 0 {
            let each = self.bytes() as f64 / connections as f64;
            let better = if connections < CONNECTIONS_MIN { Better::Neither } else { Better::Lower };
            figures.push(figure("kernel_bytes_per_connection", each, better));
        }
        figures.push(figure("kernel_slab_bytes", self.slab_bytes as f64, Better::Neither));
        figures.push(figure("kernel_page_table_bytes", self.page_table_bytes as f64, Better::Neither));
        figures.push(figure("kernel_tcp_buffer_bytes", self.tcp_buffer_bytes as f64, Better::Neither));
        figures
    }
}

impl fmt::Display for KernelGrowth {
    /// For people: the parts, and the kinds of objects that grew most.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: i64| Unit::Bytes.text(bytes as f64);
        write!(
            formatter,
            "kernel: {} more (slab {}, page tables {}, stacks {}, per CPU {}); TCP data waiting {}; {} TCP sockets more",
            text(self.bytes()),
            text(self.slab_bytes),
            text(self.page_table_bytes),
            text(self.stack_bytes),
            text(self.percpu_bytes),
            text(self.tcp_buffer_bytes),
            number(self.tcp_sockets as f64),
        )?;
        for (position, (name, grown)) in self.largest_slabs.iter().enumerate() {
            let before = if position == 0 { "; most in slabs" } else { "," };
            write!(formatter, "{before} {} {}", printable(name, NAME_COLUMNS), text(*grown))?;
        }
        Ok(())
    }
}

fn difference(now: u64, before: u64) -> i64 {
    i64::try_from(i128::from(now) - i128::from(before)).unwrap_or(i64::MAX)
}

fn word_after(text: &str, name: &str) -> Option<u64> {
    text.split_whitespace().skip_while(|word| *word != name).nth(1)?.parse().ok()
}

/// slabinfo(5), version 2: `name active total object_bytes objects_per_slab pages_per_slab : tunables ... : slabdata active_slabs slabs shared`.
fn slabs(text: &str, page_bytes: u64) -> BTreeMap<String, u64> {
    let kind = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pages = words.get(5)?.parse::<u64>().ok()?;
        let slabs = words.iter().skip_while(|word| **word != "slabdata").nth(2)?.parse::<u64>().ok()?;
        Some(((*words.first()?).to_string(), slabs.checked_mul(pages)?.checked_mul(page_bytes)?))
    };
    text.lines().filter_map(kind).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const MEMINFO: &str = "MemTotal: 24731284 kB\nSlab: 211132 kB\nSReclaimable: 174988 kB\nSUnreclaim: 36144 kB\n\
                           KernelStack: 1776 kB\nPageTables: 2828 kB\nSecPageTables: 0 kB\nPercpu: 1280 kB\n";
    const SOCKSTAT: &str = "sockets: used 14\nTCP: inuse 1 orphan 0 tw 0 alloc 3 mem 77\nUDP: inuse 0 mem 0\n";
    const SLABINFO: &str = "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit>\n\
        TCP 26 26 2432 13 8 : tunables 0 0 0 : slabdata 2 2 0\ndentry 42 42 192 21 1 : tunables 0 0 0 : slabdata 2 2 0\n";

    fn parsed() -> KernelMemory {
        KernelMemory::parse(MEMINFO, SOCKSTAT, Some(SLABINFO), 4_096).expect("it is what the kernel writes")
    }

    #[test]
    fn the_parts_are_read() {
        let memory = parsed();
        assert_eq!((memory.slab_bytes, memory.percpu_bytes), (211_132 * 1_024, 1_280 * 1_024));
        assert_eq!((memory.tcp_buffer_bytes, memory.tcp_sockets), (77 * 4_096, 3));
        let slabs = BTreeMap::from([("TCP".into(), 2 * 8 * 4_096), ("dentry".into(), 2 * 4_096)]);
        assert_eq!(memory.slabs, Some(slabs));
        assert_eq!(KernelMemory::parse(MEMINFO, "TCP: inuse 1", None, 4_096), None);
        assert_eq!(KernelMemory::parse("Slab: 1 kB", SOCKSTAT, None, 4_096), None);
    }

    #[test]
    fn growth_is_told_by_part_and_by_connection() {
        let before = parsed();
        let mut after = parsed();
        after.slab_bytes += 2_000_000;
        after.page_table_bytes += 500_000;
        after.percpu_bytes -= 100_000;
        after.tcp_buffer_bytes += 8_192;
        after.slabs.as_mut().expect("they were read").insert("TCP".into(), 1_000_000);
        let growth = after.growth_since(&before);
        assert_eq!(growth.bytes(), 2_400_000);
        assert_eq!(growth.largest_slabs, [("TCP".to_string(), 1_000_000 - 65_536)]);
        let figure = |value, better| Figure { name: "kernel_bytes_per_connection".into(), value, better };
        for (connections, value, better) in [(1_000, 2_400.0, Better::Neither), (10_000, 240.0, Better::Lower)] {
            assert_eq!(growth.figures(connections)[0], figure(value, better));
        }
        assert!(growth.figures(0).iter().all(|figure| figure.name != "kernel_bytes_per_connection"));
        let text = growth.to_string();
        assert!(text.starts_with("kernel: 2.29 MiB more (slab 1.91 MiB,") && text.ends_with("TCP 913 KiB"), "{text}");
        assert_eq!(before.growth_since(&after).bytes(), -2_400_000);
    }

    #[test]
    fn sockets_of_this_machine_are_seen() {
        let before = KernelMemory::sample().expect("this is Linux");
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("it is bound");
        let mut kept = Vec::new();
        for _ in 0..200 {
            kept.push((TcpStream::connect(address).expect("it listens"), listener.accept().expect("it came")));
        }
        let growth = KernelMemory::sample().expect("this is Linux").growth_since(&before);
        // Other tests close far fewer than these 401.
        assert!(growth.tcp_sockets > 300, "{growth}");
    }
}
