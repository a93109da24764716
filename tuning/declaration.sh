# shellcheck shell=bash disable=SC2034,SC2154
# Reads knobs.toml and the machine below $root, and holds numbers against targets, as src/doctor does. Sourced; it changes nothing.

# Numbers are compared as text, which knows one order.
export LC_ALL=C

declare -A declared
declare -a knobs=()

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "${code:-1}"
}
usage_error() { code=2 die "$@"; }

read_declaration() {
    local line name='' pattern='^([a-z-]+) = "([^"\\]*)"$'
    while IFS= read -r line; do
        if [[ "$line" =~ ^\[([a-z-]+)\]$ ]]; then
            name="${BASH_REMATCH[1]}"
            knobs+=("$name")
        elif [[ "$line" =~ $pattern && -n "$name" ]]; then
            declared["$name.${BASH_REMATCH[1]}"]="${BASH_REMATCH[2]}"
        elif [[ -n "$line" && "$line" != '#'* ]]; then
            die "knobs.toml: not a line of a knob: $line"
        fi
    done <"$1"
}

groups() {
    local knob
    for knob in "${knobs[@]}"; do
        if [[ "${declared["$knob.apply"]}" == yes ]]; then printf '%s\n' "${declared["$knob.group"]}"; fi
    done | sort -u
}

# The text of a file without the line breaks at its end. Fails, without a word, where it cannot be read.
read_file() {
    local text
    { [[ -f "$1" ]] && text="$(<"$1")"; } 2>/dev/null || return 1
    printf '%s' "$text"
}

# The same; of a file that lists its choices, the one in brackets.
read_chosen() {
    local text
    { [[ -f "$1" ]] && text="$(<"$1")"; } 2>/dev/null || return 1
    if [[ "$text" =~ \[([^]]*)\] ]]; then text="${BASH_REMATCH[1]}"; fi
    printf '%s' "$text"
}

# Numbers apart by one space each.
spaced() {
    local -a words
    read -r -a words <<<"$1"
    printf '%s' "${words[*]}"
}

