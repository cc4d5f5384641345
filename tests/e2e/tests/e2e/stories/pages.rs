//! The documentation's `console` blocks, as a reader would run them: one walk over all pages, on a
//! local AWS of its own, since the blocks show everything that an account has.

use crate::cloud::{Cloud, SOON, eventually, holds};
use crate::operator::amiline_in;
use crate::options;
use amiline_local::HOME_REGION;
use amiline_pages::page::{Block, Page};
use amiline_pages::repository;
use regex_lite::Regex;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// The names that the pages give to what a walk makes.
const WEB_1: &str = "i-5ab7f0d89fd923793";
const WEB_3: &str = "i-b07617364232117cc";
const FAMILY: &str = "fam-3ed50b92a1d859f5";

pub(crate) async fn every_console_block_is_what_the_command_prints(_: &Cloud) {
    let cloud = Cloud::start(options(&[])).await;
    let mut walk = Walk::begin(&cloud).await;
    walk.write_a_policy();
    walk.press_and_schedule().await;
    walk.ask_why().await;
    walk.retry().await;
    walk.break_a_policy().await;
    for command in ["on --reason \"the network is being moved\"", "status", "off"] {
        walk.show("how-to/stop-it", &format!("kill-switch {command}"));
    }
    walk.end();
}

/// A `console` block that was not run yet.
struct Shown {
    page: String,
    line: usize,
    command: String,
    output: String,
}

struct Walk<'a> {
    cloud: &'a Cloud,
    directory: PathBuf,
    left: Vec<Shown>,
    /// What the pages call a thing, and what it is called in this walk.
    names: Vec<(&'static str, String)>,
    wrong: Vec<String>,
}

impl<'a> Walk<'a> {
    async fn begin(cloud: &'a Cloud) -> Self {
        let directory = cloud.local.run_directory().join("pages");
        std::fs::create_dir_all(&directory).unwrap();
        let mut walk =
            Self { cloud, directory, left: every_block(), names: Vec::new(), wrong: Vec::new() };
        let instance = walk.launch("web-1").await;
        walk.names.push((WEB_1, instance));
        walk
    }

    async fn launch(&self, name: &str) -> String {
        let instance = self.cloud.launch().await;
        self.cloud.tag(&instance, "Name", name).await;
        instance
    }

    fn write_a_policy(&mut self) {
        let page = "how-to/write-a-policy";
        let document = yaml(page, "web-tier");
        let broken =
            document.replace("reboot:", "rebooot:").replace("\"222222222222\"", "222222222222");
        self.file("web-tier", &broken);
        self.show(page, "policy check web-tier.yaml");
        self.file("web-tier", &document);
        self.show(page, "policy check web-tier.yaml");
        self.show(page, "policy diff web-tier.yaml");
        self.show(page, "policy apply web-tier.yaml --yes");
        self.show("how-to/restore-a-policy", "policy list");
        self.file("far", "distribute:\n  regions: [ap-south-1]\n");
        self.show(page, "policy apply far.yaml --yes");
    }

    async fn press_and_schedule(&mut self) {
        self.show("start/first-image", &format!("press {WEB_1} --policy web-tier --wait"));
        self.show("start/first-image", &format!("lineage {WEB_1}"));

        let page = "start/schedule-an-instance";
        let nightly = format!("{}description: Nightly image\n", yaml(page, "nightly"));
        self.file("nightly", &nightly);
        self.show(page, "policy slots nightly.yaml --from 2026-12-01");
        // A slot that does not come during the walk, and days of 24 hours, whenever this runs.
        let far = (jiff::Timestamp::now() + Duration::from_secs(12 * 3600)).strftime("%M %H * * *");
        let nightly =
            nightly.replace("30 1 * * *", &far.to_string()).replace("Europe/London", "Etc/UTC");
        self.file("nightly", &nightly);
        self.file("nightly2", "schedule:\n  cron: [\"0 3 * * *\"]\n");
        self.run("policy apply nightly.yaml nightly2.yaml --yes");
        self.file("nightly", &nightly.replace("120", "60"));
        self.run("policy apply nightly.yaml --yes");
        for command in
            ["history nightly", "restore nightly --version 1 --yes", "delete nightly2 --yes"]
        {
            self.show("how-to/restore-a-policy", &format!("policy {command}"));
        }

        let instance = self.real(WEB_1);
        self.cloud.tag(&instance, "amiline:schedule", "nightly").await;
        eventually(SOON, "the instance enrolled", async || {
            let said = self.run(&format!("why {WEB_1}"));
            holds(said.contains("its next slot is") && !said.contains("not seen yet"), &said)
        })
        .await;
        self.cloud.idle("create-image").await;
        self.show(page, &format!("why {WEB_1}"));
        self.show("how-to/watch-coverage", "coverage");
    }

