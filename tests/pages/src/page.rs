//! A Markdown page: its links, anchors, code blocks, and the lines that should wrap.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Columns at which prose wraps.
pub const COLUMNS: usize = 100;

/// A link, with the line that it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// From 1.
    pub line: usize,
    /// Where it leads.
    pub to: String,
}

/// A fenced or indented code block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The language of its fence; empty without one.
    pub language: String,
    /// Its text.
    pub text: String,
}

/// A page that was read.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Its links.
    pub links: Vec<Link>,
    /// The names that a link's fragment may have.
    pub anchors: BTreeSet<String>,
    /// Its code blocks.
    pub blocks: Vec<Block>,
    /// Lines of prose that are longer than [`COLUMNS`], from 1.
    pub long_lines: Vec<usize>,
}

impl Page {
    /// Reads a page as GitHub does.
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader { text, ..Reader::default() };
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            reader.take(event, range);
        }
        reader.finish()
    }
}

#[derive(Debug, Default)]
struct Reader<'a> {
    text: &'a str,
    page: Page,
    heading: Option<String>,
    slugs: HashMap<String, usize>,
    block: Option<Block>,
    /// What may be longer than a line: tables, code blocks and HTML, whole.
    whole: Vec<Range<usize>>,
    /// What cannot be broken: links, images and code in a line.
    unbroken: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Heading { .. }) => self.heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let line = self.line(range.start);
                self.page.links.push(Link { line, to: dest_url.into_string() });
                self.unbroken.push(range);
            }
            Event::Start(Tag::Table(_)) => self.whole.push(range),
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.block =
                    Some(Block { line: self.line(range.start), language, text: String::new() });
                self.whole.push(range);
            }
            Event::End(TagEnd::CodeBlock) => self.page.blocks.extend(self.block.take()),
            Event::Text(text) => {
                if let Some(block) = &mut self.block {
                    block.text.push_str(&text);
                } else if let Some(heading) = &mut self.heading {
                    heading.push_str(&text);
                }
            }
            Event::Code(code) => {
                if let Some(heading) = &mut self.heading {
                    heading.push_str(&code);
                }
                self.unbroken.push(range);
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for part in html.split("id=\"").skip(1) {
                    self.page.anchors.extend(part.split('"').next().map(str::to_owned));
                }
                self.whole.push(range);
            }
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        let slug = slug(&self.heading.take().unwrap_or_default());
        let seen = self.slugs.entry(slug.clone()).or_default();
        let anchor = if *seen == 0 { slug } else { format!("{slug}-{seen}") };
        *seen += 1;
        self.page.anchors.insert(anchor);
    }

    fn line(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    fn finish(mut self) -> Page {
        let mut start = 0;
        for (number, line) in self.text.split('\n').enumerate() {
            if line.chars().count() > COLUMNS && !self.may_be_long(start, line) {
                self.page.long_lines.push(number + 1);
            }
            start += line.len() + 1;
        }
        self.page
    }

    /// Whether a line has to be long: it is in a table or in code, or begins with what cannot be
    /// broken and is too long by itself.
    fn may_be_long(&self, start: usize, line: &str) -> bool {
        let end = start + line.len();
        let is_whole = self.whole.iter().any(|range| range.start <= end && start < range.end);
        let marks = |letter: char| " -*#0123456789.(|>".contains(letter);
        let first = start + line.len() - line.trim_start_matches(marks).len();
        let too_long = |range: &&Range<usize>| {
            range.start <= first && first < range.end && range.len() > COLUMNS - (first - start) - 2
        };
        is_whole || self.unbroken.iter().find(too_long).is_some()
    }
}

/// The anchor that GitHub gives a heading: lower case, hyphens for spaces, and no punctuation.
fn slug(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_of_github() {
        let page = Page::parse(
            "# What `amiline why` says, & more\n## create.tags and create.carry_tags\n## A\n## A\n",
        );
        let expected =
            ["what-amiline-why-says--more", "createtags-and-createcarry_tags", "a", "a-1"];
        assert_eq!(page.anchors, expected.map(str::to_owned).into());
    }

    #[test]
    fn a_link_in_code_is_no_link() {
        let page = Page::parse("`[a](b.md)` and [c](d.md)\n\n```text\n[e](f.md)\n```\n");
        assert_eq!(page.links, [Link { line: 1, to: "d.md".to_owned() }]);
    }

    #[test]
    fn prose_wraps_and_tables_code_and_links_need_not() {
        let long = "word ".repeat(30);
        assert_eq!(Page::parse(&format!("{long}\n")).long_lines, [1]);
        assert_eq!(Page::parse(&format!("- item\n  {long}\n")).long_lines, [2]);
        assert!(Page::parse(&format!("| a |\n| --- |\n| {long} |\n")).long_lines.is_empty());
        assert!(Page::parse(&format!("```text\n{long}\n```\n")).long_lines.is_empty());
        let address = format!("https://docs.aws.amazon.com/{}", "a".repeat(100));
        assert!(Page::parse(&format!("- [short]({address})\n")).long_lines.is_empty());
        assert_eq!(Page::parse(&format!("{long} [short]({address})\n")).long_lines, [1]);
    }
}
