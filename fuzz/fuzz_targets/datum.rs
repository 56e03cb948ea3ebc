//! Functions of Python over values as an attacker would choose them: no panic, and no more than each result may hold.
#![no_main]
use wellhead_core::Budget;
use wellhead_pycode::eval::{self, CAP, Datum, FUNCTIONS, METHODS};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [function, method, rest @ ..] = data else {
        return;
    };
    let values: Vec<Datum> = rest
        .split(|b| *b == 0xfe)
        .take(4)
        .filter_map(|part| match part {
            [0, digits @ ..] => Datum::number(&String::from_utf8_lossy(digits)),
            [1, text @ ..] => Datum::text(String::from_utf8_lossy(text)),
            [2, items @ ..] => Datum::list(items.iter().map(|b| Datum::Int((*b).into())).collect()),
            bytes => Datum::bytes(bytes),
        })
        .collect();
    let [first, others @ ..] = values.as_slice() else {
        return;
    };
    let budget = &mut Budget::default();
    let name = FUNCTIONS[usize::from(*function) % FUNCTIONS.len()];
    let made = eval::builtin(name, &values, &[], budget)
        .ok()
        .flatten()
        .unwrap_or(Datum::None);
    let name = METHODS[usize::from(*method) % METHODS.len()];
    for value in [first, &made] {
        let out = eval::method(value, name, others, &[], budget).ok().flatten();
        assert!(out.is_none_or(|out| out.as_str().map_or(0, str::len) <= CAP));
        let _ = eval::mutate(value, name, others, &[], budget);
    }
});
