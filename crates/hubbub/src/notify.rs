//! What a server tells systemd, where that has started it (`Type=notify`, see
//! packaging/systemd): that it serves, reads its settings again, stops; how it is; and, as long as it
//! lives, that it does. Where nobody asked for it (`NOTIFY_SOCKET`), nothing happens.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod systemd;

#[cfg(not(unix))]
pub(crate) use elsewhere::Manager;
#[cfg(unix)]
pub(crate) use systemd::Manager;
