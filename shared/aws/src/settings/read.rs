//! The one reader of environment variables.

use super::{AWS_ENDPOINT_URL, AWS_REGION};
use amiline_domain::escape::one_line;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use thiserror::Error;

/// Every setting that cannot be used, in one message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the function's settings cannot be used: {}", problems.join("; "))]
pub struct SettingsError {
    /// One for each variable.
    pub problems: Vec<String>,
}

/// Reads declared variables only, and notes what is wrong with them.
pub struct Env<'a> {
    declared: &'a [&'static str],
    source: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl<'a> Env<'a> {
    /// A reader for these variables, and for the two that every function has: its Region and a
    /// local AWS's address.
    pub fn new(declared: &'a [&'static str], source: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { declared, source, problems: Vec::new() }
    }

    fn raw(&mut self, name: &'static str) -> Option<String> {
        if !self.declared.contains(&name) && name != AWS_REGION && name != AWS_ENDPOINT_URL {
            self.problems.push(format!("{name} is read but not declared; this is a defect"));
            return None;
        }
        (self.source)(name)
    }

    fn given(&mut self, name: &'static str) -> Option<String> {
        let noted = self.problems.len();
        let value = self.raw(name);
        if value.is_none() && self.problems.len() == noted {
            self.problems.push(format!("{name} is missing"));
        }
        value
    }

    /// Text that has to be there and not empty.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.given(name)?;
        if value.trim().is_empty() {
            self.problems.push(format!("{name} is empty"));
            return None;
        }
        Some(value.trim().to_owned())
    }

    /// A value that has to be there and valid.
    pub fn value<T: FromStr>(&mut self, name: &'static str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.text(name)?;
        self.parsed(name, &text)
    }

    /// A comma-separated list that has to be there. Empty parts count for nothing: an empty
    /// CommaDelimitedList of CloudFormation arrives as one empty string
    /// (aws-behaviour.md#an-empty-list-has-one-empty-text).
    pub fn list<T: FromStr + Ord>(&mut self, name: &'static str) -> Option<BTreeSet<T>>
    where
        T::Err: Display,
    {
        let text = self.given(name)?;
        let parts: Vec<Option<T>> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| self.parsed(name, part))
            .collect();
        parts.into_iter().collect()
    }

    /// One of a few words.
    pub fn word(&mut self, name: &'static str, default: &str, allowed: &[&str]) -> Option<String> {
        let text = self.optional(name).unwrap_or_else(|| default.to_owned());
        if allowed.contains(&text.as_str()) {
            return Some(text);
        }
        self.problems.push(format!(
            "{name} is {:?}; it may be {}",
            one_line(&text, 64),
            allowed.join(", ")
        ));
        None
    }

    /// Text that may be missing or empty.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.raw(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn parsed<T: FromStr>(&mut self, name: &'static str, text: &str) -> Option<T>
    where
        T::Err: Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let error: T::Err = error;
                self.problems.push(format!("{name}: {}", one_line(&error.to_string(), 200)));
                None
            }
        }
    }

    /// The settings, or everything that is wrong with them.
    pub fn finish<S>(self, settings: Option<S>) -> Result<S, SettingsError> {
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            Some(_) | None => Err(SettingsError { problems: self.problems }),
        }
    }
}

/// A variable of this process; one that is not Unicode counts as missing.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