    async fn ask_why(&mut self) {
        let instance = self.real(WEB_1);
        self.cloud.tag(&instance, "amiline:image", "web-teir").await;
        self.cloud.answered(&instance, "rejected: ", SOON).await;
        self.cloud.idle("create-image").await;
        self.show("how-to/find-out-why", &format!("why {WEB_1}"));
    }

    async fn retry(&mut self) {
        let instance = self.launch("web-3").await;
        self.names.push((WEB_3, instance.clone()));
        let denied =
            json!({"caller": "distribute-image", "action": "ec2:CopyImage", "region": "us-west-2"});
        let mut denied = denied.as_object().unwrap().clone();
        denied.extend([("count".to_owned(), json!(1)), ("fault".to_owned(), json!("deny"))]);
        self.cloud.fault(denied.into()).await;
        self.run(&format!("press {WEB_3} --policy web-tier --wait"));
        let image = self.cloud.images_of(&instance).await.remove(0);
        self.names.push((FAMILY, image.tags["amiline:family"].clone()));
        let page = "how-to/retry-what-failed";
        self.show(page, "families --outcome partial");
        self.show(page, &format!("retry {FAMILY}"));
        self.cloud.answered(&instance, "available ", SOON).await;
    }

    async fn break_a_policy(&mut self) {
        let text = "{\"schedule\":{\"cron\":[\"nonsense\"]}}";
        let asked = json!({"Name": "/amiline/policies/nightly", "Value": text, "Type": "String", "Overwrite": true});
        self.cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
        self.show("how-to/alarms/refused-policies", "policy list");
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(format!("{name}.yaml")), text).unwrap();
    }

    /// What this walk calls what the pages call so.
    fn real(&self, name: &str) -> String {
        self.names.iter().find(|(shown, _)| *shown == name).map(|(_, real)| real.clone()).unwrap()
    }

    /// Runs a command as the pages have it; gives its standard output.
    fn run(&self, command: &str) -> String {
        let named = self
            .names
            .iter()
            .fold(command.to_owned(), |text, (shown, real)| text.replace(shown, real));
        let words = words(&named);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = amiline_in(self.cloud, &self.directory, &words);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the command of the first such block of a page that is left, and compares.
    fn show(&mut self, page: &str, command: &str) {
        let place =
            self.left.iter().position(|shown| shown.page == page && shown.command == command);
        let Some(place) = place else {
            self.wrong.push(format!("docs/{page}.md has no block of: amiline {command}"));
            return;
        };
        let shown = self.left.remove(place);
        let printed = self.run(command);
        let is_tree = command.starts_with("lineage");
        if comparable(&shown.output, is_tree) != comparable(&printed, is_tree) {
            self.wrong.push(format!(
                "docs/{page}.md:{}: amiline {command} prints otherwise. The page:\n{}The command:\n{printed}",
                shown.line, shown.output
            ));
        }
    }

    fn end(self) {
        let unseen = self.left.iter().map(|shown| {
            format!(
                "docs/{}.md:{}: add the block of amiline {} to this walk",
                shown.page, shown.line, shown.command
            )
        });
        let wrong: Vec<String> = self.wrong.iter().cloned().chain(unseen).collect();
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

/// Every `console` block of `docs`.
fn every_block() -> Vec<Shown> {
    let pages = repository::pages().into_iter().filter_map(|path| {
        let page = path.strip_prefix("docs/")?.strip_suffix(".md")?.to_owned();
        Some((page, Page::parse(&repository::read(&path)).blocks))
    });
    let shown = |page: &String, block: Block| {
        let (command, output) = block.text.split_once('\n').unwrap();
        let command = command
            .strip_prefix("$ amiline ")
            .unwrap_or_else(|| panic!("docs/{page}.md: {command}"));
        Shown {
            page: page.clone(),
            line: block.line,
            command: command.to_owned(),
            output: output.to_owned(),
        }
    };
    let blocks = pages.flat_map(|(page, blocks)| {
        let blocks = blocks.into_iter().filter(|block| block.language == "console");
        blocks.map(|block| shown(&page, block)).collect::<Vec<_>>()
    });
    blocks.collect()
}

/// The policy of this name that a page shows.
fn yaml(page: &str, name: &str) -> String {
    let blocks = Page::parse(&repository::read(&format!("docs/{page}.md"))).blocks;
    let title = format!("# {name}.yaml");
    blocks.into_iter().find(|block| block.text.starts_with(&title)).map(|block| block.text).unwrap()
}

/// The words of a command line, in which quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// A text without what differs from walk to walk: ids and times, and in a tree which copy was
/// first.
fn comparable(text: &str, is_tree: bool) -> Vec<String> {
    let ids = Regex::new(r"\b(ami|i|fam|snap)-[0-9a-f]{8,17}\b").unwrap();
    let times = Regex::new(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?Z| UTC)").unwrap();
    let plain = times.replace_all(&ids.replace_all(text, "$1-ID"), "TIME").into_owned();
    let mut lines: Vec<String> = plain.lines().map(|line| line.trim_end().to_owned()).collect();
    if is_tree {
        lines.sort();
    }
    lines
}
