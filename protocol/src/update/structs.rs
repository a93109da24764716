//! One struct of an update, read strictly: what is read here, no Yjs client throws at while decoding.
//!
//! It does not know where the struct stands nor what the document already holds.

use super::{Refused, Result};
use crate::lib0::{Malformed, Reader, any, json, utf16_len};

/// Names one unit of one struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// Who wrote it.
    pub client: u64,
    /// How many units that client had written before.
    pub clock: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Deleted = 1,
    Json = 2,
    Binary = 3,
    String = 4,
    Embed = 5,
    Format = 6,
    Type = 7,
    Any = 8,
    Doc = 9,
}

pub(super) const ORIGIN: u8 = 0x80;
pub(super) const RIGHT_ORIGIN: u8 = 0x40;
/// Yjs sets it on every map entry, also where an origin is present and the key itself is therefore not written; its own
/// `mergeUpdates` and `diffUpdate` lose it there. It is kept here: without a document, it is the only sign that a
/// struct is a map entry.
pub(super) const PARENT_SUB: u8 = 0x20;
/// The whole info byte of a Gc and of a Skip.
pub(super) const GC: u8 = 0;
pub(super) const SKIP: u8 = 10;

/// The fewest bytes that a struct takes.
pub(super) const STRUCT_BYTES_MIN: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    Root,
    Item(Id),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    /// Kind and flags as written.
    pub(super) info: u8,
    pub(super) kind: Kind,
    pub(super) origin: Option<Id>,
    pub(super) right_origin: Option<Id>,
    /// Only there when neither origin is.
    pub(super) parent: Option<Parent>,
    /// The bytes of parent and key as written; empty when there is an origin.
    pub(super) parent_bytes: &'a [u8],
    /// Content without what states its length: the UTF-8 of a String, the values of Json and Any, nothing for Deleted,
    /// and the whole content of the kinds of length 1.
    pub(super) payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    Gc,
    Skip,
    Item(Item<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Struct<'a> {
    pub(super) id: Id,
    /// At least 1.
    pub(super) len: u32,
    /// The clock after its last unit. Invariant: `id.clock + len`, without overflow.
    pub(super) end: u32,
    /// The struct as written, and where in the update it starts.
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) body: Body<'a>,
}

impl Struct<'_> {
    /// Every other struct that this one cannot be integrated before.
    #[inline]
    pub(super) fn references(&self) -> impl Iterator<Item = Id> + use<> {
        let references = match &self.body {
            Body::Item(item) => {
                let parent = if let Some(Parent::Item(id)) = item.parent { Some(id) } else { None };
                [item.origin, item.right_origin, parent]
            }
            Body::Gc | Body::Skip => [None; 3],
        };
        references.into_iter().flatten()
    }
}

/// Reads the struct that starts at `r`.
#[inline]
pub(super) fn read_struct<'a>(r: &mut Reader<'a>, client: u64, clock: u32, depth_max: u8) -> Result<Struct<'a>> {
    let at = r.position();
    let info = r.u8()?;
    let (len, body) = match info {
        GC => (r.clock()?, Body::Gc),
        SKIP => (r.clock()?, Body::Skip),
        _ => {
            let (len, item) = read_item(r, info, depth_max)?;
            (len, Body::Item(item))
        }
    };
    if len == 0 {
        return Err(Refused::Empty);
    }
    let end = clock.checked_add(len).ok_or(Malformed::NumberTooLarge)?;
    Ok(Struct { id: Id { client, clock }, len, end, bytes: r.since(at), at, body })
}

#[inline]
fn read_id(r: &mut Reader<'_>) -> Result<Id> {
    Ok(Id { client: r.uint()?, clock: r.clock()? })
}

