//! The stylesheet, the script and the icon, embedded in the program and served under names that carry a hash of their content,
//! so that a browser may keep them for ever and never shows a new page with an old style. Knows nothing of HTTP beyond the content type.
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file for browsers. It never changes under its path, so `Cache-Control: public, max-age=31536000, immutable` is right for it.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// The `Content-Type` to send.
    pub content_type: &'static str,
    /// The bytes, as embedded.
    pub body: &'static [u8],
}

/// Where this build's assets are, for the page layout. Paths on our own origin.
#[derive(Debug)]
pub struct AssetUrls {
    /// The one stylesheet.
    pub css: String,
    /// The one script; pages work without it.
    pub js: String,
    /// The mark, as the page's icon.
    pub icon: String,
}

const CSS: Asset = Asset {
    content_type: "text/css; charset=utf-8",
    body: include_bytes!("../../assets/app.css"),
};
const JS: Asset = Asset {
    content_type: "text/javascript; charset=utf-8",
    body: include_bytes!("../../assets/app.js"),
};
const ICON: Asset = Asset {
    content_type: "image/svg+xml",
    body: include_bytes!("../../assets/favicon.svg"),
};

static URLS: LazyLock<AssetUrls> = LazyLock::new(|| AssetUrls {
    css: path("app", "css", CSS.body),
    js: path("app", "js", JS.body),
    icon: path("favicon", "svg", ICON.body),
});

/// `/assets/STEM-HASH.EXTENSION`, with the first 12 hexadecimal digits of the body's SHA-256.
fn path(stem: &str, extension: &str, body: &[u8]) -> String {
    format!("/assets/{stem}-{:.12x}.{extension}", Sha256::digest(body))
}

/// The paths of this build's assets.
#[must_use]
pub fn urls() -> &'static AssetUrls {
    &URLS
}

/// The asset at `path` (a whole request path), or nothing: another build's hash is not found rather than answered with other bytes.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let urls = urls();
    [(&urls.css, CSS), (&urls.js, JS), (&urls.icon, ICON)]
        .into_iter()
        .find_map(|(known, asset)| (known == path).then_some(asset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_leads_to_its_asset() {
        let urls = urls();
        for (url, kind) in [
            (&urls.css, "text/css"),
            (&urls.js, "text/javascript"),
            (&urls.icon, "image/svg+xml"),
        ] {
            let asset = asset(url).expect("the page's own link is served");
            assert!(
                asset.content_type.starts_with(kind),
                "{url} is {}",
                asset.content_type
            );
            assert!(!asset.body.is_empty());
        }
    }

    #[test]
    fn another_name_or_hash_is_not_found() {
        for path in [
            "",
            "/",
            "/assets/",
            "/assets/app.css",
            "/assets/app-000000000000.css",
            "/assets/../src/main.rs",
        ] {
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_assets_load_nothing_from_elsewhere() {
        for asset in [CSS, JS] {
            let text = std::str::from_utf8(asset.body).expect("assets are UTF-8");
            for foreign in [
                "http:",
                "https:",
                "@import",
                "url(",
                "data:",
                "eval(",
                "innerHTML",
                "fetch(",
            ] {
                assert!(!text.contains(foreign), "an asset contains {foreign}");
            }
        }
    }
}
