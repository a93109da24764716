//! The rules of the update codec that are easy to get wrong, each by hand. What Yjs makes of them is tested in `yjs/`.

use std::borrow::Cow;

use selvedge_protocol::lib0::Malformed;
use selvedge_protocol::update::{
    Accepted, Compaction, Divided, Id, Known, Limit, Limits, Refused, Rest, StateVector, Verdict, accept, check,
    compact, diff, divide, merge, split, state_vector,
};

/// Client 1 writes "ab" into the root text `t`.
const AB: &[u8] = &[1, 1, 1, 0, 4, 1, 1, b't', 2, b'a', b'b', 0];
/// The same client, and "cd" after it, as one struct.
const ABCD: &[u8] = &[1, 1, 1, 0, 4, 1, 1, b't', 4, b'a', b'b', b'c', b'd', 0];
const HUGE: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];

/// An update with one String that has an origin.
fn text(client: u8, clock: u8, origin: (u8, u8), text: &[u8]) -> Vec<u8> {
    [&[1, 1, client, clock, 0x84, origin.0, origin.1, text.len() as u8], text, &[0]].concat()
}

/// An update of client 1 with one struct at clock 0.
fn first(structure: &[u8]) -> Vec<u8> {
    [&[1, 1, 1, 0], structure, &[0]].concat()
}

fn deletions(client: u8, start: u8, len: u8) -> Vec<u8> {
    vec![0, 1, client, 1, start, len]
}

fn refused(update: &[u8]) -> Refused {
    match accept(&Known::default(), update, &Limits::default()) {
        Verdict::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn accepted<'a>(known: &Known, update: &'a [u8]) -> Accepted<'a> {
    match accept(known, update, &Limits::default()) {
        Verdict::Accepted(accepted) => accepted,
        other => panic!("{other:?}"),
    }
}

fn missing(known: &Known, update: &[u8]) -> (u64, u32) {
    match accept(known, update, &Limits::default()) {
        Verdict::Missing { client, clock } => (client, clock),
        other => panic!("{other:?}"),
    }
}

type Waiting = (Vec<u8>, (u64, u32));

/// The part that can be taken, the rest, and what that lacks.
fn divided(known: &Known, update: &[u8]) -> (Option<Vec<u8>>, Option<Waiting>) {
    missing(known, update);
    let Divided { part, rest } = divide(known, update, &Limits::default()).expect("legal");
    let rest = rest.map(|Rest { update, client, clock }| (update, (client, clock)));
    (part.map(|part| part.update.into_owned()), rest)
}

fn is_duplicate(known: &Known, update: &[u8]) -> bool {
    matches!(accept(known, update, &Limits::default()), Verdict::Duplicate)
}

fn knowing(updates: &[&[u8]]) -> Known {
    let mut known = Known::default();
    for update in updates {
        known.apply(&accepted(&known, update));
    }
    known
}

fn squashed(update: &[u8]) -> Vec<u8> {
    compact(update, Compaction::SQUASH).expect("legal")
}

fn vector(clocks: &[(u64, u32)]) -> StateVector {
    clocks.iter().copied().collect()
}

// Accept.

#[test]
fn a_new_canonical_update_is_accepted_as_the_bytes_that_came() {
    assert!(matches!(accepted(&Known::default(), AB).update, Cow::Borrowed(AB)));
    let with_deletions = [&AB[..11], &[1, 1, 1, 0, 1]].concat();
    assert!(matches!(accepted(&Known::default(), &with_deletions).update, Cow::Borrowed(_)));
}

#[test]
fn what_is_accepted_says_the_new_clocks_and_deletions() {
    let update = [&AB[..11], &[1, 1, 1, 0, 1]].concat();
    let news = accepted(&Known::default(), &update);
    assert_eq!(&*news.clocks, [(1, 2)]);
    let deleted: Vec<_> = news.deletes.ranges().iter().map(|range| (range.client, range.start, range.end)).collect();
    assert_eq!(deleted, [(1, 0, 1)]);
}

#[test]
fn the_known_part_is_cut_away() {
    assert_eq!(*accepted(&knowing(&[AB]), ABCD).update, text(1, 2, (1, 1), b"cd"));
    assert!(is_duplicate(&knowing(&[ABCD]), AB));
}

#[test]
fn a_known_struct_with_wrong_references_is_never_handed_on() {
    // Client 2's first struct names an origin that does not exist, its second is fine.
    let known = knowing(&[AB, &text(2, 0, (1, 1), b"x")]);
    let update = [1, 2, 2, 0, 0x84, 1, 9, 1, b'x', 0x84, 2, 0, 1, b'y', 0];
    assert_eq!(*accepted(&known, &update).update, text(2, 1, (2, 0), b"y"));
}

