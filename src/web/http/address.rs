//! The client address of a request, and warnings if the reverse proxies and `[listen]` do not match.

use std::net::{IpAddr, SocketAddr};

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use ipnet::IpNet;

use crate::client_address::{self, AddressHeader, ClientAddress, SeenAddress, UnknownAddress};
use crate::telemetry::Throttle;
use crate::web::http::extract::RequestScope;

/// `[listen] client_address` and `trusted_proxies`.
pub struct ClientAddresses {
    header: AddressHeader,
    trusted: Vec<IpNet>,
    other_header: Throttle,
    untrusted_proxy: Throttle,
    unreadable: Throttle,
}

impl ClientAddresses {
    /// Accepts `header` only from peers in `trusted`.
    pub fn new(header: AddressHeader, trusted: Vec<IpNet>) -> Self {
        Self {
            header,
            trusted,
            other_header: Throttle::default(),
            untrusted_proxy: Throttle::default(),
            unreadable: Throttle::default(),
        }
    }

    /// The client address of this request. Call it once per request, because it logs configuration warnings.
    pub fn of(&self, request: &HttpRequest) -> ClientAddress {
        let Some(peer) = request.peer_addr() else {
            return ClientAddress::Unknown(UnknownAddress::NoPeer);
        };
        let peer = peer.ip();
        let headers = request.headers();
        let lines: Vec<&[u8]> = self
            .header
            .name()
            .into_iter()
            .flat_map(|name| headers.get_all(name))
            .map(|value| value.as_bytes())
            .collect();
        let other = self.header.other().and_then(AddressHeader::name);
        let other_present = other.is_some_and(|name| headers.contains_key(name));
        let client =
            client_address::resolve(self.header, peer, &self.trusted, &lines, other_present);
        self.warn(peer, client, !lines.is_empty() || other_present);
        client
    }

    /// The client address of a request and its source.
    pub fn seen(&self, request: &HttpRequest) -> SeenAddress {
        let present = |header: &AddressHeader| {
            let name = header.name();
            name.filter(|name| request.headers().contains_key(*name))
        };
        let headers = [AddressHeader::XForwardedFor, AddressHeader::Forwarded];
        let is_trusted = |peer: SocketAddr| client_address::is_in(&self.trusted, peer.ip());
        let read = present(&self.header).filter(|_| request.peer_addr().is_some_and(is_trusted));
        SeenAddress {
            address: known(request),
            source: read.unwrap_or(SeenAddress::CONNECTION).to_owned(),
            headers: headers
                .iter()
                .filter_map(present)
                .map(str::to_owned)
                .collect(),
            unknown: unknown(request).map(|reason| reason.to_string()),
        }
    }

    fn warn(&self, peer: IpAddr, client: ClientAddress, header_present: bool) {
        let header = self.header.name().unwrap_or_default();
        match client {
            ClientAddress::Unknown(UnknownAddress::OtherHeader) => {
                let other = self.header.other().and_then(AddressHeader::name);
                let other = other.unwrap_or_default();
                if self.other_header.is_due() {
                    tracing::warn!(
                        proxy = %peer,
                        "a trusted proxy sends `{other}` and not `{header}`: client addresses are unknown and match no `network`; set listen.client_address = \"{other}\" if the proxy itself writes that header"
                    );
                }
            }
            ClientAddress::Unknown(reason) => {
                if self.unreadable.is_due() {
                    tracing::warn!(
                        proxy = %peer,
                        "a client address is unknown and matches no `network`: `{header}` from a trusted proxy: {reason}"
                    );
                }
            }
            ClientAddress::Known(_) => {
                let ignored = header_present
                    && is_private(peer)
                    && !client_address::is_in(&self.trusted, peer);
                if ignored && self.untrusted_proxy.is_due() {
                    tracing::warn!(
                        %peer,
                        "a client address header from a private address that is not in listen.trusted_proxies is ignored; if this address is a proxy, add it to listen.trusted_proxies: until then all clients have the address of the proxy"
                    );
                }
            }
        }
    }
}

/// The client address that the guard determined; none if it is unknown. All unknown addresses count as one client in rate
/// limits.
pub fn known(request: &HttpRequest) -> Option<IpAddr> {
    request
        .extensions()
        .get::<ClientAddress>()
        .and_then(|client| client.known())
}

/// The reason why the client address is unknown, for the log.
pub fn unknown(request: &HttpRequest) -> Option<UnknownAddress> {
    match request.extensions().get::<ClientAddress>() {
        Some(ClientAddress::Unknown(reason)) => Some(*reason),
        Some(ClientAddress::Known(_)) | None => None,
    }
}

/// Address ranges of reverse proxies: loopback, private (RFC 1918, RFC 4193), link-local and shared (RFC 6598).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// `GET /client-address`: the address of the caller as the gateway sees it. `rolecalld check --online` uses it to check that
/// the reverse proxies and `[listen]` match. The response, [`SeenAddress`] as JSON, contains only what the caller sent, or the
/// address of the proxy if they do not match.
pub async fn client_address(scope: RequestScope, request: HttpRequest) -> HttpResponse {
    let addresses = &scope.site.settings.client_addresses;
    HttpResponse::Ok().json(addresses.seen(&request))
}
