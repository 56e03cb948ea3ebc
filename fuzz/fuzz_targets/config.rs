#![no_main]
use wellhead_engine::Config;

libfuzzer_sys::fuzz_target!(|source: &str| {
    let _ = Config::parse("wellhead.toml", source, &wellhead_rules::rules());
    let _ = Config::parse("pyproject.toml", source, &wellhead_rules::rules());
});
