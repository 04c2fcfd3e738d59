//! The stylesheet, the script and the icon, embedded in the binary and served under names that contain a hash of their
//! content, so that browsers can cache them permanently and never combine a new page with an old stylesheet.
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// An embedded file. Its content never changes under its path, so it is served with `Cache-Control: immutable`.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// The `Content-Type` to send.
    pub content_type: &'static str,
    /// The content, embedded in the program.
    pub body: &'static [u8],
}

/// The paths of the assets of this build, for the page layout.
#[derive(Debug)]
pub struct AssetUrls {
    /// URL of the stylesheet, with its digest.
    pub css: String,
    /// The script. Pages work without it.
    pub js: String,
    /// URL of the favicon, with its digest.
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

/// The paths of the assets of this build.
#[must_use]
pub fn urls() -> &'static AssetUrls {
    &URLS
}

/// The asset at this request path. The hash of another build is not found.
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
    fn asset_urls_resolve() {
        let urls = urls();
        for (url, kind) in [
            (&urls.css, "text/css"),
            (&urls.js, "text/javascript"),
            (&urls.icon, "image/svg+xml"),
        ] {
            let asset = asset(url).expect("the asset of this build is found");
            assert!(
                asset.content_type.starts_with(kind),
                "{url} is {}",
                asset.content_type
            );
            assert!(!asset.body.is_empty());
        }
    }

    #[test]
    fn unknown_name_or_hash_is_not_found() {
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
    fn assets_load_no_external_resources() {
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
