//! The macros that turn one declaration of a setting into everything that must agree: the field that the server reads, the key,
//! the variable, the flag, and what is printed and checked. They do not know any setting.

/// Declares every setting once, in groups: meaning, name, kind, default and bounds; and behind them its marks: `live` for what can change
/// while the server runs, `secret` for what is shown to nobody.
///
/// Gives `Settings`, the table `SETTINGS`, and the constant `DECLARED`, on which the compiler checks what must hold between settings.
macro_rules! settings {
    ($($group:literal { $(
        $(#[doc = $meaning:literal])+
        $name:ident: $kind:ident $(<$choice:ty>)? { $($declared:tt)* } $($mark:ident)*;
    )+ })+) => {
        /// Everything that can be set.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $($(
                $(#[doc = $meaning])+
                pub $name: <$kind $(<$choice>)? as Kind>::Value,
            )+)+
        }

        /// The settings as declared: their defaults and bounds.
        pub(super) struct Declared {
            $($(pub(super) $name: $kind $(<$choice>)?,)+)+
        }

        /// See [`Declared`].
        pub(super) const DECLARED: Declared = Declared { $($($name: $kind { $($declared)* },)+)+ };

        $($(const _: () = assert!(
            DECLARED.$name.default_is_within_bounds(),
            concat!("the default of ", stringify!($name), " is outside its range")
        );)+)+

        impl Default for Settings {
            fn default() -> Self {
                Self { $($($name: DECLARED.$name.default(),)+)+ }
            }
        }

        /// Every setting, in the order in which they are shown.
        pub static SETTINGS: &[Setting] = &[$($(Setting {
            name: stringify!($name),
            group: $group,
            meaning: concat!($($meaning),+),
            marks: &[$(mark!($mark)),*],
            unit: || DECLARED.$name.unit(),
            allowed: || DECLARED.$name.allowed(),
            read: |settings, text| {
                settings.$name = DECLARED.$name.parse(text)?;
                Ok(())
            },
            write: |settings| DECLARED.$name.write(&settings.$name),
        },)+)+];
    };
}

/// The mark of this name.
macro_rules! mark {
    (live) => {
        Mark::Live
    };
    (secret) => {
        Mark::Secret
    };
}

/// Declares which setting may not exceed which other, and why.
///
/// The compiler checks it of the defaults, and that there is a way out: who raises the smaller as far as it goes can raise the larger
/// far enough, and who lowers the larger as far as it goes can lower the smaller. What is given is checked at start.
macro_rules! relations {
    ($($(#[doc = $why:literal])+ $smaller:ident <= $larger:ident;)+) => {
        $(const _: () = assert!(
            DECLARED.$smaller.default <= DECLARED.$larger.default
                && DECLARED.$smaller.max <= DECLARED.$larger.max
                && DECLARED.$smaller.min <= DECLARED.$larger.min,
            concat!("the declared ", stringify!($smaller), " exceeds ", stringify!($larger))
        );)+

        /// Every relation between two settings.
        pub(super) static RELATIONS: &[Relation] = &[$(Relation {
            smaller: stringify!($smaller),
            larger: stringify!($larger),
            why: concat!($($why),+),
            holds: |settings| settings.$smaller <= settings.$larger,
        },)+];
    };
}

pub(super) use {mark, relations, settings};
