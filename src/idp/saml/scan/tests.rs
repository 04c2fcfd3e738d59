//! Accepted and rejected documents, and limits.

use super::*;

fn messages() -> Bounds {
    Bounds {
        bytes_max: 100_000,
        elements_max: 1_000,
        attributes_max: 2_000,
        comments: false,
    }
}

#[test]
fn ordinary_documents_are_accepted() {
    for good in [
        "<a/>",
        "<a></a>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b='<c d=\"e\">&lt;!DOCTYPE' >x > y</a>",
        "<?xml version='1.0'?><a/>",
        "<a xmlns=\"u:1\" xmlns:b = \"u:2\" b:c\n=\n'd'/>",
        "<a>=====\"'</a>",
    ] {
        assert!(scan(good, messages()).is_ok(), "{good}");
    }
    let commented = "<!-- <!DOCTYPE --><a><!----><b/></a>";
    assert!(scan(commented, messages()).is_err());
    let bounds = Bounds {
        comments: true,
        ..messages()
    };
    assert!(scan(commented, bounds).is_ok());
    assert!(scan("<a><!--</a>", bounds).is_err());
    assert!(scan("<a><![CDATA[x]]></a>", bounds).is_err());
}

#[test]
fn unneeded_xml_features_are_rejected() {
    for bad in [
        "<!DOCTYPE a><a/>",
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<a><!-- --></a>",
        "<a><![CDATA[x]]></a>",
        "<a><?php x?></a>",
        "<a/><?x ?>",
        "<?xml version=\"1.1\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"UTF-7\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a/>",
        "<?xml version=\"1.0\"",
        "<a>\0</a>",
        "<a>\u{1}</a>",
        "<a b=\"c",
        "<a",
    ] {
        assert!(scan(bad, messages()).is_err(), "{bad}");
    }
}

#[test]
fn limits_are_enforced() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(scan(&nested(DEPTH_MAX), messages()).is_ok());
    assert!(scan(&nested(DEPTH_MAX + 1), messages()).is_err());
    let wide = |count: usize| format!("<r>{}</r>", "<a/>".repeat(count));
    assert!(scan(&wide(999), messages()).is_ok());
    assert!(scan(&wide(1_000), messages()).is_err());
    let attributes = |count: usize| {
        let list: String = (0..count).map(|n| format!(" a{n} = '='")).collect();
        format!("<a{list}/>")
    };
    assert!(scan(&attributes(ATTRIBUTES_MAX), messages()).is_ok());
    assert!(scan(&attributes(ATTRIBUTES_MAX + 1), messages()).is_err());
    let spread = |each: usize| {
        let list: String = (0..each).map(|n| format!(" a{n}=''")).collect();
        format!("<r>{}</r>", format!("<a{list}/>").repeat(200))
    };
    assert!(scan(&spread(10), messages()).is_ok());
    assert!(scan(&spread(11), messages()).is_err());
    let long = |bytes: usize| format!("<a b='{}'/>", "x".repeat(bytes));
    assert!(scan(&long(limits::XML_TAG_BYTES_MAX - 100), messages()).is_ok());
    assert!(scan(&long(limits::XML_TAG_BYTES_MAX), messages()).is_err());
    let inherited = |depth: usize, each: usize| {
        let list: String = (0..each).map(|n| format!(" xmlns:a{n}='u:{n}'")).collect();
        format!("<a{list}>").repeat(depth) + &"</a>".repeat(depth)
    };
    assert!(scan(&inherited(4, 16), messages()).is_ok());
    assert!(scan(&inherited(5, 16), messages()).is_err());
    // Siblings do not accumulate: each attribute value can have its own declarations.
    let siblings = format!("<r>{}</r>", inherited(1, 16).repeat(100));
    assert!(scan(&siblings, messages()).is_ok());
    assert!(scan(&"x".repeat(100_001), messages()).is_err());
}
