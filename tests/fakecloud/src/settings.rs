//! Switches of the whole cloud.

use amiline_domain::target::ShareTarget;
use std::collections::BTreeSet;
use std::rc::Rc;

/// How the model behaves where AWS may behave in more than one way.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Milliseconds that each call takes.
    pub(crate) call_millis: i64,
    /// Whether EC2 forgets that names are unique.
    pub(crate) lax_names: bool,
    /// Seconds for which a deregistered image is still shown, and its name still held.
    pub(crate) ghost_seconds: i64,
    /// Whether two snapshots of one volume need 15 seconds between them.
    pub(crate) volume_rate: bool,
    /// Most images in the making of one instance without a reboot.
    pub(crate) no_reboot_max: Option<usize>,
    /// Items on a page of any list.
    pub(crate) page_size: usize,
    /// Seconds by which the index of what is due lags behind the table.
    pub(crate) index_lag_seconds: i64,
    /// Whether a family's rows and its own item may be read at two moments.
    pub(crate) torn_reads: bool,
    /// Parts of the index of what is due.
    pub(crate) shards: u32,
    /// Those with whom EC2 refuses to share: closed accounts, deleted units.
    pub(crate) closed: BTreeSet<ShareTarget>,
    /// What is broken in the model itself, so that its checkers can be checked.
    pub(crate) plant: Option<Plant>,
    /// The stack's tags.
    keys: Keys,
    /// Whether the tag rule lets only events in that show the button.
    pub(crate) rule_wants_button: bool,
}

/// Something broken in the model itself. Whoever claims to check Amiline against this cloud must
/// notice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// EC2 takes a name twice.
    NamesNotUnique,
    /// Every seventh transaction is answered with success and not written.
    LostTransactions,
    /// A transaction writes the family and loses its history.
    HistoryLost,
    /// Conditions on a family's version are not checked.
    VersionsNotChecked,
    /// CopyImage forgets its client tokens, and names are not unique.
    TokensForgotten,
}

/// The stack's name.
pub(crate) const STACK: &str = "amiline";

/// The stack's tag prefix, and the keys that begin with it.
#[derive(Debug, Clone)]
struct Keys {
    prefix: String,
    button: Rc<str>,
    schedule: Rc<str>,
    status: Rc<str>,
    managed_by: Rc<str>,
}

impl Keys {
    fn of(prefix: &str) -> Self {
        let key = |name: &str| format!("{prefix}:{name}").into();
        Self {
            prefix: prefix.to_owned(),
            button: key("image"),
            schedule: key("schedule"),
            status: key("status"),
            managed_by: key("managed-by"),
        }
    }
}

impl Settings {
    /// The stack's tag prefix.
    pub(crate) fn tag_prefix(&self) -> &str {
        &self.keys.prefix
    }

    pub(crate) fn set_tag_prefix(&mut self, prefix: &str) {
        self.keys = Keys::of(prefix);
    }

    /// The key of the button.
    pub(crate) fn button(&self) -> &Rc<str> {
        &self.keys.button
    }

    /// The key of the tag with the answer.
    pub(crate) fn status(&self) -> &Rc<str> {
        &self.keys.status
    }

    /// The key of the tag that enrols an instance in schedules.
    pub(crate) fn schedule(&self) -> &Rc<str> {
        &self.keys.schedule
    }

    /// The key of the tag that says who manages an image.
    pub(crate) fn managed_by(&self) -> &Rc<str> {
        &self.keys.managed_by
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            call_millis: 0,
            lax_names: false,
            ghost_seconds: 60,
            volume_rate: true,
            no_reboot_max: None,
            page_size: 1000,
            index_lag_seconds: 0,
            torn_reads: false,
            shards: 16,
            closed: BTreeSet::new(),
            plant: None,
            keys: Keys::of("amiline"),
            rule_wants_button: true,
        }
    }
}
