//! Delivery: HTTP in, HTTP out. It asks the gateway and shows the answer; it decides nothing about identity, role or time.
pub mod assets;
pub mod view;
