//! What the service manager is told, where there is one: the sd_notify datagrams of systemd.

use std::env;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to the service manager, or none.
pub(super) struct Notify(Option<(UnixDatagram, SocketAddr)>);

impl Notify {
    /// As NOTIFY_SOCKET says: a path, or an abstract name after `@`.
    pub fn from_env() -> Notify {
        Notify(env::var_os("NOTIFY_SOCKET").and_then(|name| {
            let address = address(name.to_str()?)?;
            Some((UnixDatagram::unbound().ok()?, address))
        }))
    }

    fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.0 {
            // A manager that does not listen is no reason to stop.
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }

    pub fn ready(&self) {
        self.tell("READY=1");
    }

    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// How often the manager wants to be told that the daemon is alive: twice in what it waits.
    pub fn watchdog() -> Option<Duration> {
        let microseconds: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
        (microseconds >= 2).then(|| Duration::from_micros(microseconds / 2))
    }
}

fn address(name: &str) -> Option<SocketAddr> {
    match name.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name).ok()
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => None,
        None => SocketAddr::from_pathname(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = Notify(Some((UnixDatagram::unbound().unwrap(), address(path.to_str().unwrap()).unwrap())));
        notify.reloading();
        let mut buffer = [0; 100];
        let n = manager.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..n]).unwrap();
        assert!(text.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{text}");
    }
}