#[test]
fn a_client_with_nothing_new_sends_all_deletions_and_is_a_duplicate() {
    let known = knowing(&[ABCD, &deletions(1, 0, 1), &deletions(1, 2, 1)]);
    assert!(is_duplicate(&known, &known.encode_deletes()));
    assert!(is_duplicate(&known, &[0, 0]));
}

#[test]
fn known_deletions_are_cut_away() {
    let known = knowing(&[ABCD, &deletions(1, 1, 1)]);
    assert!(is_duplicate(&known, &deletions(1, 1, 1)));
    assert_eq!(*accepted(&known, &deletions(1, 0, 4)).update, [0, 1, 1, 2, 0, 1, 2, 2]);
}

#[test]
fn deletions_in_the_order_of_old_yjs_are_accepted_and_handed_on_in_order() {
    let known = knowing(&[AB, &text(2, 0, (1, 1), b"x")]);
    let update = [0, 2, 1, 1, 0, 1, 2, 1, 0, 1];
    assert_eq!(*accepted(&known, &update).update, [0, 2, 2, 1, 0, 1, 1, 1, 0, 1]);
}

#[test]
fn deletions_that_overlap_cost_no_more_than_they_say() {
    let put = |out: &mut Vec<u8>, value: u32| selvedge_protocol::lib0::put_uint(out, value.into());
    let count = 10_000;
    let of_client_1 = |ranges: &dyn Fn(u32) -> [u32; 2]| {
        let mut out = vec![1, 1];
        put(&mut out, count);
        (0..count).flat_map(ranges).for_each(|number| put(&mut out, number));
        out
    };
    // Every other unit is deleted, and then all are, as often.
    let mut every_other = vec![1, 1, 1, 0, 0];
    put(&mut every_other, 2 * count);
    every_other.extend(of_client_1(&|at| [2 * at, 1]));
    let known = knowing(&[&every_other]);
    let again = [&[0][..], &of_client_1(&|_| [0, 2 * count])].concat();
    assert_eq!(*accepted(&known, &again).update, [&[0][..], &of_client_1(&|at| [2 * at + 1, 1])].concat());
}

#[test]
fn deletions_of_what_does_not_exist_wait() {
    assert_eq!(missing(&knowing(&[AB]), &deletions(1, 0, 3)), (1, 2));
    assert_eq!(missing(&Known::default(), &deletions(7, 3, 1)), (7, 3));
}

#[test]
fn what_refers_to_the_unknown_waits() {
    assert_eq!(missing(&Known::default(), &text(1, 2, (1, 1), b"c")), (1, 1));
    assert_eq!(missing(&knowing(&[AB]), &text(2, 0, (1, 7), b"c")), (1, 7));
    let child = [1, 1, 2, 0, 4, 0, 9, 0, 1, b'x', 0];
    assert_eq!(missing(&Known::default(), &child), (9, 0));
    accepted(&knowing(&[AB]), &text(2, 0, (1, 1), b"c"));
}

#[test]
fn a_gap_inside_an_update_waits() {
    let gap = merge(&[AB.to_vec(), text(1, 3, (1, 2), b"d")]).expect("legal");
    assert_eq!(missing(&Known::default(), &gap), (1, 2));
    // What is already known fills it.
    let gap = merge(&[AB.to_vec(), text(1, 4, (1, 3), b"e")]).expect("legal");
    assert_eq!(*accepted(&knowing(&[ABCD]), &gap).update, text(1, 4, (1, 3), b"e"));
}

#[test]
fn clients_of_one_update_may_refer_to_each_other() {
    // Client 2 needs the first struct of client 1, whose second needs client 2.
    let update = [2, 1, 2, 0, 0x84, 1, 0, 1, b'a', 2, 1, 0, 4, 1, 1, b't', 1, b'x', 0x84, 2, 0, 1, b'y', 0];
    accepted(&Known::default(), &update);
}