#[inline]
fn read_item<'a>(r: &mut Reader<'a>, info: u8, depth_max: u8) -> Result<(u32, Item<'a>)> {
    let kind = match info & 0x1f {
        1 => Kind::Deleted,
        2 => Kind::Json,
        3 => Kind::Binary,
        4 => Kind::String,
        5 => Kind::Embed,
        6 => Kind::Format,
        7 => Kind::Type,
        8 => Kind::Any,
        9 => Kind::Doc,
        _ => return Err(Refused::UnknownTag(info.into())),
    };
    let origin = if info & ORIGIN != 0 { Some(read_id(r)?) } else { None };
    let right_origin = if info & RIGHT_ORIGIN != 0 { Some(read_id(r)?) } else { None };
    let parent_at = r.position();
    let parent = if info & (ORIGIN | RIGHT_ORIGIN) == 0 { Some(read_parent(r, info)?) } else { None };
    let parent_bytes = r.since(parent_at);
    let (len, payload) = read_content(r, kind, depth_max)?;
    Ok((len, Item { info, kind, origin, right_origin, parent, parent_bytes, payload }))
}

/// Parent and, for a map entry, key.
fn read_parent(r: &mut Reader<'_>, info: u8) -> Result<Parent> {
    let parent = match r.uint()? {
        1 => {
            r.str()?;
            Parent::Root
        }
        0 => Parent::Item(read_id(r)?),
        tag => return Err(Refused::UnknownTag(tag)),
    };
    if info & PARENT_SUB != 0 {
        r.str()?;
    }
    Ok(parent)
}

/// Length in clocks, and payload.
#[inline]
fn read_content<'a>(r: &mut Reader<'a>, kind: Kind, depth_max: u8) -> Result<(u32, &'a [u8])> {
    match kind {
        Kind::String => read_text(r),
        Kind::Deleted => Ok((r.clock()?, &[])),
        Kind::Any => read_values(r, |r| any::skip_within(r, depth_max)),
        Kind::Json => read_values(r, |r| match r.str()? {
            // How Yjs writes a missing value.
            "undefined" => Ok(()),
            text => json::check_within(text, depth_max),
        }),
        Kind::Binary | Kind::Embed | Kind::Format | Kind::Type | Kind::Doc => {
            let at = r.position();
            skip_single(r, kind, depth_max)?;
            Ok((1, r.since(at)))
        }
    }
}

#[inline]
fn read_text<'a>(r: &mut Reader<'a>) -> Result<(u32, &'a [u8])> {
    let mut peek = *r;
    let bytes = peek.buf()?;
    // Most text is ASCII, which needs neither a check nor a count.
    let units = if bytes.is_ascii() {
        *r = peek;
        bytes.len()
    } else {
        utf16_len(r.str()?)
    };
    Ok((u32::try_from(units).map_err(|_| Malformed::NumberTooLarge)?, bytes))
}

/// Several values with their count in front.
fn read_values<'a>(
    r: &mut Reader<'a>,
    mut skip: impl FnMut(&mut Reader<'a>) -> std::result::Result<(), Malformed>,
) -> Result<(u32, &'a [u8])> {
    let count = r.count(1)?;
    let at = r.position();
    for _ in 0..count {
        skip(r)?;
    }
    Ok((u32::try_from(count).map_err(|_| Malformed::NumberTooLarge)?, r.since(at)))
}

/// Content of the kinds of which one struct holds one.
fn skip_single(r: &mut Reader<'_>, kind: Kind, depth_max: u8) -> Result<()> {
    match kind {
        Kind::Binary => drop(r.buf()?),
        Kind::Embed => json::check_within(r.str()?, depth_max)?,
        Kind::Format => {
            r.str()?;
            json::check_within(r.str()?, depth_max)?;
        }
        Kind::Type => match r.uint()? {
            // Array, Map, Text, XmlFragment, XmlText; XmlElement and XmlHook have a name.
            0 | 1 | 2 | 4 | 6 => {}
            3 | 5 => drop(r.str()?),
            tag => return Err(Refused::UnknownTag(tag)),
        },
        Kind::Doc => {
            r.str()?;
            let mut peek = *r;
            if peek.u8()? != any::OBJECT {
                return Err(Refused::SubdocumentOptions);
            }
            any::skip_within(r, depth_max)?;
        }
        Kind::Deleted | Kind::Json | Kind::String | Kind::Any => unreachable!("these hold many"),
    }
    Ok(())
}
