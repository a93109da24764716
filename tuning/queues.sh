# shellcheck shell=bash disable=SC2034,SC2154
# The queues of network cards: which core should serve which, as src/doctor/network.rs has it. Sourced; it changes nothing.

# Interfaces with hardware behind them, or the one that was asked for.
read_interfaces() {
    local device
    interfaces=()
    for device in "$root"/sys/class/net/*/device; do
        device="${device%/device}"
        device="${device##*/}"
        if [[ -z "$only_interface" || "$device" == "$only_interface" ]]; then interfaces+=("$device"); fi
    done
}

# Files that fit a pattern with {interface}, numbers in their order.
matching() {
    local interface pattern file
    local -a patterns=("$1")
    if [[ "$1" == *'{interface}'* ]]; then
        patterns=()
        for interface in "${interfaces[@]}"; do patterns+=("${1/'{interface}'/$interface}"); done
    fi
    for pattern in "${patterns[@]}"; do
        # shellcheck disable=SC2086 # the pattern is to be expanded; it has no spaces
        for file in "$root"/$pattern; do
            [[ ! -e "$file" ]] || printf '%s\n' "$file"
        done
    done | sort -V
}

# mask CORE...: as the kernel writes a set of cores.
mask() {
    local core group text=''
    local -a groups=(0)
    for core in "$@"; do groups[core / 32]=$((${groups[core / 32]:-0} | 1 << core % 32)); done
    for ((group = ${#groups[@]} > 0 ? $(printf '%s\n' "${!groups[@]}" | tail -n 1) : 0; group >= 0; group--)); do
        if [[ -z "$text" ]]; then printf -v text '%x' "${groups[group]:-0}"; else printf -v text '%s,%08x' "$text" "${groups[group]:-0}"; fi
    done
    printf '%s' "$text"
}

# Without what depends on how many cores the kernel was built for.
canonical() {
    local set="${1//,/}"
    while [[ "$set" == 0?* ]]; do set="${set#0}"; done
    printf '%s' "${set,,}"
}

# senders INTERFACE: for each queue that sends, the file and the cores that should use it.
senders() {
    local queue place
    local -a files own
    mapfile -t files < <(interfaces=("$1") && matching "${declared["xps.path"]:-}")
    # With one queue there is nothing to choose.
    [[ ${#files[@]} -gt 1 ]] || return 0
    for queue in "${!files[@]}"; do
        own=()
        for place in "${!cores[@]}"; do
            if [[ $((place % ${#files[@]})) -eq $queue ]]; then own+=("${cores[place]}"); fi
        done
        printf '%s %s\n' "${files[queue]}" "$(mask "${own[@]}")"
    done
}

# receivers INTERFACE: the same for queues that receive, where they are fewer than the cores.
receivers() {
    local file
    local -a files
    mapfile -t files < <(interfaces=("$1") && matching "${declared["rps.path"]:-}")
    [[ ${#files[@]} -lt ${#cores[@]} ]] || return 0
    for file in "${files[@]}"; do printf '%s %s\n' "$file" "$(mask "${cores[@]}")"; done
}

# interrupts INTERFACE: for each interrupt of a queue, the file and the core.
interrupts() {
    local folder number name marks='(input\.|output\.|TxRx-|Tx-Rx-|rx-|tx-|comp|fp-|queue-)([0-9]{1,6})'
    for folder in "$root/sys/class/net/$1/device/msi_irqs" "$root/sys/class/net/$1/device/../msi_irqs"; do
        [[ -d "$folder" ]] || continue
        for number in "$folder"/*; do
            number="${number##*/}"
            [[ "$number" =~ ^[0-9]+$ && -e "$root/proc/irq/$number/smp_affinity_list" ]] || continue
            name="$(sed -n "s/^ *$number:.* \([^ ]*\)\$/\1/p" "$root/proc/interrupts" 2>/dev/null || true)"
            [[ "$name" =~ $marks ]] || continue
            printf '%s %s\n' "$root/proc/irq/$number/smp_affinity_list" "${cores[$((10#${BASH_REMATCH[2]} % ${#cores[@]}))]}"
        done
        return 0
    done
}