#[test]
fn circles_are_refused() {
    assert_eq!(refused(&text(1, 0, (1, 0), b"c")), Refused::Circular(Id { client: 1, clock: 0 }));
    let later = [1, 2, 1, 0, 0x84, 1, 1, 1, b'a', 0x84, 1, 0, 1, b'b', 0];
    assert_eq!(refused(&later), Refused::Circular(Id { client: 1, clock: 0 }));
    let two = [2, 1, 2, 0, 0x84, 1, 0, 1, b'a', 1, 1, 0, 0x84, 2, 0, 1, b'b', 0];
    assert!(matches!(refused(&two), Refused::Circular(_)));
    let three = [3, 1, 3, 0, 0x84, 1, 0, 1, b'a', 1, 2, 0, 0x84, 3, 0, 1, b'b', 1, 1, 0, 0x84, 2, 0, 1, b'c', 0];
    assert!(matches!(refused(&three), Refused::Circular(_)));
}

#[test]
fn long_chains_between_clients_take_no_stack() {
    // Each of 20,000 clients refers to the next lower one, and the lowest to a root.
    let clients = 20_000u64;
    let mut update = Vec::new();
    let put = |out: &mut Vec<u8>, value: u64| selvedge_protocol::lib0::put_uint(out, value);
    put(&mut update, clients);
    for client in (1..=clients).rev() {
        put(&mut update, 1);
        put(&mut update, client);
        update.push(0);
        if client > 1 {
            update.push(0x84);
            put(&mut update, client - 1);
            update.extend([0, 1, b'x']);
        } else {
            update.extend([4, 1, 1, b't', 1, b'x']);
        }
    }
    update.push(0);
    assert_eq!(accepted(&Known::default(), &update).clocks.len(), clients as usize);
    assert_eq!(split(&update, 1000).and_then(|parts| merge(&parts)), Ok(update));
}

// Divide.

#[test]
fn what_is_complete_is_taken_from_beside_what_lacks_something() {
    // Client 3 refers to what nobody has, client 2 to what is known, client 1 leaves a gap.
    let (three, two, one) = (text(3, 0, (9, 0), b"z"), text(2, 0, (1, 1), b"xy"), text(1, 5, (1, 4), b"f"));
    let update = merge(&[&three, &two, &one]).expect("legal");
    let known = knowing(&[AB]);
    let (part, rest) = divided(&known, &update);
    assert_eq!(part, Some(two.clone()));
    assert_eq!(rest, Some((merge(&[&three, &one]).expect("legal"), (9, 0))));
    let part = divide(&known, &update, &Limits::default()).expect("legal").part.expect("it is there");
    assert_eq!((&*part.clocks, part.deletes.is_empty()), (&[(2, 2)][..], true));
}

#[test]
fn of_each_client_the_part_ends_at_the_first_struct_that_lacks_something() {
    // The second struct of client 2 lacks something, and the third struct of client 1 the third of client 2.
    let update = [
        &[2, 3, 2, 0, 0x84, 1, 0, 1, b'a', 0x84, 9, 9, 1, b'b', 0x84, 2, 0, 1, b'c'][..],
        &[3, 1, 0, 4, 1, 1, b't', 1, b'x', 0x84, 2, 0, 1, b'y', 0x84, 2, 2, 1, b'z', 0],
    ]
    .concat();
    let (part, rest) = divided(&Known::default(), &update);
    let first = [2, 1, 2, 0, 0x84, 1, 0, 1, b'a', 2, 1, 0, 4, 1, 1, b't', 1, b'x', 0x84, 2, 0, 1, b'y', 0];
    assert_eq!(part.as_deref(), Some(&first[..]));
    let second = [2, 2, 2, 1, 0x84, 9, 9, 1, b'b', 0x84, 2, 0, 1, b'c', 1, 1, 2, 0x84, 2, 2, 1, b'z', 0];
    assert_eq!(rest, Some((second.to_vec(), (9, 9))));
    // Nothing of the rest can be taken on its own.
    assert_eq!(divided(&knowing(&[&first]), &second), (None, Some((second.to_vec(), (9, 9)))));
}

#[test]
fn the_known_part_is_in_neither() {
    let gap = merge(&[ABCD.to_vec(), text(1, 6, (1, 5), b"g")]).expect("legal");
    assert_eq!(
        divided(&knowing(&[AB]), &gap),
        (Some(text(1, 2, (1, 1), b"cd")), Some((text(1, 6, (1, 5), b"g"), (1, 5))))
    );
    assert_eq!(divided(&knowing(&[ABCD]), &gap), (None, Some((text(1, 6, (1, 5), b"g"), (1, 5)))));
    // A struct of which the beginning is known, and that refers to what is not.
    let straddles = [1, 1, 1, 0, 0xc4, 2, 0, 3, 0, 4, b'a', b'b', b'c', b'd', 0];
    let tail = [1, 1, 1, 2, 0xc4, 1, 1, 3, 0, 2, b'c', b'd', 0];
    assert_eq!(divided(&knowing(&[AB]), &straddles), (None, Some((tail.to_vec(), (2, 0)))));
}

