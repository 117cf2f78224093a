//! A real Prometheus with the settings of deploy/prometheus, that reads processes of tests instead of
//! containers, and what it says when it is asked.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use faults::servers::free_port;
use serde_json::Value;
use tempfile::TempDir;

use super::{program::get, wait_for};

/// Faster than on a laptop, so that a test need not wait.
const FASTER: [(&str, &str); 2] = [
    ("scrape_interval: 5s", "scrape_interval: 1s"),
    ("evaluation_interval: 15s", "evaluation_interval: 1s"),
];

/// A process that tells no address; killed when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A server of its own; killed when dropped.
pub(crate) struct Prometheus {
    _process: Running,
    _directory: TempDir,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it with what deploy/prometheus says, each target being where `places` say.
    pub(crate) fn start(places: &[(&str, SocketAddr)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let deployed = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
        let mut settings = fs::read_to_string(deployed.join("prometheus.yml")).unwrap();
        for (ours, faster) in FASTER {
            assert!(settings.contains(ours), "prometheus.yml: no {ours}");
            settings = settings.replace(ours, faster);
        }
        for (target, address) in places {
            assert!(settings.contains(target), "prometheus.yml: no {target}");
            settings = settings.replace(target, &address.to_string());
        }
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, settings).unwrap();
        let alerts = "alerts.yml";
        fs::copy(deployed.join(alerts), directory.path().join(alerts)).unwrap();
        let address = free_port();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self {
            _process: Running(process),
            _directory: directory,
            address,
        };
        wait_for("a Prometheus that is ready", || prometheus.page("-/ready"));
        prometheus
    }

    /// What an expression is now: each sample with its labels.
    ///
    /// # Panics
    /// Where it cannot be evaluated.
    pub(crate) fn ask(&self, expression: &str) -> Vec<Value> {
        let url = format!("http://{}/api/v1/query", self.address);
        let url = reqwest::Url::parse_with_params(&url, [("query", expression)]).unwrap();
        let answer = get(url.as_str());
        let answer = answer.unwrap_or_else(|| panic!("cannot be evaluated: {expression}"));
        let answer: Value = answer.parse().unwrap();
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// The one number that an expression is; None where it is none yet.
    pub(crate) fn number(&self, expression: &str) -> Option<f64> {
        let [sample] = self.ask(expression).try_into().ok()?;
        let sample: Value = sample;
        sample["value"][1].as_str()?.parse().ok()
    }

    /// The rules, each with how it fared.
    pub(crate) fn rules(&self) -> Vec<Value> {
        let page: Value = self.page("api/v1/rules").unwrap().parse().unwrap();
        let groups = page["data"]["groups"].as_array().unwrap().iter();
        groups
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect()
    }

    fn page(&self, path: &str) -> Option<String> {
        get(&format!("http://{}/{path}", self.address))
    }
}
