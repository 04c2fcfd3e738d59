//! The tree of organizational units: IDs become paths of names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::base::text;
use crate::organization::Placement;

/// Levels of organizational units. AWS permits five below the root.
const LEVELS_MAX: usize = 32;

/// What contains an account or an organizational unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The root of the organization.
    Root,
    /// The organizational unit with this ID.
    Unit(String),
}

/// Organizational units by ID.
#[derive(Clone, Debug, Default)]
pub struct Hierarchy {
    names: BTreeMap<String, String>,
    parents: BTreeMap<String, Parent>,
}

/// Why the path of an account is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HierarchyError {
    /// The name of the organizational unit with this ID is not known.
    NoName(String),
    /// The parent of the organizational unit with this ID is not known.
    NoParent(String),
    /// Two values for the same organizational unit or account.
    Conflict(String),
    /// The organizational unit is below itself, or too many levels deep.
    Depth(String),
}

impl fmt::Display for HierarchyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName(id) => write!(f, "no response contains the name of {id}"),
            Self::NoParent(id) => write!(f, "no response contains the parent of {id}"),
            Self::Conflict(id) => write!(f, "the responses contradict each other about {id}"),
            Self::Depth(id) => write!(
                f,
                "{id} is below itself, or more than {LEVELS_MAX} levels deep"
            ),
        }
    }
}

impl HierarchyError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoName(_) | Self::NoParent(_) => {
                "save list-organizational-units-for-parent of the root and of every organizational unit, each in a file that ends in the id of the parent"
            }
            Self::Conflict(_) => {
                "the organization changed while it was saved: save all responses again, in a new folder"
            }
            Self::Depth(_) => "save all responses again",
        }
    }
}

impl Hierarchy {
    /// Records the name of an organizational unit.
    ///
    /// # Errors
    /// [`HierarchyError::Conflict`], if it has another name.
    pub fn name(&mut self, unit: &str, name: &str) -> Result<(), HierarchyError> {
        insert(&mut self.names, unit, name.to_owned())
    }

    /// Records what contains an organizational unit or an account.
    ///
    /// # Errors
    /// [`HierarchyError::Conflict`], if it is elsewhere.
    pub fn place(&mut self, child: &str, parent: Parent) -> Result<(), HierarchyError> {
        insert(&mut self.parents, child, parent)
    }

    /// The path of an account; `None` if its parent is not known.
    ///
    /// # Errors
    /// If the name or the parent of a unit above it is not known.
    pub fn placement(&self, account: &str) -> Result<Option<Placement>, HierarchyError> {
        let Some(mut parent) = self.parents.get(account) else {
            return Ok(None);
        };
        let mut path = Vec::new();
        let mut seen = BTreeSet::new();
        while let Parent::Unit(unit) = parent {
            if !seen.insert(unit) || seen.len() > LEVELS_MAX {
                return Err(HierarchyError::Depth(unit.clone()));
            }
            let name = self.names.get(unit);
            path.push(
                name.ok_or_else(|| HierarchyError::NoName(unit.clone()))?
                    .clone(),
            );
            let above = self.parents.get(unit);
            parent = above.ok_or_else(|| HierarchyError::NoParent(unit.clone()))?;
        }
        path.reverse();
        Ok(Some(match path.is_empty() {
            true => Placement::Root,
            false => Placement::Units(path),
        }))
    }
}

fn insert<V: PartialEq>(
    known: &mut BTreeMap<String, V>,
    key: &str,
    value: V,
) -> Result<(), HierarchyError> {
    match known.get(key) {
        Some(before) if *before != value => Err(HierarchyError::Conflict(text::one_line(key, 80))),
        Some(_) => Ok(()),
        None => {
            known.insert(key.to_owned(), value);
            Ok(())
        }
    }
}
