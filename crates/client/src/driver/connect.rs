//! From an address to a connected socket.

use super::ClientError;
use crate::address::ServerAddress;
use std::{io, time::Duration};
use tokio::net::{TcpStream, lookup_host};

/// The longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

pub(super) async fn connect(address: &ServerAddress) -> Result<TcpStream, ClientError> {
    let failed = |error: &io::Error| ClientError::Connect {
        address: address.clone(),
        kind: error.kind(),
        text: error.to_string(),
    };
    let attempt = async {
        let addresses: Vec<_> = lookup_host((address.host.as_str(), address.port))
            .await
            .map_err(|error| ClientError::UnknownHost {
                host: address.host.clone(),
                text: error.to_string(),
            })?
            .collect();
        let socket = TcpStream::connect(&addresses[..]).await.map_err(|error| failed(&error))?;
        // A frame is a whole thought; waiting for more would only delay it.
        socket.set_nodelay(true).map_err(|error| failed(&error))?;
        Ok(socket)
    };
    match tokio::time::timeout(CONNECT_MAX, attempt).await {
        Ok(result) => result,
        Err(_) => Err(failed(&io::ErrorKind::TimedOut.into())),
    }
}