#[test]
fn deletions_are_cut_where_the_known_and_the_taken_end() {
    let known = knowing(&[AB, &deletions(1, 0, 1)]);
    assert_eq!(divided(&known, &deletions(1, 0, 5)), (Some(deletions(1, 1, 1)), Some((deletions(1, 2, 3), (1, 4)))));
    assert_eq!(divided(&known, &deletions(1, 0, 3)).1, Some((deletions(1, 2, 1), (1, 2))));
    assert_eq!(divided(&known, &deletions(7, 3, 1)), (None, Some((deletions(7, 3, 1), (7, 3)))));
    // What is taken may be deleted at once.
    let update = [&text(1, 2, (1, 1), b"cd")[..9], &[1, 1, 1, 1, 5]].concat();
    let part = [&text(1, 2, (1, 1), b"cd")[..9], &[b'd', 1, 1, 1, 1, 3]].concat();
    let update = [&update[..9], b"d", &update[9..]].concat();
    assert_eq!(divided(&known, &update), (Some(part), Some((deletions(1, 4, 2), (1, 5)))));
}

#[test]
fn a_skip_that_nothing_follows_on_leaves_no_rest() {
    let update = [1, 2, 1, 0, 0, 2, 10, 3, 0];
    assert_eq!(divided(&Known::default(), &update), (Some(vec![1, 1, 1, 0, 0, 2, 0]), None));
    assert_eq!(divided(&knowing(&[AB]), &update), (None, None));
}

#[test]
fn a_reference_into_a_gap_of_the_update_lacks_just_that() {
    // Client 2 refers to clock 3 of client 1, of whom the update has what is before 2 and from 5 on.
    let update = [&[2, 1, 2, 0, 0x84, 1, 3, 1, b'x', 3, 1, 0, 0, 2, 10, 3, 0, 1, 0][..]].concat();
    let (_, rest) = divided(&Known::default(), &update);
    assert_eq!(rest.expect("it waits").1, (1, 3));
    let behind = [2, 1, 2, 0, 0x84, 1, 5, 1, b'x', 1, 1, 5, 0, 1, 0];
    assert_eq!(divided(&Known::default(), &behind), (None, Some((behind.to_vec(), (1, 4)))));
}

#[test]
fn a_circle_beside_what_lacks_something_is_refused() {
    let circle = [2, 1, 2, 0, 0x84, 1, 0, 1, b'a', 1, 1, 0, 0x84, 2, 0, 1, b'b', 0];
    let update = [&[3, 1, 3, 0, 0x84, 9, 0, 1, b'c'][..], &circle[1..]].concat();
    missing(&Known::default(), &update);
    assert!(matches!(divide(&Known::default(), &update, &Limits::default()), Err(Refused::Circular(_))));
}

#[test]
fn the_part_has_to_fit_the_document_and_the_rest_does_not() {
    let limits = Limits { document_clients_max: 1, document_delete_ranges_max: 0, ..Limits::default() };
    let known = knowing(&[AB]);
    let lacking = text(3, 0, (9, 0), b"z");
    let divide = |update: &[u8]| divide(&known, update, &limits).map(|divided| divided.part.is_some());
    let over = |limit, allowed| Err(Refused::OverLimit { limit, allowed });
    assert_eq!(divide(&lacking), Ok(false));
    assert_eq!(divide(&merge(&[&lacking, ABCD]).expect("legal")), Ok(true));
    let other = merge(&[&lacking, &text(2, 0, (1, 1), b"x")]).expect("legal");
    assert_eq!(divide(&other), over(Limit::DocumentClients, 1));
    assert_eq!(divide(&deletions(1, 1, 2)), over(Limit::DocumentDeleteRanges, 0));
    assert_eq!(divide(&deletions(1, 2, 2)), Ok(false));
}

/// Each of so many clients refers to what `lacks` says of it.
fn web(clients: u64, lacks: impl Fn(u64) -> [u64; 2]) -> Vec<u8> {
    let mut update = Vec::new();
    let put = |out: &mut Vec<u8>, value: u64| selvedge_protocol::lib0::put_uint(out, value);
    put(&mut update, clients);
    for client in (1..=clients).rev() {
        put(&mut update, 1);
        put(&mut update, client);
        update.extend([0, 0xc4]);
        for other in lacks(client) {
            put(&mut update, other);
            update.push(0);
        }
        update.extend([1, b'x']);
    }
    update.push(0);
    update
}

