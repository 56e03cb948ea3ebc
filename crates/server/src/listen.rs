//! Where a server listens: on this machine alone, unless somebody says otherwise.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address can be reached from other machines.
    #[error("`{0}` can be reached from other machines, and the server asks nobody who they are")]
    Exposed(SocketAddr),
    /// The system does not let it.
    #[error("cannot listen on `{0}`: {1}")]
    Io(SocketAddr, io::Error),
}

/// Takes an address. Port 0 takes a free one.
///
/// # Errors
/// When the address is none of this machine's own and `remote` is not set, or the system does not let it.
pub fn bind(address: SocketAddr, remote: bool) -> Result<TcpListener, ListenError> {
    // An IPv4 address in the clothes of IPv6 is judged as what it is.
    if !remote && !address.ip().to_canonical().is_loopback() {
        return Err(ListenError::Exposed(address));
    }
    TcpListener::bind(address).map_err(|e| ListenError::Io(address, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served_unless_told() {
        for (address, fine) in [
            ("127.0.0.1:0", true),
            ("127.8.9.10:0", true),
            ("[::ffff:127.0.0.1]:0", true),
            ("0.0.0.0:0", false),
            ("[::]:0", false),
            ("203.0.113.7:0", false),
        ] {
            let bound = bind(address.parse().unwrap(), false);
            assert_eq!(!matches!(bound, Err(ListenError::Exposed(_))), fine, "{address}");
        }
        assert!(bind("0.0.0.0:0".parse().unwrap(), true).is_ok());
    }

    #[test]
    fn a_port_that_is_taken_is_told() {
        let first = bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let second = bind(first.local_addr().unwrap(), false);
        assert!(
            second
                .unwrap_err()
                .to_string()
                .starts_with("cannot listen on `127.0.0.1:")
        );
    }
}
