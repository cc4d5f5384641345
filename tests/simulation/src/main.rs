//! `cargo sim`: the simulation, from the command line.

use amiline_simulation::checks::Violation;
use amiline_simulation::crowd::live_through;
use amiline_simulation::kills::hunt;
use amiline_simulation::many::{Done, Found, Plan, run_many, run_seed};
use amiline_simulation::report;
use amiline_simulation::scenarios::{SCENARIOS, Scenario};
use amiline_simulation::seeds::{Ended, Mode, Wrong};
use amiline_simulation::shrink::shrink;
use amiline_simulation::sweep::sweep;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lives Amiline's use cases on a deterministic cloud, under everything that can go wrong.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", version)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Minutes after which no further seed is begun; all seeds until then, unless --seeds says how
    /// many.
    #[arg(long)]
    minutes: Option<f64>,
    /// Whether trouble ends.
    #[arg(long, value_enum, default_value_t = Modes::Both)]
    mode: Modes,
    /// A named scenario in trouble, instead of any life; see --list.
    #[arg(long)]
    scenario: Option<String>,
    /// Cores [default: all].
    #[arg(long)]
    jobs: Option<usize>,
    /// Runs this seed alone.
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// With --replay: tells the story, step by step.
    #[arg(long, requires = "replay")]
    trace: bool,
    /// With --replay: makes the failing run as short as it can be found, and tells that story.
    #[arg(long, requires = "replay")]
    shrink: bool,
    /// Every scenario with a crash, a failure and a lost reply at each of its yields; pairs of them
    /// for the short ones.
    #[arg(long, conflicts_with = "replay")]
    sweep: bool,
    /// Whether the simulation notices bugs that are there on purpose.
    #[arg(long, conflicts_with_all = ["replay", "sweep"])]
    mutants: bool,
    /// So many instances that are due at the same minute, at EC2's request rates: whether each gets
    /// its image.
    #[arg(long, value_name = "INSTANCES", conflicts_with_all = ["replay", "sweep", "mutants"])]
    crowd: Option<usize>,
    /// Lists the scenarios.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Modes {
    /// Trouble for ever: what holds at every step.
    Safety,
    /// Trouble ends, and everything comes to rest as it should.
    Liveness,
    /// Each seed in both.
    Both,
}