#[test]
fn many_clients_that_lack_one_another_are_left_at_once() {
    let clients = 60_000;
    // Up and down a chain of which the end is missing, all one that is, and all the two before them.
    let chains: [&dyn Fn(u64) -> [u64; 2]; 4] = [
        &|client| [client - 1; 2],
        &|client| [client + 1; 2],
        &|client| [if client == 1 { 0 } else { 1 }; 2],
        &|client| [client.saturating_sub(2), client - 1],
    ];
    for (at, lacks) in chains.into_iter().enumerate() {
        let update = web(clients, lacks);
        let (part, rest) = divided(&Known::default(), &update);
        let lack = if at == 1 { clients + 1 } else { 0 };
        assert_eq!((part, rest), (None, Some((update, (lack, 0)))), "{at}");
    }
}

// What is refused, and why.

#[test]
fn bytes_that_are_not_an_update_are_refused_with_the_reason() {
    for (update, reason) in [
        (&[][..], Malformed::Truncated.into()),
        (&[0x80, 0, 0], Malformed::NotCanonical.into()),
        (&[0, 0, 0], Refused::TrailingBytes),
        (&[1, 1, 1, 0, 0x84, 1], Malformed::Truncated.into()),
        (&[0xff; 10], Malformed::NumberTooLarge.into()),
        (&[0xff, 0x7f, 0], Malformed::CountTooLarge.into()),
        (&[1, 0xff, 0x7f, 1, 0, 0, 1], Malformed::CountTooLarge.into()),
        (&[2, 1, 1, 0, 0, 1, 1, 2, 0, 0, 1, 0], Refused::ClientOrder),
        (&[2, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0], Refused::ClientOrder),
    ] {
        assert_eq!(refused(update), reason, "{update:?}");
    }
}

#[test]
fn zero_lengths_are_refused() {
    for update in [
        first(&[0, 0]),
        first(&[10, 0]),
        first(&[1, 1, 1, b't', 0]),
        first(&[4, 1, 1, b't', 0]),
        first(&[8, 1, 1, b't', 0]),
        first(&[2, 1, 1, b't', 0]),
        vec![1, 0, 1, 0, 0, 0, 0],
        deletions(1, 0, 0),
    ] {
        assert_eq!(refused(&update), Refused::Empty, "{update:?}");
    }
}

#[test]
fn a_clock_and_a_length_that_overflow_together_are_refused() {
    let gc = [&[1, 1, 1], &HUGE[..], &[0, 1, 0]].concat();
    assert_eq!(refused(&gc), Malformed::NumberTooLarge.into());
    let range = [&[0, 1, 1, 1], &HUGE[..], &[1]].concat();
    assert_eq!(refused(&range), Malformed::NumberTooLarge.into());
    let fits = [&[1, 1, 1, 0, 0], &HUGE[..], &[0]].concat();
    assert_eq!(&*accepted(&Known::default(), &fits).clocks, [(1, u32::MAX)]);
}

#[test]
fn what_clients_throw_at_while_decoding_is_refused() {
    for (structure, reason) in [
        (&[5, 1, 1, b't', 1, b'{'][..], Malformed::NotJson.into()),
        (&[6, 1, 1, b't', 1, b'b', 1, b'x'], Malformed::NotJson.into()),
        (&[2, 1, 1, b't', 1, 1, b'x'], Malformed::NotJson.into()),
        (&[4, 1, 1, b't', 1, 0xff], Malformed::NotUtf8.into()),
        (&[4, 1, 1, 0xff, 1, b'x'], Malformed::NotUtf8.into()),
        (&[8, 1, 1, b't', 1, 115], Malformed::UnknownAnyTag(115).into()),
        (&[7, 1, 1, b't', 7], Refused::UnknownTag(7)),
        (&[9, 1, 1, b't', 1, b'g', 126], Refused::SubdocumentOptions),
        (&[4, 2, 1, b't', 1, b'x'], Refused::UnknownTag(2)),
        (&[11, 1, 1, b't'], Refused::UnknownTag(11)),
        (&[0x80, 1, 0, 1], Refused::UnknownTag(0x80)),
        (&[0x8a, 1, 0, 1], Refused::UnknownTag(0x8a)),
    ] {
        assert_eq!(refused(&first(structure)), reason, "{structure:?}");
    }
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    let over = Refused::OverLimit { limit: Limit::Depth, allowed: 128 };
    let any = [&[8, 1, 1, b't', 1][..], &[117, 1].repeat(100_000), &[126]].concat();
    assert_eq!(refused(&first(&any)), over);
    let mut json = vec![5, 1, 1, b't'];
    selvedge_protocol::lib0::put_buf(&mut json, "[".repeat(100_000).as_bytes());
    assert_eq!(refused(&first(&json)), over);
}

