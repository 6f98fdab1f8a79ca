//! The figures as OpenMetrics: names, units and helps of everything that `/metrics` shows. No label has
//! the name of a user or a room, and each has few values.

use super::counters::{Auth, Counted};
use super::{Metrics, process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::atomic::Ordering;

const SECONDS: Option<&Unit> = Some(&Unit::Seconds);
const BYTES: Option<&Unit> = Some(&Unit::Bytes);

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page { encoder };
        self.of_talk(&mut page)?;
        self.of_store(&mut page)?;
        self.of_queues(&mut page)?;
        self.of_process(&mut page)
    }
}

impl Metrics {
    fn of_talk(&self, page: &mut Page<'_>) -> fmt::Result {
        let counters = &self.counters;
        let get = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let [none, native, plain] = counters.connections();
        page.gauges(
            ("hubbub_connections", "Connections by door; none: not known yet", None),
            "door",
            [("native", native), ("plain", plain), ("none", none)],
        )?;
        page.counters(
            (
                "hubbub_messages",
                "Messages that members sent (in) and that sessions were given (out)",
            ),
            "direction",
            [("in", get(&counters.accepted)), ("out", counters.delivered())],
        )?;
        let mut delivery = Counted::default();
        for lane in &counters.lanes {
            lane.delivery_us.add_to(&mut delivery);
        }
        let help = "From when a message was taken until a lane had written it; once for each lane";
        page.histogram(("hubbub_delivery", help, SECONDS), &delivery, 1e6)?;
        page.counters(
            ("hubbub_auth", "Those who wanted to come in, by what came of it"),
            "result",
            Auth::ALL.map(|(auth, word)| (word, counters.auth(auth))),
        )?;
        let help = "Connections that were one too many";
        page.counter(("hubbub_turned_away", help, None), get(&counters.turned_away))?;
        let help = "Connections that were closed since they did not read";
        page.counter(("hubbub_slow_closed", help, None), get(&counters.slow))
    }

    fn of_store(&self, page: &mut Page<'_>) -> fmt::Result {
        let store = &self.counters.store;
        let (mut times, mut batches) = (Counted::default(), Counted::default());
        store.commit_us.add_to(&mut times);
        store.batch.add_to(&mut batches);
        let help = "How long commits took, the failed ones included";
        page.histogram(("hubbub_store", help, SECONDS), &times, 1e6)?;
        page.histogram(("hubbub_store_batch_records", "Records of a commit", None), &batches, 1.0)?;
        let failed = store.failed.load(Ordering::Relaxed);
        page.counter(("hubbub_store_failures", "Commits that failed", None), failed)?;
        let help = "Whether the store takes what is said";
        page.gauge(("hubbub_store_up", help, None), u64::from(!store.is_down()))
    }

    fn of_queues(&self, page: &mut Page<'_>) -> fmt::Result {
        let figures = self.figures();
        let queues = self.queues(figures);
        let gauges: [(_, _, _, usize); 9] = [
            ("hubbub_commit_queue", "Records that wait for the store", None, queues.commit),
            ("hubbub_pending", "Admitted events that nobody has seen yet", None, queues.pending),
            ("hubbub_reading_queue", "Reads that wait for the store", None, queues.reading),
            ("hubbub_password_queue", "Passwords that wait", None, queues.passwords),
            ("hubbub_lane_queue", "What lanes have still to do", None, queues.lanes),
            ("hubbub_outbox", "What waits for slow connections", BYTES, queues.outbox_bytes),
            ("hubbub_sessions", "Connections that have a door", None, figures.sessions),
            ("hubbub_users", "Users who are online", None, figures.users),
            ("hubbub_rooms", "Rooms and private chats", None, figures.rooms),
        ];
        for (name, help, unit, value) in gauges {
            page.gauge((name, help, unit), value as u64)?;
        }
        Ok(())
    }

    fn of_process(&self, page: &mut Page<'_>) -> fmt::Result {
        let mut build = page.begin("hubbub_build", "The version", None, MetricType::Info)?;
        build.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let uptime = self.uptime().0 as f64 / 1000.0;
        let help = "For how long this server has run";
        page.gauge(("hubbub_uptime", help, SECONDS), uptime)?;
        let help = "When this server was started, since 1970";
        page.gauge(("process_start_time", help, SECONDS), self.started_ms as f64 / 1000.0)?;
        if let Some(files) = Self::files_max() {
            let help = "How many files may be open";
            page.gauge(("process_max_fds", help, None), files)?;
        }
        let Some(process) = process::of_this() else { return Ok(()) };
        page.gauge(("process_open_fds", "Files that are open", None), process.open_files)?;
        let help = "Memory that this process has";
        page.gauge(("process_resident_memory", help, BYTES), process.resident_bytes)?;
        let help = "Time of processors that this process took";
        page.counter(("process_cpu", help, SECONDS), process.cpu_seconds)
    }
}

/// A name, without the unit and the suffix; a help; a unit.
type About<'a> = (&'a str, &'a str, Option<&'a Unit>);

struct Page<'e> {
    encoder: DescriptorEncoder<'e>,
}

impl Page<'_> {
    fn begin<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        unit: Option<&'s Unit>,
        kind: MetricType,
    ) -> Result<prometheus_client::encoding::MetricEncoder<'s>, fmt::Error> {
        self.encoder.encode_descriptor(name, help, unit, kind)
    }

    fn gauge(
        &mut self,
        (name, help, unit): About<'_>,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.begin(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn counter(
        &mut self,
        (name, help, unit): About<'_>,
        value: impl EncodeCounterValue,
    ) -> fmt::Result {
        let mut encoder = self.begin(name, help, unit, MetricType::Counter)?;
        encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn gauges<const N: usize>(
        &mut self,
        (name, help, unit): About<'_>,
        label: &str,
        values: [(&str, u64); N],
    ) -> fmt::Result {
        let mut encoder = self.begin(name, help, unit, MetricType::Gauge)?;
        for (word, value) in values {
            encoder.encode_family(&[(label, word)])?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counters<const N: usize>(
        &mut self,
        (name, help): (&str, &str),
        label: &str,
        values: [(&str, u64); N],
    ) -> fmt::Result {
        let mut encoder = self.begin(name, help, None, MetricType::Counter)?;
        for (word, value) in values {
            let labels = [(label, word)];
            let mut encoder = encoder.encode_family(&labels)?;
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    /// `scale`: how many of what was counted make one of the metric's unit.
    fn histogram(
        &mut self,
        (name, help, unit): About<'_>,
        counted: &Counted,
        scale: f64,
    ) -> fmt::Result {
        let ends = counted.buckets.iter().map(|(end, count)| (*end as f64 / scale, *count));
        let buckets: Vec<(f64, u64)> = ends.chain([(f64::INFINITY, counted.above)]).collect();
        let sum = counted.sum as f64 / scale;
        let mut encoder = self.begin(name, help, unit, MetricType::Histogram)?;
        encoder.encode_histogram::<NoLabelSet>(sum, counted.count(), &buckets, None)
    }
}
