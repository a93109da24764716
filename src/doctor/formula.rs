//! The arithmetic of targets, strictly from left to right, so that a shell computes the same. It does not know what is computed.

/// What a formula may name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantities {
    pub(super) connections: u64,
    pub(super) cores: u64,
    pub(super) ram_bytes: u64,
}

/// Bytes of a page, as the kernel counts TCP memory.
const PAGE_BYTES: u64 = 4096;

/// The numbers that a list of formulas comes to. `None` where one cannot be read.
pub(super) fn evaluate(list: &str, quantities: &Quantities) -> Option<Vec<u64>> {
    list.split(',').map(|formula| single(formula, quantities)).collect()
}

fn single(formula: &str, quantities: &Quantities) -> Option<u64> {
    let mut words = formula.split_whitespace();
    let mut value = operand(words.next()?, quantities)?;
    while let Some(operator) = words.next() {
        if operator == "up_to_power_of_two" {
            value = value.checked_next_power_of_two()?;
            continue;
        }
        let other = operand(words.next()?, quantities)?;
        value = match operator {
            "*" => value.checked_mul(other)?,
            "/" => value.checked_div(other)?,
            "+" => value.checked_add(other)?,
            "-" => value.checked_sub(other)?,
            "at_least" => value.max(other),
            "at_most" => value.min(other),
            _ => return None,
        };
    }
    Some(value)
}

fn operand(word: &str, quantities: &Quantities) -> Option<u64> {
    match word {
        "connections" => Some(quantities.connections),
        "cores" => Some(quantities.cores),
        "ram_bytes" => Some(quantities.ram_bytes),
        "ram_pages" => Some(quantities.ram_bytes / PAGE_BYTES),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_read_from_left_to_right() {
        let quantities = Quantities { connections: 1_000_000, cores: 4, ram_bytes: 24 << 30 };
        let check =
            |list, expected: Option<&[u64]>| assert_eq!(evaluate(list, &quantities).as_deref(), expected, "{list}");
        check("4096", Some(&[4096]));
        check("connections * 2 + 65536", Some(&[2_065_536]));
        check("2 + connections * 2", Some(&[2_000_004]));
        check("ram_pages / 16, ram_pages / 8", Some(&[393_216, 786_432]));
        check("ram_pages / 4 at_most connections", Some(&[1_000_000]));
        check("1 at_least 65536", Some(&[65_536]));
        check("connections up_to_power_of_two", Some(&[1 << 20]));
        check("connections / cores - 1", Some(&[249_999]));
        for wrong in ["", "connections +", "users", "1 2", "1 ^ 2", "1 / 0", "1 - 2", "18446744073709551615 * 2", "-1"]
        {
            check(wrong, None);
        }
    }
}
