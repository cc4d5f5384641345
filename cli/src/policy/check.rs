//! Documents: what is wrong with them, and where. Needs no AWS.

use super::files::{EXTENSIONS, STDIN, meant};
use super::slots::{self, Slots};
use super::yaml::{Spot, read};
use crate::output::width;
use crate::paint::Paint;
use crate::table::Table;
use amiline_app::policies::Proposed;
use amiline_domain::document::{Node, without_mark};
use amiline_domain::escape::one_line;
use amiline_domain::ids::{PolicyName, Region};
use amiline_domain::policy::{Policy, Problem, TEXT_BYTES_MAX, Written};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A file that is larger is not looked into: a policy has 4 KB, and comments are not endless.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
const MESSAGE_CHARACTERS: usize = 500;

/// A file, and what became of it.
#[derive(Debug)]
pub(crate) struct Checked {
    file: String,
    outcome: Result<Proposed, Vec<Found>>,
}

/// Something that is wrong in a file.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// `None`: it is the file itself.
    spot: Option<Spot>,
    /// The way to it in the document; empty for the whole of it.
    path: String,
    code: &'static str,
    message: String,
}

impl Found {
    fn of_file(code: &'static str, message: String) -> Self {
        Self { spot: None, path: String::new(), code, message }
    }

    fn at(spot: Spot, code: &'static str, message: &str) -> Self {
        Self {
            spot: Some(spot),
            path: String::new(),
            code,
            message: one_line(message, MESSAGE_CHARACTERS),
        }
    }
}

/// Whether a name is a document's and not a policy's.
pub(crate) fn is_document(name: &str) -> bool {
    let extension =
        Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.contains(&extension) || name.contains('/')
}

/// Reads and checks files, in their order.
pub(crate) fn check(files: &[PathBuf]) -> Vec<Checked> {
    let mut first: BTreeMap<PolicyName, String> = BTreeMap::new();
    let mut all = Vec::new();
    for meant in meant(files) {
        let (path, mut outcome) = match meant {
            Ok(path) => {
                let outcome = check_file(&path);
                (path, outcome)
            }
            Err((path, why)) => (path, Err(vec![Found::of_file("unreadable", why)])),
        };
        let file = one_line(&path.display().to_string(), 200);
        if let Ok(proposed) = &outcome {
            match first.get(&proposed.name) {
                Some(other) => {
                    let message =
                        format!("{other} is the policy {} too; give one of them", proposed.name);
                    outcome = Err(vec![Found::of_file("duplicate-policy", message)]);
                }
                None => {
                    first.insert(proposed.name.clone(), file.clone());
                }
            }
        }
        all.push(Checked { file, outcome });
    }
    all
}

