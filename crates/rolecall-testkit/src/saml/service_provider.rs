//! Who may ask for sign-ins: a service provider, by hand or from its metadata (SAML Metadata 2.4.4).

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;

use super::Binding;
use super::names::{POST, REDIRECT};
use crate::xml::Element;

/// A service provider as the identity provider knows it.
#[derive(Clone, Debug)]
pub struct ServiceProvider {
    /// Its entity ID; the audience of what it is told.
    pub entity_id: String,
    /// Where answers may be posted; the first is the default one.
    pub consumers: Vec<String>,
    /// What an answer says about where it is delivered, when that is not where it is posted: AWS's own address.
    pub recipient: Option<String>,
    /// Where logout messages go, and how.
    pub logout: Vec<(Binding, String)>,
    /// What signs its requests.
    pub certificates: Vec<X509>,
    /// What its assertions are encrypted to.
    pub encryption: Option<X509>,
    /// More attributes for it: name and values.
    pub attributes: Vec<(String, Vec<String>)>,
}

impl ServiceProvider {
    /// One consumer, no certificates.
    pub fn new(entity_id: &str, consumer: &str) -> Self {
        Self {
            entity_id: entity_id.to_owned(),
            consumers: vec![consumer.to_owned()],
            recipient: None,
            logout: Vec::new(),
            certificates: Vec::new(),
            encryption: None,
            attributes: Vec::new(),
        }
    }

    /// AWS as a service provider, with these roles, where the browser delivers the answer to `consumer` in its stead.
    pub fn aws(consumer: &str, roles: &[&str], session_name: &str) -> Self {
        let attribute = |name: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            (
                format!("https://aws.amazon.com/SAML/Attributes/{name}"),
                values,
            )
        };
        Self {
            recipient: Some("https://signin.aws.amazon.com/saml".to_owned()),
            attributes: vec![
                attribute("Role", roles),
                attribute("RoleSessionName", &[session_name]),
            ],
            ..Self::new("urn:amazon:webservices", consumer)
        }
    }

    /// From `md:EntityDescriptor`.
    ///
    /// # Errors
    /// When it names no consumer for the POST binding.
    pub fn from_metadata(metadata: &str) -> Result<Self> {
        let entity = Element::parse(metadata)?;
        ensure!(
            entity.local_name() == "EntityDescriptor",
            "no EntityDescriptor"
        );
        let role = entity
            .find("SPSSODescriptor")
            .context("no SPSSODescriptor")?;
        let endpoints = |name: &'static str| {
            let endpoints = role
                .elements()
                .filter(move |element| element.local_name() == name);
            endpoints.filter_map(|element| {
                let binding = match element.attribute("Binding")? {
                    POST => Binding::Post,
                    REDIRECT => Binding::Redirect,
                    _ => return None,
                };
                Some((binding, element.attribute("Location")?.to_owned()))
            })
        };
        let consumers: Vec<_> = endpoints("AssertionConsumerService")
            .filter(|(binding, _)| *binding == Binding::Post)
            .map(|(_, location)| location)
            .collect();
        ensure!(
            !consumers.is_empty(),
            "no AssertionConsumerService for POST"
        );
        let keys = |wanted: &'static str| {
            let descriptors = role.elements().filter(move |element| {
                element.local_name() == "KeyDescriptor"
                    && element.attribute("use").is_none_or(|usage| usage == wanted)
            });
            descriptors.map(|descriptor| {
                let certificate = descriptor
                    .at(&["KeyInfo", "X509Data", "X509Certificate"])
                    .context("a KeyDescriptor without a certificate")?;
                let text: String = certificate.own_text().split_whitespace().collect();
                Ok(X509::from_der(&STANDARD.decode(text)?)?)
            })
        };
        Ok(Self {
            entity_id: entity
                .attribute("entityID")
                .context("no entityID")?
                .to_owned(),
            consumers,
            recipient: None,
            logout: endpoints("SingleLogoutService").collect(),
            certificates: keys("signing").collect::<Result<_>>()?,
            encryption: keys("encryption").next().transpose()?,
            attributes: Vec::new(),
        })
    }
}
