//! A local AWS, from nothing to deployed.

use crate::aws::{AccessKey, Aws};
use crate::deploy::{Deployed, Deployment};
use crate::emulators::{Emulators, Settings};
use crate::error::LocalError;
use crate::gateway::{Gateway, Happening, Record, Upstreams, listen};
use crate::places::Places;
use crate::prepare::{Environment, build, ensure, from_directory, package};
use crate::progress::Progress;
use crate::run::Run;
use crate::template::{Templates, functions, parameters};
use crate::{ACCOUNT, DESTINATION_REGIONS, HOME_REGION};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;

/// How to start a local AWS.
#[derive(Debug, Clone)]
pub struct Options {
    /// The endpoint's port; any free one if `None`.
    pub port: Option<u16>,
    /// How long a new image stays pending.
    pub pending_seconds: f64,
    /// Parameters of `infra/template.yaml` that differ from [`crate::template::parameters`].
    pub parameters: BTreeMap<String, String>,
    /// Events that EC2 never sends, by detail type, as in `EC2 AMI State Change`.
    pub drop_events: Vec<String>,
    /// Whether the functions' IAM policies decide about their calls, as they do on AWS.
    pub enforce: bool,
    /// A directory with function binaries that are there already; they are built if `None`.
    pub binaries: Option<PathBuf>,
    /// Whether to say what is being done.
    pub progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: None,
            pending_seconds: 1.0,
            parameters: BTreeMap::new(),
            drop_events: Vec::new(),
            enforce: true,
            binaries: None,
            progress: Progress::Silent,
        }
    }
}

/// A running local AWS. Everything it started ends when it is dropped, and also if this process is
/// killed.
#[derive(Debug)]
pub struct LocalAws {
    endpoint: String,
    run: Run,
    deployed: Deployed,
    gateway: Arc<Gateway>,
    emulators: Option<Emulators>,
    runtime: Option<Runtime>,
}

