//! The clock, as logs and lists show it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

/// `2026-11-23`.
pub(crate) fn day(seconds: u64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-23T12:34:56.789Z` of now.
pub(crate) fn stamp() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}Z", second(since.as_secs()), since.subsec_millis())
}

fn second(seconds: u64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute) = (of_day.div_euclid(3600), of_day.div_euclid(60).rem_euclid(60));
    format!(
        "{}T{hour:02}:{minute:02}:{:02}",
        day(seconds),
        of_day.rem_euclid(60)
    )
}

/// H. Hinnant, `civil_from_days`: years begin in March, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = (of_era.div_euclid(36_524)).saturating_sub(of_era.div_euclid(146_096));
    let year = of_era
        .saturating_sub(of_era.div_euclid(1_460))
        .saturating_add(leaps)
        .div_euclid(365);
    let of_year = of_era.saturating_sub(
        year.saturating_mul(365)
            .saturating_add(year.div_euclid(4))
            .saturating_sub(year.div_euclid(100)),
    );
    let shifted = of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
    let day = of_year
        .saturating_sub(shifted.saturating_mul(153).saturating_add(2).div_euclid(5))
        .saturating_add(1);
    let month = if shifted < 10 {
        shifted.saturating_add(3)
    } else {
        shifted.saturating_sub(9)
    };
    let year = year
        .saturating_add(era.saturating_mul(400))
        .saturating_add(u64::from(month <= 2));
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_795_478_400, "2026-11-24T00:00:00"),
            (4_107_542_399, "2100-02-28T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(second(seconds), shown);
        }
    }
}
