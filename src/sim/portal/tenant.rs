//! Changes beside the tokens: scope tags and VPP tokens of a tenant.

use super::PortalError;
use crate::sim::world::{Tenant, World};

/// The tenant.
pub(super) fn find(world: &mut World, tenant: String) -> Result<&mut Tenant, PortalError> {
    world.tenant_mut(&tenant).ok_or(PortalError::NoTenant(tenant))
}

/// The position of a VPP token by id or, failing that, name.
pub(super) fn vpp_token(tenant: &Tenant, key: &str) -> Result<usize, PortalError> {
    let tokens = &tenant.vpp_tokens;
    let by_id = tokens.iter().position(|token| token.id.eq_ignore_ascii_case(key));
    by_id.or_else(|| tokens.iter().position(|token| token.name == key)).ok_or_else(|| {
        PortalError::NoVppToken {
            vpp_token: key.to_owned(),
            known: tokens.iter().map(|token| token.name.clone()).collect(),
        }
    })
}

/// The position of a scope tag by name or, failing that, id; not of the built-in one.
fn scope_tag(tenant: &Tenant, key: &str) -> Result<usize, PortalError> {
    let tags = &tenant.scope_tags;
    let by_name = tags.iter().position(|tag| tag.display_name == key);
    let at = by_name.or_else(|| tags.iter().position(|tag| tag.id == key));
    let at = at.ok_or_else(|| PortalError::NoScopeTag {
        scope_tag: key.to_owned(),
        known: tags.iter().map(|tag| tag.display_name.clone()).collect(),
    })?;
    if tags[at].is_built_in { Err(PortalError::BuiltIn(key.to_owned())) } else { Ok(at) }
}

/// Gives a scope tag another name.
pub(super) fn rename_scope_tag(tenant: &mut Tenant, key: &str, to: String) -> Result<(), PortalError> {
    let at = scope_tag(tenant, key)?;
    tenant.scope_tags[at].display_name = to;
    Ok(())
}

/// Removes a scope tag, also from the tokens that have it.
pub(super) fn remove_scope_tag(tenant: &mut Tenant, key: &str) -> Result<(), PortalError> {
    let at = scope_tag(tenant, key)?;
    let gone = tenant.scope_tags.remove(at).id;
    let of_tokens = tenant.tokens.iter_mut().map(|token| &mut token.scope_tag_ids);
    let of_vpp_tokens = tenant.vpp_tokens.iter_mut().map(|token| &mut token.scope_tag_ids);
    for ids in of_tokens.chain(of_vpp_tokens) {
        ids.retain(|id| *id != gone);
        if ids.is_empty() {
            ids.push("0".to_owned());
        }
    }
    Ok(())
}
