//! The calls of the interface: paths, methods and properties.

use super::token;
use http::Method;

/// One call of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Root,
    Page,
    PageData,
    Register,
    Deregister,
    Pass,
    Warn,
    Fail,
    Update,
    CheckRegister,
    CheckDeregister,
    AgentHealthById,
    AgentHealthByName,
    AgentServices,
    AgentService,
    AgentChecks,
    AgentSelf,
    AgentMembers,
    HealthService,
    HealthChecks,
    HealthNode,
    HealthState,
    CatalogRegister,
    CatalogDeregister,
    CatalogServices,
    CatalogService,
    CatalogNodes,
    CatalogDatacenters,
    StatusLeader,
    StatusPeers,
    UiServices,
    UiNodes,
    UiNode,
    Authorize,
    CoordinateNodes,
    NodeSessions,
    Peerings,
}

/// Every path with its method; a path that ends in `/` under `/v1` is followed by a name.
const CALLS: &[(&str, Method, Call)] = &[
    ("/", Method::GET, Call::Root),
    ("/ui", Method::GET, Call::Page),
    ("/ui/", Method::GET, Call::Page),
    ("/ui/services", Method::GET, Call::PageData),
    ("/v1/agent/service/register", Method::PUT, Call::Register),
    ("/v1/agent/service/deregister/", Method::PUT, Call::Deregister),
    ("/v1/agent/check/pass/", Method::PUT, Call::Pass),
    ("/v1/agent/check/warn/", Method::PUT, Call::Warn),
    ("/v1/agent/check/fail/", Method::PUT, Call::Fail),
    ("/v1/agent/check/update/", Method::PUT, Call::Update),
    ("/v1/agent/check/register", Method::PUT, Call::CheckRegister),
    ("/v1/agent/check/deregister/", Method::PUT, Call::CheckDeregister),
    ("/v1/agent/health/service/id/", Method::GET, Call::AgentHealthById),
    ("/v1/agent/health/service/name/", Method::GET, Call::AgentHealthByName),
    ("/v1/agent/services", Method::GET, Call::AgentServices),
    ("/v1/agent/service/", Method::GET, Call::AgentService),
    ("/v1/agent/checks", Method::GET, Call::AgentChecks),
    ("/v1/agent/self", Method::GET, Call::AgentSelf),
    ("/v1/agent/members", Method::GET, Call::AgentMembers),
    ("/v1/health/service/", Method::GET, Call::HealthService),
    ("/v1/health/checks/", Method::GET, Call::HealthChecks),
    ("/v1/health/node/", Method::GET, Call::HealthNode),
    ("/v1/health/state/", Method::GET, Call::HealthState),
    ("/v1/catalog/register", Method::PUT, Call::CatalogRegister),
    ("/v1/catalog/deregister", Method::PUT, Call::CatalogDeregister),
    ("/v1/catalog/services", Method::GET, Call::CatalogServices),
    ("/v1/catalog/service/", Method::GET, Call::CatalogService),
    ("/v1/catalog/nodes", Method::GET, Call::CatalogNodes),
    ("/v1/catalog/datacenters", Method::GET, Call::CatalogDatacenters),
    ("/v1/status/leader", Method::GET, Call::StatusLeader),
    ("/v1/status/peers", Method::GET, Call::StatusPeers),
    ("/v1/internal/ui/services", Method::GET, Call::UiServices),
    ("/v1/internal/ui/nodes", Method::GET, Call::UiNodes),
    ("/v1/internal/ui/node/", Method::GET, Call::UiNode),
    ("/v1/internal/acl/authorize", Method::POST, Call::Authorize),
    ("/v1/coordinate/nodes", Method::GET, Call::CoordinateNodes),
    ("/v1/session/node/", Method::GET, Call::NodeSessions),
    ("/v1/peerings", Method::GET, Call::Peerings),
];

/// Returns the call of `path`, its method, and the name at the path's end.
pub(super) fn find(path: &str) -> Option<(Call, &Method, &str)> {
    let matching = |(known, method, call): &'static (&str, Method, Call)| {
        let name = path.strip_prefix(known)?;
        let goes_on = known.starts_with("/v1/") && known.ends_with('/');
        (name.is_empty() || goes_on).then_some((*call, method, name))
    };
    CALLS.iter().find_map(matching)
}

impl Call {
    /// Returns the permission that a token must grant.
    pub(super) fn right(self) -> token::Right {
        match self {
            Self::Register
            | Self::Deregister
            | Self::Pass
            | Self::Warn
            | Self::Fail
            | Self::Update
            | Self::CheckRegister
            | Self::CheckDeregister
            | Self::CatalogRegister
            | Self::CatalogDeregister => token::Right::Write,
            _ => token::Right::Read,
        }
    }

    /// Returns true if the call has a request body.
    pub(super) fn has_a_body(self) -> bool {
        self.right() == token::Right::Write || self == Self::Authorize
    }

    /// Returns true if the call needs no token: the page, and status, which is open in Consul too.
    pub(super) fn needs_a_token(self) -> bool {
        !matches!(self, Self::Root | Self::Page | Self::PageData | Self::StatusLeader | Self::StatusPeers)
    }

    /// Returns true if the response has an index and supports blocking.
    pub(super) fn is_indexed(self) -> bool {
        matches!(
            self,
            Self::HealthService
                | Self::HealthChecks
                | Self::HealthNode
                | Self::HealthState
                | Self::CatalogServices
                | Self::CatalogService
                | Self::CatalogNodes
                | Self::UiServices
                | Self::UiNodes
                | Self::UiNode
                | Self::CoordinateNodes
                | Self::NodeSessions
                | Self::Peerings
        )
    }

    /// Returns true if a failed look-up has an index too.
    pub(super) fn is_indexed_in_failure(self) -> bool {
        matches!(
            self,
            Self::HealthChecks
                | Self::HealthNode
                | Self::HealthState
                | Self::CatalogServices
                | Self::CatalogService
                | Self::CatalogNodes
        )
    }

    /// Returns true if the response is a list that can be filtered.
    pub(super) fn takes_a_filter(self) -> bool {
        matches!(
            self,
            Self::AgentServices
                | Self::AgentChecks
                | Self::AgentMembers
                | Self::HealthService
                | Self::HealthChecks
                | Self::HealthNode
                | Self::HealthState
                | Self::CatalogService
                | Self::CatalogNodes
                | Self::UiNodes
        )
    }

    /// Returns true if Consul caches responses of this kind.
    pub(super) fn is_cached(self) -> bool {
        matches!(
            self,
            Self::HealthService | Self::CatalogServices | Self::CatalogService | Self::CatalogDatacenters
        )
    }

    /// Returns the name of the missing part of a path that ends too early.
    pub(super) fn lacks_a_name(self, name: &str) -> Option<&'static str> {
        match self {
            _ if !name.is_empty() => None,
            Self::HealthService | Self::HealthChecks | Self::CatalogService => Some("service name"),
            Self::HealthNode | Self::UiNode | Self::NodeSessions => Some("node name"),
            Self::HealthState => Some("check state"),
            Self::AgentService => Some("service ID"),
            Self::AgentHealthById => Some("serviceID"),
            Self::AgentHealthByName => Some("service Name"),
            _ => None,
        }
    }
}
