//! QR codes as an SVG path. They are rendered here, so that no page loads one from another site.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// The quiet zone around a code, in modules (ISO/IEC 18004 5.3.8).
const QUIET: i32 = 4;

/// A QR code as the side length of its square, including the quiet zone, and the path of its dark modules.
#[derive(Clone, Debug)]
pub struct QrPath {
    /// The side length, in modules.
    pub side: i32,
    /// The `d` attribute of the path.
    pub path: String,
}

/// Encodes a text; none if it is too long.
pub fn svg(text: &str) -> Option<QrPath> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            // Writing to a string cannot fail.
            let _ = write!(path, "M{},{}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    Some(QrPath {
        side: code.size() + 2 * QUIET,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_is_encoded_and_long_text_is_rejected() {
        let code = svg("https://sso.example.com/device?user_code=BCDF-GHJK").unwrap();
        assert!(code.side > 30 && code.side < 60, "{}", code.side);
        // The finder pattern in the corner (ISO/IEC 18004 5.3.2): seven modules in a row.
        for x in 0..7 {
            assert!(code.path.contains(&format!("M{},4h1", x + QUIET)));
        }
        assert!(svg(&"x".repeat(5_000)).is_none());
    }
}
