//! Service providers, configured or read from metadata (SAML Metadata 2.4.4).

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;

use super::Binding;
use super::names::{POST, REDIRECT};
use crate::xml::Element;

/// A service provider that is registered at an identity provider.
#[derive(Clone, Debug)]
pub struct ServiceProvider {
    /// Entity ID, which is the audience of assertions.
    pub entity_id: String,
    /// URLs of the assertion consumer services; the first is the default.
    pub consumers: Vec<String>,
    /// Recipient and destination in responses, if they differ from the URL of the form: for AWS.
    pub recipient: Option<String>,
    /// Binding and URL of the single logout services.
    pub logout: Vec<(Binding, String)>,
    /// Certificates of the keys that sign its requests.
    pub certificates: Vec<X509>,
    /// Certificate for the encryption of assertions.
    pub encryption: Option<X509>,
    /// Additional attributes: name and values. `{email}` in a value is the address of the user.
    pub attributes: Vec<(String, Vec<String>)>,
}

impl ServiceProvider {
    /// A service provider with one assertion consumer service and no certificates.
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

    /// AWS as a service provider with these roles. The browser posts responses to `consumer`, not to AWS.
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

    /// Reads an `md:EntityDescriptor`.
    ///
    /// # Errors
    /// If it has no assertion consumer service for the POST binding.
    pub fn from_metadata(metadata: &str) -> Result<Self> {
        let entity = Element::parse(metadata)?;
        ensure!(
            entity.local_name() == "EntityDescriptor",
            "the metadata is not an EntityDescriptor"
        );
        let role = entity
            .find("SPSSODescriptor")
            .context("the metadata has no SPSSODescriptor")?;
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
            "the metadata has no AssertionConsumerService for POST"
        );
        let keys = |purpose: &'static str| {
            let descriptors = role.elements().filter(move |element| {
                element.local_name() == "KeyDescriptor"
                    && element
                        .attribute("use")
                        .is_none_or(|usage| usage == purpose)
            });
            descriptors.map(|descriptor| {
                let certificate = descriptor
                    .at(&["KeyInfo", "X509Data", "X509Certificate"])
                    .context("a KeyDescriptor has no certificate")?;
                let text: String = certificate.own_text().split_whitespace().collect();
                Ok(X509::from_der(&STANDARD.decode(text)?)?)
            })
        };
        Ok(Self {
            entity_id: entity
                .attribute("entityID")
                .context("the metadata has no entityID")?
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
