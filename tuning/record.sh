# shellcheck shell=bash disable=SC2034,SC2154
# The record of what was there before: one line for each change, written and synced before the change is made, so that a half-finished
# apply can be undone. Sourced by apply and revert.
#
#   value   PATH                      BEFORE   OURS    one file of /proc or /sys, as text; PATH is below the root
#   file    PATH                      COPY|-   SHA256  a file that was made or replaced; COPY is its name below the record
#   card    INTERFACE LETTER PARAM    BEFORE   OURS    what ethtool set: G rx, or C adaptive-rx
#   table   inet selvedge_notrack     COPY|-   SHA256  the table of nftables, as nft lists it
#
# Fields are apart by tabs; a tab inside is \t. The record is a file from outside like any other: what it may name is checked.

nft_table='selvedge_notrack'
record_bytes_max=4194304
temporary_suffix='.selvedge-tuning'

# name_record FOLDER: where it is; dies where somebody else could write it.
name_record() {
    record_folder="$1"
    record="$record_folder/record"
    [[ "$record_folder" == /* ]] || die "--state and --root have to begin with /"
    [[ -e "$record_folder" || -L "$record_folder" ]] || return 0
    [[ -d "$record_folder" && ! -L "$record_folder" ]] || die "$record_folder is not a folder"
    # Whoever can write it decides what is written back as root.
    [[ -O "$record_folder" && -z "$(find "$record_folder" -maxdepth 0 -perm /022)" ]] ||
        die "$record_folder can be written by others: it is not trusted"
}

# Reads what is on record, if anything is.
read_record() {
    [[ -e "$record" || -L "$record" ]] || return 0
    [[ -f "$record" && ! -L "$record" && -O "$record" && -z "$(find "$record" -perm /022)" ]] ||
        die "$record can be written by others, or is no file: it is not trusted"
    [[ "$(wc -c <"$record")" -le $record_bytes_max ]] || die "$record is too long to be ours"
    check_record
}

# A line that was not finished was never acted upon, and must not be continued.
drop_unfinished_line() {
    if [[ -s "$record" && -n "$(tail -c 1 "$record")" ]]; then sed -i '$d' "$record"; fi
}

# One apply or revert at a time, from before the record is read.
lock_record() {
    if [[ ! -d "$record_folder" ]]; then
        [[ -d "${record_folder%/*}/" ]] || die "there is no folder ${record_folder%/*}; give another with --state"
        mkdir -m 0700 -- "$record_folder" 2>/dev/null || [[ -d "$record_folder" ]] || die "$record_folder cannot be made"
    fi
    command -v flock >/dev/null || return 0
    exec 9<"$record_folder"
    flock --nonblock 9 || die "another apply or revert is at work"
}

# What the record says, by kind and path: the first BEFORE, and every OURS on a line of its own; and the order of the first changes.
declare -A before_us=() made_by_us=()
declare -a recorded=()

check_record() {
    local line number=0
    while IFS= read -r line; do
        number=$((number + 1))
        is_sane "$line" || die "$record, line $number is not ours; nothing was changed"
        learn "$line"
    done <"$record"
}

learn() {
    local kind path before ours
    IFS=$'\t' read -r kind path before ours <<<"$1"
    if ! is_recorded "$kind" "$path"; then
        before_us["$kind $path"]="${before//\\t/$'\t'}"
        recorded+=("$kind"$'\t'"$path")
    fi
    made_by_us["$kind $path"]+="${ours//\\t/$'\t'}"$'\n'
}

is_sane() {
    local kind path before ours rest
    IFS=$'\t' read -r kind path before ours rest <<<"$1"
    [[ -z "$rest" && -n "$ours" ]] || return 1
    case "$kind" in
        value) is_value_path "$path" && [[ "$before" =~ ^[A-Za-z0-9\ ,._:\\t-]+$ && "$ours" =~ ^[A-Za-z0-9\ ,._:\\t-]+$ ]] ;;
        file) is_file_path "$path" && [[ "$before" =~ ^(-|[A-Za-z0-9._-]+\.before)$ && "$ours" =~ ^[0-9a-f]{64}$ ]] ;;
        card) [[ "$path" =~ ^[A-Za-z0-9._:@][A-Za-z0-9._:@-]{0,14}\ (G\ rx|C\ adaptive-rx)$ && "$before $ours" =~ ^([0-9]{1,9}|on|off)\ ([0-9]{1,9}|on|off)$ ]] ;;
        table) [[ "$path" == "inet $nft_table" && "$before" =~ ^(-|[A-Za-z0-9._-]+\.before)$ && "$ours" =~ ^[0-9a-f]{64}$ ]] ;;
        *) return 1 ;;
    esac
}

# Only what a knob names may be written.
is_value_path() {
    local pattern
    [[ "$1" =~ ^[A-Za-z0-9_./:@+-]+$ && "$1" != *..* ]] || return 1
    [[ ${#value_patterns[@]} -gt 0 ]] || read_value_patterns
    for pattern in "${value_patterns[@]}"; do
        if [[ "$1" =~ ^$pattern$ ]]; then return; fi
    done
    return 1
}

declare -a value_patterns=()
read_value_patterns() {
    local knob pattern
    for knob in "${knobs[@]}"; do
        [[ "${declared["$knob.apply"]}" == yes ]] || continue
        pattern="${declared["$knob.path"]}"
        case "${declared["$knob.kind"]}" in
            sysctl) pattern="proc/sys/${pattern//./\/}" ;;
            sysfs | queue-mask | queue-irq) pattern="${pattern//'{interface}'/*}" ;;
            idle-states) pattern="$pattern/disable" ;;
            *) continue ;;
        esac
        # A star stands for one part.
        pattern="${pattern//./\\.}"
        value_patterns+=("${pattern//\*/[^/]*}")
    done
}

is_file_path() {
    local knob
    for knob in "${knobs[@]}"; do
        if [[ "${declared["$knob.kind"]}" == file && "${declared["$knob.path"]}" == "$1" ]]; then return; fi
    done
    return 1
}

escaped() { printf '%s' "${1//$'\t'/\\t}"; }

# remember KIND PATH BEFORE OURS: what was there before the first change stays.
remember() {
    local kind="$1" path="$2" ours="$4" line
    local before="${before_us["$kind $path"]:-$3}"
    printf -v line '%s\t%s\t%s\t%s' "$kind" "$path" "$(escaped "$before")" "$(escaped "$ours")"
    is_sane "$line" || return 1
    if [[ $'\n'"${made_by_us["$kind $path"]:-}" == *$'\n'"$ours"$'\n'* ]]; then return; fi
    learn "$line"
    (umask 077 && printf '%s\n' "$line" >>"$record") && sync -- "$record"
}

is_recorded() { [[ -n "${before_us["$1 $2"]:-}" ]]; }

# is_ours KIND PATH NOW: whether NOW is something that apply made.
is_ours() {
    local ours
    while IFS= read -r ours; do
        if [[ -n "$ours" ]] && same "$2" "$ours" "$3"; then return; fi
    done <<<"${made_by_us["$1 $2"]:-}"
    return 1
}

# same PATH A B: whether the kernel would take them for the same.
same() {
    case "$1" in
        *_cpus) [[ "$(canonical "$2")" == "$(canonical "$3")" ]] ;;
        *)
            local -a one other
            read -r -a one <<<"$2"
            read -r -a other <<<"$3"
            [[ "${one[*]}" == "${other[*]}" ]]
            ;;
    esac
}

