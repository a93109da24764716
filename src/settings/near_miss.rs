//! Near misses: the known name that somebody probably meant. Knows nothing of what the names stand for.

/// What is longer is no near miss of anything, in bytes.
const TYPED_BYTES_MAX: usize = 256;

/// The candidate nearest to what was typed, if one is near enough to be worth suggesting.
///
/// Words count in any order (`max_connections` finds `connections_max`), hyphens as underscores, and case not at all.
pub(super) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.len() > TYPED_BYTES_MAX {
        return None;
    }
    let typed = typed.to_lowercase().replace('-', "_");
    let sorted_typed = sorted(&typed);
    let near_enough = (typed.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(&typed, candidate).min(distance(&sorted_typed, &sorted(candidate))), candidate))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn sorted(name: &str) -> String {
    let mut words: Vec<&str> = name.split('_').collect();
    words.sort_unstable();
    words.join("_")
}

/// Levenshtein: how many characters must be put in, taken out or replaced.
fn distance(from: &str, to: &str) -> usize {
    // Names of settings are short; what is typed may not be, and the work grows with the product of the two.
    if from.len().abs_diff(to.len()) > to.len() {
        return usize::MAX;
    }
    let to: Vec<char> = to.chars().collect();
    // `row[n]` is the distance of what was read of `from` so far to the first n characters of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (read, character) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = read + 1;
        for column in 1..row.len() {
            let replaced = diagonal + usize::from(to[column - 1] != character);
            diagonal = row[column];
            row[column] = replaced.min(diagonal + 1).min(row[column - 1] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const NAMES: [&str; 4] = ["connections_max", "heartbeat_ms", "listen", "log_level"];

    #[test]
    fn finds_what_was_meant() {
        for (typed, meant) in [
            ("heartbeet_ms", Some("heartbeat_ms")),
            ("heartbeat", Some("heartbeat_ms")),
            ("heartbeat-ms", Some("heartbeat_ms")),
            ("LISTEN", Some("listen")),
            ("lisen", Some("listen")),
            ("max_connections", Some("connections_max")),
            ("loglevel", Some("log_level")),
            ("port", None),
            ("", None),
            ("a_name_that_is_much_longer_than_any_that_there_is", None),
        ] {
            assert_eq!(nearest(typed, NAMES), meant, "{typed}");
        }
    }
}
