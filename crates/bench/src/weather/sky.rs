//! The weather itself: a network device whose other end is this program, which sends each packet back
//! with its two addresses changed round: late, or not at all.
//!
//! So one namespace with one device is enough. A client that connects from `HERE` to `THERE` meets the
//! server that listens at `HERE`, and that server sees a client which comes from `THERE`. Changing the
//! addresses round changes no checksum.

use super::{HERE, THERE};
use crate::Result;
use crate::random::Random;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tun_rs::{DeviceBuilder, SyncDevice};

const DEVICE: &str = "weather0";
const PACKET_BYTES: usize = 2048;
/// Packets that are under way.
const UNDER_WAY: usize = 100_000;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// Percent of the packets that are lost, in each direction.
    pub(super) loss: u32,
    /// How late those are that are not, in each direction.
    pub(super) delay: Duration,
}

impl Weather {
    pub(super) const CLEAR: Self = Self { loss: 0, delay: Duration::ZERO };
}

/// See the module. It lasts as long as the process.
#[derive(Clone)]
pub(super) struct Sky(Arc<Inner>);

struct Inner {
    weather: Mutex<Weather>,
    passed: AtomicU64,
    lost: AtomicU64,
}

impl Sky {
    /// Makes the device, and begins with clear weather.
    pub(super) fn open(seed: u64) -> Result<Self> {
        let device = DeviceBuilder::new().name(DEVICE).build_sync()?;
        ip(&["link", "set", "lo", "up"])?;
        ip(&["addr", "add", &format!("{HERE}/24"), "dev", DEVICE])?;
        ip(&["link", "set", DEVICE, "mtu", "1500", "up"])?;
        let device = Arc::new(device);
        let sky = Self(Arc::new(Inner {
            weather: Mutex::new(Weather::CLEAR),
            passed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }));
        let (put, take) = sync_channel(UNDER_WAY);
        let (from, above) = (Arc::clone(&device), sky.clone());
        std::thread::spawn(move || take_up(&from, &above, &put, Random::new(seed)));
        std::thread::spawn(move || let_down(&device, &take));
        Ok(sky)
    }

    /// The weather from now on, for packets that are not under way yet.
    pub(super) fn become_so(&self, weather: Weather) {
        *self.0.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// Packets that passed, and that were lost.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.0.passed.load(Ordering::Relaxed), self.0.lost.load(Ordering::Relaxed))
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let done = Command::new("ip").args(arguments).status();
    let done = done.map_err(|error| format!("can't start ip (of iproute2): {error}"))?;
    if done.success() { Ok(()) } else { Err(format!("ip {} failed", arguments.join(" ")).into()) }
}

type UnderWay = (Instant, Vec<u8>);

fn take_up(device: &SyncDevice, sky: &Sky, under_way: &SyncSender<UnderWay>, mut random: Random) {
    let mut buffer = [0; PACKET_BYTES];
    while let Ok(bytes) = device.recv(&mut buffer) {
        let packet = &mut buffer[..bytes];
        if !turn_round(packet) {
            continue;
        }
        let weather = *sky.0.weather.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = random.below(100) < u64::from(weather.loss);
        let due = Instant::now() + weather.delay;
        let sent = !is_lost
            && match under_way.try_send((due, packet.to_vec())) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => false,
                Err(TrySendError::Disconnected(_)) => return,
            };
        let count = if sent { &sky.0.passed } else { &sky.0.lost };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn let_down(device: &SyncDevice, under_way: &Receiver<UnderWay>) {
    while let Ok((due, packet)) = under_way.recv() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // What the system does not take is lost, as packets are.
        let _ = device.send(&packet);
    }
}

/// Changes source and destination of an IPv4 packet round. False: it is no packet between our two.
fn turn_round(packet: &mut [u8]) -> bool {
    let addresses = [HERE.octets(), THERE.octets()];
    if packet.len() < 20 || packet[0] >> 4 != 4 || packet[12..20] != *addresses.as_flattened() {
        return false;
    }
    packet[12..20].rotate_left(4);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_comes_back_from_where_it_was_sent() {
        let mut packet = vec![0; 40];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&HERE.octets());
        packet[16..20].copy_from_slice(&THERE.octets());
        assert!(turn_round(&mut packet));
        assert_eq!((&packet[12..16], &packet[16..20]), (&THERE.octets()[..], &HERE.octets()[..]));
        assert!(!turn_round(&mut packet), "it is not ours to turn again");
        assert!(!turn_round(&mut [0x45; 10]));
    }
}
