//! libFuzzer's way into the whole verification: `cargo xtask fuzz`.

#![no_main]

use rolecall_fuzz::seeds;

libfuzzer_sys::fuzz_target!(
    init: seeds::plant(seeds::verify),
    |data: &[u8]| rolecall_fuzz::verification(data)
);
