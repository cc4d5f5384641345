//! Places in a document.

use crate::escape::one_line;
use std::fmt;

/// A step on the way from the document to a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a field of an object.
    Field {
        /// Which of the object's fields, from 0, since two may have one name.
        index: usize,
        /// Its name.
        name: String,
    },
    /// Into an item of a list.
    Item(usize),
}

/// What of a field is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// Its value.
    Value,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The way to it; empty for the whole document.
    pub steps: Vec<Step>,
    /// Whether the last step's name is meant or its value.
    pub part: Part,
}

impl Place {
    /// The whole document.
    pub fn document() -> Self {
        Self { steps: Vec::new(), part: Part::Value }
    }

    pub(super) fn into(&self, step: Step) -> Self {
        let steps = self.steps.iter().cloned().chain([step]).collect();
        Self { steps, part: Part::Value }
    }

    pub(super) fn name(&self) -> Self {
        Self { part: Part::Name, ..self.clone() }
    }
}

impl fmt::Display for Place {
    /// `share.accounts[0]`; nothing for the whole document.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps.iter().enumerate() {
            match step {
                Step::Field { name, .. } if place == 0 => f.write_str(&one_line(name, 40))?,
                Step::Field { name, .. } => write!(f, ".{}", one_line(name, 40))?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
