//! QR codes as an SVG path: drawn here, so that no page asks another site for one.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Modules of quiet zone around a code (ISO/IEC 18004 5.3.8).
const QUIET: i32 = 4;

/// A QR code: the side of its square, quiet zone included, and the path of its dark modules.
#[derive(Clone, Debug)]
pub struct QrPath {
    /// The side, in modules.
    pub side: i32,
    /// `d` of the path.
    pub path: String,
}

/// The code of a text; none when it is too long for one.
pub fn svg(text: &str) -> Option<QrPath> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            // Writing to a string does not fail.
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
    fn a_link_fits_and_a_book_does_not() {
        let code = svg("https://sso.example.com/device?user_code=BCDF-GHJK").unwrap();
        assert!(code.side > 30 && code.side < 60, "{}", code.side);
        // The finder pattern in the corner (ISO/IEC 18004 5.3.2): seven modules in a row.
        for x in 0..7 {
            assert!(code.path.contains(&format!("M{},4h1", x + QUIET)));
        }
        assert!(svg(&"x".repeat(5_000)).is_none());
    }
}
