//! Metadata of the provider (SAML Metadata 2.4.3).

use actix_web::{HttpResponse, web};
use anyhow::Result;

use super::names::{DSIG, METADATA, POST, REDIRECT};
use super::state::ProviderState;
use crate::xml::Element;

/// `GET /metadata`.
pub(super) async fn metadata(idp: web::Data<ProviderState>) -> HttpResponse {
    idp.hit("/metadata");
    match document(&idp) {
        Ok(document) => HttpResponse::Ok()
            .content_type("application/samlmetadata+xml")
            .body(document),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// The metadata document.
pub(super) fn document(idp: &ProviderState) -> Result<String> {
    let credentials = idp.read(|state| state.credentials.clone());
    let keys = credentials.iter().map(|credential| {
        let key_info = credential.key_info()?.with("xmlns:ds", DSIG);
        Ok(Element::new("md:KeyDescriptor")
            .with("use", "signing")
            .child(key_info))
    });
    let endpoint = |name: &str, binding: &str, path: &str| {
        Element::new(name)
            .with("Binding", binding)
            .with("Location", idp.at(path))
    };
    let wants_signed = idp.settings.wants_requests_signed.to_string();
    let role = Element::new("md:IDPSSODescriptor")
        .with("WantAuthnRequestsSigned", wants_signed)
        .with("protocolSupportEnumeration", super::names::PROTOCOL)
        .children(keys.collect::<Result<Vec<_>>>()?)
        .children([
            endpoint("md:SingleLogoutService", REDIRECT, "/slo"),
            endpoint("md:SingleLogoutService", POST, "/slo"),
        ])
        .child(Element::new("md:NameIDFormat").text(&idp.settings.name_id_format))
        .children([
            endpoint("md:SingleSignOnService", REDIRECT, "/sso"),
            endpoint("md:SingleSignOnService", POST, "/sso"),
        ]);
    let entity = Element::new("md:EntityDescriptor")
        .with("xmlns:md", METADATA)
        .with("entityID", idp.entity_id())
        .child(role);
    Ok(entity.write())
}
