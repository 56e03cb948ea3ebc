//! Times as VEX documents write them, so that the later of two statements can be told.

use std::ops::Range;

/// Seconds since 1970 of an RFC 3339 time, or of the beginning of a day.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let number = |range: Range<usize>| {
        let digits = text.get(range)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse::<i64>().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = match text.get(10..11) {
        Some(_) => (number(11..13)?, number(14..16)?, number(17..19)?),
        None => (0, 0, 0),
    };
    // A leap second is read as the one after it.
    let valid = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !valid {
        return None;
    }
    let of_day = hour
        .checked_mul(60)?
        .checked_add(minute)?
        .checked_mul(60)?
        .checked_add(second)?;
    days(year, month, day)?
        .checked_mul(86_400)?
        .checked_add(of_day)?
        .checked_sub(offset(text.get(19..).unwrap_or_default())?)
}

/// Days since 1970, counted from 0000-03-01: H. Hinnant, `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let shifted = year.checked_sub(i64::from(month <= 2))?;
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let march = month.checked_add(9)?.rem_euclid(12);
    let of_year = march
        .checked_mul(153)?
        .checked_add(2)?
        .div_euclid(5)
        .checked_add(day)?
        .checked_sub(1)?;
    let leaps = of_era.div_euclid(4).checked_sub(of_era.div_euclid(100))?;
    era.checked_mul(146_097)?
        .checked_add(of_era.checked_mul(365)?)?
        .checked_add(leaps)?
        .checked_add(of_year)?
        .checked_sub(719_468)
}

/// Seconds by which a zone is ahead; what follows the seconds of a time.
fn offset(text: &str) -> Option<i64> {
    let zone = text.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let sign = match zone.get(..1) {
        None | Some("Z" | "z") => return Some(0),
        Some("+") => 1_i64,
        Some("-") => -1,
        Some(_) => return None,
    };
    let part = |range: Range<usize>| zone.get(range)?.parse::<i64>().ok();
    let minutes = part(1..3)?.checked_mul(60)?.checked_add(part(4..6)?)?;
    minutes.checked_mul(60)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_compared_across_zones() {
        assert_eq!(seconds("1970-01-01T00:01:00Z"), Some(60));
        assert_eq!(
            seconds("2026-11-23T12:00:00.123Z"),
            seconds("2026-11-23T14:00:00+02:00")
        );
        assert!(seconds("2026-11-23T12:00:01Z") > seconds("2026-11-23T12:00:00-00:00"));
        assert_eq!(seconds("2026-11-23"), seconds("2026-11-23T00:00:00Z"));
        assert_eq!(seconds("2000-02-29T00:00:00Z"), Some(951_782_400));
        for wrong in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-23Tx",
            "2026-11-23T12:00:00 CET",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_time_is_read_or_not(text in "[0-9TZ:+.-]{0,30}") {
            let _ = seconds(&text);
        }
    }
}