# write_value PATH TEXT: says nothing; fails where the kernel does.
write_value() { { printf '%s\n' "$2" >"$root/$1"; } 2>/dev/null; }

sha_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# tool NAME: where it is; on a made-up machine only its own are called.
tool() {
    if [[ -z "$root" ]]; then
        command -v "$1"
    elif [[ -x "$root/usr/sbin/$1" ]]; then
        printf '%s' "$root/usr/sbin/$1"
    else
        return 1
    fi
}

list_table() {
    local nft
    nft="$(tool nft)" && "$nft" list table inet "$nft_table" 2>/dev/null
}

# card_parameter INTERFACE LETTER: what is set, and below it the most there can be.
card_parameter() {
    local ethtool
    ethtool="$(tool ethtool)" || return 1
    case "$2" in
        G) "$ethtool" -g "$1" 2>/dev/null | sed -n 's/^RX:[[:space:]]*\([0-9]\{1,9\}\)$/\1/p' | tac | head -n 2 ;;
        C) "$ethtool" -c "$1" 2>/dev/null | sed -n 's/^Adaptive RX: *\(on\|off\) .*/\1/p' | head -n 1 ;;
    esac
}

reload_systemd() {
    if [[ -z "$root" && -d /run/systemd/system ]]; then systemctl daemon-reload || true; fi
}
