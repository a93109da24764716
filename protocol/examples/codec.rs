//! Runs the codec for the tests in `tests/yjs`.
//!
//! Standard input is a list of jobs: a byte that names the command, a count of arguments (u32, little-endian), and for
//! each a length (u32) and so many bytes. Standard output has one answer for each, at once: 0 for results or 1 for the
//! reason of a refusal, how many bytes follow (u32), and for each result a length (u32) and so many bytes.

use std::io::{self, BufRead, BufReader, Read, Write};

use selvedge_protocol::update::{
    Accepted, Compaction, DeletedContent, Divided, Known, Limits, StateVector, Verdict, accept, check, compact, diff,
    divide, merge, split, state_vector,
};

fn main() -> io::Result<()> {
    let (mut jobs, mut out) = (BufReader::new(io::stdin().lock()), io::stdout().lock());
    while !jobs.fill_buf()?.is_empty() {
        let mut command = [0];
        jobs.read_exact(&mut command)?;
        let args: Vec<Vec<u8>> =
            (0..read_word(&mut jobs)?).map(|_| read_bytes(&mut jobs)).collect::<io::Result<_>>()?;
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let (status, results) = match run(command[0], &args) {
            Ok(results) => (0, results),
            Err(reason) => (1, vec![reason.into_bytes()]),
        };
        let mut answer = Vec::new();
        for result in results {
            answer.extend((result.len() as u32).to_le_bytes());
            answer.extend(result);
        }
        out.write_all(&[status])?;
        out.write_all(&(answer.len() as u32).to_le_bytes())?;
        out.write_all(&answer)?;
        out.flush()?;
    }
    Ok(())
}

fn read_word(jobs: &mut impl Read) -> io::Result<usize> {
    let mut word = [0; 4];
    jobs.read_exact(&mut word)?;
    Ok(u32::from_le_bytes(word) as usize)
}

fn read_bytes(jobs: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; read_word(jobs)?];
    jobs.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn run(command: u8, args: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let limits = Limits::default();
    let one = |result: Result<Vec<u8>, _>| result.map(|bytes| vec![bytes]).map_err(reason);
    let smaller = |deleted, bury| one(compact(args[0], Compaction { deleted, bury }));
    match command {
        b'm' => one(merge(args)),
        b'd' => one(diff(args[0], &StateVector::decode(args[1], &limits).map_err(reason)?)),
        b's' => one(state_vector(args[0]).map(|vector| vector.encode())),
        b'n' => one(check(args[0], &limits).map(|structs| structs.to_string().into_bytes())),
        b'p' => {
            let bytes_max = String::from_utf8_lossy(args[1]).parse().map_err(|_| "no number")?;
            split(args[0], bytes_max).map_err(reason)
        }
        b'K' => smaller(DeletedContent::Keep, false),
        b'w' => smaller(DeletedContent::WhenSmaller, false),
        b'W' => smaller(DeletedContent::WhenSmaller, true),
        b'a' => smaller(DeletedContent::Always, false),
        b'A' => smaller(DeletedContent::Always, true),
        b'o' => accept_in_any_order(args),
        b'v' => verdict(args),
        b'h' => divide_what_lacks(args),
        b'k' => {
            let known = Known::of(args[0]).map_err(reason)?;
            Ok(vec![known.state_vector_bytes(), known.encode_deletes()])
        }
        other => Err(format!("no command {other}")),
    }
}

fn reason(refused: impl ToString) -> String {
    refused.to_string()
}

/// Accepts updates in any order, setting aside what misses something, and merges what was accepted.
fn accept_in_any_order(args: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let limits = Limits::default();
    let mut known = Known::default();
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut waiting: Vec<&[u8]> = args.to_vec();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut still = Vec::new();
        for update in waiting {
            match accept(&known, update, &limits) {
                Verdict::Accepted(accepted) => {
                    known.apply(&accepted);
                    kept.push(accepted.update.into_owned());
                }
                Verdict::Duplicate => {}
                Verdict::Missing { .. } => still.push(update),
                Verdict::Refused(refused) => return Err(format!("refused: {refused}")),
            }
        }
        if still.len() == before {
            return Err(format!("{before} of {} updates never became complete", args.len()));
        }
        waiting = still;
    }
    let merged = merge(&kept).map_err(reason)?;
    if !matches!(accept(&known, &merged, &limits), Verdict::Duplicate) {
        return Err("what was accepted is news".into());
    }
    if Known::of(&merged).as_ref() != Ok(&known) {
        return Err("what is known of the state is not what was known".into());
    }
    Ok(vec![merged])
}

/// The last update against the state made of the others: the verdict, and what would be stored.
fn verdict(args: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let limits = Limits::default();
    let (last, earlier) = args.split_last().ok_or("no update")?;
    let mut known = Known::default();
    for update in earlier {
        if let Verdict::Accepted(accepted) = accept(&known, update, &limits) {
            known.apply(&accepted);
        }
    }
    Ok(match accept(&known, last, &limits) {
        Verdict::Accepted(Accepted { update, .. }) => vec![b"accepted".to_vec(), update.into_owned()],
        Verdict::Duplicate => vec![b"duplicate".to_vec()],
        Verdict::Missing { client, clock } => vec![format!("missing {client} {clock}").into_bytes()],
        Verdict::Refused(refused) => vec![format!("refused: {refused}").into_bytes()],
    })
}

/// The last update against the state made of the others: what is taken of it, and what is left. An update that says nothing where
/// there is none.
fn divide_what_lacks(args: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let limits = Limits::default();
    let (last, earlier) = args.split_last().ok_or("no update")?;
    let mut known = Known::default();
    for update in earlier {
        match accept(&known, update, &limits) {
            Verdict::Accepted(accepted) => known.apply(&accepted),
            Verdict::Duplicate => {}
            verdict @ (Verdict::Missing { .. } | Verdict::Refused(_)) => return Err(format!("{verdict:?}")),
        }
    }
    let nothing = || vec![0, 0];
    Ok(match accept(&known, last, &limits) {
        Verdict::Accepted(Accepted { update, .. }) => vec![update.into_owned(), nothing()],
        Verdict::Duplicate => vec![nothing(), nothing()],
        Verdict::Missing { .. } => {
            let Divided { part, rest } = divide(&known, last, &limits).map_err(reason)?;
            let part = part.map_or_else(nothing, |part| part.update.into_owned());
            vec![part, rest.map_or_else(nothing, |rest| rest.update)]
        }
        Verdict::Refused(refused) => return Err(reason(refused)),
    })
}
