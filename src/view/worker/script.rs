//! The shortest way from one row to another. Knows only which of their items are equal.

/// Differences in one text or row that are looked for one by one. Where there are more, what differs is shown as one part that goes and one that
/// comes: looking takes the square of it, and nobody reads it.
const EDITS_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Keep,
    Delete,
    Insert,
}

/// The shortest script (E. Myers, An O(ND) difference algorithm, 1986) between what both begin with and what both end with.
pub(super) fn script(a: &[u32], b: &[u32]) -> Vec<Edit> {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[head..], &b[head..]);
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_a, middle_b) = (&rest_a[..rest_a.len() - tail], &rest_b[..rest_b.len() - tail]);
    let mut script = vec![Edit::Keep; head];
    match shortest(middle_a, middle_b) {
        Some(middle) => script.extend(middle),
        None => {
            script.extend(vec![Edit::Delete; middle_a.len()]);
            script.extend(vec![Edit::Insert; middle_b.len()]);
        }
    }
    script.extend(vec![Edit::Keep; tail]);
    script
}

/// Nothing where it has more than [`EDITS_MAX`] edits.
fn shortest(a: &[u32], b: &[u32]) -> Option<Vec<Edit>> {
    let signed = |length: usize| isize::try_from(length).expect("slices are no longer");
    let (a_end, b_end) = (signed(a.len()), signed(b.len()));
    let offset = signed(EDITS_MAX) + 1;
    let at = |diagonal: isize| usize::try_from(diagonal + offset).expect("diagonals are within the bound");
    let item = |slice: &[u32], index: isize| slice[usize::try_from(index).expect("it is not before the start")];
    // How far in `a` each diagonal has come, before each number of edits.
    let mut reached = vec![0_isize; at(offset) + 1];
    let mut steps: Vec<Vec<isize>> = Vec::new();
    let from_above = |reached: &[isize], diagonal: isize, edits: isize| {
        diagonal == -edits || (diagonal != edits && reached[at(diagonal - 1)] < reached[at(diagonal + 1)])
    };
    let edits = (0..=signed(EDITS_MAX)).find(|&edits| {
        steps.push(reached[at(-edits - 1)..=at(edits + 1)].to_vec());
        (-edits..=edits).step_by(2).any(|diagonal| {
            let mut x = match from_above(&reached, diagonal, edits) {
                true => reached[at(diagonal + 1)],
                false => reached[at(diagonal - 1)] + 1,
            };
            if edits == 0 {
                x = 0;
            }
            while x < a_end && x - diagonal < b_end && x - diagonal >= 0 && item(a, x) == item(b, x - diagonal) {
                x += 1;
            }
            reached[at(diagonal)] = x;
            x >= a_end && x - diagonal >= b_end
        })
    })?;
    Some(walk_back(&steps, edits, a_end, b_end))
}

/// From the end, by what had been reached before each edit.
fn walk_back(steps: &[Vec<isize>], edits: isize, mut x: isize, mut y: isize) -> Vec<Edit> {
    let mut script = Vec::new();
    for edits in (1..=edits).rev() {
        let before = &steps[usize::try_from(edits).expect("it is counted down to 1")];
        // The first of them is that of the diagonal `-edits - 1`.
        let reached = |diagonal: isize| before[usize::try_from(diagonal + edits + 1).expect("it was stored")];
        let diagonal = x - y;
        let is_insertion = diagonal == -edits || (diagonal != edits && reached(diagonal - 1) < reached(diagonal + 1));
        let previous = if is_insertion { diagonal + 1 } else { diagonal - 1 };
        let (from_x, from_y) = (reached(previous), reached(previous) - previous);
        let (start_x, edit) = if is_insertion { (from_x, Edit::Insert) } else { (from_x + 1, Edit::Delete) };
        script.extend((start_x..x).map(|_| Edit::Keep));
        script.push(edit);
        (x, y) = (from_x, from_y);
    }
    script.extend((0..x).map(|_| Edit::Keep));
    script.reverse();
    script
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_everywhere_is_not_looked_at_closely() {
        let a: Vec<u32> = (0..3_000).collect();
        let b: Vec<u32> = (3_000..6_000).collect();
        let script = script(&a, &b);
        assert_eq!(script.iter().filter(|&&edit| edit == Edit::Delete).count(), 3_000);
        assert_eq!(script.iter().filter(|&&edit| edit == Edit::Insert).count(), 3_000);
    }

    proptest! {
        #[test]
        fn a_script_makes_one_the_other_and_is_short(
            a in proptest::collection::vec(0_u32..4, 0..40),
            b in proptest::collection::vec(0_u32..4, 0..40),
        ) {
            let script = script(&a, &b);
            let (mut from_a, mut made) = (a.iter(), Vec::new());
            let mut from_b = b.iter();
            for edit in &script {
                match edit {
                    Edit::Keep => {
                        let kept = from_a.next().expect("there is one");
                        prop_assert_eq!(Some(kept), from_b.next());
                        made.push(*kept);
                    }
                    Edit::Delete => drop(from_a.next().expect("there is one")),
                    Edit::Insert => made.push(*from_b.next().expect("there is one")),
                }
            }
            prop_assert_eq!(from_a.next(), None);
            prop_assert_eq!(&made, &b);
            // The length of the longest common subsequence, the slow way.
            let mut longest = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
            for (i, x) in a.iter().enumerate() {
                for (j, y) in b.iter().enumerate() {
                    longest[i + 1][j + 1] =
                        if x == y { longest[i][j] + 1 } else { longest[i][j + 1].max(longest[i + 1][j]) };
                }
            }
            let kept = script.iter().filter(|&&edit| edit == Edit::Keep).count();
            prop_assert_eq!(kept, longest[a.len()][b.len()]);
        }
    }
}