#[test]
fn each_limit_is_named_with_what_it_allows() {
    let two_clients: &[u8] = &[2, 1, 2, 0, 0, 1, 1, 1, 0, 0, 1, 0];
    let two_structs: &[u8] = &[1, 2, 1, 0, 0, 1, 0, 1, 0];
    let two_ranges: &[u8] = &[1, 1, 1, 0, 0, 9, 1, 1, 2, 0, 1, 5, 1];
    let none = Limits::UNLIMITED;
    for (update, limits, limit) in [
        (AB, Limits { update_bytes_max: 1, ..none }, Limit::UpdateBytes),
        (two_structs, Limits { structs_max: 1, ..none }, Limit::Structs),
        (two_clients, Limits { structs_max: 1, ..none }, Limit::Structs),
        (two_clients, Limits { clients_max: 1, ..none }, Limit::Clients),
        (two_ranges, Limits { delete_ranges_max: 1, ..none }, Limit::DeleteRanges),
        (two_clients, Limits { document_clients_max: 1, ..none }, Limit::DocumentClients),
        (two_ranges, Limits { document_delete_ranges_max: 1, ..none }, Limit::DocumentDeleteRanges),
    ] {
        match accept(&Known::default(), update, &limits) {
            Verdict::Refused(reason) => assert_eq!(reason, Refused::OverLimit { limit, allowed: 1 }),
            other => panic!("{limit}: {other:?}"),
        }
        assert!(matches!(accept(&Known::default(), update, &none), Verdict::Accepted(_)), "{limit}");
    }
}

#[test]
fn a_document_at_its_limits_takes_what_does_not_add_to_it() {
    let limits = Limits { document_clients_max: 1, document_delete_ranges_max: 2, ..Limits::default() };
    let known = knowing(&[ABCD, &deletions(1, 0, 1), &deletions(1, 2, 1)]);
    let more = text(1, 4, (1, 3), b"e");
    for update in [&more, &deletions(1, 1, 1), &deletions(1, 3, 1)] {
        assert!(matches!(accept(&known, update, &limits), Verdict::Accepted(_)), "{update:?}");
    }
}

// Merge and diff.

#[test]
fn an_overlap_is_cut_and_the_earlier_update_wins() {
    let tail = text(1, 2, (1, 1), b"cd");
    assert_eq!(diff(ABCD, &state_vector(AB).expect("legal")), Ok(tail.clone()));
    assert_eq!(
        merge(&[&tail, AB, ABCD]).expect("legal"),
        [1, 2, 1, 0, 4, 1, 1, b't', 2, b'a', b'b', 0x84, 1, 1, 2, b'c', b'd', 0]
    );
}

#[test]
fn a_gap_becomes_a_skip_and_skips_around_structs_are_dropped() {
    let merged = merge(&[AB.to_vec(), text(1, 5, (1, 4), b"x")]).expect("legal");
    assert_eq!(merged, [1, 3, 1, 0, 4, 1, 1, b't', 2, b'a', b'b', 10, 3, 0x84, 1, 4, 1, b'x', 0]);
    assert_eq!(diff(&merged, &vector(&[(1, 2)])), Ok(text(1, 5, (1, 4), b"x")));
    assert_eq!(merge(&[&[1, 2, 1, 0, 0, 2, 10, 3, 0]]), Ok(vec![1, 1, 1, 0, 0, 2, 0]));
}

#[test]
fn a_diff_keeps_all_deletions() {
    let update = [&ABCD[..13], &[1, 1, 1, 0, 1]].concat();
    assert_eq!(diff(&update, &vector(&[(1, 4)])), Ok(deletions(1, 0, 1)));
}

#[test]
fn the_map_entry_flag_is_kept_beside_an_origin() {
    let entry = [1, 1, 1, 2, 0xa8, 1, 1, 2, 125, 1, 125, 2, 0];
    assert_eq!(merge(&[&entry]), Ok(entry.to_vec()));
    assert_eq!(diff(&entry, &vector(&[(1, 3)])), Ok(vec![1, 1, 1, 3, 0xa8, 1, 2, 1, 125, 2, 0]));
}

