//! The knobs as `tuning/knobs.toml` declares them, compiled in. It does not know what a machine has.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The declaration; its head says what each key means.
const DECLARED: &str = include_str!("../../tuning/knobs.toml");

/// All knobs, in the order of the declaration.
pub static KNOBS: LazyLock<Vec<Knob>> =
    LazyLock::new(|| parse(DECLARED).unwrap_or_else(|fault| panic!("tuning/knobs.toml, checked by a test: {fault}")));

/// One knob.
#[derive(Debug, PartialEq, Eq)]
pub struct Knob {
    /// How it is called.
    pub name: String,
    /// What `tuning/apply --only` takes.
    pub group: String,
    /// How it is read and set.
    pub kind: Kind,
    /// Where it lives.
    pub path: String,
    /// How what is there compares with the target.
    pub rule: Rule,
    /// One formula for each number, or words.
    pub target: String,
    /// What a number must not be above, whatever the rule says.
    pub ceiling: Option<String>,
    /// Of a range: the first number is a lower end, so less is more.
    pub lower_first: bool,
    /// What [`Rule::OneOf`] calls something else.
    pub otherwise_high: bool,
    /// How much depends on it.
    pub level: Level,
    /// Where it matters at all.
    pub when: When,
    /// Who sets it.
    pub apply: Apply,
    /// The command, where it does not follow from the kind.
    pub mend: Option<String>,
    /// How it is undone, where `tuning/revert` does not.
    pub undo: Option<String>,
    /// Why the target is what it is.
    pub why: String,
    /// What it costs.
    pub cost: String,
    /// Whether that was measured, with the figure and the command.
    pub measured: String,
}

macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$inner])* $variant),* }

        impl $name {
            fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// As it is declared.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

words! {
    /// How a knob is read and set.
    Kind {
        /// Numbers under /proc/sys.
        Sysctl = "sysctl",
        /// A number or a word in each file of a pattern.
        Sysfs = "sysfs",
        /// A resource limit of the process.
        Rlimit = "rlimit",
        /// A set of cores for each queue of a network card.
        QueueMask = "queue-mask",
        /// The core of each queue's interrupt.
        QueueIrq = "queue-irq",
        /// A property of a network card that only ethtool shows.
        Ethtool = "ethtool",
        /// The sleep states of the cores.
        IdleStates = "idle-states",
        /// A table of nftables.
        Nft = "nft",
        /// A file that is there or is not.
        File = "file",
        /// Something that nobody sets.
        Check = "check",
    }
}

words! {
    /// How what is there compares with the target.
    Rule {
        /// Every number reaches its target.
        AtLeast = "at-least",
        /// No number is above its target.
        AtMost = "at-most",
        /// It is the target.
        Exactly = "exactly",
        /// It is one of the words.
        OneOf = "one-of",
        /// Whatever it is will do.
        LeftAlone = "left-alone",
    }
}

words! {
    /// How much depends on a knob.
    Level {
        /// The connections cannot be held without.
        Required = "required",
        /// The same, with direct descriptors.
        RequiredDirect = "required-direct",
        /// They can, at a price.
        Recommended = "recommended",
    }
}

words! {
    /// Where a knob matters.
    When {
        /// Everywhere.
        Always = "always",
        /// Where a connection is a descriptor of the process.
        Process = "process",
        /// Where it is one of a ring.
        Direct = "direct",
        /// Where there is swap.
        Swap = "swap",
        /// Where there are several NUMA nodes.
        Nodes = "nodes",
        /// Where a network card has fewer receive queues than there are cores.
        FewQueues = "few-queues",
    }
}

words! {
    /// Who sets a knob.
    Apply {
        /// `tuning/apply`.
        Yes = "yes",
        /// A person, who has to decide.
        ByHand = "by-hand",
        /// The boot loader or the firmware.
        Boot = "boot",
    }
}

fn parse(text: &str) -> Result<Vec<Knob>, String> {
    let mut knobs = Vec::new();
    let mut section: Option<(String, BTreeMap<String, String>)> = None;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            knobs.extend(section.take().map(knob).transpose()?);
            section = Some((name.to_owned(), BTreeMap::new()));
            continue;
        }
        let pair = line.split_once(" = \"").and_then(|(key, rest)| Some((key, rest.strip_suffix('"')?)));
        let (Some((key, value)), Some((_, keys))) = (pair, &mut section) else {
            return Err(format!("not a line of a knob: {line}"));
        };
        if value.contains(['"', '\\']) || keys.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("quoted, or twice: {line}"));
        }
    }
    knobs.extend(section.map(knob).transpose()?);
    Ok(knobs)
}

fn knob((name, mut keys): (String, BTreeMap<String, String>)) -> Result<Knob, String> {
    let declared = {
        let mut needed = |key: &str| keys.remove(key).ok_or_else(|| format!("{name} has no {key}"));
        let word = |key: &str, value: String| format!("{key} is not {value}");
        macro_rules! one_of {
            ($kind:ident, $key:literal) => {{
                let value = needed($key)?;
                $kind::parse(&value).ok_or_else(|| word($key, value))?
            }};
        }
        Knob {
            group: needed("group")?,
            kind: one_of!(Kind, "kind"),
            path: needed("path")?,
            rule: one_of!(Rule, "rule"),
            target: needed("target")?,
            level: one_of!(Level, "level"),
            when: one_of!(When, "when"),
            apply: one_of!(Apply, "apply"),
            why: needed("why")?,
            cost: needed("cost")?,
            measured: needed("measured")?,
            ceiling: keys.remove("ceiling"),
            lower_first: keys.remove("lower-first").is_some(),
            otherwise_high: keys.remove("otherwise").is_some_and(|word| word == "too_high"),
            mend: keys.remove("mend"),
            undo: keys.remove("undo"),
            name,
        }
    };
    match keys.keys().next() {
        Some(key) => Err(format!("{} has an unknown key {key}", declared.name)),
        None => Ok(declared),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_one() {
        let knobs = parse(DECLARED).expect("declared as its head says");
        assert!(knobs.len() > 30, "{}", knobs.len());
        for (index, knob) in knobs.iter().enumerate() {
            assert!(knobs[..index].iter().all(|other| other.name != knob.name), "{} is there twice", knob.name);
            // Whoever cannot apply has to be told what to do instead, and how to take it back.
            if knob.apply != Apply::Yes && knob.rule != Rule::LeftAlone {
                assert!(knob.mend.is_some() || knob.kind == Kind::Sysctl, "{} says no command", knob.name);
                assert!(knob.undo.is_some(), "{} cannot be undone", knob.name);
            }
            let measured = ["yes: ", "partly: ", "no: ", "no difference "];
            assert!(measured.iter().any(|word| knob.measured.starts_with(word)), "{}: {}", knob.name, knob.measured);
        }
    }

    #[test]
    fn what_is_not_a_declaration_is_refused() {
        for wrong in ["x = \"1\"", "[a]\nx", "[a]\nx = \"1", "[a]", "[a]\nx = \"1\"\nx = \"2\"", "[a]\nx = \"\\\""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