# less A B: without arithmetic, because 64 bits without a sign do not fit the shell's.
less() {
    local a="$1" b="$2"
    while [[ "$a" == 0?* ]]; do a="${a#0}"; done
    while [[ "$b" == 0?* ]]; do b="${b#0}"; done
    [[ ${#a} -lt ${#b} || (${#a} -eq ${#b} && "$a" < "$b") ]]
}

# ---- the machine ----

# The cores that this process may use.
read_cores() {
    local list part first last core
    cores=()
    list="$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$root/proc/self/status" 2>/dev/null || true)"
    for part in ${list//,/ }; do
        first="${part%-*}" last="${part#*-}"
        [[ "$first" =~ ^[0-9]{1,4}$ && "$last" =~ ^[0-9]{1,4}$ ]] || continue
        for ((core = first; core <= last; core++)); do cores+=("$core"); done
    done
}

# Memory of the machine, or what the control group leaves of it.
read_memory() {
    local group limit
    memory="$(sed -n 's/^MemTotal:[[:space:]]*\([0-9]\{1,15\}\) kB$/\1/p' "$root/proc/meminfo" 2>/dev/null || true)"
    memory=$((${memory:-0} * 1024))
    group="$(sed -n 's/^0::\///p' "$root/proc/self/cgroup" 2>/dev/null | head -n 1 || true)"
    [[ "$group" != ..* ]] || group=''
    while :; do
        limit="$(read_file "$root/sys/fs/cgroup/$group/memory.max" || true)"
        if [[ "$limit" =~ ^[0-9]+$ ]] && less "$limit" "$memory"; then memory="$limit"; fi
        [[ -n "$group" ]] || break
        if [[ "$group" == */* ]]; then group="${group%/*}"; else group=''; fi
    done
    limit="$(read_file "$root/sys/fs/cgroup/memory/memory.limit_in_bytes" || true)"
    if [[ "$limit" =~ ^[0-9]+$ ]] && less "$limit" "$memory"; then memory="$limit"; fi
}

# Whether the knob matters here at all; `$reason` says why not.
matters() {
    local nodes
    case "${declared["$1.when"]:-}" in
        swap)
            reason='there is no swap'
            grep -Eqs '^SwapTotal:[[:space:]]*[1-9]' "$root/proc/meminfo"
            ;;
        nodes)
            reason='memory is on one node'
            nodes=("$root"/sys/devices/system/node/node*)
            [[ ${#nodes[@]} -gt 1 ]]
            ;;
    esac
}

# ---- targets ----

# evaluate 'FORMULA, FORMULA': the numbers, apart by spaces. Strictly from left to right.
evaluate() {
    local formula operator other value
    local -a words formulas values=()
    IFS=, read -r -a formulas <<<"$1"
    for formula in "${formulas[@]}"; do
        read -r -a words <<<"$formula"
        value="$(operand "${words[0]}")"
        words=("${words[@]:1}")
        while [[ ${#words[@]} -gt 0 ]]; do
            operator="${words[0]}"
            if [[ "$operator" == up_to_power_of_two ]]; then
                other=1
                while ((other < value)); do other=$((other * 2)); done
                value=$other
                words=("${words[@]:1}")
                continue
            fi
            other="$(operand "${words[1]}")"
            case "$operator" in
                '*') value=$((value * other)) ;;
                /) value=$((value / other)) ;;
                +) value=$((value + other)) ;;
                -) value=$((value - other)) ;;
                at_least) ((value >= other)) || value=$other ;;
                at_most) ((value <= other)) || value=$other ;;
                *) die "knobs.toml: $operator is no operator" ;;
            esac
            words=("${words[@]:2}")
        done
        values+=("$value")
    done
    printf '%s' "${values[*]}"
}

operand() {
    case "$1" in
        connections) printf '%s' "$connections" ;;
        cores) printf '%s' "${#cores[@]}" ;;
        ram_bytes) printf '%s' "$memory" ;;
        ram_pages) printf '%s' "$((memory / 4096))" ;;
        *)
            [[ "$1" =~ ^[0-9]{1,18}$ ]] || die "knobs.toml: $1 is neither a number nor a quantity"
            printf '%s' "$1"
            ;;
    esac
}

# mended KNOB FOUND WANTED: what should be there. The same as what was found where that will do: a number that somebody set higher
# than it has to be stays. Fails where the numbers are not what was declared, and with 2 where they are above what is sane.
mended() {
    local knob="$1" index
    local -a found wanted ceiling
    read -r -a found <<<"$2"
    read -r -a wanted <<<"$3"
    [[ ${#found[@]} -eq ${#wanted[@]} && "${found[*]}" =~ ^[0-9\ ]+$ ]] || return 1
    read -r -a ceiling <<<"$([[ -z "${declared["$knob.ceiling"]:-}" ]] || evaluate "${declared["$knob.ceiling"]:-}")"
    for index in "${!ceiling[@]}"; do
        # 0: the memory is not known.
        if [[ "${ceiling[index]}" != 0 ]] && less "${ceiling[index]}" "${found[index]}"; then return 2; fi
    done
    for index in "${!found[@]}"; do
        case "${declared["$knob.rule"]:-}" in
            at-least)
                if [[ -n "${declared["$knob.lower-first"]:-}" && $index -eq 0 ]]; then
                    if less "${wanted[0]}" "${found[0]}"; then found[0]="${wanted[0]}"; fi
                elif less "${found[index]}" "${wanted[index]}"; then
                    found[index]="${wanted[index]}"
                fi
                ;;
            at-most) if less "${wanted[index]}" "${found[index]}"; then found[index]="${wanted[index]}"; fi ;;
            exactly) found[index]="${wanted[index]}" ;;
        esac
    done
    printf '%s' "${found[*]}"
}
