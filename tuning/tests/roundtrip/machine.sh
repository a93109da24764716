# shellcheck shell=bash
# Makes a machine of files: eight cores, two nodes, two network cards, one of them with fewer queues than cores. Sourced by run.

put() {
    mkdir -p "$(dirname "$machine/$1")"
    printf '%b\n' "$2" >"$machine/$1"
}

make_machine() {
    machine="$1"
    local core queue state
    put proc/meminfo 'MemTotal:       67108864 kB\nMemFree:        1 kB\nSwapTotal:       8388608 kB'
    put proc/self/status 'Name:\tbash\nCapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-7'
    put proc/self/limits 'Limit Soft Hard Units\nMax open files            1024                 524288               files     '
    put proc/self/mounts '/dev/sda / ext4 rw 0 0\nproc /proc proc rw 0 0'
    put proc/self/cgroup '0::/user.slice'
    put proc/sys/kernel/osrelease '6.12.0-made-up'
    put proc/sys/fs/file-max '9223372036854775807'
    put proc/sys/fs/nr_open '1048576'
    put proc/sys/net/core/somaxconn '128'
    put proc/sys/net/core/netdev_max_backlog '1000'
    put proc/sys/net/core/rps_sock_flow_entries '0'
    put proc/sys/net/core/busy_poll '0'
    put proc/sys/net/ipv4/tcp_max_syn_backlog '8192'
    put proc/sys/net/ipv4/tcp_syncookies '0'
    put proc/sys/net/ipv4/tcp_mem '10000\t20000\t30000'
    put proc/sys/net/ipv4/tcp_rmem '4096\t8192\t33554432'
    put proc/sys/net/ipv4/tcp_wmem '4096\t16384\t4194304'
    put proc/sys/net/ipv4/tcp_notsent_lowat '4294967295'
    put proc/sys/net/ipv4/tcp_slow_start_after_idle '1'
    put proc/sys/net/ipv4/ip_local_port_range '32768\t60999'
    put proc/sys/net/ipv4/tcp_tw_reuse '2'
    put proc/sys/net/netfilter/nf_conntrack_count '17'
    put proc/sys/net/netfilter/nf_conntrack_max '262144'
    put proc/sys/kernel/numa_balancing '1'
    put proc/sys/vm/swappiness '60'
    put proc/sys/vm/overcommit_memory '0'
    put sys/kernel/mm/transparent_hugepage/enabled 'always'
    mkdir -p "$machine"/sys/devices/system/node/node{0,1}
    for core in 0 1 2 3 4 5 6 7; do
        put "sys/devices/system/cpu/cpufreq/policy$core/scaling_governor" powersave
        for state in 0 2; do
            put "sys/devices/system/cpu/cpu$core/cpuidle/state$state/latency" $((state * 66))
            put "sys/devices/system/cpu/cpu$core/cpuidle/state$state/disable" 0
        done
    done
    # A card with a queue for each core, and one with two.
    : >"$machine/proc/interrupts"
    for queue in 0 1 2 3 4 5 6 7; do make_queue eth0 "$queue" $((100 + queue)) "ice-eth0-TxRx-$queue"; done
    for queue in 0 1; do make_queue 'wan@2' "$queue" $((200 + queue)) "virtio3-input.$queue"; done
    mkdir -p "$machine"/sys/class/net/lo/queues/rx-0
    mkdir -p "$machine"/etc/{sysctl.d,security/limits.d,systemd/system} "$machine/var/lib" "$machine/usr/sbin"
    printf 'vm.swappiness = 60' >"$machine/etc/sysctl.d/60-selvedge.conf"
    chmod 0640 "$machine/etc/sysctl.d/60-selvedge.conf"
    make_tools
}

make_queue() {
    local card="sys/class/net/$1" queue="$2" irq="$3" name="$4"
    mkdir -p "$machine/$card/device/msi_irqs"
    put "$card/device/msi_irqs/$irq" msix
    put "proc/irq/$irq/smp_affinity_list" 0-7
    put "$card/queues/rx-$queue/rps_cpus" 00
    put "$card/queues/rx-$queue/rps_flow_cnt" 0
    put "$card/queues/tx-$queue/xps_cpus" 00
    printf '%4d:  0  0  PCI-MSI 1-edge  %s\n' "$irq" "$name" >>"$machine/proc/interrupts"
}

# nft and ethtool that keep their state in files of the machine.
make_tools() {
    put state/eth0-rx 512
    put state/eth0-adaptive off
    cat >"$machine/usr/sbin/ethtool" <<'TOOL'
#!/usr/bin/env bash
state="$(dirname "$0")/../../state"
[[ -e "$state/$2-rx" ]] || exit 1
case "$1" in
    -g) printf 'Ring parameters for %s:\nPre-set maximums:\nRX:\t\t4096\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\t%s\nTX:\t\t512\n' "$2" "$(<"$state/$2-rx")" ;;
    -c) printf 'Coalesce parameters for %s:\nAdaptive RX: %s  TX: n/a\n' "$2" "$(<"$state/$2-adaptive")" ;;
    -G) printf '%s\n' "$4" >"$state/$2-rx" ;;
    -C) printf '%s\n' "$4" >"$state/$2-adaptive" ;;
esac
TOOL
    cat >"$machine/usr/sbin/nft" <<'TOOL'
#!/usr/bin/env bash
table="$(dirname "$0")/../../state/table"
if [[ "$1" == list ]]; then
    [[ -e "$table" ]] && cat "$table"
    exit
fi
rules="$(grep -v -e '^#' -e '^add table' -e '^delete table' -e '^$')"
if [[ -n "$rules" ]]; then printf '%s\n' "$rules" >"$table"; else rm -f "$table"; fi
TOOL
    chmod +x "$machine"/usr/sbin/*
}
