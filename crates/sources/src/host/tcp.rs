//! The kernel's tables of TCP sockets, `/proc/net/tcp` and `/proc/net/tcp6`.
//!
//! The one decision: an IPv4 address that is written as one of IPv6 (`::ffff:127.0.0.1`) is the IPv4 address, since that
//! is who reaches it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wellhead_core::{Budget, Exhausted};

/// A socket that waits for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    /// The port.
    pub port: u16,
    /// The address that it is bound to.
    pub address: IpAddr,
    /// The number under which processes hold it.
    pub inode: u64,
}

/// The state of a socket that waits for connections.
const LISTEN: &str = "0A";

/// Reads either table; lines of other sockets, and those that are none, are left out.
///
/// # Errors
/// When there are more lines than the budget pays for.
pub fn listening(table: &str, budget: &mut Budget) -> Result<Vec<Listening>, Exhausted> {
    let mut out = Vec::new();
    for line in table.lines() {
        budget.steps((line.len() as u64 >> 3).saturating_add(1))?;
        if let Some(socket) = socket(line) {
            budget.memory(64)?;
            out.push(socket);
        }
    }
    Ok(out)
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 12345 …`
fn socket(line: &str) -> Option<Listening> {
    let mut words = line.split_ascii_whitespace();
    let local = words.nth(1)?;
    if words.nth(1)? != LISTEN {
        return None;
    }
    let inode = words.nth(5)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    Some(Listening {
        port: u16::from_str_radix(port, 16).ok().filter(|_| port.len() == 4)?,
        address: self::address(address)?,
        inode,
    })
}

/// Words of 32 bits, each as the machine keeps it.
fn address(text: &str) -> Option<IpAddr> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let word = |at: usize| {
        let end = at.checked_add(8)?;
        u32::from_str_radix(text.get(at..end)?, 16)
            .ok()
            .map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let all = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            let octets: [u8; 16] = all.try_into().ok()?;
            Some(Ipv6Addr::from(octets).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:2049 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 102 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1388 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 103 1 0000000000000000 20 4 30 10 -1
   3: 0500000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 104 1 0000000000000000 100 0 0 10 0
";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:10DD 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 201 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 202 1 0000000000000000 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 203 1 0000000000000000 100 0 0 10 0
";

    fn shown(table: &str) -> String {
        let all = listening(table, &mut Budget::default()).unwrap();
        let each = all
            .iter()
            .map(|l| format!("{}:{} {}", l.address, l.port, l.inode));
        each.collect::<Vec<_>>().join("\n")
    }

    // The addresses are those of a machine that keeps the lowest byte first.
    #[cfg(target_endian = "little")]
    #[test]
    fn sockets_that_wait_are_read_with_the_address_that_others_see() {
        assert_eq!(
            shown(TCP),
            "0.0.0.0:8265 101\n127.0.0.1:5000 102\n10.0.0.5:80 104"
        );
        assert_eq!(shown(TCP6), ":::4317 201\n::1:8080 202\n127.0.0.1:8081 203");
    }

    #[test]
    fn no_table_makes_it_panic() {
        for cut in 0..TCP6.len() {
            let _ = shown(&TCP6[..cut]);
            let _ = shown(&TCP6[cut..].replace('0', "é"));
        }
        let few = wellhead_core::Limits {
            steps: 10,
            ..wellhead_core::Limits::default()
        };
        let mut budget = Budget::new(few, std::sync::Arc::default());
        assert!(listening(TCP, &mut budget).is_err());
    }
}
