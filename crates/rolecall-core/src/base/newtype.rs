//! Newtypes over a string with a validation rule.

/// Defines a newtype over a string with a validation rule.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $error:ident, $message:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(std::sync::Arc<str>);

        #[doc = concat!("Error of [`", stringify!($name), "::parse`]: the text is invalid.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// The text violates the rule of the type.
            pub fn parse(text: &str) -> Result<Self, $error> {
                let ok: fn(&str) -> bool = $ok;
                if ok(text) { Ok(Self(text.into())) } else { Err($error) }
            }

            /// The validated text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
                into.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                crate::base::text::parse(from)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                Self::parse(text)
            }
        }
    };
}
pub(crate) use text_newtype;