#[test]
fn a_cut_through_a_surrogate_pair_makes_two_replacement_characters() {
    let update = [&[1, 1, 1, 0, 4, 1, 1, b't', 6][..], "a😀b".as_bytes(), &[0]].concat();
    assert_eq!(diff(&update, &vector(&[(1, 2)])), Ok(text(1, 2, (1, 1), "\u{fffd}b".as_bytes())));
    // Deleting the first half makes U+FFFD of both as well.
    let deleted = [&update[..update.len() - 1], &[1, 1, 1, 1, 1]].concat();
    let expected = [
        &[1, 3, 1, 0, 4, 1, 1, b't', 1, b'a', 0x81, 1, 0, 1, 0x84, 1, 1, 4][..],
        "\u{fffd}b".as_bytes(),
        &[1, 1, 1, 1, 1],
    ];
    assert_eq!(compact(&deleted, Compaction::COLLECT), Ok(expected.concat()));
}

// Compact.

#[test]
fn typed_text_is_glued_to_one_struct() {
    let merged = merge(&[AB.to_vec(), text(1, 2, (1, 1), b"c"), text(1, 3, (1, 2), b"d")]).expect("legal");
    assert_eq!(squashed(&merged), ABCD);
}

#[test]
fn other_origins_and_other_right_origins_are_not_glued() {
    let mut other_right = text(1, 2, (1, 1), b"c");
    other_right.splice(4..7, [0xc4, 1, 1, 1, 0]);
    for second in [other_right, text(1, 2, (1, 0), b"c")] {
        let merged = merge(&[AB.to_vec(), second]).expect("legal");
        assert_eq!(squashed(&merged), merged);
    }
}

#[test]
fn live_values_of_one_map_key_are_not_glued() {
    let update = [1, 2, 1, 0, 0x28, 1, 1, b'm', 1, b'k', 1, 125, 1, 0xa8, 1, 0, 1, 125, 2, 0];
    assert_eq!(squashed(&update), update);
}

#[test]
fn gcs_skips_and_deleted_structs_are_glued() {
    assert_eq!(squashed(&[1, 2, 1, 0, 0, 2, 0, 3, 0]), [1, 1, 1, 0, 0, 5, 0]);
    assert_eq!(squashed(&[1, 3, 1, 0, 10, 2, 10, 3, 0, 1, 0]), [1, 2, 1, 0, 10, 5, 0, 1, 0]);
    let two = [1, 2, 1, 0, 1, 1, 1, b't', 2, 0x81, 1, 1, 3, 0];
    assert_eq!(squashed(&two), [1, 1, 1, 0, 1, 1, 1, b't', 5, 0]);
}

#[test]
fn deletions_stay_when_content_goes() {
    let update = [&AB[..11], &[1, 1, 1, 0, 1]].concat();
    let collected = [1, 2, 1, 0, 1, 1, 1, b't', 1, 0x84, 1, 0, 1, b'b', 1, 1, 1, 0, 1];
    assert_eq!(compact(&update, Compaction::COLLECT), Ok(collected.to_vec()));
}

#[test]
fn cutting_a_letter_out_of_live_text_costs_more_than_it_saves() {
    let update = [&AB[..11], &[1, 1, 1, 0, 1]].concat();
    assert_eq!(compact(&update, Compaction::SMALLEST), Ok(update));
}

#[test]
fn squashing_loses_no_deleted_content() {
    let update = [&ABCD[..13], &[1, 1, 1, 0, 4]].concat();
    assert_eq!(squashed(&update), update);
}

#[test]
fn what_lies_under_a_deleted_type_is_buried_at_any_depth() {
    // A map entry `k` holding an array, in it an array, in that the value 1. The outer array is deleted.
    let update = [
        &[1, 3, 1, 0, 0x27, 1, 1, b'm', 1, b'k', 0][..],
        &[0x07, 0, 1, 0, 0],
        &[0x08, 0, 1, 1, 1, 125, 1],
        &[1, 1, 1, 0, 1],
    ]
    .concat();
    let collected = [1, 2, 1, 0, 0x21, 1, 1, b'm', 1, b'k', 1, 0, 2, 1, 1, 1, 0, 3];
    assert_eq!(compact(&update, Compaction::COLLECT), Ok(collected.to_vec()));
    // Without burying the types stay, and what they hold.
    let kept = compact(&update, Compaction { bury: false, ..Compaction::COLLECT }).expect("legal");
    assert_eq!(kept, update);
}

// Split.

