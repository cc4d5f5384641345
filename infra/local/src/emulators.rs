//! The two emulators: started in one process group, and waited for until they answer.

use crate::error::LocalError;
use crate::gateway::Upstreams;
use crate::places::{Places, tail};
use crate::process::Group;
use crate::run::Run;
use crate::{ACCOUNT, HOME_REGION};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const START_WITHIN: Duration = Duration::from_secs(30);

/// How to start them.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) places: &'a Places,
    pub(crate) run: &'a Run,
    pub(crate) ministack_python: &'a Path,
    pub(crate) moto_python: &'a Path,
    pub(crate) upstreams: Upstreams,
    pub(crate) gateway: u16,
    pub(crate) side_door: u16,
    pub(crate) pending_seconds: f64,
    pub(crate) enforce: bool,
}

/// Both, running. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Emulators {
    group: Group,
    started: Vec<Started>,
}

#[derive(Debug)]
struct Started {
    name: &'static str,
    index: usize,
    port: u16,
    log: PathBuf,
}

impl Emulators {
    pub(crate) fn start(settings: &Settings<'_>) -> Result<Self, LocalError> {
        let Settings { upstreams, run, .. } = settings;
        let mut emulators = Self { group: Group::start()?, started: Vec::new() };
        let local = |port: u16| format!("http://127.0.0.1:{port}");
        let path = |path: PathBuf| path.display().to_string();
        let mut ministack = vec![
            ("--port", upstreams.ministack.to_string()),
            ("--gateway-url", local(settings.gateway)),
            ("--home-region", HOME_REGION.to_owned()),
            ("--account", ACCOUNT.to_owned()),
            ("--state-dir", path(run.scratch())),
            ("--function-logs", path(run.function_logs())),
        ];
        let mut moto = vec![
            ("--port", upstreams.moto.to_string()),
            // Through the gateway, which tells its listeners of each event.
            ("--ministack-url", local(settings.side_door)),
            ("--account", ACCOUNT.to_owned()),
            ("--pending-seconds", settings.pending_seconds.to_string()),
        ];
        if settings.enforce {
            ministack.push(("--auth", String::new()));
            moto.push(("--authorize", String::new()));
        }
        emulators.run(
            settings,
            "ministack",
            settings.ministack_python,
            "ministack_local",
            upstreams.ministack,
            ministack,
        )?;
        emulators.run(settings, "moto", settings.moto_python, "moto_ec2", upstreams.moto, moto)?;
        Ok(emulators)
    }

    fn run(
        &mut self,
        settings: &Settings<'_>,
        name: &'static str,
        python: &Path,
        module: &str,
        port: u16,
        options: Vec<(&str, String)>,
    ) -> Result<(), LocalError> {
        let log = settings.run.directory().join(format!("{name}.log"));
        let mut arguments = vec!["-B".to_owned(), "-m".to_owned(), module.to_owned()];
        for (option, value) in options {
            arguments.push(option.to_owned());
            if !value.is_empty() {
                arguments.push(value);
            }
        }
        // Python looks for modules in the directory it is started in.
        let index = self.group.run(python, &arguments, &settings.places.emulators(), &log)?;
        self.started.push(Started { name, index, port, log });
        Ok(())
    }

    /// Waits until both answer.
    pub(crate) async fn ready(&mut self) -> Result<(), LocalError> {
        let since = Instant::now();
        for started in &self.started {
            while !answers(started.port).await {
                let how = match self.group.ended(started.index) {
                    Some(status) => format!("ended ({status})"),
                    None if since.elapsed() > START_WITHIN => {
                        format!("did not answer within {} s", START_WITHIN.as_secs())
                    }
                    None => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    }
                };
                let tail = tail(&std::fs::read_to_string(&started.log).unwrap_or_default());
                return Err(LocalError::Emulator {
                    name: started.name,
                    how,
                    log: started.log.clone(),
                    tail,
                });
            }
        }
        Ok(())
    }
}

/// One health check. Written by hand, since a connection that is refused is the expected answer.
async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(
                b"GET /_local/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            )
            .await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer.ends_with(b" 200"))
    };
    tokio::time::timeout(Duration::from_secs(2), ask)
        .await
        .is_ok_and(|answer| answer.unwrap_or(false))
}