impl LocalAws {
    /// Prepares what is missing, starts everything and deploys the templates. Takes minutes the
    /// first time, and a few seconds after that. Blocks, and may be called from within any runtime.
    pub fn start(options: Options) -> Result<Self, LocalError> {
        // On a thread of its own: a runtime may not be blocked on inside another.
        let thread = std::thread::Builder::new().name("local-aws".to_owned()).spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime
                .map_err(|source| LocalError::Thread { what: "an async runtime", source })?;
            let started = runtime.block_on(Self::prepare_and_deploy(&options));
            match started {
                Ok(mut started) => {
                    started.runtime = Some(runtime);
                    Ok(started)
                }
                Err(problem) => {
                    runtime.shutdown_background();
                    Err(problem)
                }
            }
        });
        let thread = thread.map_err(|source| LocalError::Thread { what: "a thread", source })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    async fn prepare_and_deploy(options: &Options) -> Result<Self, LocalError> {
        let progress = options.progress;
        let places = Places::find()?;
        // First of all: a port that is taken is not worth minutes of building.
        let (listener, port) = listen(options.port).await?;
        let (side_door, side_door_port) = listen(None).await?;
        let (templates, moto_python) = std::thread::scope(|scope| {
            let moto = scope.spawn(|| ensure(&places, Environment::Moto, progress));
            let templates = Templates::open(&places, progress);
            (templates, moto.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (templates, moto_python) = (templates?, moto_python?);

        let run = Run::start(&places, port)?;
        let upstreams = free_ports().await?;
        let gateway = Gateway::new(upstreams, crate::STACK, &run.call_log())?;
        serve(&gateway, listener, side_door);
        let mut emulators = Emulators::start(&Settings {
            places: &places,
            run: &run,
            ministack_python: templates.python(),
            moto_python: &moto_python,
            upstreams,
            gateway: port,
            side_door: side_door_port,
            pending_seconds: options.pending_seconds,
            enforce: options.enforce,
        })?;

        // While the emulators start.
        let names: Vec<String> = functions(&templates.as_written(&places.template())?)
            .into_iter()
            .map(|f| f.binary)
            .collect();
        let binaries = match &options.binaries {
            Some(directory) => from_directory(directory, &names)?,
            None => build(&places, &names, progress)?,
        };
        let step = progress.quick("Packaging the functions");
        let mut packages = BTreeMap::new();
        for (name, binary) in binaries {
            packages.insert(name.clone(), package(&places, &name, &binary)?);
        }
        step.done();

        let step = progress.quick("Starting the emulators");
        emulators.ready().await?;
        step.done();
        let step = progress
            .quick("Deploying infra/template.yaml, and infra/regional.yaml to three Regions");
        let aws = Aws::new(&format!("127.0.0.1:{port}"), operator()).setting_up();
        let storage = Aws::new(&format!("127.0.0.1:{}", upstreams.ministack), operator());
        let parameters: BTreeMap<_, _> =
            parameters().into_iter().chain(options.parameters.clone()).collect();
        let (places, templates) = (&places, &templates);
        let deployment = Deployment {
            places,
            aws: &aws,
            storage: &storage,
            templates,
            parameters: &parameters,
            packages: &packages,
        };
        let deployed = deployment.run().await?;
        if !options.drop_events.is_empty() {
            let asked = json!({"detail_types": options.drop_events});
            let path = "/_local/ec2/drop-events";
            aws.control(path, &asked).await.map_err(LocalError::aws("having events dropped"))?;
        }
        step.done();
        let endpoint = format!("http://127.0.0.1:{port}");
        Ok(Self { endpoint, run, deployed, gateway, emulators: Some(emulators), runtime: None })
    }

    /// The endpoint, as in `http://127.0.0.1:4566`: for every service, Region and account.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where the templates are deployed and instances are launched.
    pub fn home_region(&self) -> &'static str {
        HOME_REGION
    }

    /// Where the default policy copies to.
    pub fn destination_regions(&self) -> &'static [&'static str] {
        &DESTINATION_REGIONS
    }

    /// Table, topics, queues and functions.
    pub fn deployed(&self) -> &Deployed {
        &self.deployed
    }

    /// The file that every call is written to: one JSON [`Record`] a line.
    pub fn call_log(&self) -> PathBuf {
        self.run.call_log()
    }

    /// The calls so far, from this line of the log on.
    pub fn calls_since(&self, line: usize) -> Vec<Arc<Record>> {
        self.gateway.calls_since(line)
    }

    /// Logs of the emulators and, below `functions`, of each function.
    pub fn run_directory(&self) -> &Path {
        self.run.directory()
    }

    /// The file that a function's output goes to as it is written.
    pub fn function_log(&self, deployed_name: &str) -> PathBuf {
        self.run.function_logs().join(format!("{deployed_name}.log"))
    }

    /// What happens from now on: calls and events.
    pub fn listen(&self) -> broadcast::Receiver<Happening> {
        self.gateway.listen()
    }

    /// The access key of the person at the keyboard.
    pub fn access_key(&self) -> AccessKey {
        operator()
    }

    /// A client with the operator's key, for use on one runtime.
    pub fn aws(&self) -> Aws {
        Aws::new(self.endpoint.trim_start_matches("http://"), self.access_key())
    }

    /// What `cargo local --state FILE` writes.
    pub fn state(&self) -> Value {
        let key = self.access_key();
        // Only functions that a queue wakes: every entry then has both URLs.
        let queues: BTreeMap<&String, &crate::Queues> =
            self.deployed.queues.iter().filter(|(_, queues)| queues.url.is_some()).collect();
        json!({
            "endpoint": self.endpoint,
            "account": ACCOUNT,
            "home_region": HOME_REGION,
            "destination_regions": DESTINATION_REGIONS,
            "table": self.deployed.table,
            "topics": self.deployed.topics,
            "bus": self.deployed.bus,
            "queues": queues,
            "functions": self.deployed.functions,
            "call_log": self.call_log(),
            "access_key_id": key.id,
            "secret_access_key": key.secret,
        })
    }

    /// Ends everything. Dropping does the same.
    pub fn stop(self) {}
}

/// The account's root: the emulators take an account's id for its key, and any secret.
fn operator() -> AccessKey {
    AccessKey { id: ACCOUNT.to_owned(), secret: "test".to_owned() }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        drop(self.emulators.take());
        if let Some(runtime) = self.runtime.take() {
            // Not the usual drop, which blocks, and panics within another runtime.
            runtime.shutdown_background();
        }
    }
}

fn serve(gateway: &Arc<Gateway>, listener: TcpListener, side_door: TcpListener) {
    tokio::spawn(gateway.clone().serve(listener));
    tokio::spawn(gateway.clone().serve_side_door(side_door));
}

/// Ports for the emulators. Held together, so that they differ, and free again when this returns.
async fn free_ports() -> Result<Upstreams, LocalError> {
    let ((_moto, moto), (_ministack, ministack)) = (listen(None).await?, listen(None).await?);
    Ok(Upstreams { moto, ministack })
}
