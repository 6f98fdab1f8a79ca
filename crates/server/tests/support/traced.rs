//! Catches what is traced in this process, of every level.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::field::{Field, Visit};

/// Catches everything from now on. Once in a process.
pub(crate) fn begin() {
    tracing::subscriber::set_global_default(Tracer).expect("the only one here");
}

/// All fields that were traced so far, one a line.
pub(crate) fn so_far() -> String {
    lock().clone()
}

static TRACED: Mutex<String> = Mutex::new(String::new());

/// Writes all fields of all events and spans, of every level.
struct Tracer;

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = writeln!(self.0, "{field}={value:?}");
    }
}

fn lock() -> MutexGuard<'static, String> {
    TRACED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl tracing::Subscriber for Tracer {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Writer(&mut lock()));
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Writer(&mut lock()));
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Writer(&mut lock()));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