fn check_file(path: &Path) -> Result<Proposed, Vec<Found>> {
    if path == Path::new(STDIN) {
        let text = read_text(std::io::stdin().lock()).map_err(|found| vec![found])?;
        let name = PolicyName::new("stdin")
            .map_err(|error| vec![Found::of_file("file-name", error.to_string())])?;
        return Ok(Proposed { name, written: check_text(&text, false)? });
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !EXTENSIONS.contains(&extension) {
        let message = "a policy's document is named NAME.yaml, NAME.yml or NAME.json, where NAME is the policy's";
        return Err(vec![Found::of_file("file-name", message.to_owned())]);
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = PolicyName::new(stem)
        .map_err(|error| Found::of_file("file-name", one_line(&error.to_string(), 200)));
    let text = read_file(path).map_err(|found| vec![found])?;
    match (name, check_text(&text, extension == "json")) {
        (Ok(name), Ok(written)) => Ok(Proposed { name, written }),
        (Ok(_), Err(found)) => Err(found),
        (Err(found), Ok(_)) => Err(vec![found]),
        (Err(found), Err(others)) => Err(std::iter::once(found).chain(others).collect()),
    }
}

fn read_file(path: &Path) -> Result<String, Found> {
    let unreadable =
        |why: String| Found::of_file("unreadable", format!("the file cannot be read: {why}"));
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(format!(
            "it has {size} bytes, and a policy at most {TEXT_BYTES_MAX}"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))
}

/// A text that has no size before it was read.
fn read_text(from: impl std::io::Read) -> Result<String, Found> {
    let unreadable =
        |why: String| Found::of_file("unreadable", format!("standard input cannot be read: {why}"));
    let mut text = String::new();
    let read = from.take(FILE_BYTES_MAX.saturating_add(1)).read_to_string(&mut text);
    match read.map_err(|error| unreadable(error.to_string()))? {
        size if u64::try_from(size).is_ok_and(|size| size <= FILE_BYTES_MAX) => Ok(text),
        _ => Err(unreadable(format!(
            "it has more than {FILE_BYTES_MAX} bytes, and a policy at most {TEXT_BYTES_MAX}"
        ))),
    }
}

/// Everything that is wrong with a text, by position. Whether a JSON text is taken is decided by
/// the reader that the functions have; YAML's only says where things stand in it.
fn check_text(text: &str, is_json: bool) -> Result<Written, Vec<Found>> {
    let text = without_mark(text);
    let json = is_json.then(|| serde_json::from_str::<Node>(text));
    let json = json.transpose().map_err(|error| {
        let spot = Spot { line: error.line().max(1), column: error.column().max(1) };
        let place = format!(" at line {} column {}", error.line(), error.column());
        vec![Found::at(
            spot,
            "syntax",
            &format!("this is no JSON: {}", error.to_string().replace(&place, "")),
        )]
    })?;
    let (node, spots, foreign) = match (read(text), json) {
        (Ok(source), None) => (source.node, Some(source.spots), source.foreign),
        (Ok(source), Some(node)) => (node, Some(source.spots), Vec::new()),
        (Err(_), Some(node)) => (node, None, Vec::new()),
        (Err((spot, message)), None) => return Err(vec![Found::at(spot, "syntax", &message)]),
    };
    let find =
        |problem: &Problem| spots.as_ref().map_or(Spot::START, |spots| spots.find(&problem.place));
    let mut found: Vec<Found> = foreign
        .iter()
        .map(|(spot, message)| Found::at(*spot, "not-in-policies", message))
        .collect();
    let result = Policy::from_document(&node);
    let problems = result.as_ref().err().map_or(&[][..], Vec::as_slice);
    for problem in problems {
        let spot = find(problem);
        // What stands there is no policy's anyway, and has been told.
        if foreign.iter().any(|(told, _)| *told == spot) {
            continue;
        }
        let path = problem.place.to_string();
        found.push(Found {
            path,
            ..Found::at(spot, problem.wrong.code(), &problem.wrong.to_string())
        });
    }
    found.sort_by_key(|found| found.spot);
    match result {
        Ok(written) if found.is_empty() => Ok(written),
        Ok(_) | Err(_) => Err(found),
    }
}

/// The policies, if every file is fine; otherwise the files again.
pub(crate) fn all_fine(checked: Vec<Checked>) -> Result<Vec<Proposed>, Vec<Checked>> {
    if checked.iter().any(|one| one.outcome.is_err()) {
        return Err(checked);
    }
    Ok(checked.into_iter().filter_map(|one| one.outcome.ok()).collect())
}

/// Whether every file is fine.
pub(crate) fn is_fine(checked: &[Checked]) -> bool {
    checked.iter().all(|one| one.outcome.is_ok())
}

/// When the policies with schedules will run next, for people; nothing if there is none.
pub(crate) fn slots_text(checked: &[Checked], paint: Paint, now: Timestamp) -> String {
    let fine = checked.iter().filter_map(|one| one.outcome.as_ref().ok());
    let scheduled = fine.filter(|proposed| proposed.written.policy.schedule.is_some());
    scheduled.map(|proposed| format!("\n\n{}", slots_of(proposed, now).text(paint))).collect()
}

fn slots_of(proposed: &Proposed, now: Timestamp) -> Slots<'_> {
    Slots::new(&proposed.name, proposed.written.policy.schedule.as_ref(), now, slots::SHOWN)
}

/// What is no problem, and a reason to look again.
fn note(policy: &Policy) -> Option<String> {
    let regions: Vec<&str> = policy.destinations_without_key().map(Region::as_str).collect();
    (!regions.is_empty()).then(|| {
        format!(
            "no key is named for copies to {}. If EC2 encrypts them, they are under the default key for EBS there; if \
             that is a customer key, the stack's AllowedKeyAliases must have its alias, or the copies fail",
            regions.join(", ")
        )
    })
}

/// What was found, for people: one line for each problem, in columns, and a last line that sums up.
pub(crate) fn text(checked: &[Checked], paint: Paint) -> String {
    let mut rows: Vec<(String, String, String, bool)> = Vec::new();
    for one in checked {
        match &one.outcome {
            Ok(proposed) => {
                let size = proposed.written.text.len();
                let fine = format!("fine: {size} of {TEXT_BYTES_MAX} bytes as JSON");
                rows.push((one.file.clone(), String::new(), fine, true));
                let note = note(&proposed.written.policy).map(|note| format!("note: {note}"));
                rows.extend(note.map(|note| (String::new(), String::new(), note, false)));
            }
            Err(found) => rows.extend(found.iter().map(|found| {
                let place = found
                    .spot
                    .map_or(String::new(), |spot| format!(":{}:{}", spot.line, spot.column));
                (format!("{}{place}", one.file), found.path.clone(), found.message.clone(), false)
            })),
        }
    }
    let has_paths = rows.iter().any(|row| !row.1.is_empty());
    let mut table = Table::indented(0);
    for (place, path, message, fine) in rows {
        let message = if fine { paint.good(&message) } else { message };
        let path = has_paths.then_some(path);
        table.row([paint.strong(&place)].into_iter().chain(path).chain([message]));
    }
    let mut out = table.text(width());
    out.push_str(&sum(checked, paint));
    out
}

fn sum(checked: &[Checked], paint: Paint) -> String {
    let bad: Vec<usize> =
        checked.iter().filter_map(|one| one.outcome.as_ref().err().map(Vec::len)).collect();
    let problems = match bad.iter().sum() {
        0 => return paint.good("no problem"),
        1 => "1 problem".to_owned(),
        problems => format!("{problems} problems"),
    };
    let files = if checked.len() == 1 {
        String::new()
    } else {
        format!(" in {} of {} files", bad.len(), checked.len())
    };
    paint.bad(&format!("{problems}{files}"))
}

/// The same for programs, with the next slots of each schedule.
pub(crate) fn as_json(checked: &[Checked], now: Timestamp) -> Value {
    let files = checked.iter().map(|one| match &one.outcome {
        Ok(proposed) => json!({
            "file": one.file,
            "policy": proposed.name,
            "bytes": proposed.written.text.len(),
            "problems": [],
            "note": note(&proposed.written.policy),
            "schedule": proposed.written.policy.schedule.is_some().then(|| slots_of(proposed, now).as_json()),
        }),
        Err(found) => {
            let problems = found.iter().map(|found| {
                json!({
                    "line": found.spot.map(|spot| spot.line),
                    "column": found.spot.map(|spot| spot.column),
                    "path": found.path,
                    "code": found.code,
                    "message": found.message,
                })
            });
            json!({"file": one.file, "problems": problems.collect::<Vec<_>>()})
        }
    });
    json!({"fine": is_fine(checked), "files": files.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests;