impl Modes {
    fn all(self) -> &'static [Mode] {
        match self {
            Modes::Safety => &[Mode::Safety],
            Modes::Liveness => &[Mode::Liveness],
            Modes::Both => &[Mode::Safety, Mode::Liveness],
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match start(&args) {
        Ok(code) => code,
        Err(problem) => {
            eprint(&problem);
            ExitCode::from(2)
        }
    }
}

fn start(args: &Args) -> Result<ExitCode, String> {
    let scenario = match &args.scenario {
        None => None,
        Some(name) => Some(
            Scenario::of(name)
                .ok_or_else(|| format!("there is no scenario {name:?}; --list shows them"))?,
        ),
    };
    let jobs =
        args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    if args.list {
        for scenario in &SCENARIOS {
            print(&format!("{:14} {}", scenario.name, scenario.says));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.replay.is_none() {
        // A panic is a violation like any other, told with its seed.
        std::panic::set_hook(Box::new(|_| {}));
    }
    Ok(if let Some(seed) = args.replay {
        replay(args, seed, scenario)
    } else if args.sweep {
        sweep_all(scenario, jobs)
    } else if args.mutants {
        mutants(args, jobs)
    } else if let Some(instances) = args.crowd {
        crowd(instances)
    } else {
        seeds(args, scenario, jobs)
    })
}

/// Images that the stack of the crowd's story allows in an hour.
const CROWD_PER_HOUR: u32 = 2000;

fn crowd(instances: usize) -> ExitCode {
    let crowd = live_through(instances, CROWD_PER_HOUR);
    print(&format!(
        "{} instances due at one minute: {} served, {} images, the last after {} minutes; nobody waited longer than {} minutes \
         after its turn; at most {} images an hour ({CROWD_PER_HOUR} allowed); {} requests throttled",
        crowd.instances,
        crowd.served,
        crowd.images,
        crowd.minutes,
        crowd.longest_wait,
        crowd.hour_max,
        crowd.throttled
    ));
    match crowd.problem(CROWD_PER_HOUR) {
        None => ExitCode::SUCCESS,
        Some(problem) => {
            eprint(&problem);
            ExitCode::FAILURE
        }
    }
}

fn seeds(args: &Args, scenario: Option<&Scenario>, jobs: usize) -> ExitCode {
    let time = args.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
    // Without a word about their number, there are as many as the time allows.
    let default = 20_000;
    let seeds =
        if time.is_some() && args.seeds == default { u64::MAX - args.from } else { args.seeds };
    let bar = bar(seeds);
    let plan = Plan {
        from: args.from,
        seeds,
        time,
        modes: args.mode.all(),
        scenario,
        wrong: Wrong::default(),
        jobs,
    };
    let done = run_many(plan, &|count| bar.inc(count));
    bar.finish_and_clear();
    print(&report::of_seeds(&done, jobs));
    let unknown = report::unknown_yields(&done.stats);
    for (who, wake, what) in &unknown {
        print(&format!("not in yields.txt: {who} | {wake} | {what}"));
    }
    match &done.found {
        Some(found) => {
            tell(found, scenario);
            ExitCode::FAILURE
        }
        None if unknown.is_empty() => passed(&done),
        None => ExitCode::FAILURE,
    }
}

fn passed(done: &Done) -> ExitCode {
    print(&format!("{} passed, 0 failed", done.stats.runs));
    ExitCode::SUCCESS
}

/// A violation: the seed, what is violated, the shortest story of it, and how to see it again.
fn tell(found: &Found, scenario: Option<&Scenario>) {
    print(&format!(
        "VIOLATED by seed {} ({} mode)\n{}\n",
        found.seed,
        found.mode.name(),
        found.violation
    ));
    let of = scenario.map_or_else(String::new, |scenario| format!(" --scenario {}", scenario.name));
    if scenario.is_none() {
        let short = shrink(&found.ended, found.mode, Wrong::default());
        print(&format!(
            "The shortest story that was found, {} choices:\n{}",
            short.choices.len(),
            short.story
        ));
        say_violation(short.violation.as_ref());
    }
    let (seed, mode) = (found.seed, found.mode.name());
    print(&format!("Again, step by step:   cargo sim --replay {seed} --mode {mode}{of} --trace"));
    if scenario.is_none() {
        print(&format!("The short one again:   cargo sim --replay {seed} --mode {mode} --shrink"));
    }
    print("0 passed, 1 failed");
}

fn replay(args: &Args, seed: u64, scenario: Option<&Scenario>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for mode in args.mode.all() {
        let mut ended: Ended = run_seed(seed, *mode, scenario, Wrong::default(), args.trace);
        if args.shrink && ended.violation.is_some() && scenario.is_none() {
            ended = shrink(&ended, *mode, Wrong::default());
        }
        if args.trace || args.shrink {
            print(&ended.story);
        }
        let stats = &ended.stats;
        print(&format!(
            "seed {seed}, {} mode: {} turns, {} calls, {} faults, hash {:016x}",
            mode.name(),
            stats.turns,
            stats.calls,
            stats.faults.total(),
            stats.hash
        ));
        if ended.violation.is_some() {
            say_violation(ended.violation.as_ref());
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn say_violation(violation: Option<&Violation>) {
    if let Some(violation) = violation {
        print(&format!("VIOLATED: {violation}\n"));
    }
}

fn sweep_all(only: Option<&Scenario>, jobs: usize) -> ExitCode {
    let bar = bar(u64::try_from(SCENARIOS.len()).unwrap_or(0));
    let mut all = Vec::new();
    for scenario in
        SCENARIOS.iter().filter(|scenario| only.is_none_or(|only| only.name == scenario.name))
    {
        bar.set_message(scenario.name);
        all.push(sweep(scenario, jobs));
        bar.inc(1);
    }
    bar.finish_and_clear();
    print(&report::of_sweep(&all));
    let failed: Vec<_> = all
        .iter()
        .filter(|swept| swept.violation.is_some() || swept.covered < swept.yields)
        .collect();
    for swept in &failed {
        if let (Some((faults, violation)), Some(scenario)) =
            (&swept.violation, Scenario::of(swept.name))
        {
            print(&format!("VIOLATED in scenario {} with {faults:?}\n{violation}\n", swept.name));
            print(&scenario.tell(faults, Wrong::default(), true).story);
        }
    }
    let runs: u64 = all.iter().map(|swept| swept.singles + swept.pairs).sum();
    print(&format!("{} passed, {} failed", runs, failed.len()));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mutants(args: &Args, jobs: usize) -> ExitCode {
    let bar = bar(0);
    let kills = hunt(args.seeds, jobs, &|name| {
        bar.set_message(name.to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    print(&report::of_kills(&kills));
    let survivors = kills.iter().filter(|kill| kill.seeds.is_none()).count();
    print(&format!("{} passed, {survivors} failed", kills.len() - survivors));
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Progress on a terminal; nothing elsewhere.
fn bar(length: u64) -> ProgressBar {
    let bar = if length == 0 || length > u64::MAX / 2 {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::new(length)
    };
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {per_sec} {msg}")
    {
        bar.set_style(style);
    }
    bar
}

fn print(text: &str) {
    // Whoever closed the pipe does not want to read on.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn eprint(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