#[test]
fn a_small_update_is_one_part() {
    assert_eq!(split(ABCD, 100), Ok(vec![ABCD.to_vec()]));
    assert_eq!(split(&[0, 0], 0), Ok(vec![vec![0, 0]]));
}

#[test]
fn a_long_text_is_cut_but_never_inside_a_pair() {
    let long = "ab😀".repeat(100);
    let mut update = vec![1, 1, 1, 0, 4, 1, 1, b't'];
    selvedge_protocol::lib0::put_buf(&mut update, long.as_bytes());
    update.push(0);
    for bytes_max in [0, 1, 70, 71, 72, 73, 200] {
        let parts = split(&update, bytes_max).expect("complete");
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| part.len() <= bytes_max.max(64)), "{bytes_max}");
        assert_eq!(squashed(&merge(&parts).expect("legal")), update);
        let mut known = Known::default();
        for part in &parts {
            known.apply(&accepted(&known, part));
        }
    }
}

#[test]
fn parts_can_be_accepted_one_after_the_other_and_deletions_come_last() {
    let other = text(2, 0, (1, 3), b"x");
    let back = text(1, 4, (2, 0), b"y");
    let update = merge(&[ABCD.to_vec(), other, back, vec![0, 2, 2, 1, 0, 1, 1, 2, 0, 1, 3, 1]]).expect("legal");
    for bytes_max in 0..update.len() {
        let parts = split(&update, bytes_max).expect("complete");
        let mut known = Known::default();
        for part in &parts {
            known.apply(&accepted(&known, part));
        }
        assert_eq!(known, Known::of(&update).expect("complete"));
        assert_eq!(squashed(&merge(&parts).expect("legal")), squashed(&update));
    }
}

#[test]
fn an_update_with_a_gap_cannot_be_split() {
    let gap = [1, 3, 1, 0, 0, 2, 10, 1, 0, 1, 0];
    assert_eq!(split(&gap, 4), Err(Refused::Incomplete(Id { client: 1, clock: 2 })));
}

// Hostile bytes.

#[test]
fn huge_counts_reserve_nothing() {
    for at in 0..ABCD.len() {
        let update = [&ABCD[..at], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], &ABCD[at + 1..]].concat();
        let _ = (merge(&[&update]), split(&update, 10), compact(&update, Compaction::SMALLEST), Known::of(&update));
        assert!(check(&update, &Limits::UNLIMITED).is_err() || at == 2, "at {at}");
    }
}

#[test]
fn random_mutations_never_panic_and_compacting_twice_changes_nothing() {
    let seed = 0x9e37_79b9_7f4a_7c15_u64;
    println!("seed {seed}");
    let mut state = seed;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let rich = [
        &[2, 3, 2, 0, 0x84, 1, 0, 1, b'a', 0x27, 1, 1, b'm', 1, b'k', 1, 0x88, 2, 0, 2, 125, 1, 119, 1, b'x'][..],
        &[3, 1, 0, 4, 1, 1, b't', 6, 0xf0, 0x9f, 0x98, 0x80, b'x', b'y', 0, 2, 10, 1],
        &[1, 2, 1, 1, 1, 1, 1, 0, 2],
    ]
    .concat();
    let known = knowing(&[ABCD]);
    let mut compacted = 0;
    for _ in 0..200_000 {
        let mut update = if random(2) == 0 { ABCD.to_vec() } else { rich.clone() };
        for _ in 0..1 + random(4) {
            let at = random(update.len());
            match random(4) {
                0 => update[at] ^= 1 << random(8),
                1 => update[at] = [0, 1, 2, 4, 8, 10, 0x7f, 0x80, 0x84, 0xc4, 0xff][random(11)],
                2 => update.insert(at, [0, 1, 0xff, 0x80][random(4)]),
                _ if update.len() > 1 => drop(update.remove(at)),
                _ => {}
            }
        }
        let _ = accept(&known, &update, &Limits::default());
        let _ = diff(&update, &vector(&[(1, random(6) as u32), (2, random(3) as u32)]));
        let _ = StateVector::decode(&update, &Limits::default());
        if let Ok(merged) = merge(&[ABCD, &update]) {
            compacted += 1;
            for how in [Compaction::SQUASH, Compaction::SMALLEST, Compaction::COLLECT] {
                let small = compact(&merged, how).expect("what was written can be read");
                assert_eq!(compact(&small, how).as_ref(), Ok(&small), "{update:02x?}");
                assert_eq!(state_vector(&small), state_vector(&merged));
            }
        }
    }
    assert!(compacted > 1000, "only {compacted} could be merged");
}
