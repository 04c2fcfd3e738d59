//! The libFuzzer target of the verification: `cargo xtask fuzz`.

#![no_main]

use rolecall_fuzz::seeds;

libfuzzer_sys::fuzz_target!(
    init: seeds::write_seeds(seeds::verify),
    |data: &[u8]| rolecall_fuzz::verification(data)
);
