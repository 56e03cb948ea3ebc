//! Whether the advisories that were asked can be trusted to be the advisories of today.
//!
//! A database that is missing, damaged or old makes "nothing known" a sentence about the database and not about the
//! packages, so each of the three is said, counted and fails a strict run.

use crate::run::Options;

/// How many days old a database may be where the policy does not say.
pub const MAX_AGE: u32 = 14;

/// Why known vulnerabilities were not, or not reliably, looked up; `None` where all is well.
pub(crate) fn trouble(options: &Options<'_>) -> Option<String> {
    if let Some(why) = &options.database_trouble {
        return Some(format!(
            "the advisory database cannot be used, so only the built-in list of incidents was asked: {why}"
        ));
    }
    let Some(database) = options.database else {
        return Some(
            "no advisory database, so known vulnerabilities were not looked up: run `wellhead db update` or `wellhead db import`"
                .to_owned(),
        );
    };
    let age = stale(
        &database.info().date,
        &options.today,
        options.config.max_age.unwrap_or(MAX_AGE),
    );
    age.or_else(|| missing(database.about().unreadable))
}

/// Why a database with records that could not be read is not to be relied on.
fn missing(records: u64) -> Option<String> {
    (records > 0).then(|| {
        format!(
            "{records} advisor{} could not be read when the database was made, so what {} not known: run `wellhead db update --full`",
            if records == 1 { "y" } else { "ies" },
            if records == 1 { "it says is" } else { "they say is" },
        )
    })
}

/// Why a database of the day `date` is not to be relied on at the day `today`.
pub fn stale(date: &str, today: &str, most: u32) -> Option<String> {
    const UPDATE: &str = "run `wellhead db update`";
    let Some(age) = age(date, today) else {
        return Some(format!(
            "the advisory database has no date, so it may be of any age: {UPDATE}"
        ));
    };
    if age < -1 {
        return Some(format!(
            "the advisory database is of {date}, which has not come yet, so its age is unknown: {UPDATE}"
        ));
    }
    (age > i64::from(most)).then(|| {
        format!(
            "the advisory database is {age} day{} old ({date}) and may be at most {most}, so newer vulnerabilities are not known: {UPDATE}",
            if age == 1 { "" } else { "s" }
        )
    })
}

/// The days from `date` to `today`; `None` where one of them is no day.
pub fn age(date: &str, today: &str) -> Option<i64> {
    number(today)?.checked_sub(number(date)?)
}

/// A day as a number that grows by one each day.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "years have four digits and months two, so nothing comes near the ends of an i64"
)]
fn number(day: &str) -> Option<i64> {
    let mut parts = day.split('-');
    let mut part = |len: usize| {
        let text = parts.next().filter(|t| t.len() == len)?;
        text.parse::<u32>().ok().map(i64::from)
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=last).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last: H. Hinnant, days_from_civil.
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        for (from, to, days) in [
            ("2026-11-23", "2026-11-23", Some(0)),
            ("2026-02-28", "2026-03-01", Some(1)),
            ("2024-02-28", "2024-03-01", Some(2)),
            ("2025-12-31", "2026-01-01", Some(1)),
            ("2000-01-01", "2100-01-01", Some(36_525)),
            ("2026-11-24", "2026-11-23", Some(-1)),
            ("", "2026-11-23", None),
            ("2026-13-01", "2026-11-23", None),
            ("2026-02-29", "2026-11-23", None),
            ("2026-11-31", "2026-12-01", None),
            ("2000-02-29", "2000-03-01", Some(1)),
            ("20261-1-01", "2026-11-23", None),
        ] {
            assert_eq!(age(from, to), days, "{from} {to}");
        }
    }

    #[test]
    fn an_old_a_future_and_an_undated_database_are_told_apart() {
        for (date, most, says) in [
            ("2026-11-09", 14, None),
            ("2026-11-08", 14, Some("is 15 days old (2026-11-08)")),
            ("2026-11-22", 0, Some("is 1 day old")),
            ("2026-11-24", 14, None),
            ("2027-07-09", 14, Some("has not come yet")),
            ("", 14, Some("has no date")),
        ] {
            let got = stale(date, "2026-11-23", most);
            match says {
                None => assert_eq!(got, None, "{date}"),
                Some(part) => assert!(got.clone().unwrap().contains(part), "{date}: {got:?}"),
            }
        }
    }
}
