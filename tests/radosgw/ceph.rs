//! A throwaway Ceph cluster on loopback: one monitor, one OSD in memory and one radosgw with STS. It has no authentication between
//! its parts, and all data is deleted when it is dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rolecall_testkit::process::{Ports, Process, run};
use tempfile::TempDir;

/// Each part starts within seconds on an idle machine.
const READY_MAX: Duration = Duration::from_secs(120);
/// How often a program is started.
const ATTEMPTS: usize = 5;

/// A running cluster.
pub struct Ceph {
    // Dropped in this order: the gateway first.
    _parts: [Process; 3],
    _ports: Ports<2>,
    address: SocketAddr,
    folder: TempDir,
}

impl Ceph {
    /// Starts the cluster.
    ///
    /// # Errors
    /// If a program is not installed or does not start in time.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("rolecall-ceph-")
            .tempdir()?;
        let ports = Ports::<2>::reserve()?;
        let [monitor, gateway] = ports.numbers();
        let home = folder.path();
        for name in ["mon", "osd", "run", "log"] {
            std::fs::create_dir(home.join(name))?;
        }
        let fsid = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
        let fsid = fsid.trim();
        std::fs::write(
            home.join("ceph.conf"),
            configuration(home, fsid, monitor, gateway),
        )?;
        let monitor_address = format!("127.0.0.1:{monitor}");
        tool(
            home,
            "monmaptool",
            &[
                "--create",
                "--addv",
                "a",
                &format!("[v1:{monitor_address}]"),
                "--fsid",
                fsid,
                "monmap",
            ],
        )?;
        tool(
            home,
            "ceph-authtool",
            &[
                "-C",
                "keyring.mon",
                "--gen-key",
                "-n",
                "mon.",
                "--cap",
                "mon",
                "allow *",
            ],
        )?;
        tool(
            home,
            "ceph-mon",
            &[
                "--mkfs",
                "-i",
                "a",
                "--monmap",
                "monmap",
                "--keyring",
                "keyring.mon",
            ],
        )?;
        let mut monitor = Process::start(command(home, "ceph-mon", &["-i", "a", "-f"]))?;
        wait(&mut monitor, "the monitor", || {
            let status = tool(home, "ceph", &["--connect-timeout", "4", "mon", "stat"]);
            status.ok().map(drop)
        })?;
        let osd_id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
        let osd_id = osd_id.trim();
        attempt(|| tool(home, "ceph", &["osd", "new", osd_id]))?;
        let mkfs = ["-i", "0", "--mkfs", "--osd-uuid", osd_id];
        attempt(|| tool(home, "ceph-osd", &mkfs))?;
        let osd = attempt(|| {
            let mut osd = Process::start(command(home, "ceph-osd", &["-i", "0", "-f"]))?;
            wait(&mut osd, "the OSD", || {
                let status = tool(home, "ceph", &["osd", "stat"]).ok()?;
                let status = String::from_utf8_lossy(&status);
                status.contains("1 up").then_some(())
            })?;
            Ok(osd)
        })?;
        let address = SocketAddr::from(([127, 0, 0, 1], gateway));
        let radosgw = attempt(|| {
            let arguments = ["-n", "client.rgw", "-f"];
            let mut radosgw = Process::start(command(home, "radosgw", &arguments))?;
            radosgw.wait_for_port(address, READY_MAX)?;
            Ok(radosgw)
        })?;
        Ok(Self {
            _parts: [radosgw, osd, monitor],
            _ports: ports,
            address,
            folder,
        })
    }

    /// URL of STS, IAM and S3.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Creates an administrator of an account, which Ceph calls tenant, with this access key.
    pub fn create_administrator(&self, account: &str, key: [&str; 2]) -> Result<()> {
        let [id, secret] = key;
        let user = [
            "user",
            "create",
            "--tenant",
            account,
            "--uid",
            "admin",
            "--display-name",
            "admin",
            "--access-key",
            id,
            "--secret",
            secret,
            "--caps",
            "roles=*;oidc-provider=*",
        ];
        attempt(|| tool(self.folder.path(), "radosgw-admin", &user)).map(drop)
    }
}

fn command(home: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(home.join("ceph.conf"))
        .args(arguments)
        .current_dir(home);
    command
}

/// Runs a program of Ceph to its end.
fn tool(home: &Path, program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let own = ["monmaptool", "ceph-authtool"];
    let command = match own.contains(&program) {
        true => {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(home);
            command
        }
        false => command(home, program, arguments),
    };
    run(command).with_context(|| format!("{program} {}", arguments.join(" ")))
}

/// Runs `work` again if it fails: a client of a new monitor may send its first command before it knows the id of the cluster, and
/// the monitor refuses it ("wrong fsid").
fn attempt<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        if let Ok(done) = work() {
            return Ok(done);
        }
    }
    work()
}

fn wait(process: &mut Process, what: &str, ready: impl FnMut() -> Option<()>) -> Result<()> {
    process.wait_for(READY_MAX, what, ready)
}

fn configuration(home: &Path, fsid: &str, monitor: u16, gateway: u16) -> String {
    let home = home.display();
    format!(
        "[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{monitor}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
public network = 127.0.0.0/8
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon allow pool delete = true
mon max pg per osd = 1000
mon data avail crit = 1
mon pg warn min per osd = 0
run dir = {home}/run
admin socket = {home}/run/$name.asok
pid file = {home}/run/$name.pid
log file = {home}/log/$name.log
log to stderr = true
err to stderr = true
osd objectstore = memstore
memstore device bytes = 1073741824
osd data = {home}/osd
osd journal = {home}/osd/journal
[mon]
mon data = {home}/mon
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw s3 auth use sts = true
rgw sts key = abcdefghijklmnop
rgw s3 auth use rados = true
rgw dynamic resharding = false
rgw run sync thread = false
rgw enable usage log = false
"
    )
}
